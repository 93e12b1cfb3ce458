//! Pods as Argo's own controller builds them, with our executor, on a real cluster: what that controller would read back.
//!
//! A test's name begins with the lines of the executor's compatibility checklist that it shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use lighter_tests::cluster::{self, Namespace, end_of};
use lighter_tests::stock_pod::{LAYOUTS, Layout, Step, completed, shell};
use serde_json::json;

fn main() {
    cluster::main(&[
        ("9_13_exit_codes_arrive_without_a_message", exit_codes_arrive_without_a_message),
        ("11_a_missing_command_is_named", a_missing_command_is_named),
        ("16_users_differ_between_main_and_executor", users_differ_between_main_and_executor),
        ("37_45_52_inputs_arrive", inputs_arrive),
        ("44_a_missing_input_fails_the_pod", a_missing_input_fails_the_pod),
        ("54_58_63_64_65_66_outputs_are_reported", outputs_are_reported),
        ("61_62_missing_outputs_fail_the_step", missing_outputs_fail_the_step),
        ("68_without_rights_the_step_fails", without_rights_the_step_fails),
    ]);
}

fn exit_codes_arrive_without_a_message(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        for code in [0, 1, 64, 255] {
            let (submitted, pod) = Step::new(layout, shell(&format!("exit {code}"))).run(namespace);
            assert_eq!(end_of(&pod, "main"), (code, ""), "{layout:?}");
            assert_eq!(end_of(&pod, layout.auxiliary()), (0, ""), "{layout:?}");
            assert_eq!(completed(&submitted.result(namespace)), "true", "{layout:?}");
        }
    }
}

fn a_missing_command_is_named(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut template = shell("");
        template["container"]["command"] = json!(["no-such-program"]);
        let (_, pod) = Step::new(layout, template).run(namespace);
        let (code, message) = end_of(&pod, "main");
        assert_eq!(code, 64, "{layout:?}");
        assert!(message.contains("executable file not found"), "{layout:?}: {message}");
    }
}

fn users_differ_between_main_and_executor(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        for executor in ["", "-nonroot"] {
            let mut template = shell("id -u; echo text > /tmp/out; echo value > /tmp/value");
            template["container"]["securityContext"] = json!({"runAsUser": 1000});
            template["outputs"] = json!({
                "parameters": [{"name": "value", "valueFrom": {"path": "/tmp/value"}}],
                "artifacts": [{"name": "out", "path": "/tmp/out"}]});
            template["archiveLocation"] = json!({"archiveLogs": true, "s3": namespace.s3("users")});
            let mut step = Step::new(layout, template);
            step.executor.push_str(executor);
            let (submitted, pod) = step.run(namespace);
            assert_eq!(end_of(&pod, layout.auxiliary()), (0, ""), "{layout:?} {executor}");
            let outputs = &submitted.result(namespace)["outputs"];
            assert_eq!(outputs["parameters"][0]["value"], "value", "{layout:?} {executor}");
            let names: Vec<_> = outputs["artifacts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|artifact| &artifact["name"])
                .collect();
            assert_eq!(names, ["out", "main-logs"], "{layout:?} {executor}");
            let log = std::fs::read_to_string(namespace.bucket().join("users/main.log")).unwrap();
            assert_eq!(log.lines().next(), Some("1000"), "{layout:?} {executor}");
        }
    }
}

/// A script, an input at a path of its own, one inside a volume of the user's, an optional one that nobody gave.
fn inputs_arrive(namespace: &Namespace<'_>) {
    std::fs::write(namespace.bucket().join("one.txt"), "from the store\n").unwrap();
    for layout in LAYOUTS {
        let template = json!({
            "name": "script",
            "inputs": {"artifacts": [
                {"name": "one", "path": "/in/one", "s3": namespace.s3("one.txt"), "archive": {"none": {}}},
                {"name": "two", "path": "/data/sub/two", "raw": {"data": "given\n"}},
                {"name": "three", "path": "/in/three", "optional": true}]},
            "script": {
                "name": "", "image": "busybox", "command": ["sh"],
                "source": "cat /in/one /data/sub/two\nls /in\nprintf 'end\r' # no newline",
                "volumeMounts": [{"name": "work", "mountPath": "/data"}]},
            "volumes": [{"name": "work", "emptyDir": {}}],
            "archiveLocation": {"s3": namespace.s3("scripts")}});
        let mut step = Step::new(layout, template);
        step.wants_result = true;
        let (submitted, pod) = step.run(namespace);
        assert_eq!(end_of(&pod, "main"), (0, ""), "{layout:?}");
        assert_eq!(
            submitted.result(namespace)["outputs"]["result"],
            "from the store\ngiven\none\nend\r",
            "{layout:?}"
        );
    }
}

fn a_missing_input_fails_the_pod(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut template = shell("echo never");
        template["inputs"] = json!({"artifacts": [{"name": "one", "path": "/in/one", "s3": namespace.s3("missing")}]});
        let (submitted, pod) = Step::new(layout, template).run(namespace);
        let (loader, code) =
            if layout == Layout::Legacy { ("init", 64) } else { ("supervisor", 64) };
        let (exit, message) = end_of(&pod, loader);
        assert_eq!(exit, code, "{layout:?}: {message}");
        assert!(message.contains("artifact one failed to load: "), "{layout:?}: {message}");
        if layout == Layout::Initless {
            assert_eq!(end_of(&pod, "main").0, 65);
            assert_eq!(completed(&submitted.result(namespace)), "true");
        }
    }
}

