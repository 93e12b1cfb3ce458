//! `wait` reports to an API server: the calls in order, and what it does when they fail.

use std::process::Command;

use serde_json::{Value, json};

use crate::api_server::{Answer, ApiServer, Asked, status};
use crate::outputs::wait;
use crate::pod::{Pod, run};

const OBJECTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/ns/workflowtaskresults";
const COMPLETED: &str = "workflows.argoproj.io/report-outputs-completed";

/// A pod whose main has ended and has left the parameter `p`.
fn pod() -> Pod {
    let pod = Pod::with_template(
        json!({"container": {}, "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]}}),
    );
    assert_eq!(run(&mut pod.emissary("echo 1 > /tmp/p")).code, 0);
    pod
}

/// `wait` with a kubeconfig for this server.
fn wait_for(pod: &Pod, server: &ApiServer) -> Command {
    pod.write(
        "/kube/config",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {{cluster: k, user: u, namespace: ns}}\nclusters:\n- name: k\n  cluster: {{server: '{}'}}\nusers:\n- name: u\n  user: {{tokenFile: token}}\n",
            server.url
        ),
    );
    pod.write("/kube/token", "secret-token\n");
    let mut command = wait(pod);
    command.env_remove("LIGHTER_TASK_RESULT").env("KUBECONFIG", "/kube/config");
    command
}

fn lines(asked: &[Asked]) -> Vec<&str> {
    asked.iter().map(|asked| asked.line.as_str()).collect()
}

fn create() -> String {
    format!("POST {OBJECTS}")
}

fn patch() -> String {
    format!("PATCH {OBJECTS}/node-1")
}

fn outputs() -> Value {
    json!({"metadata": {}, "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}, "value": "1"}]}})
}

fn completion() -> Value {
    json!({"metadata": {"labels": {COMPLETED: "true"}}})
}

#[test]
fn a_result_is_created_patched_and_completed() {
    let (pod, server) = (pod(), ApiServer::start([]));
    let ended = run(wait_for(&pod, &server).env("ARGO_INSTANCE_ID", "blue"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let asked = server.asked();
    assert_eq!(lines(&asked), [create(), patch(), patch()]);
    assert_eq!(
        asked[0].body,
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTaskResult",
            "metadata": {
                "name": "node-1",
                "labels": {
                    "workflows.argoproj.io/workflow": "wf",
                    COMPLETED: "false",
                    "workflows.argoproj.io/controller-instanceid": "blue",
                },
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "wf", "uid": "uid-1"}],
            },
        })
    );
    assert_eq!(asked[0].header("content-type"), "application/json");
    assert_eq!(asked[0].header("authorization"), "Bearer secret-token");
    assert!(asked[0].header("user-agent").starts_with("argo-workflows/"));
    assert_eq!(asked[1].header("content-type"), "application/merge-patch+json");
    assert_eq!(asked[1].body, outputs());
    assert_eq!(asked[2].body, completion());
    assert!(!ended.stderr.contains("secret-token"), "{}", ended.stderr);
}

#[test]
fn faults_are_tried_again_until_the_report_arrives() {
    let faults = [
        Answer::HangUp,
        status(503, "ServiceUnavailable", "not ready"),
        status(401, "Unauthorized", "Unauthorized"),
        status(201, "", "created"),
        status(500, "InternalError", "etcdserver: leader changed"),
        Answer::Silence,
    ];
    let (pod, server) = (pod(), ApiServer::start(faults));
    let mut command = wait_for(&pod, &server);
    let ended = run(command.args(["--request-timeout", "1s"]));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let asked = server.asked();
    // The first one is not repeated at once: main must be watched. What it would have said comes with the outputs.
    let (create, patch) = (create(), patch());
    let expected = [&create, &create, &create, &create, &patch, &patch, &patch];
    assert_eq!(lines(&asked), expected);
    assert_eq!(asked[3].body["outputs"], outputs()["outputs"]);
    assert_eq!(asked[6].body, completion());
}

#[test]
fn an_object_that_is_there_or_gone_is_patched_or_made() {
    let answers = [
        status(409, "AlreadyExists", "already exists"),
        status(404, "NotFound", "deleted meanwhile"),
    ];
    let (pod, server) = (pod(), ApiServer::start(answers));
    let ended = run(&mut wait_for(&pod, &server));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let asked = server.asked();
    assert_eq!(lines(&asked), [create(), patch(), create(), patch()]);
    assert_eq!(asked[2].body["outputs"], outputs()["outputs"]);
    assert_eq!(asked[3].body, completion());
}

#[test]
fn what_is_denied_is_not_repeated_and_says_what_is_missing() {
    let denied = status(403, "Forbidden", "cannot create resource \"workflowtaskresults\"");
    let (pod, server) = (pod(), ApiServer::start(std::iter::repeat_n(denied, 9)));
    let ended = run(&mut wait_for(&pod, &server));
    assert_eq!(ended.code, 64, "{}", ended.stderr);
    assert_eq!(lines(&server.asked()), [create(), create(), create()]);
    let words = pod.last_words();
    assert!(words.contains("cannot create resource") && words.contains("workflow-rbac"), "{words}");
}

#[test]
fn a_controller_of_version_3_5_reads_the_pods_annotations() {
    let denied = || status(403, "Forbidden", "no");
    let granted = || Answer::With(200, json!({}));
    let answers = [denied(), granted(), denied(), granted(), denied(), granted()];
    let (pod, server) = (pod(), ApiServer::start(answers));
    let template = pod.read("/var/run/argo/template");
    let ended = run(wait_for(&pod, &server).env("ARGO_TEMPLATE", template));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let asked = server.asked();
    let pods = "PATCH /api/v1/namespaces/ns/pods/p".to_owned();
    assert_eq!(lines(&asked), [create(), pods.clone(), create(), pods.clone(), create(), pods]);
    let annotations = &asked[5].body["metadata"]["annotations"];
    assert_eq!(annotations[COMPLETED], "true");
    let told: Value =
        serde_json::from_str(annotations["workflows.argoproj.io/outputs"].as_str().unwrap())
            .unwrap();
    assert_eq!(told, outputs()["outputs"]);
}

#[test]
fn what_cannot_be_used_to_log_in_is_refused() {
    let (pod, server) = (pod(), ApiServer::start([]));
    let mut command = wait_for(&pod, &server);
    let config = pod.read("/kube/config").replace("tokenFile: token", "exec: {command: login}");
    pod.write("/kube/config", &config);
    let ended = run(&mut command);
    assert_eq!(ended.code, 64);
    assert!(pod.last_words().contains("logs in by exec"), "{}", pod.last_words());
    let ended = run(command
        .env_remove("KUBECONFIG")
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", "1"));
    assert_eq!(ended.code, 64);
    assert!(pod.last_words().contains("no service account token"), "{}", pod.last_words());
    assert_eq!(server.asked().len(), 0);
}
