//! `wait` after main: parameters, results, artifacts and logs, and what is reported of them.

use std::fs;

use lighter_artifacts::Target;
use lighter_artifacts::archive::{Limits, Unpacking, unpack};
use serde_json::{Value, json};

use crate::pod::{Ended, Pod, run};

/// The variables that the controller gives to `wait`.
pub fn wait(pod: &Pod) -> std::process::Command {
    let mut command = pod.argoexec(&["wait", "--loglevel", "info"]);
    command
        .env("ARGO_CONTAINER_NAME", "wait")
        .env("ARGO_POD_NAME", "p")
        .env("ARGO_NODE_ID", "node-1")
        .env("ARGO_WORKFLOW_NAME", "wf")
        .env("ARGO_WORKFLOW_UID", "uid-1")
        .env("ARGO_DEADLINE", "0001-01-01T00:00:00Z")
        .env("LIGHTER_TASK_RESULT", "/tmp/result.json");
    command
}

pub fn reported(pod: &Pod) -> Value {
    serde_json::from_str(&pod.read("/tmp/result.json")).unwrap()
}

/// A pod with the folder `/store` as repository and a user's volume at `/data`, for main and for `wait`.
fn pod(mut template: Value) -> Pod {
    template["archiveLocation"]["folder"] = json!({"path": "/store", "key": "wf/pod"});
    if template.get("containerSet").is_none() {
        template["container"] = json!({"volumeMounts": [{"name": "w", "mountPath": "/data"}]});
    }
    let pod = Pod::with_template(template);
    fs::create_dir_all(pod.path("/argo/folder/store")).unwrap();
    fs::create_dir_all(pod.path("/mainctrfs/data")).unwrap();
    std::os::unix::fs::symlink("mainctrfs/data", pod.path("/data")).unwrap();
    pod
}

/// Runs main, then `wait`.
fn both(pod: &Pod, script: &str) -> Ended {
    let main = run(&mut pod.emissary(script));
    assert_eq!(main.code, 0, "{}", main.stderr);
    run(&mut wait(pod))
}

fn stored(pod: &Pod, key: &str) -> String {
    pod.read(&format!("/argo/folder/store/wf/pod/{key}"))
}

#[test]
fn the_report_is_named_owned_and_completed() {
    let pod = pod(json!({}));
    let ended = run(wait_after_true(&pod).env("ARGO_INSTANCE_ID", "blue"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        reported(&pod),
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTaskResult",
            "metadata": {
                "name": "node-1",
                "labels": {
                    "workflows.argoproj.io/workflow": "wf",
                    "workflows.argoproj.io/report-outputs-completed": "true",
                    "workflows.argoproj.io/controller-instanceid": "blue",
                },
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "wf", "uid": "uid-1"}],
            },
        })
    );
    assert_eq!(fs::read_dir(pod.path("/tmp")).unwrap().count(), 1, "no temporary file is left");
}

fn wait_after_true(pod: &Pod) -> std::process::Command {
    assert_eq!(run(&mut pod.emissary("true")).code, 0);
    wait(pod)
}

#[test]
fn without_a_way_to_report_nothing_is_pretended() {
    let pod = pod(json!({}));
    let ended = run(wait_after_true(&pod).env_remove("LIGHTER_TASK_RESULT"));
    assert_eq!(ended.code, 64);
    assert!(pod.last_words().contains("the API server is not known"));
}

