//! Submodules, and repositories that mean ill.

use super::http_server::Server;
use super::repository::Repository;
use super::{Case, Place};
use lighter_artifacts::Error;
use serde_json::json;
use std::path::Path;

pub fn trials() -> Vec<Case> {
    vec![
        ("submodules come with theirs, and can be left out", submodules),
        ("submodules do not get another host's password", other_hosts),
        ("submodules of the network stay there", local_submodules),
        ("links lead nothing out of the clone", links),
        ("hooks, filters and .git of a repository do nothing", git_folder),
    ]
}

fn add_submodule(to: &Repository, url: &str, path: &str) {
    to.git(&format!("submodule --quiet add --force {url} {path}"));
    to.git(&format!("commit -q -m {path}"));
}

fn submodules() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), None);
    let inner = Repository::sample(&dir.path().join("inner"));
    let middle = Repository::sample(&dir.path().join("middle"));
    add_submodule(&middle, &server.url("inner"), "deep/inner");
    let outer = Repository::sample(&dir.path().join("outer"));
    add_submodule(&outer, &server.url("middle"), "middle");
    // Relative, and at a commit that no branch ends with.
    outer.git("config -f .gitmodules submodule.middle.url ../middle");
    inner.commit("later");
    outer.git("commit -q -a -m relative");
    let clone = Place::fresh().load(&json!({"repo": server.url("outer")})).cloned();
    assert!(clone.is_sound());
    assert_eq!(clone.read("middle/deep/inner/file"), "three\n");
    let status = clone.git("submodule status --recursive");
    assert_eq!(status.lines().filter(|line| !line.starts_with(['-', '+'])).count(), 2, "{status}");
    let clone = Place::fresh()
        .load(&json!({"repo": server.url("outer"), "disableSubmodules": true}))
        .cloned();
    assert!(clone.path.join("middle").read_dir().unwrap().next().is_none());
}

fn other_hosts() {
    let dir = tempfile::tempdir().unwrap();
    let (home, other) = (Server::start(dir.path(), None), Server::start(dir.path(), None));
    Repository::sample(&dir.path().join("inner"));
    let outer = Repository::sample(&dir.path().join("outer"));
    add_submodule(&outer, &other.url("inner"), "inner");
    add_submodule(&outer, &home.url("inner"), "again");
    let repo = home.url("outer").replace("://", "://user:secret@");
    let clone = Place::fresh().load(&json!({"repo": repo})).cloned();
    assert_eq!(clone.read("inner/file") + &clone.read("again/file"), "three\nthree\n");
    assert!(home.credentials.lock().unwrap().len() >= 4);
    assert!(other.credentials.lock().unwrap().is_empty());
}

/// A repository whose only submodule has this address, at the commit that is tagged `v1` in every sample; git itself would
/// refuse to make some of them.
fn with_submodule(path: &Path, url: &str) -> Repository {
    let made = Repository::sample(path);
    std::fs::write(
        made.path.join(".gitmodules"),
        format!("[submodule \"s\"]\n\tpath = s\n\turl = {url}\n"),
    )
    .unwrap();
    let commit = made.git("rev-parse v1^{commit}");
    made.git("add .gitmodules");
    made.git(&format!("update-index --add --cacheinfo 160000,{commit},s"));
    made.git("commit -q -m submodule");
    made
}

fn local_submodules() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), None);
    let secret = Repository::sample(&dir.path().join("secret"));
    let local = secret.path.display().to_string();
    let command = format!("-oProxyCommand=touch {}/touched:x", dir.path().display());
    for (number, url) in
        [local.clone(), format!("file://{local}"), command, "ext::sh -c touch".into()]
            .iter()
            .enumerate()
    {
        let name = format!("outer{number}");
        with_submodule(&dir.path().join(&name), url);
        let loaded = Place::fresh().load(&json!({"repo": server.url(&name)}));
        assert!(
            matches!(loaded.error(), Error::Invalid(_) | Error::Unsupported(_)),
            "{url}: {:?}",
            loaded.error()
        );
    }
    assert!(!dir.path().join("touched").exists());
    // From a folder a folder is fine.
    let outer = with_submodule(&dir.path().join("folder"), &local);
    assert_eq!(Place::fresh().load(&json!({"repo": outer.path})).cloned().read("s/file"), "one\n");
}

