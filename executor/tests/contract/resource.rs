//! `resource ACTION` against a scripted API server: which requests it sends, how it waits, what it reports.

use serde_json::{Value, json};

use crate::api_server::{Answer, ApiServer, status};
use crate::pod::{Ended, Pod, run};

const RESULTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/workflowtaskresults";
const JOBS: &str = "/apis/batch/v1/namespaces/ns/jobs";
const MANIFEST: &str =
    "apiVersion: batch/v1\nkind: Job\nmetadata:\n  namespace: ns\n  generateName: j-\n";

fn granted(body: Value) -> Answer {
    Answer::With(200, body)
}

fn kinds() -> Answer {
    granted(json!({"resources": [
        {"name": "jobs/status", "kind": "Job", "namespaced": true},
        {"name": "jobs", "kind": "Job", "namespaced": true}]}))
}

fn job(phase: &str) -> Answer {
    granted(
        json!({"kind": "Job", "metadata": {"name": "j-1", "uid": "u"}, "status": {"phase": phase, "n": [1, 2]}}),
    )
}

fn resource(template: &Value, server: &ApiServer, pod: &Pod, action: &str) -> Ended {
    pod.write("/var/run/argo/template", &template.to_string());
    run(pod
        .argoexec(&["resource", action, "--loglevel", "info", "--server", &server.url])
        .env("ARGO_POD_NAME", "p")
        .env("ARGO_NODE_ID", "node-1")
        .env("ARGO_DEADLINE", "0001-01-01T00:00:00Z"))
}

/// What was asked, without the task result's own requests.
fn lines(server: &ApiServer) -> Vec<String> {
    let asked = server.asked().into_iter().map(|asked| asked.line);
    asked.filter(|line| !line.contains(RESULTS)).collect()
}

fn last_words_of_result(server: &ApiServer) -> (Value, Value) {
    let of_result = server.asked().into_iter().filter(|asked| asked.line.contains(RESULTS));
    let bodies: Vec<Value> = of_result.map(|asked| asked.body).collect();
    let outputs = bodies.iter().rev().find_map(|body| body.get("outputs").cloned());
    let completed = bodies.last().unwrap()["metadata"]["labels"]["workflows.argoproj.io/report-outputs-completed"].clone();
    (outputs.unwrap_or_default(), completed)
}

#[test]
fn a_job_is_created_awaited_and_read() {
    let (pod, server) = (
        Pod::new(),
        ApiServer::start([
            granted(json!({})),
            kinds(),
            job(""),
            status(503, "ServiceUnavailable", "not now"),
            job("Running"),
            job("Done"),
        ]),
    );
    let template = json!({
        "resource": {"action": "create", "manifest": MANIFEST, "successCondition": "status.phase in (Done)", "failureCondition": "status.phase=Failed"},
        "outputs": {"parameters": [
            {"name": "phase", "valueFrom": {"jsonPath": "{.status.phase}"}},
            {"name": "sum", "valueFrom": {"jqFilter": ".status.phase, (.status.n | add)"}}]}});
    let ended = resource(&template, &server, &pod, "create");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let get = format!("GET {JOBS}/j-1");
    assert_eq!(
        lines(&server),
        ["GET /apis/batch/v1".to_owned(), format!("POST {JOBS}"), get.clone(), get.clone(), get]
    );
    let (outputs, completed) = last_words_of_result(&server);
    assert_eq!(outputs["parameters"][0]["value"], "Done");
    assert_eq!(outputs["parameters"][1]["value"], "Done\n3");
    assert_eq!(completed, "true");
}

#[test]
fn failures_are_named_and_the_result_is_completed_all_the_same() {
    let template = json!({"resource": {
        "manifest": MANIFEST.replace("generateName: j-", "name: j-1"), "failureCondition": "status.phase == Failed, status.x"}});
    let deleted = "The resource has been deleted while its status was still being checked. Will not be retried: ";
    for (answer, text) in [
        (job("Failed"), "failure condition 'status.phase == Failed' evaluated true"),
        (status(404, "NotFound", "gone"), deleted),
        (status(403, "Forbidden", "may not get"), "may not get"),
    ] {
        let server = ApiServer::start([granted(json!({})), kinds(), job(""), answer]);
        let pod = Pod::new();
        let ended = resource(&template, &server, &pod, "apply");
        assert_eq!(ended.code, 64, "{}", ended.stderr);
        assert!(pod.last_words().contains(text), "{}", pod.last_words());
        assert_eq!(last_words_of_result(&server).1, "true");
    }
}

