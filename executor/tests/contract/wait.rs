//! `wait` while main runs: its end, signals, deadline, progress, a killed main.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::outputs::{reported, wait};
use crate::pod::{Pod, Running, run, until};

const COMPLETED: &str = "workflows.argoproj.io/report-outputs-completed";

fn pod() -> Pod {
    Pod::with_template(
        json!({"container": {}, "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p", "default": "none"}}]}}),
    )
}

fn started(pod: &Pod, command: &mut std::process::Command) -> Running {
    let running = Running::start(command);
    until("wait has reported itself", || pod.exists("/tmp/result.json"));
    running
}

#[test]
fn the_first_report_comes_before_mains_end() {
    let pod = pod();
    let mut waiting = started(&pod, &mut wait(&pod));
    assert_eq!(reported(&pod)["metadata"]["labels"][COMPLETED], "false");
    assert!(waiting.is_running());
    assert_eq!(run(&mut pod.emissary("echo 1 > /tmp/p; exit 3")).code, 3);
    assert_eq!(waiting.end().code, 0, "the step failed, not its wait");
    assert_eq!(reported(&pod)["outputs"]["parameters"][0]["value"], "1");
}

#[test]
fn every_main_container_is_waited_for() {
    let pod =
        Pod::with_template(json!({"containerSet": {"containers": [{"name": "a"}, {"name": "b"}]}}));
    let mut waiting = started(&pod, &mut wait(&pod));
    assert_eq!(run(pod.emissary("true").env("ARGO_CONTAINER_NAME", "a")).code, 0);
    assert!(waiting.is_running());
    assert_eq!(run(pod.emissary("true").env("ARGO_CONTAINER_NAME", "b")).code, 0);
    assert_eq!(waiting.end().code, 0);
}

#[test]
fn terminated_before_main_has_started_it_reports_and_ends() {
    let pod = pod();
    let waiting = started(&pod, &mut wait(&pod));
    waiting.signal(Signal::SIGTERM);
    assert_eq!(waiting.end().code, 0);
    assert_eq!(reported(&pod)["metadata"]["labels"][COMPLETED], "true");
    assert_eq!(reported(&pod)["outputs"]["parameters"][0]["value"], "none");
}

#[test]
fn terminated_with_main_it_lets_main_leave_its_outputs() {
    let pod = pod();
    let waiting = started(&pod, &mut wait(&pod));
    let main = Running::start(&mut pod.emissary("trap 'sleep 0.3; echo late > /tmp/p; exit 0' TERM; touch /tmp/up; while :; do sleep 0.01; done"));
    until("main is up", || pod.exists("/tmp/up"));
    waiting.signal(Signal::SIGTERM);
    main.signal(Signal::SIGTERM);
    assert_eq!((main.end().code, waiting.end().code), (0, 0));
    assert_eq!(reported(&pod)["outputs"]["parameters"][0]["value"], "late");
}

#[test]
fn a_main_that_is_killed_with_its_emissary_is_noticed() {
    let pod = pod();
    let waiting = started(&pod, &mut wait(&pod));
    let main = Running::start(&mut pod.emissary("touch /tmp/up; exec sleep 1000"));
    until("main is up", || pod.exists("/tmp/up"));
    let group =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", main.pid())).unwrap();
    main.signal(Signal::SIGKILL);
    assert_eq!(waiting.end().code, 0);
    assert_eq!(reported(&pod)["metadata"]["labels"][COMPLETED], "true");
    for child in group.split_whitespace() {
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(child.parse().unwrap()),
            Signal::SIGKILL,
        );
    }
}

#[test]
fn a_deadline_ends_main() {
    let pod = pod();
    let mut command = wait(&pod);
    command
        .env("ARGO_DEADLINE", "2020-01-01T00:00:00Z")
        .env("ARGO_TERMINATION_GRACE_PERIOD_SECONDS", "1");
    let waiting = started(&pod, &mut command);
    // It ignores SIGTERM from its start, and is killed after the grace period.
    let script = "trap '' TERM; exec /argoexec emissary -- sleep 1000";
    let ended = run(&mut pod.inside("/", &["sh", "-c", script]));
    assert_eq!(ended.code, 137);
    assert_eq!(waiting.end().code, 0);
    assert_eq!(pod.last_words(), "Step exceeded its deadline");
}

#[test]
fn progress_is_reported_and_nonsense_is_not() {
    let pod = pod();
    let mut command = wait(&pod);
    command
        .env("ARGO_PROGRESS_FILE", "/var/run/argo/progress")
        .env("ARGO_PROGRESS_PATCH_TICK_DURATION", "50ms")
        .env("ARGO_PROGRESS_FILE_TICK_DURATION", "3s");
    let waiting = started(&pod, &mut command);
    pod.write("/var/run/argo/progress", "1/100\n50/100\n");
    until("progress is reported", || reported(&pod)["progress"] == "50/100");
    for nonsense in ["50%", "", "/", "200/100", "\u{0}"] {
        pod.write("/var/run/argo/progress", nonsense);
    }
    assert_eq!(run(&mut pod.emissary("echo 100/100 > /var/run/argo/progress")).code, 0);
    assert_eq!(waiting.end().code, 0);
    assert_eq!(reported(&pod)["progress"], "100/100");
}