fn outputs_are_reported(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let key = format!("{layout:?}/pod").to_lowercase();
        let mut template = shell(
            "mkdir -p /tmp/out/sub; echo a > /tmp/out/a.txt; echo b > /tmp/out/sub/b; echo '<p>' > /tmp/page.html
             printf '42\\n\\n' > /tmp/number; echo on stdout; echo on stderr >&2",
        );
        template["outputs"] = json!({
            "parameters": [
                {"name": "number", "valueFrom": {"path": "/tmp/number"}},
                {"name": "other", "valueFrom": {"path": "/tmp/none", "default": "7"}, "globalName": "seven"}],
            "artifacts": [
                {"name": "folder", "path": "/tmp/out/"},
                {"name": "page", "path": "/tmp/page.html", "archive": {"none": {}}, "artifactGC": {"strategy": "Never"}},
                {"name": "absent", "path": "/tmp/none", "optional": true}]});
        template["archiveLocation"] = json!({"archiveLogs": true, "s3": namespace.s3(&key)});
        let mut step = Step::new(layout, template);
        step.wants_result = true;
        step.instance = Some("mine".into());
        let (submitted, pod) = step.run(namespace);
        assert_eq!(end_of(&pod, layout.auxiliary()), (0, ""), "{layout:?}");

        let mut result = submitted.result(namespace);
        for artifact in result["outputs"]["artifacts"].as_array_mut().unwrap() {
            // More than the stock executor says: for collections. The stock controller drops both.
            let fields = artifact.as_object_mut().unwrap();
            fields.remove("size");
            fields.remove("sha256");
        }
        let workflow = &submitted.workflow["metadata"];
        assert_eq!(
            result["metadata"]["labels"],
            json!({
                "workflows.argoproj.io/workflow": workflow["name"],
                "workflows.argoproj.io/report-outputs-completed": "true",
                "workflows.argoproj.io/controller-instanceid": "mine"})
        );
        assert_eq!(
            result["metadata"]["ownerReferences"],
            json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": workflow["name"], "uid": workflow["uid"]}])
        );
        assert_eq!(
            result["outputs"],
            json!({
                "result": "on stdout",
                "parameters": [
                    {"name": "number", "valueFrom": {"path": "/tmp/number"}, "value": "42\n"},
                    {"name": "other", "valueFrom": {"path": "/tmp/none", "default": "7"}, "globalName": "seven", "value": "7"}],
                "artifacts": [
                    {"name": "folder", "path": "/tmp/out", "s3": {"key": format!("{key}/folder.tgz")}},
                    {"name": "page", "path": "/tmp/page.html", "archive": {"none": {}},
                     "artifactGC": {"strategy": "Never"}, "s3": {"key": format!("{key}/page.html")}},
                    {"name": "main-logs", "s3": {"key": format!("{key}/main.log")}}]})
        );

        let stored = namespace.bucket().join(&key);
        assert_eq!(std::fs::read_to_string(stored.join("page.html")).unwrap(), "<p>\n");
        let listed = std::process::Command::new("tar")
            .arg("-tzf")
            .arg(stored.join("folder.tgz"))
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert_eq!(
            listed.lines().collect::<Vec<_>>(),
            ["out", "out/a.txt", "out/sub", "out/sub/b"]
        );
        let log = std::fs::read_to_string(stored.join("main.log")).unwrap();
        assert!(log.contains("on stdout\n") && log.contains("on stderr\n"), "{log}");
    }
}

/// The first output is missing, the second is saved and reported all the same.
fn missing_outputs_fail_the_step(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut template = shell("echo saved > /tmp/two");
        template["outputs"] = json!({"artifacts": [{"name": "one", "path": "/tmp/one"}, {"name": "two", "path": "/tmp/two"}]});
        template["archiveLocation"] = json!({"s3": namespace.s3("missing-outputs")});
        let (submitted, pod) = Step::new(layout, template).run(namespace);
        assert_eq!(end_of(&pod, "main"), (0, ""), "{layout:?}");
        let (code, message) = end_of(&pod, layout.auxiliary());
        assert_eq!(code, 64, "{layout:?}");
        assert!(message.contains("/tmp/one") && message.ends_with("; "), "{layout:?}: {message:?}");
        let result = submitted.result(namespace);
        assert_eq!(result["outputs"]["artifacts"].as_array().unwrap().len(), 1, "{layout:?}");
        assert_eq!(result["outputs"]["artifacts"][0]["name"], "two", "{layout:?}");
        assert_eq!(completed(&result), "true", "{layout:?}");
    }
}

fn without_rights_the_step_fails(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut step = Step::new(layout, shell("true"));
        step.account = "default".into();
        let (_, pod) = step.run(namespace);
        let (code, message) = end_of(&pod, layout.auxiliary());
        assert_eq!(code, 64, "{layout:?}: {message}");
        assert!(message.contains("forbidden"), "{layout:?}: {message}");
    }
}
