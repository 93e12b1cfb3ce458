//! Artifact plugins as processes: they outlive SIGTERM, and end when `wait` is done.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::outputs::{reported, wait};
use crate::pod::{Pod, Running, run, until};

fn sidecar(pod: &Pod, script: &str) -> std::process::Command {
    let words = ["artifact-plugin-sidecar", "--loglevel", "info", "--", "sh", "-c", script];
    let mut command = pod.argoexec(&words);
    command.env("ARGO_CONTAINER_NAME", "artifact-plugin-p");
    command
}

#[test]
fn a_plugin_lives_until_wait_has_saved_and_ends_well() {
    let pod = Pod::with_template(json!({"container": {}}));
    let mut plugin = Running::start(&mut sidecar(
        &pod,
        "trap 'exit 7' TERM; touch /tmp/up; while :; do sleep 0.01; done",
    ));
    until("the plugin is up", || pod.exists("/tmp/up"));
    plugin.signal(Signal::SIGTERM);
    assert_eq!(run(&mut pod.emissary("true")).code, 0);
    assert!(plugin.is_running(), "SIGTERM to the pod must not end it");
    let ended = run(wait(&pod).env("ARGO_ARTIFACT_PLUGIN_NAMES", "artifact-plugin-p, "));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(plugin.end().code, 0);
    assert_eq!(pod.exit_code("artifact-plugin-p"), "7");
    let labels = &reported(&pod)["metadata"]["labels"];
    assert_eq!(labels["workflows.argoproj.io/report-outputs-completed"], "true");
}

#[test]
fn a_plugin_that_does_not_start_or_is_not_named_fails() {
    let pod = Pod::with_template(json!({"container": {}}));
    let mut command = pod.argoexec(&["artifact-plugin-sidecar", "--", "/no/such/plugin"]);
    assert_eq!(run(command.env("ARGO_CONTAINER_NAME", "artifact-plugin-p")).code, 64);
    let mut command = pod.argoexec(&["artifact-plugin-init", "--", "/no/such/plugin"]);
    let ended = run(command.env("ARGO_POD_NAME", "p"));
    assert_eq!(ended.code, 64);
    assert!(ended.stderr.contains("--plugin-name is required"), "{}", ended.stderr);
}

#[test]
fn an_init_container_starts_its_plugin_and_loads_its_artifacts_only() {
    let template = json!({"container": {}, "inputs": {"artifacts": [
        {"name": "other", "path": "/other", "raw": {"data": "x"}},
    ]}});
    let pod = Pod::with_template(template);
    let script = "touch /tmp/started; sleep 1000";
    let words = ["artifact-plugin-init", "--plugin-name", "p", "--", "sh", "-c", script, "/socket"];
    let mut command = pod.argoexec(&words);
    command.env("ARGO_POD_NAME", "p").env("ARGO_DEADLINE", "0001-01-01T00:00:00Z");
    let ended = run(&mut command);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!pod.exists("/argo/inputs/artifacts/other"));
}
