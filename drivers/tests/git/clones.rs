//! The fields of a git artifact, over HTTP and from folders.

use super::http_server::Server;
use super::repository::Repository;
use super::{Case, Place};
use lighter_artifacts::Error;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use tempfile::TempDir;

pub fn trials() -> Vec<Case> {
    vec![
        ("a clone is a whole repository on its default branch", whole),
        ("revisions are branches, tags, commits and ancestors", revisions),
        ("depth counts commits, and gives way to a revision below it", depth),
        ("a single branch is all that comes", single_branch),
        ("fetch brings other references", fetch),
        ("passwords open a repository and stay out of it", passwords),
        ("what is missing is not found", missing),
        ("an empty repository is made ready", empty),
        ("faults that pass are tried again", transient),
        ("redirects are followed", redirects),
        ("nothing is saved, listed or deleted", read_only),
    ]
}

/// `user:secret`.
const PASSWORD: &str = "Basic dXNlcjpzZWNyZXQ=";

struct World {
    dir: TempDir,
    origin: Repository,
    server: Server,
}

impl World {
    fn new(password: Option<&'static str>) -> World {
        let dir = tempfile::tempdir().unwrap();
        let origin = Repository::sample(&dir.path().join("origin"));
        let server = Server::start(dir.path(), password);
        World { dir, origin, server }
    }

    /// The same repository over HTTP and as a folder, with more fields.
    fn both(&self, fields: Value) -> [Value; 2] {
        [self.server.url("origin"), format!("file://{}", self.origin.path.display())]
            .map(|repo| with(&repo, &fields))
    }
}

fn with(repo: &str, fields: &Value) -> Value {
    let mut git = fields.clone();
    git["repo"] = repo.into();
    git
}

fn whole() {
    let world = World::new(None);
    for git in world.both(json!({})) {
        let clone = Place::fresh().load(&git).cloned();
        assert!(clone.is_sound());
        assert_eq!(clone.read("file"), "three\n");
        assert_eq!(clone.git("rev-parse HEAD"), world.origin.git("rev-parse main"));
        assert_eq!(clone.git("rev-parse --abbrev-ref HEAD@{upstream}"), "origin/main");
        assert_eq!(clone.git("rev-parse origin/dev"), world.origin.git("rev-parse dev"));
        assert_eq!(clone.git("tag"), "v1");
        assert_eq!(clone.git("config remote.origin.url"), git["repo"].as_str().unwrap());
        // A user's own fetch goes on from there.
        clone.git("fetch -q origin");
    }
}

fn revisions() {
    let world = World::new(None);
    let first = world.origin.git("rev-parse main~2");
    for (revision, commit) in [
        ("dev", "dev"),
        ("v1", "v1^{commit}"),
        (first.as_str(), "main~2"),
        ("HEAD~1", "main~1"),
        ("origin/dev", "dev"),
        ("refs/tags/v1", "main~2"),
    ] {
        for git in world.both(json!({"revision": revision})) {
            let clone = Place::fresh().load(&git).cloned();
            assert!(clone.is_sound(), "{revision}");
            assert_eq!(
                clone.git("rev-parse HEAD"),
                world.origin.git(&format!("rev-parse {commit}")),
                "{revision}"
            );
            assert_eq!(
                clone.git("rev-parse --abbrev-ref HEAD"),
                "HEAD",
                "{revision} is not detached"
            );
        }
    }
}

fn depth() {
    let world = World::new(None);
    let url = world.server.url("origin");
    for (depth, commits) in [(1, "1"), (2, "2"), (100, "3")] {
        let clone = Place::fresh().load(&with(&url, &json!({"depth": depth}))).cloned();
        assert!(clone.is_sound());
        assert_eq!(clone.git("rev-list --count HEAD"), commits);
    }
    let clone = Place::fresh().load(&with(&url, &json!({"depth": 1, "revision": "dev"}))).cloned();
    assert_eq!(clone.git("rev-list --count HEAD"), "1");
    let below = Place::fresh().load(&with(&url, &json!({"depth": 1, "revision": "HEAD~2"})));
    assert_eq!(below.cloned().git("rev-parse HEAD"), world.origin.git("rev-parse main~2"));
    assert!(below.cloned().is_sound());
    assert!(below.stderr.contains("below git.depth"), "{}", below.stderr);
}

fn single_branch() {
    let world = World::new(None);
    for git in world.both(json!({"singleBranch": true, "branch": "dev"})) {
        let clone = Place::fresh().load(&git).cloned();
        assert_eq!(clone.git("branch -r --format %(refname)"), "refs/remotes/origin/dev");
        assert_eq!(clone.git("rev-parse --abbrev-ref HEAD"), "dev");
    }
    let [git, _] = world.both(json!({"singleBranch": true}));
    let loaded = Place::fresh().load(&git);
    assert!(matches!(loaded.error(), Error::Invalid(_)));
    assert!(loaded.error().to_string().contains("single branch mode without a branch specified"));
    let [git, _] = world.both(json!({"singleBranch": true, "branch": "absent"}));
    assert!(matches!(Place::fresh().load(&git).error(), Error::Invalid(_)));
}

