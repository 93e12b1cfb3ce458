//! Every kind of store passes one suite, those with servers against real ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::path::Path;

use lighter_api::ArtifactLocation;
use lighter_artifacts::conformance::{Abilities, conforms, conforms_read_only};
use lighter_artifacts::{Memory, Mounts, Secrets, Store, open_store};
use lighter_tests::servers::Dav;
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
