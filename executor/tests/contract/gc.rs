//! `artifact delete`: what a garbage collection pod deletes, and what it says of it.

use std::fs;

use serde_json::json;

use crate::api_server::{Answer, ApiServer, status};
use crate::pod::{Pod, run};

const OBJECTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/ns/workflowartifactgctasks";

fn delete(pod: &Pod, server: &ApiServer) -> std::process::Command {
    let mut command =
        pod.argoexec(&["artifact", "delete", "--loglevel", "info", "--server", &server.url]);
    command.env("ARGO_NAMESPACE", "ns").env("ARGO_ARTIFACT_POD_NAME", "2166136261");
    command
}

#[test]
fn each_artifact_is_deleted_and_reported_and_no_failure_stops_the_rest() {
    let pod = Pod::new();
    fs::create_dir_all(pod.path("/argo/folder/store/wf/tree/sub")).unwrap();
    for file in ["one", "kept", "tree/a", "tree/sub/b"] {
        pod.write(&format!("/argo/folder/store/wf/{file}"), "x");
    }
    let own = json!({"name": "own", "folder": {"path": "/store", "key": "wf/one"}});
    let page = |name: &str, artifacts: serde_json::Value, token: &str| {
        let node = json!({"archiveLocation": {"folder": {"path": "/store", "key": "wf"}}, "artifacts": artifacts});
        let task =
            json!({"metadata": {"name": name}, "spec": {"artifactsByNode": {"node-1": node}}});
        Answer::With(200, json!({"items": [task], "metadata": {"continue": token}}))
    };
    let server = ApiServer::start([
        status(503, "ServiceUnavailable", "not yet"),
        page(
            "t1",
            json!({"own": own, "tree": {"name": "tree", "folder": {"key": "wf/tree"}}}),
            "more&",
        ),
        page(
            "t2",
            json!({"git": {"name": "git", "git": {"repo": "https://localhost/x.git"}}, "gone": {"name": "gone", "folder": {"key": "wf/gone"}}}),
            "",
        ),
    ]);
    let ended = run(&mut delete(&pod, &server));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let left: Vec<_> = fs::read_dir(pod.path("/argo/folder/store/wf"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["kept"]);
    let asked = server.asked();
    let query = "?limit=100&labelSelector=workflows.argoproj.io%2Fartifact-gc-pod%3D2166136261";
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            format!("GET {OBJECTS}{query}"),
            format!("GET {OBJECTS}{query}"),
            format!("GET {OBJECTS}{query}&continue=more%26"),
            format!("PATCH {OBJECTS}/t1/status"),
            format!("PATCH {OBJECTS}/t2/status"),
        ]
    );
    let success = |name: &str| json!({"name": name, "success": true});
    assert_eq!(
        asked[3].body,
        json!({"status": {"artifactResultsByNode": {"node-1": {"artifactResults": {"own": success("own"), "tree": success("tree")}}}}})
    );
    let results = &asked[4].body["status"]["artifactResultsByNode"]["node-1"]["artifactResults"];
    assert_eq!(results["gone"], success("gone"));
    assert_eq!(results["git"].get("success"), None);
    assert!(results["git"]["error"].as_str().is_some_and(|text| !text.is_empty()), "{results}");
}

#[test]
fn without_its_variable_or_its_permission() {
    let pod = Pod::new();
    let server = ApiServer::start([status(403, "Forbidden", "cannot list")]);
    let ended = run(delete(&pod, &server).env_remove("ARGO_ARTIFACT_POD_NAME"));
    assert_eq!((ended.code, server.asked().len()), (0, 0));
    let ended = run(&mut delete(&pod, &server));
    assert_eq!(ended.code, 64);
    assert!(pod.last_words().contains("cannot list"), "{}", pod.last_words());
}
