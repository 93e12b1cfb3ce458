//! Volumes: what containers share, keep, and cannot reach.

use std::fs;
use std::os::unix::fs::symlink;

use lighter_api::k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use serde_json::{Value, json};

use crate::bench::{Bench, end, phase, pod, script};

/// A pod of one script with volumes, each mounted at `/<name>`; `mount` is laid over every mount.
fn with(name: &str, source: &str, volumes: &Value, mounts: &Value) -> Pod {
    let mut made = script(name, source, json!({"volumeMounts": mounts}));
    made.spec.as_mut().unwrap().volumes = serde_json::from_value(volumes.clone()).unwrap();
    made
}

pub fn empty_and_claimed(bench: &Bench) {
    let mut run = bench.host();
    let mounts = json!([
        {"name": "disk", "mountPath": "/disk"},
        {"name": "memory", "mountPath": "/memory"},
        {"name": "claim", "mountPath": "/claim"},
    ]);
    let spec = json!({
        "volumes": [
            {"name": "disk", "emptyDir": {}},
            {"name": "memory", "emptyDir": {"medium": "Memory"}},
            {"name": "claim", "persistentVolumeClaim": {"claimName": "kept"}},
        ],
        "initContainers": [{"name": "write", "image": "any", "volumeMounts": mounts,
            "command": ["sh", "-c", "for v in disk memory claim; do echo $v > /$v/file; done"]}],
        "containers": [{"name": "main", "image": "any", "volumeMounts": mounts,
            "command": ["sh", "-c", "cat /disk/file /memory/file /claim/file; stat -c %a /disk; df --output=fstype /memory | tail -1"]}],
    });
    let claim = json!({"metadata": {"name": "kept"}, "spec": {}});
    run.host.create_claim(&serde_json::from_value(claim).unwrap()).unwrap();
    assert_eq!(run.output(pod("share", spec)), "disk\nmemory\nclaim\n777\ntmpfs\n");
    assert!(run.notices.is_empty(), "{:?}", run.notices);

    let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "kept"}}]);
    let read_only = json!([{"name": "v", "mountPath": "/v", "readOnly": true}]);
    let source = "cat /v/file; touch /v/x 2>/dev/null || echo refused";
    assert_eq!(run.output(with("keep", source, &volumes, &read_only)), "claim\nrefused\n");
    run.host.delete_claim("default", "kept").unwrap();
    assert!(!bench.state().join("volumes/default/kept").exists());

    let output = run.output(with("claim-new", "ls /v", &volumes, &read_only));
    assert_eq!(output, "");
    assert!(
        run.notices[0].contains("there was no PersistentVolumeClaim \"kept\""),
        "{:?}",
        run.notices
    );
    run.host.shutdown();
    assert_eq!(fs::read_dir(bench.state().join("hosts")).unwrap().count(), 0);
}

pub fn contents(bench: &Bench) {
    let mut run = bench.host();
    let map: ConfigMap = serde_json::from_value(
        json!({"metadata": {"name": "map"}, "data": {"a": "1", "b": "2"}, "binaryData": {"bin": "AP8="}}),
    )
    .unwrap();
    let secret: Secret = serde_json::from_value(
        json!({"metadata": {"name": "safe"}, "stringData": {"key": "hush"}}),
    )
    .unwrap();
    run.host.create_config_map(map);
    run.host.create_secret(secret);
    let volumes = json!([
        {"name": "map", "configMap": {"name": "map"}},
        {"name": "one", "configMap": {"name": "map", "items": [{"key": "a", "path": "deep/er", "mode": 0o600}]}},
        {"name": "safe", "secret": {"secretName": "safe", "defaultMode": 0o400}},
        {"name": "none", "secret": {"secretName": "no", "optional": true}},
        {"name": "self", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "safe"}}, {"configMap": {"name": "map"}}]}},
    ]);
    let mounts = json!([
        {"name": "map", "mountPath": "/map"}, {"name": "one", "mountPath": "/one"}, {"name": "safe", "mountPath": "/safe"},
        {"name": "none", "mountPath": "/none"}, {"name": "self", "mountPath": "/self"}, {"name": "all", "mountPath": "/all"},
        {"name": "map", "mountPath": "/etc/just-a", "subPath": "a"},
    ]);
    let source = "cat /map/a /map/b; echo; wc -c < /map/bin; cat /one/deep/er; stat -c %a /one/deep/er /safe/key; cat /safe/key; \
        echo; ls /none | wc -l; cat /self/name; echo; ls /all; cat /etc/just-a; echo; touch /map/x 2>/dev/null || echo refused";
    let expected = "12\n2\n1600\n400\nhush\n0\ncontents\na\nb\nbin\nkey\n1\nrefused\n";
    assert_eq!(run.output(with("contents", source, &volumes, &mounts)), expected);
    let on_disk = std::process::Command::new("grep")
        .args(["-rl", "hush"])
        .arg(bench.state().join("pods"))
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&on_disk.stdout).into_owned();
    assert!(
        found.lines().all(|line| line.ends_with("main.log")),
        "secrets stay off the disk: {found}"
    );
    let missing = json!([{"name": "map", "configMap": {"name": "other"}}]);
    let ended = run.finish(with("missing", "true", &missing, &json!([])));
    let message = ended.status.unwrap().message.unwrap();
    assert!(message.contains("volume \"map\": there is no ConfigMap \"other\""), "{message}");
}

