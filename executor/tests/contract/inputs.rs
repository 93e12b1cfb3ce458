//! `init`: staging, and input artifacts with their archives, modes and errors.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use lighter_artifacts::Source;
use lighter_artifacts::archive::{Archive, pack};
use serde_json::{Value, json};

use crate::pod::{Ended, Pod, run};

/// A pod whose repository is the folder `/store`.
fn pod() -> Pod {
    let pod = Pod::new();
    fs::create_dir_all(pod.path("/argo/folder/store")).unwrap();
    pod
}

fn init(pod: &Pod, mut template: Value) -> Ended {
    template["archiveLocation"] = json!({"folder": {"path": "/store", "key": "wf/pod"}});
    let mut command = pod.argoexec(&["init", "--loglevel", "info"]);
    run(command
        .env("ARGO_POD_NAME", "p")
        .env("ARGO_DEADLINE", "0001-01-01T00:00:00Z")
        .env("ARGO_TEMPLATE", template.to_string()))
}

fn load(pod: &Pod, artifacts: Value) -> Ended {
    init(
        pod,
        json!({"inputs": {"artifacts": artifacts}, "container": {"volumeMounts": [{"name": "w", "mountPath": "/data"}]}}),
    )
}

/// Packs files of the store with the machine's own tar, as other programs would.
fn tar(pod: &Pod, name: &str, args: &[&str]) {
    let store = pod.path("/argo/folder/store");
    let status = Command::new("tar")
        .arg("-czf")
        .arg(store.join(name))
        .arg("-C")
        .arg(&store)
        .args(args)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn stages_binary_template_and_script() {
    let pod = pod();
    let source = "#!/bin/sh\r\necho 'no newline at the end'";
    let ended =
        init(&pod, json!({"name": "t", "script": {"source": source}, "future": {"field": 1}}));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(pod.read("/argo/staging/script"), source);
    assert_eq!(pod.mode("/argo/staging/script"), 0o755);
    assert_eq!(pod.mode("/var/run/argo/template"), 0o444);
    assert!(pod.read("/var/run/argo/template").contains("future"));
    assert_eq!(pod.mode("/var/run/argo/argoexec"), 0o555);
    assert_eq!(
        fs::read(pod.path("/var/run/argo/argoexec")).unwrap(),
        fs::read(env!("CARGO_BIN_EXE_argoexec")).unwrap()
    );
    // A second start of the same pod finds everything in place.
    assert_eq!(init(&pod, json!({"script": {"source": "new"}})).code, 0);
    assert_eq!(pod.read("/argo/staging/script"), "new");
}

#[test]
fn large_templates_come_from_a_file() {
    let pod = pod();
    pod.write(
        "/argo/config/ARGO_TEMPLATE",
        &json!({"script": {"source": "x".repeat(200_000)}}).to_string(),
    );
    let mut command = pod.argoexec(&["init"]);
    command
        .env("ARGO_POD_NAME", "p")
        .env("ARGO_DEADLINE", "0001-01-01T00:00:00Z")
        .env("ARGO_TEMPLATE", "offloaded");
    assert_eq!(run(&mut command).code, 0);
    assert_eq!(pod.read("/argo/staging/script").len(), 200_000);
}

#[test]
fn start_up_variables_are_checked() {
    let pod = pod();
    let mut command = pod.argoexec(&["init"]);
    assert_eq!(run(command.env("ARGO_TEMPLATE", "{}")).code, 1);
    assert!(pod.last_words().contains("ARGO_POD_NAME"), "{}", pod.last_words());
    assert_eq!(run(command.env("ARGO_POD_NAME", "p").env("ARGO_DEADLINE", "")).code, 2);
    assert!(pod.last_words().contains("ARGO_DEADLINE"), "{}", pod.last_words());
    assert_ne!(
        run(command.env("ARGO_DEADLINE", "0001-01-01T00:00:00Z").env("ARGO_TEMPLATE", "{")).code,
        0
    );
}

#[test]
fn archives_are_detected_and_a_single_entry_is_lifted() {
    let pod = pod();
    pod.write("/argo/folder/store/one/run.sh", "#!/bin/sh\n");
    pod.write("/argo/folder/store/one/sub/b", "b");
    fs::set_permissions(
        pod.path("/argo/folder/store/one/run.sh"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    pod.write("/argo/folder/store/plain.txt", "text");
    tar(&pod, "dir.tgz", &["one"]);
    tar(&pod, "several.tgz", &["plain.txt", "one"]);
    tar(&pod, "single.tgz", &["plain.txt"]);
    let one = Source::open(&pod.path("/argo/folder/store/one")).unwrap();
    let mut zstd = fs::File::create(pod.path("/argo/folder/store/dir.tar.zst")).unwrap();
    pack(&one, Archive::TarZstd { level: 3 }, &mut zstd).unwrap();
    let ended = load(
        &pod,
        json!([
            {"name": "dir", "path": "/in/dir", "folder": {"key": "dir.tgz"}},
            {"name": "several", "path": "/in/several", "folder": {"key": "several.tgz"}},
            {"name": "single", "path": "/in/single", "folder": {"key": "single.tgz"}},
            {"name": "zstd", "path": "/in/zstd", "folder": {"key": "dir.tar.zst"}},
            {"name": "packed", "path": "/in/packed", "archive": {"none": {}}, "folder": {"key": "dir.tgz"}},
            {"name": "plain", "path": "/in/plain", "folder": {"path": "/store", "key": "plain.txt"}},
            {"name": "whole", "path": "/in/whole", "folder": {"key": "one"}},
            {"name": "raw", "path": "/in/raw", "raw": {"data": "hello"}},
            {"name": "empty", "path": "/in/empty", "raw": {"data": ""}},
        ]),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let inputs = "/argo/inputs/artifacts";
    assert_eq!(pod.read(&format!("{inputs}/dir/sub/b")), "b");
    assert_eq!(pod.mode(&format!("{inputs}/dir/run.sh")) & 0o777, 0o755);
    assert_eq!(pod.read(&format!("{inputs}/several/plain.txt")), "text");
    assert_eq!(pod.read(&format!("{inputs}/several/one/sub/b")), "b");
    assert_eq!(pod.read(&format!("{inputs}/single")), "text");
    assert_eq!(pod.read(&format!("{inputs}/zstd/sub/b")), "b");
    assert_eq!(fs::read(pod.path(&format!("{inputs}/packed"))).unwrap()[..2], [0x1f, 0x8b]);
    assert_eq!(pod.read(&format!("{inputs}/plain")), "text");
    assert_eq!(pod.read(&format!("{inputs}/whole/sub/b")), "b");
    assert_eq!(
        (pod.read(&format!("{inputs}/raw")), pod.read(&format!("{inputs}/empty"))),
        ("hello".into(), String::new())
    );
    assert_eq!(fs::read_dir(pod.path(inputs)).unwrap().count(), 9, "nothing temporary is left");
}

#[test]
fn modes_are_set_on_request() {
    let pod = pod();
    pod.write("/argo/folder/store/d/sub/f", "");
    let ended = load(
        &pod,
        json!([
            {"name": "all", "path": "/in/all", "mode": 0o755, "recurseMode": true, "folder": {"key": "d"}},
            {"name": "top", "path": "/in/top", "mode": 0o500, "raw": {"data": "x"}},
        ]),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for (path, mode) in [("all", 0o755), ("all/sub", 0o755), ("all/sub/f", 0o755), ("top", 0o500)] {
        assert_eq!(pod.mode(&format!("/argo/inputs/artifacts/{path}")), mode, "{path}");
    }
}

#[test]
fn artifacts_on_a_users_volume_go_there_in_order() {
    let pod = pod();
    fs::create_dir(pod.path("/mainctrfs/data")).unwrap();
    pod.write("/argo/folder/store/d/old", "old");
    let ended = load(
        &pod,
        json!([
            {"name": "outer", "path": "/data/d", "folder": {"key": "d"}},
            {"name": "inner", "path": "/data/d/in/new", "raw": {"data": "new"}},
        ]),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(pod.read("/mainctrfs/data/d/old"), "old");
    assert_eq!(pod.read("/mainctrfs/data/d/in/new"), "new");
    assert!(!pod.exists("/argo/inputs/artifacts/outer"));
}

#[test]
fn optional_artifacts_may_be_missing() {
    let pod = pod();
    let ended = load(
        &pod,
        json!([
            {"name": "none", "path": "/in/none", "optional": true},
            {"name": "gone", "path": "/in/gone", "optional": true, "folder": {"key": "gone"}},
        ]),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(fs::read_dir(pod.path("/argo/inputs/artifacts")).unwrap().count(), 0);
}

#[test]
fn errors_name_the_artifact() {
    let pod = pod();
    pod.write("/argo/folder/store/plain", "text");
    for (artifact, text) in [
        (json!({"name": "a", "path": "/in/a"}), "required artifact 'a' not supplied"),
        (json!({"name": "a", "raw": {"data": "x"}}), "Artifact 'a' did not specify a path"),
        (
            json!({"name": "a", "path": "/in/../../etc", "raw": {"data": "x"}}),
            "Artifact 'a' attempted to use a path containing '..'. Directory traversal is not permitted",
        ),
        (
            json!({"name": "a", "path": "/in/a", "folder": {"key": "gone"}}),
            "artifact a failed to load: ",
        ),
        (
            json!({"name": "a", "path": "/in/a", "archive": {"tar": {}}, "folder": {"key": "plain"}}),
            "artifact a failed to load: ",
        ),
        (
            json!({"name": "a", "path": "/in/a", "archive": {"zip": {}}, "folder": {"key": "plain"}}),
            "artifact a failed to load: ",
        ),
        (
            json!({"name": "a", "path": "/in/a", "git": {"repo": "https://example.com/x"}}),
            "artifact a failed to load: cannot start argoexec-drivers",
        ),
        (
            json!({"name": "a", "path": "/in/a", "gcs": {"bucket": "b", "key": "k",
                "serviceAccountKeySecret": {"name": "gone", "key": "k"}}}),
            "failed to load artifact 'a': ",
        ),
    ] {
        let ended = load(
            &pod,
            json!([{"name": "good", "path": "/in/good", "raw": {"data": ""}}, artifact]),
        );
        assert_eq!(ended.code, 64, "{artifact}");
        assert!(pod.last_words().starts_with(text), "{artifact}: {}", pod.last_words());
    }
    let left: Vec<_> = fs::read_dir(pod.path("/argo/inputs/artifacts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["good"], "nothing temporary is left");
}

#[test]
fn the_first_failure_in_the_templates_order_is_reported() {
    let pod = pod();
    let artifacts: Vec<_> =
        (0..20).map(|n| json!({"name": format!("a{n:02}"), "path": format!("/in/{n}"), "folder": {"key": "gone"}})).collect();
    assert_eq!(load(&pod, artifacts.into()).code, 64);
    assert!(pod.last_words().starts_with("artifact a00 failed to load"), "{}", pod.last_words());
}

#[test]
fn a_collection_arrives_as_asked() {
    let pod = pod();
    let mut parts = Vec::new();
    for index in 0..3 {
        pod.write(
            &format!("/argo/folder/store/part{index}/m.json"),
            &format!("{{\"n\": {index}}}"),
        );
        parts.push(json!({"index": index, "item": {"k": format!("i{index}")}, "file": "m.json",
            "key": format!("part{index}/m.json"), "archive": {"none": {}}}));
    }
    let collection =
        json!({"from": "steps.map.outputs.artifacts.part", "count": 3, "parts": parts});
    let ended = load(
        &pod,
        json!([
            {"name": "dir", "path": "/in/dir", "collection": collection},
            {"name": "all", "path": "/in/all", "collection": collection, "collect": {"as": "json", "jq": "map(.n)"}},
        ]),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(pod.read("/argo/inputs/artifacts/dir/00001-m.json"), "{\"n\": 1}");
    let all: Value = serde_json::from_str(&pod.read("/argo/inputs/artifacts/all")).unwrap();
    assert_eq!(all, json!([0, 1, 2]));
}
