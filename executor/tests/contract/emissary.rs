//! The emissary: exit codes, environment, signals, captured output, staged outputs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::pod::{Ended, Pod, Running, run, until};

fn plain() -> Pod {
    Pod::with_template(json!({"name": "t", "container": {"image": "i"}}))
}

#[test]
fn exit_codes_are_passed_on_and_recorded() {
    let pod = plain();
    for code in ["0", "1", "3", "64", "127", "255"] {
        let ended = run(&mut pod.emissary(&format!("exit {code}")));
        assert_eq!(ended.code.to_string(), code);
        assert_eq!(pod.exit_code("main"), code);
        assert_eq!(pod.last_words(), "", "a plain exit code has no message");
    }
    assert_eq!(pod.mode("/var/run/argo/ctr/main/exitcode"), 0o644);
    assert_eq!(pod.mode("/var/run/argo/ctr/main"), 0o777);
}

#[test]
fn a_signal_is_128_and_its_number() {
    let pod = plain();
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139), ("RTMIN", 162)] {
        let ended = run(&mut pod.argoexec(&[
            "emissary",
            "--",
            "bash",
            "-c",
            &format!("kill -{signal} $$"),
        ]));
        assert_eq!(ended.code, code, "{signal}: {}", ended.stderr);
        assert_eq!(pod.exit_code("main"), code.to_string());
    }
}

#[test]
fn programs_that_cannot_start() {
    let pod = plain();
    pod.write("/tmp/no-permission", "#!/bin/sh\n");
    for (name, text) in [("bad-format", "garbage"), ("bad-interpreter", "#!/no/such/shell\n")] {
        pod.write(&format!("/tmp/{name}"), text);
        fs::set_permissions(pod.path(&format!("/tmp/{name}")), fs::Permissions::from_mode(0o755))
            .unwrap();
    }
    for (program, text) in [
        (
            "not-there",
            "failed to find name in PATH: exec: \"not-there\": executable file not found in $PATH",
        ),
        (
            "/tmp/no-permission",
            "failed to start command: fork/exec /tmp/no-permission: permission denied",
        ),
        (
            "/tmp/bad-format",
            "failed to start command: fork/exec /tmp/bad-format: exec format error",
        ),
        (
            "/tmp/bad-interpreter",
            "failed to start command: fork/exec /tmp/bad-interpreter: no such file or directory",
        ),
    ] {
        let ended = run(&mut pod.argoexec(&["emissary", "--", program]));
        assert_eq!((ended.code, pod.last_words().as_str()), (64, text));
        assert_eq!(pod.exit_code("main"), "64");
    }
    let ended = run(&mut pod.argoexec(&["emissary", "--"]));
    assert_eq!((ended.code, pod.exit_code("main").as_str()), (64, "64"));
}

#[test]
fn no_template_is_a_clear_error() {
    let pod = Pod::new();
    let ended = run(&mut pod.emissary("true"));
    assert_eq!(ended.code, 64);
    assert_eq!(
        pod.last_words(),
        "failed to read template: neither /var/run/argo/template nor ARGO_TEMPLATE is available"
    );
    pod.write("/argo/config/ARGO_TEMPLATE", "{}");
    assert_eq!(run(pod.emissary("true").env("ARGO_TEMPLATE", "offloaded")).code, 0);
    assert_eq!(run(pod.emissary("true").env("ARGO_TEMPLATE", "{")).code, 64);
}

