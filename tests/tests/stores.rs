//! Every kind of store passes one suite, those with servers against real ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::path::Path;

use lighter_api::ArtifactLocation;
use lighter_artifacts::conformance::{Abilities, conforms, conforms_read_only};
use lighter_artifacts::{Error, Memory, Mounts, Secrets, Store, Target, open_store};
use lighter_tests::servers::{Azurite, Dav, Gcs, S3};
use serde_json::{Value, json};

fn location(json: Value) -> ArtifactLocation {
    serde_json::from_value(json).unwrap()
}

fn open(location: &ArtifactLocation, root: &Path, secrets: &dyn Secrets) -> Box<dyn Store> {
    let mounts = Mounts { folder_root: root.into(), volume_root: root.into(), ..Mounts::default() };
    open_store(location, &mounts, secrets).unwrap().0
}

fn no_secrets() -> lighter_artifacts::SecretFiles {
    lighter_artifacts::SecretFiles { root: "/nonexistent".into() }
}

/// Runs the suite with a scratch directory of its own.
fn passes(store: &dyn Store, abilities: &Abilities) {
    let scratch = tempfile::tempdir().unwrap();
    conforms(store, abilities, scratch.path());
}

#[test]
fn memory() {
    passes(&Memory::default(), &Abilities::OBJECTS);
}

#[test]
fn folder_and_volume() {
    for kind in [
        json!({"folder": {"path": "/data", "key": "k"}}),
        json!({"volume": {"claimName": "data", "key": "k"}}),
    ] {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("data")).unwrap();
        let store = open(&location(kind), root.path(), &no_secrets());
        passes(&*store, &Abilities::FOLDER);
        let temporary = std::fs::read_dir(root.path().join("data"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().as_encoded_bytes()[0] == b'.');
        assert_eq!(temporary.count(), 0, "temporary files are left");
    }
}

#[test]
fn raw() {
    let scratch = tempfile::tempdir().unwrap();
    for data in ["hello", "", "with\nlines\n"] {
        let store = open(&location(json!({"raw": {"data": data}})), Path::new("/"), &no_secrets());
        conforms_read_only(&*store, "", data.as_bytes(), scratch.path());
    }
}

#[test]
fn http_by_dav() {
    let server = Dav::start();
    let store = open(
        &server.location_at(server.address(), "below/path"),
        Path::new("/"),
        &server.secrets(),
    );
    passes(&*store, &Abilities::HTTP);
}

#[test]
fn s3() {
    let server = S3::start();
    server.bucket("data");
    let mut location = server.location("data", "k");
    // The store is asked where the bucket is.
    location.s3.as_mut().unwrap().region = String::new();
    let store = open(&location, Path::new("/"), &server.secrets());
    passes(&*store, &Abilities::BUCKET);
}

#[test]
fn oss_by_its_s3_interface() {
    let server = S3::start_in("us-east-1");
    server.bucket("data");
    let location = location(json!({"oss": {
        "endpoint": format!("http://{}", server.address()),
        "bucket": "data",
        "key": "k",
        "accessKeySecret": {"name": "s3", "key": "accessKey"},
        "secretKeySecret": {"name": "s3", "key": "secretKey"},
    }}));
    let store = open(&location, Path::new("/"), &server.secrets());
    passes(&*store, &Abilities::BUCKET);
}

#[test]
fn azure() {
    let server = Azurite::start();
    server.container("data");
    let location = server.location_at(server.address(), "data", "k");
    let store = open(&location, Path::new("/"), &server.secrets());
    passes(&*store, &Abilities { backslashes: false, ..Abilities::BUCKET });
}

/// The address of the server is in the environment: the test runs itself with it. fake-gcs-server takes no uploads by the
/// XML interface; objects get there by the other one.
#[test]
fn gcs() {
    if std::env::var_os("STORAGE_EMULATOR_HOST").is_none() {
        let server = Gcs::start();
        server.bucket("data");
        for name in ["d/a", "d/b/c", "da"] {
            server.put("data", name, name.as_bytes());
        }
        let ran = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "gcs", "--nocapture"])
            .env("STORAGE_EMULATOR_HOST", server.address().to_string())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        return;
    }
    let store = open(
        &location(json!({"gcs": {"bucket": "data", "key": "k"}})),
        Path::new("/"),
        &no_secrets(),
    );
    let keys = |prefix: &str| -> Vec<String> {
        store.list(prefix).unwrap().into_iter().map(|object| object.key).collect()
    };
    assert_eq!(keys("d"), ["d/a", "d/b/c"], "`d` is not the start of `da`");
    assert_eq!(std::io::read_to_string(store.open("d/b/c").unwrap()).unwrap(), "d/b/c");
    assert!(store.is_directory("d").unwrap() && !store.is_directory("da").unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    store.load("d", &Target::at(&out).unwrap()).unwrap();
    assert_eq!(std::fs::read_to_string(out.join("b/c")).unwrap(), "d/b/c");
    assert!(matches!(store.open("none").map(|_| ()), Err(Error::NotFound(_))));
    store.delete("d").unwrap();
    store.delete("d").unwrap();
    assert_eq!(keys(""), ["da"]);
}