fn fetch() {
    let world = World::new(None);
    let request = world.origin.git("rev-parse refs/pull/7/head");
    for git in world.both(json!({"fetch": ["refs/pull/*:refs/remotes/origin/pull/*"], "revision": "origin/pull/7/head"})) {
        assert_eq!(Place::fresh().load(&git).cloned().git("rev-parse HEAD"), request);
    }
    let [git, _] =
        world.both(json!({"fetch": ["refs/pull/*:refs/remotes/origin/pull/*"], "depth": 1}));
    let clone = Place::fresh().load(&git).cloned();
    assert_eq!(clone.git("rev-list --count origin/pull/7/head"), "1");
}

fn passwords() {
    let world = World::new(Some(PASSWORD));
    let url = world.server.url("origin");
    let selector = |key: &str| json!({"name": "cred", "key": key});
    let fields =
        json!({"usernameSecret": selector("user"), "passwordSecret": selector("password")});
    let place =
        || Place::fresh().secret("cred", "user", "user\n").secret("cred", "password", "secret\n");
    for (place, git) in [
        (place(), with(&url, &fields)),
        (Place::fresh(), with(&url.replace("://", "://user:secret@"), &json!({}))),
    ] {
        let loaded = place.load(&git);
        let clone = loaded.cloned();
        assert_eq!(clone.read("file"), "three\n");
        assert!(!clone.read(".git/config").contains("secret"));
        assert!(!loaded.stderr.contains("secret"));
    }
    let wrong = Place::fresh()
        .secret("cred", "user", "user")
        .secret("cred", "password", "hunter2")
        .load(&with(&url, &fields));
    assert!(matches!(wrong.error(), Error::Denied(_)), "{:?}", wrong.error());
    assert!(!wrong.error().to_string().contains("hunter2"));
    assert!(matches!(Place::fresh().load(&with(&url, &json!({}))).error(), Error::Denied(_)));
    // A secret that is not there is no missing object.
    assert!(matches!(Place::fresh().load(&with(&url, &fields)).error(), Error::Invalid(_)));
}

fn missing() {
    let world = World::new(None);
    for repo in [world.server.url("absent"), world.dir.path().join("absent").display().to_string()]
    {
        let loaded = Place::fresh().load(&with(&repo, &json!({})));
        assert!(matches!(loaded.error(), Error::NotFound(_)), "{:?}", loaded.error());
        assert!(loaded.error().to_string().contains(&format!("failed to clone {repo:?}")));
    }
    for git in world.both(json!({"revision": "absent"})) {
        let loaded = Place::fresh().load(&git);
        assert!(matches!(loaded.error(), Error::Invalid(_)), "{:?}", loaded.error());
        assert!(
            loaded.error().to_string().contains("failed to get resolve revision: "),
            "{}",
            loaded.error()
        );
    }
}

fn empty() {
    let world = World::new(None);
    Repository::make(&world.dir.path().join("empty"));
    let url = world.server.url("empty");
    for (fields, branch) in [(json!({}), "master"), (json!({"revision": "main"}), "main")] {
        let clone = Place::fresh().load(&with(&url, &fields)).cloned();
        assert_eq!(clone.git("config remote.origin.url"), url);
        assert_eq!(
            clone.git(&format!("config branch.{branch}.merge")),
            format!("refs/heads/{branch}")
        );
    }
}

fn transient() {
    let world = World::new(None);
    world.server.faults.store(2, Ordering::SeqCst);
    let [git, _] = world.both(json!({}));
    let loaded = Place::fresh().load(&git);
    assert!(loaded.cloned().is_sound());
    assert!(loaded.stderr.contains("503"), "{}", loaded.stderr);
    assert_eq!(world.server.faults.load(Ordering::SeqCst), 0);
}

fn redirects() {
    let world = World::new(None);
    let clone = Place::fresh().load(&with(&world.server.url("moved/origin"), &json!({}))).cloned();
    assert_eq!(clone.read("file"), "three\n");
}

fn read_only() {
    let location = json!({"git": {"repo": "https://host.example/a"}});
    let location = serde_json::from_value(location).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "x").unwrap();
    let source = lighter_artifacts::Source::open(&dir.path().join("file")).unwrap();
    let secrets = lighter_artifacts::SecretFiles { root: dir.path().into() };
    lighter_artifacts::driver::contained();
    let (store, key) =
        lighter_artifacts::open_store(&location, &Default::default(), &secrets).unwrap();
    for (refused, text) in [
        (store.save(&source, &key).map(drop), "git output artifacts unsupported"),
        (store.save_stream(&source, &key).map(drop), "git output artifacts unsupported"),
        (store.open(&key).map(drop), "it is a directory"),
        (store.list(&key).map(drop), "cannot be listed"),
        (store.delete(&key), "delete not supported for this artifact storage"),
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::Unsupported(_)) && error.to_string().contains(text),
            "{error}"
        );
    }
}