#[test]
fn the_command_sees_its_container_and_nothing_of_ours() {
    let pod = plain();
    let ended = run(pod
        .inside("/tmp", &["/argoexec", "emissary", "--", "sh", "-c", "umask; pwd; env | sort"])
        .env("MINE", "a b"));
    let expected = "0000\n/tmp\nARGO_CONTAINER_NAME=main\nMINE=a b\n";
    assert!(ended.stdout.starts_with(expected), "{}", ended.stdout);
    let extra = ended
        .stdout
        .lines()
        .skip(2)
        .filter(|line| !line.starts_with("ARGO_CONTAINER") && !line.starts_with("MINE"));
    let names: Vec<_> = extra.filter_map(|line| line.split('=').next()).collect();
    assert_eq!(names, ["PATH", "PWD"]);
    // Signal masks and dispositions are inherited through exec: a blocked SIGTERM would make a step deaf.
    let look = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"];
    let alone = run(&mut pod.inside("/", &look));
    let wrapped =
        run(&mut pod.inside("/", &[&["/argoexec", "emissary", "--"], &look[..]].concat()));
    assert!(alone.stdout.contains("SigBlk:\t0000000000000000"), "{}", alone.stdout);
    assert_eq!(wrapped.stdout, alone.stdout);
}

#[test]
fn standard_input_reaches_the_command() {
    let pod = plain();
    let file = pod.path("/tmp/in");
    fs::write(&file, "hello").unwrap();
    let ended = run(pod.emissary("cat").stdin(fs::File::open(file).unwrap()));
    assert_eq!(ended.stdout, "hello");
}

/// Starts a script that first shows that its traps are set.
fn ready(pod: &Pod, script: &str) -> Running {
    let running = Running::start(
        &mut pod.emissary(&format!("{script}; touch /tmp/ready; while :; do sleep 0.01; done")),
    );
    until("the script is ready", || pod.exists("/tmp/ready"));
    running
}

#[test]
fn signals_reach_the_whole_process_group() {
    // Not SIGINT: a shell's background processes ignore it.
    for signal in
        [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGWINCH]
    {
        let pod = plain();
        let name = signal.as_str().trim_start_matches("SIG");
        let child = format!(
            "(trap 'echo child; exit' {name}; touch /tmp/child; while :; do sleep 0.01; done) & while [ ! -e /tmp/child ]; do sleep 0.01; done"
        );
        let running = ready(&pod, &format!("{child}; trap 'echo parent; wait; exit 7' {name}"));
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.code, 7, "{signal}: {}", ended.stderr);
        let mut lines: Vec<_> = ended.stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["child", "parent"], "{signal}");
    }
}

#[test]
fn sigchld_and_sigurg_are_not_forwarded() {
    let pod = plain();
    let running = ready(&pod, "trap 'echo urg' URG; trap 'echo chld' CHLD; trap 'exit 0' TERM");
    running.signal(Signal::SIGURG);
    running.signal(Signal::SIGCHLD);
    running.signal(Signal::SIGTERM);
    let ended = running.end();
    assert!(!ended.stdout.contains("urg"), "{}", ended.stdout);
}

#[test]
fn a_signal_file_is_taken_and_delivered_again_and_again() {
    let pod = plain();
    let signal = "/var/run/argo/ctr/main/signal";
    let mut running = ready(&pod, "trap 'echo x >> /tmp/hits' TERM");
    for garbage in ["0", "-15", "word", ""] {
        pod.write(signal, garbage);
    }
    for hits in 1..=2 {
        pod.write(signal, "15");
        until("the signal arrives", || {
            fs::read_to_string(pod.path("/tmp/hits")).unwrap_or_default().lines().count() == hits
        });
        until("the file is taken", || !pod.exists(signal));
    }
    // Also after a SIGTERM from outside.
    running.signal(Signal::SIGTERM);
    until("SIGTERM arrives", || {
        fs::read_to_string(pod.path("/tmp/hits")).unwrap().lines().count() == 3
    });
    assert!(running.is_running());
    pod.write(signal, "9");
    assert_eq!(running.end().code, 137);
}

#[test]
fn a_signal_file_from_before_the_start_counts() {
    let pod = plain();
    pod.write("/var/run/argo/ctr/main/signal", "15");
    assert_eq!(run(&mut pod.emissary("sleep 100")).code, 143);
}

#[test]
fn without_capture_there_are_no_files() {
    let pod = plain();
    assert_eq!(run(&mut pod.emissary("echo x")).stdout, "x\n");
    assert!(!pod.exists("/var/run/argo/ctr/main/stdout"));
    assert!(!pod.exists("/var/run/argo/ctr/main/combined"));
}

