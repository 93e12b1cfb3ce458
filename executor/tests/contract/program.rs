//! The program as a whole: flags, help, version, refusals, log lines.

use crate::pod::{Pod, run};

#[test]
fn help_and_version() {
    let pod = Pod::new();
    for args in [&["--help"][..], &["help"], &[], &["init", "--help"], &["collect", "-h"]] {
        let ended = run(&mut pod.argoexec(args));
        assert_eq!(ended.code, 0, "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.contains("Usage:"), "{args:?}: {}", ended.stdout);
    }
    let ended = run(&mut pod.argoexec(&["version", "--short"]));
    assert_eq!(ended.stdout, format!("argoexec: v{}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_unknown_or_not_built_is_refused() {
    let pod = Pod::new();
    for (args, text) in [
        (&["--nope"][..], "unknown flag: --nope"),
        (&["nope"], "unknown command \"nope\""),
        (&["data"], "argoexec data is not part of this version"),
        (&["kill", "15"], "kill takes SIGNAL and PID"),
        (&["kill", "x", "1"], "SIGNAL \"x\" is not a whole number"),
    ] {
        let ended = run(&mut pod.argoexec(args));
        assert_eq!(ended.code, 64, "{args:?}");
        assert!(ended.stderr.contains(text), "{args:?}: {}", ended.stderr);
        assert!(pod.last_words().contains(text), "{args:?}: {}", pod.last_words());
    }
}

#[test]
fn flags_stand_on_both_sides_of_the_role() {
    let pod = Pod::with_template(serde_json::json!({}));
    let flags = [
        "--loglevel=info",
        "--log-format",
        "text",
        "--gloglevel",
        "",
        "-n",
        "ns",
        "--kubeconfig=/kube/config",
    ];
    let command = ["--", "true"];
    for args in [
        [&flags[..], &["emissary"], &command].concat(),
        [&["emissary"], &flags[..], &command].concat(),
    ] {
        let ended = run(&mut pod.argoexec(&args));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
}

#[test]
fn own_lines_are_marked_and_stay_off_stdout() {
    let pod = Pod::with_template(
        serde_json::json!({"outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/none"}}]}}),
    );
    for (format, mark) in [("text", "argo=true"), ("json", "\"argo\":true")] {
        let ended =
            run(&mut pod.argoexec(&["emissary", "--log-format", format, "--", "echo", "out"]));
        assert_eq!(ended.stdout, "out\n");
        assert!(ended.stderr.contains("cannot save parameter"), "{}", ended.stderr);
        assert!(ended.stderr.lines().all(|line| line.contains(mark)), "{}", ended.stderr);
    }
    let ended =
        run(&mut pod.argoexec(&["emissary", "--loglevel", "error", "--", "sh", "-c", "exit 3"]));
    assert_eq!(ended.stderr, "Error: exit status 3\n");
}
