//! What a stock controller reads back of a step's outputs, on a real cluster: WorkflowTaskResults, objects in S3, exit codes.
//!
//! A test's name begins with the lines of the executor's compatibility checklist that it shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::process::Command;

use lighter_tests::cluster::{self, Namespace, end_of};
use lighter_tests::stock_pod::{LAYOUTS, Layout, Step, Submitted};
use serde_json::{Value, json};

const COMPLETED: &str = "workflows.argoproj.io/report-outputs-completed";

fn main() {
    cluster::main(&[
        ("16_54_58_64_65_66_outputs_of_another_user", outputs_of_another_user),
        ("52_75_76_inputs_and_scripts_arrive", inputs_and_scripts_arrive),
        ("44_75_what_cannot_be_loaded_is_named", what_cannot_be_loaded_is_named),
        ("78_79_80_resources_are_made_changed_and_read", resources_are_made_changed_and_read),
        ("68_what_is_denied_is_named", what_is_denied_is_named),
    ]);
}

fn auxiliary(layout: Layout) -> &'static str {
    if layout == Layout::Legacy { "wait" } else { "supervisor" }
}

fn shell(script: &str) -> Value {
    json!({"name": "", "image": "busybox", "command": ["sh", "-c"], "args": [script]})
}

fn result(namespace: &Namespace<'_>, step: &Submitted) -> Value {
    namespace.get("workflowtaskresult", &step.node)
}

fn outputs_of_another_user(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut container = shell(
            "echo said; echo 7 >/tmp/p; mkdir /tmp/out; echo a >/tmp/out/a; echo secret >/tmp/out/b; chmod 600 /tmp/out/b; exit 3",
        );
        container["securityContext"] = json!({"runAsUser": 1000});
        let key = format!("{layout:?}");
        let mut step = Step::new(
            layout,
            json!({
                "name": "main", "container": container,
                "archiveLocation": {"archiveLogs": true, "s3": namespace.s3(&key)},
                "outputs": {
                    "parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}],
                    "artifacts": [{"name": "out", "path": "/tmp/out", "globalName": "kept"}]}}),
        );
        step.wants_result = true;
        let step = step.submit(namespace);
        let pod = namespace.ended(&step.pod);
        assert_eq!(end_of(&pod, "main"), (3, ""), "{layout:?}");
        assert_eq!(end_of(&pod, auxiliary(layout)), (0, ""), "{layout:?}");
        let result = result(namespace, &step);
        assert_eq!(result["metadata"]["labels"][COMPLETED], "true");
        assert_eq!(
            result["metadata"]["ownerReferences"][0]["uid"],
            step.workflow["metadata"]["uid"]
        );
        let outputs = &result["outputs"];
        assert_eq!(outputs["result"], "said");
        assert_eq!(outputs["parameters"][0]["value"], "7");
        assert_eq!(outputs["artifacts"][0]["s3"], json!({"key": format!("{key}/out.tgz")}));
        assert_eq!(outputs["artifacts"][0]["globalName"], "kept");
        assert_eq!(outputs["artifacts"][1]["name"], "main-logs");
        let archive = namespace.bucket().join(&key).join("out.tgz");
        let listed = Command::new("tar").arg("-tzf").arg(archive).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "out\nout/a\nout/b\n");
        let log = std::fs::read_to_string(namespace.bucket().join(&key).join("main.log")).unwrap();
        assert_eq!(log, "said\n");
        // The open directory went from container to container, although its files are another user's.
        let said = namespace.logs(&step.pod, auxiliary(layout));
        assert!(said.contains("from=main"), "{said}");
    }
}

