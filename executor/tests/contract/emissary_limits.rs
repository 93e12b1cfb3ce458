//! The emissary's less frequent work: large arguments, debug pauses, container sets, sidecars, process 1.

use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::pod::{Pod, Running, run, until};

#[test]
fn arguments_from_a_file_and_arguments_that_are_too_long() {
    let pod = Pod::with_template(json!({}));
    let long = "x".repeat(200_000);
    pod.write("/argo/config/ARGO_CONTAINER_ARGS_FILE", &json!(["two", long, "four"]).to_string());
    let mut command = pod.argoexec(&[
        "emissary",
        "--",
        "sh",
        "-c",
        "echo $#; echo $1 $2 $3; wc -c < ${3#@}",
        "sh",
        "one",
    ]);
    let ended =
        run(command.env("ARGO_CONTAINER_ARGS_FILE", "/argo/config/ARGO_CONTAINER_ARGS_FILE"));
    // Counted over all arguments: -c, the script, sh, one, two, and the long one.
    assert_eq!(ended.stdout, "4\none two @/tmp/argo_arg_5.txt\n200000\n", "{}", ended.stderr);
    assert_eq!(pod.mode("/tmp/argo_arg_5.txt"), 0o644);
}

#[test]
fn debug_pauses_end_with_their_files() {
    let pod = Pod::with_template(
        json!({"outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]}}),
    );
    let mut command = pod.emissary("echo 1 > /tmp/p");
    command.env("ARGO_DEBUG_PAUSE_BEFORE", "true").env("ARGO_DEBUG_PAUSE_AFTER", "true");
    let mut running = Running::start(&mut command);
    until("the container is there", || pod.exists("/var/run/argo/ctr/main"));
    assert!(running.is_running() && !pod.exists("/tmp/p"));
    pod.write("/var/run/argo/ctr/main/before", "");
    until("the command has run", || pod.exists("/tmp/p") && pod.read("/tmp/p") == "1\n");
    assert!(!pod.exists("/var/run/argo/ctr/main/exitcode"));
    // Outputs are taken after the pause: what a person changed meanwhile counts.
    pod.write("/tmp/p", "2");
    pod.write("/var/run/argo/ctr/main/after", "");
    assert_eq!(running.end().code, 0);
    assert_eq!(pod.read("/var/run/argo/outputs/parameters/tmp/p"), "2");
}

#[test]
fn a_paused_container_can_be_terminated() {
    let pod = Pod::with_template(json!({}));
    let running = Running::start(pod.emissary("true").env("ARGO_DEBUG_PAUSE_BEFORE", "true"));
    until("the container is there", || pod.exists("/var/run/argo/ctr/main"));
    // Signals are blocked before the directory is looked at, so this one cannot come too early.
    pod.write("/var/run/argo/ctr/main/signal", "15");
    assert_eq!(running.end().code, 64);
}

fn set(retry: serde_json::Value) -> Pod {
    Pod::with_template(json!({"containerSet": {
        "containers": [{"name": "a"}, {"name": "b", "dependencies": ["a"]}],
        "retryStrategy": retry,
    }}))
}

#[test]
fn a_member_waits_for_those_it_depends_on() {
    let pod = set(json!(null));
    let running = Running::start(pod.emissary("cat /tmp/a").env("ARGO_CONTAINER_NAME", "b"));
    until("b watches a", || pod.exists("/var/run/argo/ctr/a"));
    assert_eq!(run(pod.emissary("echo from-a > /tmp/a").env("ARGO_CONTAINER_NAME", "a")).code, 0);
    assert_eq!(running.end().stdout, "from-a\n");
}

#[test]
fn a_failed_dependency_fails_its_dependants() {
    let pod = set(json!(null));
    assert_eq!(run(pod.emissary("exit 3").env("ARGO_CONTAINER_NAME", "a")).code, 3);
    let ended = run(pod.emissary("true").env("ARGO_CONTAINER_NAME", "b"));
    assert_eq!((ended.code, pod.exit_code("b").as_str()), (64, "3"));
    assert_eq!(pod.last_words(), "dependency \"a\" exited with non-zero code: 3");
}

#[test]
fn a_program_that_is_missing_is_recorded_after_a_good_dependency_too() {
    let pod = set(json!(null));
    assert_eq!(run(pod.emissary("true").env("ARGO_CONTAINER_NAME", "a")).code, 0);
    let ended = run(pod.argoexec(&["emissary", "--", "not-there"]).env("ARGO_CONTAINER_NAME", "b"));
    assert_eq!((ended.code, pod.exit_code("b").as_str()), (64, "64"));
}

#[test]
fn termination_while_waiting_for_a_dependency() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGKILL, 137)] {
        let pod = set(json!(null));
        let running = Running::start(pod.emissary("true").env("ARGO_CONTAINER_NAME", "b"));
        until("b watches a", || pod.exists("/var/run/argo/ctr/a"));
        pod.write("/var/run/argo/ctr/b/signal", &(signal as i32).to_string());
        let ended = running.end();
        assert_eq!((ended.code, pod.exit_code("b").as_str()), (code, "64"));
    }
}

