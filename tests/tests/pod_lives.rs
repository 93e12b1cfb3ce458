//! Several containers, signals and restricted pods under the stock controller's contract, on a real cluster.
//!
//! A test's name begins with the lines of the executor's compatibility checklist that it shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use lighter_tests::cluster::{self, Namespace, end_of};
use lighter_tests::stock_pod::{LAYOUTS, Step, completed, shell};
use serde_json::{Value, json};

fn main() {
    cluster::main(&[
        ("31_65_members_of_a_set_wait_for_each_other", members_of_a_set_wait_for_each_other),
        ("33_a_sidecar_ends_after_main", a_sidecar_ends_after_main),
        ("35_71_a_stopped_step_saves_its_log", a_stopped_step_saves_its_log),
        ("36_a_read_only_root_is_enough", a_read_only_root_is_enough),
    ]);
}

fn container(name: &str, script: &str) -> Value {
    json!({"name": name, "image": "busybox", "command": ["sh", "-ec"], "args": [script]})
}

fn log(namespace: &Namespace<'_>, key: &str) -> String {
    std::fs::read_to_string(namespace.bucket().join(key)).unwrap()
}

fn members_of_a_set_wait_for_each_other(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut second = container("main", "cat /work/first; exit 3");
        second["dependencies"] = json!(["first"]);
        let mut third = container("third", "echo never");
        third["dependencies"] = json!(["main"]);
        let template = json!({
            "name": "set", "archiveLocation": {"archiveLogs": true, "s3": namespace.s3("set")},
            "volumes": [{"name": "work", "emptyDir": {}}],
            "containerSet": {
                "volumeMounts": [{"name": "work", "mountPath": "/work"}],
                "containers": [container("first", "sleep 1; echo one > /work/first"), second, third]}});
        let (submitted, pod) = Step::new(layout, template).run(namespace);
        assert_eq!(end_of(&pod, "first"), (0, ""), "{layout:?}");
        assert_eq!(end_of(&pod, "main"), (3, ""), "{layout:?}");
        let (code, message) = end_of(&pod, "third");
        assert_eq!(code, 64, "{layout:?}");
        assert!(
            message.contains("dependency \"main\" exited with non-zero code: 3"),
            "{layout:?}: {message}"
        );
        assert_eq!(end_of(&pod, layout.auxiliary()), (0, ""), "{layout:?}");
        assert_eq!(completed(&submitted.result(namespace)), "true", "{layout:?}");
        assert!(log(namespace, "set/main.log").contains("one\n"), "{layout:?}");
    }
}

/// It is asked to end; what it does about that is its own.
fn a_sidecar_ends_after_main(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut template = shell("sleep 1");
        template["sidecars"] =
            json!([container("side", "trap 'echo asked; exit 0' TERM; while :; do sleep 1; done")]);
        let (submitted, pod) = Step::new(layout, template).run(namespace);
        assert_eq!(pod["status"]["phase"], "Succeeded", "{layout:?}");
        assert_eq!(end_of(&pod, "side"), (0, ""), "{layout:?}");
        assert!(namespace.logs(&submitted.pod, "side").contains("asked\n"), "{layout:?}");
    }
}

/// As the controller stops a step: a signal to the helper and to main, by exec.
fn a_stopped_step_saves_its_log(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let key = format!("stopped-{layout:?}").to_lowercase();
        let mut template = shell("echo started; sleep 600");
        template["archiveLocation"] = json!({"archiveLogs": true, "s3": namespace.s3(&key)});
        let submitted = Step::new(layout, template).submit(namespace);
        lighter_tests::wait_for("main's first line", || {
            namespace.kubectl(&["logs", &submitted.pod, "-c", "main"]).stdout.contains("started")
        });
        for (container, program) in [(layout.auxiliary(), "argoexec"), ("main", layout.program())] {
            namespace.must(&[
                "exec",
                &submitted.pod,
                "-c",
                container,
                "--",
                program,
                "kill",
                "15",
                "1",
            ]);
        }
        let pod = namespace.ended(&submitted.pod);
        assert_eq!(end_of(&pod, "main"), (143, ""), "{layout:?}");
        assert_eq!(end_of(&pod, layout.auxiliary()), (0, ""), "{layout:?}");
        assert_eq!(completed(&submitted.result(namespace)), "true", "{layout:?}");
        assert!(log(namespace, &format!("{key}/main.log")).contains("started\n"), "{layout:?}");
    }
}

fn a_read_only_root_is_enough(namespace: &Namespace<'_>) {
    for layout in LAYOUTS {
        let mut template = shell("echo kept > /work/out; echo 7 > /work/number");
        template["container"]["securityContext"] = json!({"readOnlyRootFilesystem": true});
        template["container"]["volumeMounts"] = json!([{"name": "work", "mountPath": "/work"}]);
        template["volumes"] = json!([{"name": "work", "emptyDir": {}}]);
        template["outputs"] = json!({
            "parameters": [{"name": "number", "valueFrom": {"path": "/work/number"}}],
            "artifacts": [{"name": "out", "path": "/work/out", "archive": {"none": {}}}]});
        template["archiveLocation"] = json!({"s3": namespace.s3("read-only")});
        let (submitted, pod) = Step::new(layout, template).run(namespace);
        assert_eq!(end_of(&pod, "main"), (0, ""), "{layout:?}");
        assert_eq!(end_of(&pod, layout.auxiliary()), (0, ""), "{layout:?}");
        assert_eq!(
            submitted.result(namespace)["outputs"]["parameters"][0]["value"],
            "7",
            "{layout:?}"
        );
        assert_eq!(log(namespace, "read-only/out"), "kept\n", "{layout:?}");
    }
}