#[test]
fn captured_bytes_are_the_printed_bytes() {
    let script = "printf 'a\\0b\\377'; head -c 3000000 /dev/urandom | base64 -w0; echo err >&2; exec >&-; echo late >&2";
    let by_logs = Pod::with_template(json!({"archiveLocation": {"archiveLogs": true}}));
    let by_result = plain();
    for (pod, result) in [(by_logs, "false"), (by_result, "true")] {
        let output =
            pod.emissary(script).env("ARGO_INCLUDE_SCRIPT_OUTPUT", result).output().unwrap();
        assert_eq!(fs::read(pod.path("/var/run/argo/ctr/main/stdout")).unwrap(), output.stdout);
        assert!(output.stdout.len() > 4_000_000);
        assert_eq!(output.stderr, b"err\nlate\n");
        let combined = fs::read(pod.path("/var/run/argo/ctr/main/combined")).unwrap();
        assert_eq!(combined.len(), output.stdout.len() + output.stderr.len());
        assert!(combined.windows(5).any(|window| window == b"late\n"));
    }
}

#[test]
fn a_background_process_does_not_hold_up_the_end() {
    let pod = plain();
    for capture in ["false", "true"] {
        let mut running = Running::start(
            pod.emissary("sleep 300 & echo done")
                .env("ARGO_INCLUDE_SCRIPT_OUTPUT", capture)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null()),
        );
        until("the step ends while its background process lives", || !running.is_running());
        assert_eq!(pod.exit_code("main"), "0");
    }
}

#[test]
fn outputs_lie_ready_before_the_exit_code_does() {
    let pod = Pod::with_template(json!({
        "container": {"volumeMounts": [{"name": "w", "mountPath": "/data"}]},
        "outputs": {"parameters": [
            {"name": "p", "valueFrom": {"path": "/tmp/p"}},
            {"name": "v", "valueFrom": {"path": "/data/p"}},
            {"name": "none", "valueFrom": {"path": "/tmp/none"}},
        ], "artifacts": [
            {"name": "dir", "path": "/tmp/out/"},
            {"name": "none", "path": "/tmp/none"},
            {"name": "on-volume", "path": "/data/a"},
        ]},
    }));
    let script = "mkdir -p /tmp/out/sub /data; echo 42 > /tmp/p; echo 1 | tee /data/p > /data/a; echo b > /tmp/out/sub/b; exit 5";
    let ended = run(&mut pod.emissary(script));
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!(pod.read("/var/run/argo/outputs/parameters/tmp/p"), "42\n");
    assert!(!pod.exists("/var/run/argo/outputs/parameters/data"));
    assert!(!pod.exists("/var/run/argo/outputs/artifacts/data"));
    let listed =
        run(&mut pod.inside("/", &["tar", "tzf", "/var/run/argo/outputs/artifacts/tmp/out.tgz"]));
    assert_eq!(listed.stdout.replace("/\n", "\n"), "out\nout/sub\nout/sub/b\n");
    assert_eq!(ended.stderr.matches("level=WARN").count(), 2, "{}", ended.stderr);
}

#[test]
fn only_main_leaves_outputs() {
    let pod = Pod::with_template(
        json!({"outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]}}),
    );
    let ended = run(pod.emissary("echo 1 > /tmp/p").env("ARGO_CONTAINER_NAME", "helper"));
    assert_eq!((ended.code, pod.exit_code("helper").as_str()), (0, "0"));
    assert!(!pod.exists("/var/run/argo/outputs"));
}

#[test]
fn an_output_that_is_no_file_fails_the_process_but_not_the_record() {
    let pod =
        Pod::with_template(json!({"outputs": {"artifacts": [{"name": "a", "path": "/tmp/fifo"}]}}));
    let ended: Ended = run(&mut pod.emissary("mkfifo /tmp/fifo"));
    assert_eq!((ended.code, pod.exit_code("main").as_str()), (64, "0"));
    assert!(
        pod.last_words().contains("is not a regular file or directory"),
        "{}",
        pod.last_words()
    );
}