#[test]
fn retries_count_the_runs_and_keep_all_output() {
    for (retries, runs) in [(json!("3"), "x\nx\nx\n"), (json!(2), "x\nx\n"), (json!(0), "x\n")] {
        let pod = set(json!({"retries": retries, "duration": "1ms"}));
        let mut command = pod.emissary("echo x; exit 4");
        let ended =
            run(command.env("ARGO_CONTAINER_NAME", "a").env("ARGO_INCLUDE_SCRIPT_OUTPUT", "true"));
        assert_eq!((ended.code, ended.stdout.as_str()), (4, runs));
        assert_eq!(pod.read("/var/run/argo/ctr/a/stdout"), runs);
    }
    let ended = run(set(json!({"retries": 2, "duration": "soon"}))
        .emissary("true")
        .env("ARGO_CONTAINER_NAME", "a"));
    assert_eq!(ended.code, 64);
}

#[test]
fn a_sidecar_ends_with_the_main_container() {
    let pod = Pod::with_template(json!({"sidecars": [{"name": "side"}]}));
    let mut command = pod.emissary("trap '' TERM; touch /tmp/up; while :; do sleep 0.01; done");
    command.env("ARGO_CONTAINER_NAME", "side").env("ARGO_TERMINATION_GRACE_PERIOD_SECONDS", "1");
    let mut running = Running::start(&mut command);
    until("the sidecar is up", || pod.exists("/tmp/up"));
    assert!(running.is_running());
    assert_eq!(run(&mut pod.emissary("true")).code, 0);
    assert_eq!(running.end().code, 137);
}

#[test]
fn as_process_one_it_reaps_orphans() {
    let pod = Pod::with_template(json!({}));
    // The orphans of a subshell that has gone fall to process 1, the emissary.
    let script = "for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; n=9; while [ $n -ne 0 ]; do n=0; \
        for s in /proc/[0-9]*/stat; do case $(cat $s 2>/dev/null) in *'(sleep)'*) n=$((n+1));; esac; done; done; echo none left";
    let mut command = Command::new("unshare");
    let user: &[&str] = if nix::unistd::geteuid().is_root() { &[] } else { &["-r"] };
    command.args(user).args(["--fork", "--pid", "--mount-proc"]);
    let inner = pod.emissary(script);
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = run(&mut command);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "none left\n"), "{}", ended.stderr);
}

#[test]
fn kill_sends_signals_from_inside() {
    let pod = Pod::with_template(json!({}));
    let ended = run(&mut pod.emissary("sleep 100 & /argoexec kill 15 $!; wait $!; exit $?"));
    assert_eq!(ended.code, 143, "{}", ended.stderr);
}

#[test]
fn a_terminal_is_passed_on() {
    let pod = Pod::with_template(json!({}));
    // script(1) gives the emissary a terminal as its standard input.
    let inner = "stty rows 7 cols 33; /argoexec emissary -- sh -c 'test -t 0 && test -t 1 && test -t 2 && stty size; exit 9'";
    let ended = run(&mut pod.inside("/", &["script", "-qec", inner, "/dev/null"]));
    assert!(ended.stdout.contains("7 33"), "{} {}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, 9);
}
