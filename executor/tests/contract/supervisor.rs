//! Pods without an init container: the supervisor prepares, main waits for it and finds its inputs by links.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::outputs::{reported, wait};
use crate::pod::{Pod, Running, run, until};

fn pod() -> Pod {
    let pod = Pod::new();
    fs::create_dir_all(pod.path("/argo/folder/store")).unwrap();
    pod
}

fn supervisor(pod: &Pod, mut template: Value) -> Command {
    template["archiveLocation"] =
        json!({"archiveLogs": true, "folder": {"path": "/store", "key": "wf/pod"}});
    let mut command = pod.argoexec(&["supervisor", "--loglevel", "info"]);
    // What else the controller gives to it is what it gives to `wait`.
    for (name, value) in wait(pod).get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
        .env("ARGO_CONTAINER_NAME", "supervisor")
        .env("ARGO_INITLESS_POD", "true")
        .env("ARGO_TEMPLATE", template.to_string());
    command
}

fn main_container(pod: &Pod, workdir: &str, script: &str) -> Command {
    let mut command = pod.inside(workdir, &["/argoexec", "emissary", "--", "sh", "-c", script]);
    command.env("ARGO_WAIT_FOR_READY", "true");
    command
}

fn blocks_signals(container: &Running) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", container.pid())).unwrap();
    status.lines().any(|line| line.starts_with("SigBlk:") && !line.ends_with("0000000000000000"))
}

fn raw(name: &str, path: &str, data: &str) -> Value {
    json!({"name": name, "path": path, "raw": {"data": data}})
}

#[test]
fn main_starts_when_the_pod_is_prepared_and_its_outputs_are_saved() {
    let pod = pod();
    let main = Running::start(&mut main_container(&pod, "/", "sh /argo/staging/script"));
    let template = json!({
        "inputs": {"artifacts": [raw("a", "/in/a", "A"), raw("b", "/new/dir/b", "B"), json!({"name": "c", "path": "/c", "optional": true})]},
        "script": {"source": "cat /in/a /new/dir/b > /tmp/p; echo said; rm /in/a; echo live > /in/a"},
        "outputs": {
            "parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}],
            "artifacts": [{"name": "o", "path": "/in/a", "archive": {"none": {}}}],
        },
    });
    pod.write("/in/a/replaced", "content of the image");
    let ended = run(&mut supervisor(&pod, template));
    let main = main.end();
    assert_eq!((main.code, ended.code), (0, 0), "{}{}", main.stderr, ended.stderr);
    assert_eq!(pod.read("/var/run/argo/status"), "READY\n");
    assert_eq!(pod.mode("/var/run/argo/status"), 0o644);
    assert_eq!(reported(&pod)["outputs"]["parameters"][0]["value"], "AB");
    // The output at an input's path is what main left there, not what it was given.
    assert_eq!(pod.read("/argo/folder/store/wf/pod/a"), "live\n");
    assert_eq!(pod.read("/argo/folder/store/wf/pod/main.log"), "said\n");
    assert!(!pod.exists("/c"));
}

#[test]
fn what_cannot_be_prepared_ends_main_with_the_reason() {
    let pod = pod();
    let main = Running::start(&mut main_container(&pod, "/", "touch /tmp/ran"));
    let missing =
        json!({"name": "a", "path": "/in/a", "folder": {"path": "/store", "key": "none"}});
    let ended = run(&mut supervisor(
        &pod,
        json!({"container": {}, "inputs": {"artifacts": [missing]}, "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]}}),
    ));
    let main = main.end();
    assert_eq!((main.code, ended.code), (65, 64), "{}{}", main.stderr, ended.stderr);
    assert_eq!(pod.exit_code("main"), "65");
    assert!(main.stderr.contains("supervisor reported pre-main failure: failed to load input artifacts: artifact a failed to load"), "{}", main.stderr);
    assert!(ended.stderr.contains("Error: failed to load input artifacts"), "{}", ended.stderr);
    let labels = &reported(&pod)["metadata"]["labels"];
    assert_eq!(labels["workflows.argoproj.io/report-outputs-completed"], "true");
    assert_eq!(reported(&pod).get("outputs"), None);
    assert!(!pod.exists("/tmp/ran"));
}

#[test]
fn a_supervisor_that_cannot_even_begin_says_so() {
    let pod = pod();
    let mut command = supervisor(&pod, json!({"container": {}}));
    assert_eq!(run(command.env("ARGO_DEADLINE", "soon")).code, 2);
    let main = run(&mut main_container(&pod, "/", "true"));
    assert_eq!(main.code, 65);
    assert!(main.stderr.contains("ARGO_DEADLINE"), "{}", main.stderr);
}

#[test]
fn main_can_be_ended_while_it_waits_for_the_supervisor() {
    let pod = pod();
    for by_file in [false, true] {
        let main = Running::start(&mut main_container(&pod, "/", "touch /tmp/ran"));
        until("the emissary is up", || pod.exists("/var/run/argo/ctr/main/.alive"));
        if by_file {
            pod.write("/var/run/argo/ctr/main/signal", "15");
        } else {
            until("it listens to signals", || blocks_signals(&main));
            main.signal(Signal::SIGTERM);
        }
        let ended = main.end();
        assert_eq!(ended.code, 65, "{}", ended.stderr);
        fs::remove_file(pod.path("/var/run/argo/ctr/main/.alive")).unwrap();
    }
    assert!(!pod.exists("/tmp/ran"));
}

#[test]
fn links_replace_no_volume_and_survive_in_the_working_directory() {
    let template = |artifacts: Value| json!({"inputs": {"artifacts": artifacts}, "container": {"volumeMounts": [{"name": "w", "mountPath": "/data"}]}});
    // The image leads an innocent path to the volume.
    let volume = Pod::with_template(template(json!([{"name": "a", "path": "/link/x"}])));
    volume.write("/argo/inputs/artifacts/a", "A");
    volume.write("/data/x", "the user's");
    std::os::unix::fs::symlink("/data", volume.path("/link")).unwrap();
    volume.write("/var/run/argo/status", "READY\n");
    let ended = run(&mut main_container(&volume, "/", "true"));
    assert_eq!(ended.code, 65);
    assert!(ended.stderr.contains("refusing to stage input artifact a"), "{}", ended.stderr);
    assert_eq!(volume.read("/data/x"), "the user's");

    let workdir = Pod::with_template(template(json!([{"name": "d", "path": "/work"}])));
    workdir.write("/argo/inputs/artifacts/d/f", "in the artifact");
    workdir.write("/work/old", "");
    workdir.write("/var/run/argo/status", "READY\n");
    let ended = run(&mut main_container(&workdir, "/work", "cat f && ls"));
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "in the artifactf\n"), "{}", ended.stderr);

    let file = Pod::with_template(template(json!([{"name": "d", "path": "/work"}])));
    file.write("/argo/inputs/artifacts/d", "a file");
    file.write("/work/old", "");
    file.write("/var/run/argo/status", "READY\n");
    let ended = run(&mut main_container(&file, "/work", "true"));
    assert_eq!(ended.code, 65);
    assert!(ended.stderr.contains("chdir /work: not a directory"), "{}", ended.stderr);
}