fn links() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    // Links are kept as they are, as by git, and nothing is written through them.
    let plain = Repository::sample(&dir.path().join("plain"));
    std::os::unix::fs::symlink(&outside, plain.path.join("out")).unwrap();
    plain.git("add -A");
    plain.git("commit -q -m link");
    let clone = Place::fresh().load(&json!({"repo": plain.path})).cloned();
    assert_eq!(clone.path.join("out").read_link().unwrap(), outside);
    // A submodule below a link: a tree in which `s` is both.
    let evil = with_submodule(&dir.path().join("evil"), &plain.path.display().to_string());
    let link = evil.git("rev-parse HEAD:file");
    let commit = evil.git("rev-parse HEAD");
    std::fs::write(
        evil.path.join(".gitmodules"),
        format!("[submodule \"s\"]\n\tpath = s/x\n\turl = {}\n", plain.path.display()),
    )
    .unwrap();
    std::fs::write(evil.path.join("target"), outside.display().to_string()).unwrap();
    let target = evil.git("hash-object -w target");
    let modules = evil.git("hash-object -w .gitmodules");
    let folder = make_tree(&evil, &format!("160000 commit {commit}\tx\n"));
    let tree = make_tree(
        &evil,
        &format!(
            "100644 blob {modules}\t.gitmodules\n100644 blob {link}\tfile\n120000 blob {target}\ts\n040000 tree {folder}\ts\n"
        ),
    );
    let evil_commit = evil.git(&format!("commit-tree {tree} -m evil"));
    evil.git(&format!("update-ref refs/heads/main {evil_commit}"));
    let loaded = Place::fresh().load(&json!({"repo": evil.path}));
    assert!(outside.read_dir().unwrap().next().is_none(), "written through a link");
    assert!(matches!(loaded.error(), Error::Invalid(_)), "{:?}", loaded.error());
}

fn make_tree(repository: &Repository, entries: &str) -> String {
    let list = repository.path.join("entries");
    std::fs::write(&list, entries).unwrap();
    repository.git_words(&["-c", "alias.mk=!git mktree --missing < entries", "mk"])
}

fn git_folder() {
    let dir = tempfile::tempdir().unwrap();
    let touched = dir.path().join("touched");
    let origin = Repository::sample(&dir.path().join("origin"));
    std::fs::write(origin.path.join(".gitattributes"), "* filter=evil text eol=crlf\n").unwrap();
    std::fs::write(origin.path.join(".lfsconfig"), "[lfs]\n\turl = http://127.0.0.1:1\n").unwrap();
    origin.git("add -A");
    origin.git("commit -q -m attributes");
    // The configuration of the other side is not ours.
    origin.git_words(&["config", "filter.evil.smudge", &format!("touch {}", touched.display())]);
    std::fs::write(
        origin.path.join(".git/hooks/post-checkout"),
        format!("#!/bin/sh\ntouch {}\n", touched.display()),
    )
    .unwrap();
    let home = Place::fresh();
    let clone = home.load(&json!({"repo": origin.path})).cloned();
    assert_eq!(clone.read("file"), "three\n", "bytes come as they are stored");
    assert!(!clone.path.join(".git/hooks/post-checkout").exists());
    assert!(!touched.exists());

    for (number, name) in [".git", ".GIT", "git~1", ".g\u{200c}it", ".."].iter().enumerate() {
        let evil = Repository::sample(&dir.path().join(format!("evil-{number}")));
        let blob = evil.git("rev-parse HEAD:file");
        let inner = make_tree(&evil, &format!("100755 blob {blob}\tpost-checkout\n"));
        let made = std::panic::catch_unwind(|| {
            make_tree(&evil, &format!("040000 tree {inner}\t{name}\n"))
        });
        let Ok(tree) = made else { continue };
        let commit = evil.git(&format!("commit-tree {tree} -m evil"));
        evil.git(&format!("update-ref refs/heads/main {commit}"));
        let loaded = Place::fresh().load(&json!({"repo": evil.path}));
        assert!(!loaded.path.join("../post-checkout").exists());
        assert!(
            loaded.result.is_err() || !loaded.path.join(".git/post-checkout").exists(),
            "{name:?}"
        );
    }
}
