//! Clones over SSH from a real server.

use super::repository::Repository;
use super::sshd::Sshd;
use super::{Case, Loaded, Place};
use lighter_artifacts::Error;
use serde_json::{Value, json};
use std::path::Path;

pub fn trials() -> Vec<Case> {
    vec![("keys of users and hosts are looked at", keys)]
}

fn keys() {
    let sshd = Sshd::start();
    let dir = tempfile::tempdir().unwrap();
    let origin = Repository::sample(&dir.path().join("it's origin"));
    let inner = Repository::sample(&dir.path().join("inner"));
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let url = |path: &Path| format!("ssh://{user}@127.0.0.1:{}{}", sshd.port, path.display());
    let load = |key: &str, known: &Path, fields: Value| -> Loaded {
        let mut git = fields;
        git["sshPrivateKeySecret"] = json!({"name": "cred", "key": "ssh"});
        if git["repo"].is_null() {
            git["repo"] = url(&origin.path).into();
        }
        let place =
            Place::fresh().secret("cred", "ssh", &sshd.read(key)).env("SSH_KNOWN_HOSTS", known);
        place.load(&git)
    };
    let known = sshd.known_hosts("host.pub");
    for (key, host) in [("user", "host.pub"), ("user_rsa", "host_rsa.pub")] {
        let clone = load(key, &sshd.known_hosts(host), json!({})).cloned();
        assert!(clone.is_sound());
        assert_eq!(clone.git("rev-parse HEAD"), origin.git("rev-parse main"));
    }
    let shallow = load("user", &known, json!({"depth": 1, "revision": "dev"})).cloned();
    assert_eq!(shallow.git("rev-list --count HEAD"), "1");

    // Host keys.
    for (known, text) in [
        (sshd.known_hosts("stranger.pub"), "another than the known one"),
        ("/dev/null".into(), "is not known"),
    ] {
        let loaded = load("user", &known, json!({}));
        assert!(matches!(loaded.error(), Error::Denied(_)), "{:?}", loaded.error());
        assert!(loaded.error().to_string().contains(text), "{}", loaded.error());
        assert!(load("user", &known, json!({"insecureIgnoreHostKey": true})).cloned().is_sound());
    }
    let system = Place::fresh().secret("cred", "ssh", &sshd.read("user"));
    let home = system.dir.path().join(".ssh");
    std::fs::create_dir(&home).unwrap();
    std::fs::copy(&known, home.join("known_hosts")).unwrap();
    let git =
        json!({"repo": url(&origin.path), "sshPrivateKeySecret": {"name": "cred", "key": "ssh"}});
    assert!(system.load(&git).cloned().is_sound());

    // Users' keys.
    assert!(matches!(load("stranger", &known, json!({})).error(), Error::Denied(_)));
    let text = load("user.pub", &known, json!({}));
    assert!(matches!(text.error(), Error::Denied(_)));
    assert!(!text.error().to_string().contains(sshd.read("user.pub").split(' ').nth(1).unwrap()));

    let absent = load("user", &known, json!({"repo": url(Path::new("/absent"))}));
    assert!(matches!(absent.error(), Error::NotFound(_)), "{:?}", absent.error());

    // Submodules come by the same key.
    std::fs::write(
        origin.path.join(".gitmodules"),
        format!("[submodule \"s\"]\n\tpath = s\n\turl = {}\n", url(&inner.path)),
    )
    .unwrap();
    let commit = inner.git("rev-parse HEAD");
    origin.git("add .gitmodules");
    origin.git(&format!("update-index --add --cacheinfo 160000,{commit},s"));
    origin.git("commit -q -m submodule");
    assert_eq!(load("user", &known, json!({})).cloned().read("s/file"), "three\n");
}