#[test]
fn parameters_keep_their_fields_and_lose_one_newline() {
    let pod = pod(json!({"outputs": {"parameters": [
        {"name": "a", "valueFrom": {"path": "/tmp/a"}, "globalName": "g", "future": [1]},
        {"name": "v", "valueFrom": {"path": "/data/v"}},
        {"name": "d", "valueFrom": {"path": "/tmp/none", "default": 1.5}},
        {"name": "big", "valueFrom": {"path": "/tmp/big"}},
        {"name": "bytes", "valueFrom": {"path": "/tmp/bytes"}},
        {"name": "other", "value": "kept"},
    ]}}));
    let ended = both(
        &pod,
        "printf '42\\n\\n' > /tmp/a; echo 7 > /data/v; head -c 1048576 /dev/zero | tr '\\0' x > /tmp/big; printf 'a\\377' > /tmp/bytes",
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let parameters = reported(&pod)["outputs"]["parameters"].clone();
    assert_eq!(
        parameters[0],
        json!({"name": "a", "valueFrom": {"path": "/tmp/a"}, "globalName": "g", "future": [1], "value": "42\n"})
    );
    assert_eq!((&parameters[1]["value"], &parameters[2]["value"]), (&json!("7"), &json!("1.5")));
    assert_eq!(parameters[3]["value"].as_str().unwrap().len(), 1_048_576);
    assert_eq!(parameters[4]["value"], "a\u{fffd}");
    assert_eq!(parameters[5], json!({"name": "other", "value": "kept"}));
}

#[test]
fn a_missing_parameter_fails_the_step_and_artifacts_are_saved_all_the_same() {
    let pod = pod(json!({"outputs": {
        "parameters": [{"name": "p", "valueFrom": {"path": "/tmp/none"}}],
        "artifacts": [{"name": "a", "path": "/tmp/a"}],
    }}));
    let ended = both(&pod, "echo x > /tmp/a");
    assert_eq!(ended.code, 64);
    assert_eq!(
        pod.last_words(),
        "open /var/run/argo/outputs/parameters/tmp/none: no such file or directory"
    );
    let report = reported(&pod);
    assert_eq!(report["outputs"]["artifacts"][0]["name"], "a");
    assert_eq!(
        report["metadata"]["labels"]["workflows.argoproj.io/report-outputs-completed"],
        "true"
    );
}

#[test]
fn the_result_is_standard_output_alone() {
    for (script, result) in
        [("echo out; echo err >&2", "out"), ("true", ""), ("printf 'x\\r\\n'", "x\r")]
    {
        let pod = pod(json!({}));
        assert_eq!(run(pod.emissary(script).env("ARGO_INCLUDE_SCRIPT_OUTPUT", "true")).code, 0);
        assert_eq!(run(wait(&pod).env("ARGO_INCLUDE_SCRIPT_OUTPUT", "true")).code, 0);
        assert_eq!(reported(&pod)["outputs"]["result"], result);
    }
}

#[test]
fn artifacts_are_packed_and_named_as_asked() {
    let pod = pod(json!({"outputs": {"artifacts": [
        {"name": "dir", "path": "/tmp/out/", "globalName": "g", "artifactGC": {"strategy": "Never"}, "future": 1},
        {"name": "file", "path": "/tmp/page.html", "archive": {"none": {}}},
        {"name": "plain-dir", "path": "/tmp/out", "archive": {"none": {}}},
        {"name": "zip", "path": "/tmp/out", "archive": {"zip": {}}},
        {"name": "own", "path": "/tmp/page.html", "archive": {"none": {}}, "folder": {"key": "own/key.html"}},
        {"name": "vol", "path": "/data/v.txt", "archive": {"tar": {"compressionLevel": 0}}},
        {"name": "vol-plain", "path": "/data/v.txt", "archive": {"none": {}}},
        {"name": "zst", "path": "/tmp/out", "archive": {"tar": {"compression": "zstd"}}},
        {"name": "vol-zst", "path": "/data/v.txt", "archive": {"tar": {"compression": "zstd", "compressionLevel": 19}}},
    ]}}));
    let ended = both(
        &pod,
        "mkdir -p /tmp/out/sub; echo a > /tmp/out/a.txt; echo b > /tmp/out/sub/b; ln -s a.txt /tmp/out/link; echo '<p>' > /tmp/page.html; echo v > /data/v.txt",
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let artifacts = reported(&pod)["outputs"]["artifacts"].clone();
    let mut dir = artifacts[0].clone();
    let (size, digest) = (dir["size"].take(), dir["sha256"].take());
    assert_eq!(
        dir,
        json!({"name": "dir", "path": "/tmp/out", "globalName": "g", "artifactGC": {"strategy": "Never"}, "future": 1,
        "folder": {"key": "wf/pod/dir.tgz"}, "size": null, "sha256": null})
    );
    assert_eq!(size, fs::metadata(pod.path("/argo/folder/store/wf/pod/dir.tgz")).unwrap().len());
    assert_eq!(digest.as_str().unwrap().len(), 64);

    let list = |program: &[&str]| {
        run(&mut pod.inside("/argo/folder/store/wf/pod", program)).stdout.replace("/\n", "\n")
    };
    assert_eq!(list(&["tar", "tzf", "dir.tgz"]), "out\nout/a.txt\nout/link\nout/sub\nout/sub/b\n");
    assert_eq!(list(&["tar", "tzf", "vol.tgz"]), "v.txt\n");
    assert!(
        list(&[
            "python3",
            "-c",
            "import zipfile; print('\\n'.join(zipfile.ZipFile('zip.zip').namelist()))"
        ])
        .contains("out/sub/b")
    );
    assert_eq!(stored(&pod, "page.html"), "<p>\n");
    assert_eq!(stored(&pod, "out/sub/b"), "b\n");
    assert_eq!(stored(&pod, "v.txt"), "v\n");
    assert_eq!(pod.read("/argo/folder/store/own/key.html"), "<p>\n");
    let keys: Vec<_> =
        artifacts.as_array().unwrap().iter().map(|artifact| artifact["folder"].clone()).collect();
    assert_eq!(
        keys[1..],
        [
            json!({"key": "wf/pod/page.html"}),
            json!({"key": "wf/pod/out"}),
            json!({"key": "wf/pod/zip.zip"}),
            json!({"key": "own/key.html"}),
            json!({"key": "wf/pod/vol.tgz"}),
            json!({"key": "wf/pod/v.txt"}),
            json!({"key": "wf/pod/zst.tar.zst"}),
            json!({"key": "wf/pod/vol-zst.tar.zst"}),
        ]
    );
    for (name, file, text) in [("zst", "zst/sub/b", "b\n"), ("vol-zst", "vol-zst", "v\n")] {
        let bytes =
            fs::read(pod.path(&format!("/argo/folder/store/wf/pod/{name}.tar.zst"))).unwrap();
        assert_eq!(bytes[..4], [0x28, 0xb5, 0x2f, 0xfd]);
        let target = Target::at(&pod.path(name)).unwrap();
        let stream = Box::new(std::io::Cursor::new(bytes));
        unpack(stream, Unpacking::Tar, &target, &Limits::default(), name).unwrap();
        assert_eq!(pod.read(file), text);
    }
    assert!(!pod.exists("/tmp/argo/outputs/artifacts/zip"), "scratch is removed");
}

#[test]
fn missing_and_failing_artifacts() {
    let pod = pod(json!({"outputs": {"artifacts": [
        {"name": "maybe", "path": "/tmp/maybe", "optional": true},
        {"name": "maybe-vol", "path": "/data/maybe", "optional": true},
        {"name": "must", "path": "/tmp/must"},
        {"name": "vol", "path": "/data/must"},
        {"name": "good", "path": "/tmp/good"},
    ]}}));
    let ended = both(&pod, "echo x > /tmp/good");
    assert_eq!(ended.code, 64);
    let words = pod.last_words();
    assert!(
        words.starts_with(
            "open /var/run/argo/outputs/artifacts/tmp/must.tgz: no such file or directory; "
        ),
        "{words}"
    );
    assert!(
        words.contains("/data/must") && words.ends_with("; ") && !words.contains("maybe"),
        "{words}"
    );
    let names: Vec<_> = reported(&pod)["outputs"]["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["name"].clone())
        .collect();
    assert_eq!(names, ["good"]);
}

#[test]
fn an_output_at_an_inputs_path_is_read_from_its_mount() {
    let template = json!({"inputs": {"artifacts": [{"name": "in", "path": "/in/one", "raw": {"data": ""}}]},
        "outputs": {"artifacts": [{"name": "o", "path": "/in/one", "archive": {"none": {}}}]}});
    let pod = pod(template);
    pod.write("/mainctrfs/in/one", "changed by main");
    let ended = both(&pod, "true");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(stored(&pod, "one"), "changed by main");
}

#[test]
fn links_on_a_volume_lead_nowhere_else() {
    let pod = pod(json!({"outputs": {
        "artifacts": [{"name": "a", "path": "/data/link", "archive": {"none": {}}}],
        "parameters": [{"name": "p", "valueFrom": {"path": "/data/link"}}],
    }}));
    pod.write("/argo/secret/cred/password", "hunter2");
    let ended = both(&pod, "ln -s /argo/secret/cred/password /data/link");
    assert_eq!(ended.code, 64);
    assert!(!pod.read("/tmp/result.json").contains("hunter2"));
    assert!(!pod.exists("/argo/folder/store/wf/pod/link"));
}

#[test]
fn without_a_repository_artifacts_fail_clearly() {
    let pod = pod(json!({"outputs": {"artifacts": [{"name": "a", "path": "/tmp/a"}]}}));
    for (location, text) in [
        (
            json!(null),
            "key unsupported: cannot get key for artifact location, because it is invalid; ",
        ),
        (json!({"archiveLogs": false}), "artifact storage is not configured; see the docs"),
    ] {
        let template = json!({"container": {}, "archiveLocation": location, "outputs": {"artifacts": [{"name": "a", "path": "/tmp/a"}]}});
        pod.write("/var/run/argo/template", &template.to_string());
        assert_eq!(both(&pod, "echo > /tmp/a").code, 64);
        assert!(pod.last_words().starts_with(text), "{}", pod.last_words());
    }
}

#[test]
fn logs_are_kept_also_of_failed_steps() {
    let pod = pod(json!({"archiveLocation": {"archiveLogs": true},
        "containerSet": {"containers": [{"name": "a"}, {"name": "main"}, {"name": "never"}]}, "sidecars": [{"name": "side"}]}));
    assert_eq!(run(&mut pod.emissary("echo out; echo err >&2; exit 3")).code, 3);
    assert_eq!(run(pod.emissary("echo a").env("ARGO_CONTAINER_NAME", "a")).code, 0);
    pod.write("/var/run/argo/ctr/never/exitcode", "64");
    let ended = run(&mut wait(&pod));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let log = stored(&pod, "main.log");
    assert!(log.contains("out\n") && log.contains("err\n"));
    let logs = reported(&pod)["outputs"]["artifacts"].clone();
    let names: Vec<_> = logs
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["name"].clone(), a["folder"]["key"].clone()))
        .collect();
    assert_eq!(
        names,
        [(json!("a-logs"), json!("wf/pod/a.log")), (json!("main-logs"), json!("wf/pod/main.log"))]
    );
}
