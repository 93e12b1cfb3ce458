//! Outputs from main to `wait` while both live: handed over as open files, left as files where that is not possible.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::outputs::wait;
use crate::pod::{Ended, Pod, Running, run, until};

const STAGED: &str = "/var/run/argo/outputs/artifacts/tmp/out.tgz";
const SOCKET: &str = "/var/run/argo/outputs.sock";

fn pod(archive: Value) -> Pod {
    let pod = Pod::with_template(json!({
        "container": {},
        "archiveLocation": {"folder": {"path": "/store", "key": "wf/pod"}},
        "outputs": {"artifacts": [{"name": "o", "path": "/tmp/out", "archive": archive}]},
    }));
    fs::create_dir_all(pod.path("/argo/folder/store")).unwrap();
    pod
}

/// Runs main while `wait` listens.
fn together(
    pod: &Pod,
    main: &mut std::process::Command,
    wait: &mut std::process::Command,
) -> Ended {
    let waiting = Running::start(wait);
    until("wait listens", || pod.exists(SOCKET));
    let main = run(main);
    assert_eq!(main.code, 0, "{}", main.stderr);
    waiting.end()
}

fn stored(pod: &Pod, key: &str) -> Vec<u8> {
    fs::read(pod.path(&format!("/argo/folder/store/wf/pod/{key}"))).unwrap()
}

/// Names and contents of a stored archive, and whether it was compressed.
fn unpacked(archive: &[u8]) -> Vec<(String, String)> {
    let mut tar = tar::Archive::new(GzDecoder::new(archive));
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (name.trim_end_matches('/').to_owned(), text)
    });
    entries.collect()
}

fn pair(name: &str, text: &str) -> (String, String) {
    (name.into(), text.into())
}

#[test]
fn no_copy_lies_on_the_volume_and_the_level_is_honoured() {
    let script = "mkdir -p /tmp/out/sub; echo a > /tmp/out/a; ln -s a /tmp/out/sub/link; yes | head -c 100000 > /tmp/out/sub/yes";
    let mut sizes = Vec::new();
    for level in [0, 9] {
        let pod = pod(json!({"tar": {"compressionLevel": level}}));
        let ended = together(&pod, &mut pod.emissary(script), &mut wait(&pod));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!pod.exists("/var/run/argo/outputs"));
        let archive = stored(&pod, "o.tgz");
        let names: Vec<String> = unpacked(&archive).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["out", "out/a", "out/sub", "out/sub/link", "out/sub/yes"]);
        sizes.push(archive.len());
    }
    assert!(sizes[0] > 100_000 && sizes[1] < 2_000, "{sizes:?}");
}

#[test]
fn a_file_is_stored_as_it_is_and_also_zipped() {
    for (archive, key) in [(json!({"none": {}}), "out"), (json!({"zip": {}}), "o.zip")] {
        let pod = pod(archive);
        let ended = together(&pod, &mut pod.emissary("echo plain > /tmp/out"), &mut wait(&pod));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!pod.exists("/var/run/argo/outputs"));
        let bytes = stored(&pod, key);
        assert!(bytes == b"plain\n" || bytes.starts_with(b"PK"), "{bytes:?}");
    }
}

#[test]
fn what_another_user_cannot_read_is_left_as_a_file() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can be several users");
        return;
    }
    let script = "mkdir /tmp/out; echo mine > /tmp/out/private; chmod 600 /tmp/out/private";
    let as_user = |pod: &Pod, uid: &str, words: &[&str]| {
        let user = ["setpriv", "--reuid", uid, "--clear-groups", "--inh-caps=-all"];
        pod.inside("/", &[&user, words].concat())
    };
    for (uid, staged) in [("8737", true), ("1000", false)] {
        let pod = pod(json!({"tar": {}}));
        fs::create_dir_all(pod.path("/argo/folder/store/wf")).unwrap();
        for open in ["/argo/folder/store", "/argo/folder/store/wf", "/dev"] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            fs::set_permissions(pod.path(open), mode).unwrap();
        }
        // The test's own folder lets nobody else in.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(pod.path("/"), mode).unwrap();
        let mut waits = as_user(&pod, uid, &["/argoexec", "wait"]);
        for (name, value) in wait(&pod).get_envs() {
            waits.env(name, value.unwrap());
        }
        let mut main = as_user(&pod, "1000", &["/argoexec", "emissary", "--", "sh", "-c", script]);
        let ended = together(&pod, &mut main, &mut waits);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(pod.exists(STAGED), staged, "wait as user {uid}");
        let expected = [pair("out", ""), pair("out/private", "mine\n")];
        assert_eq!(unpacked(&stored(&pod, "o.tgz")), expected);
    }
}

#[test]
fn a_wait_that_is_dead_or_silent_does_not_hold_main() {
    for silent in [false, true] {
        let pod = pod(json!({}));
        let listener = UnixListener::bind(pod.path(SOCKET)).unwrap();
        let listener = silent.then_some(listener);
        let main = run(&mut pod.emissary("echo x > /tmp/out"));
        assert_eq!(main.code, 0, "{}", main.stderr);
        assert!(pod.exists(STAGED), "silent: {silent}");
        drop(listener);
        assert_eq!(run(&mut wait(&pod)).code, 0);
        assert_eq!(unpacked(&stored(&pod, "o.tgz")), [pair("out", "x\n")]);
    }
}

#[test]
fn nonsense_on_the_socket_does_no_harm() {
    let pod = pod(json!({}));
    let waiting = Running::start(&mut wait(&pod));
    until("wait listens", || pod.exists(SOCKET));
    for nonsense in [&b"/etc/shadow"[..], b"\xff\xfe", &[b'x'; 100_000]] {
        let mut stream = std::os::unix::net::UnixStream::connect(pod.path(SOCKET)).unwrap();
        // `wait` may hang up before all of it is written.
        let _ = std::io::Write::write_all(&mut stream, nonsense);
        drop(stream);
    }
    assert_eq!(run(&mut pod.emissary("echo x > /tmp/out")).code, 0);
    let ended = waiting.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(unpacked(&stored(&pod, "o.tgz")), [pair("out", "x\n")]);
}