#[test]
fn each_action_is_its_request() {
    let named = MANIFEST.replace("generateName: j-", "name: j-1");
    let at = |verb: &str, query: &str| format!("{verb} {JOBS}/j-1{query}");
    for (action, strategy, answers, expected) in [
        ("get", "", vec![job("")], vec![at("GET", "")]),
        ("apply", "", vec![job("")], vec![at("PATCH", "?fieldManager=argoexec&force=true")]),
        ("patch", "", vec![job("")], vec![at("PATCH", "")]),
        ("patch", "merge", vec![job("")], vec![at("PATCH", "")]),
        ("replace", "", vec![job(""), job("")], vec![at("GET", ""), at("PUT", "")]),
        (
            "delete",
            "",
            vec![status(404, "NotFound", "gone")],
            vec![at("DELETE", "?propagationPolicy=Background")],
        ),
        (
            "delete",
            "",
            vec![job(""), job(""), status(404, "NotFound", "gone")],
            vec![at("DELETE", "?propagationPolicy=Background"), at("GET", ""), at("GET", "")],
        ),
    ] {
        let first = [granted(json!({})), kinds()];
        let server = ApiServer::start(first.into_iter().chain(answers));
        let template = json!({"resource": {"manifest": named, "mergeStrategy": strategy}});
        let ended = resource(&template, &server, &Pod::new(), action);
        assert_eq!(ended.code, 0, "{action}: {}", ended.stderr);
        let mut lines = lines(&server);
        // What is read for outputs comes after the action.
        lines.truncate(1 + expected.len());
        assert_eq!(lines[1..], expected, "{action}");
        let kind = server.asked()[2].header("content-type").to_owned();
        match (action, strategy) {
            ("apply", _) => assert_eq!(kind, "application/apply-patch+yaml"),
            ("patch", "") => assert_eq!(kind, "application/strategic-merge-patch+json"),
            ("patch", _) => assert_eq!(kind, "application/merge-patch+json"),
            _ => {}
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    let with = |field: &str, value: Value| {
        let mut resource = json!({"manifest": MANIFEST.replace("generateName", "name")});
        resource[field] = value;
        json!({"resource": resource})
    };
    for (template, action, text) in [
        (with("manifest", "".into()), "create", "the manifest is empty"),
        (
            with("manifest", "kind: List\nitems: []".into()),
            "create",
            "Kind and name are both required",
        ),
        (with("manifest", "a: [".into()), "create", "manifest"),
        (
            with("flags", json!(["--dry-run"])),
            "create",
            "resource flag \"--dry-run\" is not supported",
        ),
        (
            with("successCondition", "a b".into()),
            "create",
            "success condition 'a b' failed to parse",
        ),
        (with("successCondition", "a".into()), "delete", "are not supported for delete action"),
        (with("name", "".into()), "explode", "resource takes one of"),
    ] {
        let (pod, server) = (Pod::new(), ApiServer::start([]));
        let ended = resource(&template, &server, &pod, action);
        assert_eq!(ended.code, 64, "{}", ended.stderr);
        assert!(pod.last_words().contains(text), "{}", pod.last_words());
        assert_eq!(lines(&server), Vec::<String>::new());
        assert_eq!(last_words_of_result(&server).1, "true");
    }
}

#[test]
fn a_wait_in_the_pod_completes_the_result_itself() {
    let (pod, server) =
        (Pod::new(), ApiServer::start([granted(json!({})), kinds(), job(""), job("")]));
    pod.write("/var/run/argo/.wait", "");
    let template = json!({"resource": {"manifest": MANIFEST}});
    let ended = resource(&template, &server, &pod, "create");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(last_words_of_result(&server).1, "false");
}