pub fn host_paths(bench: &Bench) {
    let mut run = bench.host();
    let folder = bench.folder.path().join("shared");
    let path = folder.display().to_string();
    let mounts = json!([{"name": "v", "mountPath": "/v"}]);
    let volume =
        |path: &str, kind: &str| json!([{"name": "v", "hostPath": {"path": path, "type": kind}}]);
    run.output(with("make", "echo hi > /v/file", &volume(&path, "DirectoryOrCreate"), &mounts));
    assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "hi\n");
    let file = folder.join("file").display().to_string();
    assert_eq!(run.output(with("file", "cat /v", &volume(&file, "File"), &mounts)), "hi\n");
    for (number, (path, kind, expected)) in [
        (file.as_str(), "Directory", "is not a Directory"),
        ("/no/such", "", "No such file"),
        ("relative", "", "must be absolute"),
        ("/tmp/../etc", "", "'..'"),
        ("/etc", "Strange", "there is no \"Strange\""),
    ]
    .into_iter()
    .enumerate()
    {
        let ended =
            run.finish(with(&format!("bad-{number}"), "true", &volume(path, kind), &mounts));
        let message = ended.status.unwrap().message.unwrap();
        assert!(message.contains("volume \"v\"") && message.contains(expected), "{message}");
    }
}

pub fn sub_paths(bench: &Bench) {
    let mut run = bench.host();
    let folder = bench.folder.path().join("shared");
    fs::create_dir_all(folder.join("in/side")).unwrap();
    fs::write(folder.join("in/side/file"), "inside\n").unwrap();
    symlink("in/side", folder.join("good")).unwrap();
    symlink("/etc", folder.join("absolute")).unwrap();
    symlink("../../../../../../etc", folder.join("upwards")).unwrap();
    let volumes = json!([{"name": "v", "hostPath": {"path": folder}}]);
    let mount = |sub: &str| json!([{"name": "v", "mountPath": "/v", "subPath": sub}]);
    assert_eq!(run.output(with("follow", "cat /v/file", &volumes, &mount("good"))), "inside\n");
    assert_eq!(run.output(with("file", "cat /v", &volumes, &mount("in/side/file"))), "inside\n");
    run.output(with("new", "echo made > /v/x", &volumes, &mount("a/b")));
    assert_eq!(fs::read_to_string(folder.join("a/b/x")).unwrap(), "made\n");
    for (number, sub) in
        ["absolute", "upwards", "absolute/new", "upwards/ssl"].into_iter().enumerate()
    {
        let ended = run.finish(with(&format!("escape-{number}"), "ls /v", &volumes, &mount(sub)));
        let main = end(&ended, "main");
        assert_eq!((phase(&ended), main.exit_code), ("Failed", 128), "{sub}");
        assert!(
            main.message.as_deref().unwrap_or_default().contains("leads out of the volume"),
            "{sub}: {:?}",
            main.message
        );
        assert_eq!(run.log(&format!("escape-{number}"), "main"), "");
    }
    for (number, sub) in ["../x", "/etc", "a/../../x"].into_iter().enumerate() {
        let ended = run.finish(with(&format!("odd-{number}"), "ls /v", &volumes, &mount(sub)));
        assert!(ended.status.unwrap().message.unwrap().contains("must be relative"), "{sub}");
    }
}

pub fn unknown(bench: &Bench) {
    let mut run = bench.host();
    let volumes = json!([{"name": "far", "nfs": {"server": "s", "path": "/p"}}]);
    let message =
        run.finish(with("nfs", "true", &volumes, &json!([]))).status.unwrap().message.unwrap();
    assert!(message.contains("volume \"far\": nfs is not to be had on one machine"), "{message}");
    let mounts = json!([{"name": "gone", "mountPath": "/gone"}]);
    let message =
        run.finish(with("gone", "true", &json!([]), &mounts)).status.unwrap().message.unwrap();
    assert!(message.contains("there is no volume \"gone\""), "{message}");
}
