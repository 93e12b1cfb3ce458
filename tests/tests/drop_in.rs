//! The executor's image and the manifests that put it into an existing install, on a real cluster.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::fs;

use lighter_tests::cluster::{self, EXECUTOR, Namespace, end_of};
use lighter_tests::repository;
use serde_json::{Value, json};

fn main() {
    cluster::main(&[
        ("1_3_the_image_starts_argoexec", the_image_starts_argoexec),
        ("3_the_nonroot_image_runs_as_8737", the_nonroot_image_runs_as_8737),
        ("3_an_image_volume_has_the_program", an_image_volume_has_the_program),
        ("the_component_changes_the_image_only", the_component_changes_the_image_only),
    ]);
}

/// Runs a pod with one container to success.
fn run(namespace: &Namespace<'_>, container: Value, volumes: Value) -> Value {
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"},
        "spec": {"restartPolicy": "Never", "containers": [container], "volumes": volumes}}));
    let pod = namespace.ended("pod");
    assert_eq!(end_of(&pod, "main"), (0, ""), "{}", namespace.logs("pod", "main"));
    pod
}

/// The image has an entry point: a pod that gives arguments only reaches `argoexec`.
fn the_image_starts_argoexec(namespace: &Namespace<'_>) {
    run(
        namespace,
        json!({"name": "main", "image": EXECUTOR, "args": ["version", "--short"]}),
        json!([]),
    );
    assert!(namespace.logs("pod", "main").starts_with("argoexec: "));
}

/// Under the restricted standard, with a read-only root: the program is in PATH, its files can be read.
fn the_nonroot_image_runs_as_8737(namespace: &Namespace<'_>) {
    let label = "pod-security.kubernetes.io/enforce=restricted";
    namespace.must(&["label", "namespace", &namespace.name, label]);
    let image = format!("{EXECUTOR}-nonroot");
    run(
        namespace,
        json!({
            "name": "main", "image": image, "command": ["argoexec", "version", "--short"],
            "securityContext": {
                "runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}}),
        json!([]),
    );
}

fn an_image_volume_has_the_program(namespace: &Namespace<'_>) {
    let script = "/argo-bin/bin/argoexec version --short && stat -c %a /argo-bin/tmp && \
                  cat /argo-bin/etc/nsswitch.conf && grep -c BEGIN /argo-bin/etc/ssl/certs/ca-certificates.crt && \
                  grep -vc '^#' /argo-bin/etc/ssh/ssh_known_hosts && grep ^text/html /argo-bin/etc/mime.types";
    run(
        namespace,
        json!({
            "name": "main", "image": "busybox", "imagePullPolicy": "IfNotPresent", "command": ["sh", "-ec", script],
            "volumeMounts": [{"name": "argoexec-bin", "mountPath": "/argo-bin", "readOnly": true}]}),
        json!([{"name": "argoexec-bin", "image": {"reference": EXECUTOR, "pullPolicy": "IfNotPresent"}}]),
    );
    let logs = namespace.logs("pod", "main");
    let lines: Vec<_> = logs.lines().collect();
    assert!(lines[0].starts_with("argoexec: "), "{logs}");
    assert_eq!(lines[1..3], ["1777", "hosts: files dns"]);
    assert!(lines[3].parse::<usize>().unwrap() > 100, "certificate authorities: {}", lines[3]);
    assert_eq!(lines[4], "10", "known hosts");
    assert!(lines[5].starts_with("text/html"), "{logs}");
}

fn the_component_changes_the_image_only(namespace: &Namespace<'_>) {
    let stock = repository().join("tests/cluster/stock");
    namespace.must(&["apply", "-k", &stock.display().to_string()]);
    let before = namespace.get("deployment", "workflow-controller");
    let settings = namespace.get("configmap", "workflow-controller-configmap");

    // kustomize wants relative paths.
    let overlay = tempfile::tempdir_in(repository().join("tests/cluster")).unwrap();
    let kustomization = "resources: [../stock]\ncomponents: [../../../manifests/executor]\n";
    fs::write(overlay.path().join("kustomization.yaml"), kustomization).unwrap();
    let overlay = overlay.path().display().to_string();
    namespace.must(&["apply", "-k", &overlay]);

    let container = "/spec/template/spec/containers/0";
    let mut after = namespace.get("deployment", "workflow-controller");
    let args =
        after.pointer_mut(container).unwrap().as_object_mut().unwrap().remove("args").unwrap();
    let flag = args[0].as_str().unwrap();
    assert!(flag.starts_with("--executor-image=") && flag.contains("/argoexec:"), "{flag}");
    assert_eq!(args.as_array().unwrap().len(), 1);
    assert_eq!(after.pointer(container), before.pointer(container));
    let unchanged = namespace.get("configmap", "workflow-controller-configmap");
    assert_eq!(unchanged["metadata"]["resourceVersion"], settings["metadata"]["resourceVersion"]);

    namespace.must(&["apply", "-k", &stock.display().to_string()]);
    let back = namespace.get("deployment", "workflow-controller");
    assert_eq!(back["spec"], before["spec"]);
}
