//! Random operations on stores and on a plain map beside them give the same answers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use lighter_api::ArtifactLocation;
use lighter_artifacts::conformance::{Directories, Model, Operation};
use lighter_artifacts::{Memory, Mounts, SecretFiles, Store, open_store};
use lighter_tests::servers::{Azurite, S3};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

/// Names of files: none is the directory of another.
fn file() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "a b/ü", "a-b/x", "a-b/y/z", "%41"]).prop_map(String::from)
}

/// Names of directories saved as such.
fn directory() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["d", "dd", "e/f"]).prop_map(String::from)
}

fn any_key() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec!["a-b", "a-b/y", "d/one", "d/deep/two", "e", "none"]);
    prop_oneof![file(), directory(), parts.prop_map(String::from)]
}

fn operation(largest: usize) -> impl Strategy<Value = Operation> {
    let files = prop::collection::btree_map(
        prop::sample::select(vec!["one", "deep/two", "deep/three", "o n e"]).prop_map(String::from),
        0..5000_usize,
        1..4,
    );
    prop_oneof![
        3 => (file(), 0..1000_u64, 0..largest)
            .prop_map(|(key, seed, size)| Operation::Save { key, seed, size }),
        1 => (directory(), files).prop_map(|(key, files)| Operation::SaveDirectory {
            key,
            files: files.into_iter().collect(),
        }),
        2 => any_key().prop_map(|key| Operation::Load { key }),
        1 => prop_oneof![any_key(), Just(String::new())]
            .prop_map(|prefix| Operation::List { prefix }),
        1 => any_key().prop_map(|key| Operation::Delete { key }),
        2 => any_key().prop_map(|key| Operation::Look { key }),
    ]
}

/// Runs cases of operations, each in a store that `empty` gives.
fn agrees(
    cases: u32,
    largest: usize,
    directories: Directories,
    empty: impl Fn(&Path) -> Box<dyn Store>,
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let operations = prop::collection::vec(operation(largest), 1..30);
    let outcome = TestRunner::new(config).run(&operations, |operations| {
        let scratch = tempfile::tempdir().unwrap();
        let place = tempfile::tempdir().unwrap();
        let store = empty(place.path());
        let mut model = Model::new(directories);
        for operation in &operations {
            model.step(&*store, operation, scratch.path());
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn memory() {
    agrees(300, 100_000, Directories::Files, |_| Box::new(Memory::default()));
}

#[test]
fn folder() {
    agrees(100, 100_000, Directories::Whole, |root| {
        let location = json!({"folder": {"path": "/", "key": "k"}});
        open(&serde_json::from_value(location).unwrap(), root)
    });
}

#[test]
fn s3() {
    let server = S3::start();
    let next = AtomicUsize::new(0);
    agrees(8, 100_000, Directories::Merged, |_| {
        let bucket = format!("case-{}", next.fetch_add(1, Ordering::SeqCst));
        server.bucket(&bucket);
        let location = server.location(&bucket, "k");
        open_store(&location, &Mounts::default(), &server.secrets()).unwrap().0
    });
}

#[test]
fn azure() {
    let server = Azurite::start();
    let next = AtomicUsize::new(0);
    agrees(4, 100_000, Directories::Merged, |_| {
        let container = format!("case-{}", next.fetch_add(1, Ordering::SeqCst));
        server.container(&container);
        let location = server.location_at(server.address(), &container, "k");
        open_store(&location, &Mounts::default(), &server.secrets()).unwrap().0
    });
}

fn open(location: &ArtifactLocation, root: &Path) -> Box<dyn Store> {
    let mounts = Mounts { folder_root: root.into(), volume_root: root.into(), ..Mounts::default() };
    open_store(location, &mounts, &SecretFiles { root: root.into() }).unwrap().0
}
