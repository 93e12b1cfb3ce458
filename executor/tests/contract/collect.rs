//! `argoexec collect` on files.

use crate::pod::{Ended, Pod, run};

fn pod() -> Pod {
    let pod = Pod::new();
    for (name, text) in [("a", "{\"n\":1}"), ("b", "{\"n\":2}\n")] {
        pod.write(&format!("/tmp/in/message-{name}.json"), text);
    }
    pod
}

fn collect(pod: &Pod, args: &[&str]) -> Ended {
    run(&mut pod.argoexec(&[&["collect"], args].concat()))
}

#[test]
fn into_every_form() {
    let pod = pod();
    for (args, text) in [
        (&["--as", "json", "--jq", "map(.n)|add"][..], "3"),
        (&["--as", "ndjson"], "{\"n\":1}\n{\"n\":2}\n"),
        (&["--as", "concat"], "{\"n\":1}{\"n\":2}\n"),
    ] {
        let args = [
            &["--from", "/tmp/in/*.json", "--out", "/tmp/out/all", "--on-conflict", "replace"],
            args,
        ]
        .concat();
        let ended = collect(&pod, &args);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "/tmp/out/all\n"), "{}", ended.stderr);
        assert_eq!(pod.read("/tmp/out/all").trim_end(), text.trim_end(), "{args:?}");
    }
    // The shell may have expanded the pattern.
    let ended = collect(
        &pod,
        &["--out", "/tmp/out/dir", "--from", "/tmp/in/message-b.json", "/tmp/in/message-a.json"],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(pod.read("/tmp/out/dir/00000-message-b.json"), "{\"n\":2}\n");
}

#[test]
fn a_taken_name_is_a_matter_of_policy() {
    let pod = pod();
    let once = ["--from", "/tmp/in/*", "--as", "concat", "--out", "/tmp/all.txt"];
    assert_eq!(collect(&pod, &once).code, 0);
    assert_eq!(collect(&pod, &once).code, 64);
    let ended = collect(&pod, &[&once[..], &["--on-conflict", "number"]].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "/tmp/all-1.txt\n"), "{}", ended.stderr);
}

#[test]
fn mistakes_are_explained() {
    let pod = pod();
    for (args, text) in [
        (&["--from", "/tmp/in/*"][..], "collect needs --out PATH"),
        (&["--out", "/tmp/x"], "collect needs --from GLOB"),
        (&["--out", "/tmp/x", "--from", "/tmp/none*"], "matches nothing"),
        (
            &["--out", "/tmp/x", "--from", "/tmp/in/*", "--as", "xml"],
            "use directory, json, ndjson, concat",
        ),
        (
            &["--out", "/tmp/x", "--from", "/tmp/in/*", "--jq", "."],
            "--jq needs --as json or --as ndjson",
        ),
        (&["--out", "/tmp/x", "--from", "/tmp/in/*", "--as", "json", "--jq", "]"], "jq"),
    ] {
        let ended = collect(&pod, args);
        assert_eq!(ended.code, 64, "{args:?}");
        assert!(ended.stderr.contains(text), "{args:?}: {}", ended.stderr);
    }
    assert!(!pod.exists("/tmp/x"));
}