fn inputs_and_scripts_arrive(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut script = shell("");
        script["command"] = json!(["sh"]);
        script.as_object_mut().unwrap().remove("args");
        script["source"] = "cat /in/raw; ls -ld /in/raw >&2".into();
        let mut step = Step::new(
            layout,
            json!({
                "name": "main", "script": script,
                "inputs": {"artifacts": [{"name": "r", "path": "/in/raw", "raw": {"data": "given"}}]}}),
        );
        step.wants_result = true;
        let step = step.submit(namespace);
        let pod = namespace.ended(&step.pod);
        assert_eq!(end_of(&pod, "main"), (0, ""), "{}", namespace.logs(&step.pod, "main"));
        assert_eq!(result(namespace, &step)["outputs"]["result"], "given", "{layout:?}");
    }
}

fn what_cannot_be_loaded_is_named(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let missing = json!({"name": "a", "path": "/in/a", "s3": namespace.s3("none")});
        let template =
            json!({"name": "main", "container": shell("true"), "inputs": {"artifacts": [missing]}});
        let step = Step::new(layout, template).submit(namespace);
        let pod = namespace.ended(&step.pod);
        let loads = if layout == Layout::Legacy { "init" } else { "supervisor" };
        let (code, message) = end_of(&pod, loads);
        assert_eq!(code, 64, "{message}");
        assert!(message.contains("artifact a failed to load: "), "{message}");
        if layout == Layout::Initless {
            let (code, message) = end_of(&pod, "main");
            assert_eq!(code, 65);
            assert!(message.starts_with("supervisor reported pre-main failure: "), "{message}");
            assert_eq!(result(namespace, &step)["metadata"]["labels"][COMPLETED], "true");
        }
    }
}

fn what_is_denied_is_named(namespace: &Namespace<'_>) {
    let mut step = Step::new(Layout::Legacy, json!({"name": "main", "container": shell("true")}));
    step.account = "default".into();
    let pod = namespace.ended(&step.submit(namespace).pod);
    assert_eq!(end_of(&pod, "main"), (0, ""));
    let (code, message) = end_of(&pod, "wait");
    assert_eq!(code, 64);
    assert!(
        message.contains("workflowtaskresults") && message.contains("workflow-rbac"),
        "{message}"
    );
}

/// One action after the other on the same object, with the rights that a user would give.
fn resources_are_made_changed_and_read(namespace: &Namespace<'_>) {
    namespace.create(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "maps"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get", "patch", "update", "delete"]}]}));
    namespace.create(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "maps"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maps"},
        "subjects": [{"kind": "ServiceAccount", "name": "executor"}]}));
    let manifest = |value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\ndata:\n  v: '{value}'\n")
    };
    let outputs = json!({"parameters": [
        {"name": "path", "valueFrom": {"jsonPath": "{.data.v}"}},
        {"name": "jq", "valueFrom": {"jqFilter": ".data"}}]});
    let run = |layout: Layout, resource: Value, outputs: Option<&Value>| {
        let mut template = json!({"name": "main", "resource": resource});
        if let Some(outputs) = outputs {
            template["resource"]["successCondition"] = "data.v notin (x), metadata.name = m".into();
            template["outputs"] = outputs.clone();
        }
        let step = Step::new(layout, template).submit(namespace);
        let pod = namespace.ended(&step.pod);
        assert_eq!(end_of(&pod, "main"), (0, ""), "{}", namespace.logs(&step.pod, "main"));
        let result = result(namespace, &step);
        assert_eq!(result["metadata"]["labels"][COMPLETED], "true");
        result["outputs"]["parameters"].clone()
    };
    for (layout, action, value) in [
        (Layout::Legacy, "create", "1"),
        (Layout::Initless, "get", "1"),
        (Layout::Legacy, "apply", "2"),
        (Layout::Initless, "patch", "3"),
        (Layout::Legacy, "replace", "4"),
    ] {
        let resource = json!({"action": action, "manifest": manifest(value)});
        let read = run(layout, resource, Some(&outputs));
        assert_eq!(read[0]["value"], value, "{action}");
        assert_eq!(read[1]["value"], format!("{{\"v\":\"{value}\"}}"), "{action}");
    }
    run(Layout::Legacy, json!({"action": "delete", "manifest": manifest("")}), None);
    assert_eq!(namespace.kubectl(&["get", "configmap", "m"]).code, Some(1));
}
