//! Stores that a plugin serves, against a real gRPC server in Python.
#![allow(clippy::unwrap_used, reason = "what is unexpected here fails the test")]

use lighter_api::{ArtifactLocation, PluginArtifact};
use lighter_artifacts::archive::{Archive, Limits, Packed, Unpacking};
use lighter_artifacts::{Error, Mounts, SecretFiles, Source, Store, Target, open_store, transfer};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use tempfile::TempDir;

/// A plugin process; ends with the test, however that ends.
struct Plugin {
    process: Child,
    dir: TempDir,
}

impl Plugin {
    /// Returns before the plugin listens: waiting for it is the store's business.
    fn start(kind: &str) -> Plugin {
        let dir = tempfile::tempdir().unwrap();
        for name in ["objects", "sockets/py", "files"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugin/server.py");
        // Debian's, which has its grpc.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "/usr/bin/python3", server])
            .arg(dir.path().join("objects"))
            .arg(kind)
            .arg(dir.path().join("sockets/py/socket"))
            .spawn()
            .unwrap();
        Plugin { process, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn store(&self) -> Box<dyn Store> {
        open(self.dir.path(), "py", 5).unwrap()
    }

    fn source(&self, name: &str, content: &[u8]) -> Source {
        let path = self.path("files").join(name);
        std::fs::write(&path, content).unwrap();
        Source::open(&path).unwrap()
    }

    fn spooled(&self) -> usize {
        std::fs::read_dir(self.path("spool")).map_or(0, Iterator::count)
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn open(dir: &Path, name: &str, seconds: i64) -> Result<Box<dyn Store>, Error> {
    let plugin = PluginArtifact {
        name: name.into(),
        configuration: "region: moon".into(),
        connection_timeout_seconds: Some(seconds),
        key: "key".into(),
    };
    let location = ArtifactLocation { plugin: Some(plugin), ..Default::default() };
    let mounts = Mounts {
        plugin_root: dir.join("sockets"),
        plugin_spool: dir.join("spool"),
        ..Default::default()
    };
    open_store(&location, &mounts, &SecretFiles { root: dir.into() }).map(|(store, _)| store)
}

fn load(store: &dyn Store, key: &str, how: Unpacking, to: &Path) -> Result<(), Error> {
    transfer::load(store, key, how, &Target::at(to).unwrap(), &Limits::default(), "")
}

fn read(store: &dyn Store, key: &str) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = Vec::new();
    store.open(key).map_err(std::io::Error::other)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn files_and_directories_go_by_their_path() {
    let plugin = Plugin::start("files");
    let store = plugin.store();
    let source = plugin.source("a", b"content");
    let saved = store.save(&source, "wf/a").unwrap();
    assert_eq!((saved.size, saved.sha256.len()), (7, 64));
    assert_eq!(std::fs::read(plugin.path("objects/wf/a")).unwrap(), b"content");
    // The plugin leaves 0600; others are to read it.
    let to = plugin.path("in/a");
    load(&*store, "wf/a", Unpacking::Detect, &to).unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), b"content");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&to).unwrap());
    assert_eq!(mode & 0o777, 0o666);
    // Packed into the spool, and unpacked again.
    let packed = Packed { source, archive: Archive::TarGz { level: 1 } };
    let saved = store.save_stream(&packed, "wf/a.tgz").unwrap();
    let stored = std::fs::read(plugin.path("objects/wf/a.tgz")).unwrap();
    assert_eq!(stored.len() as u64, saved.size);
    load(&*store, "wf/a.tgz", Unpacking::Detect, &plugin.path("in/unpacked")).unwrap();
    assert_eq!(std::fs::read(plugin.path("in/unpacked")).unwrap(), b"content");
    load(&*store, "wf", Unpacking::Detect, &plugin.path("in/dir")).unwrap();
    assert_eq!(std::fs::read(plugin.path("in/dir/a")).unwrap(), b"content");
    let error = load(&*store, "wf", Unpacking::Tar, &plugin.path("in/none")).unwrap_err();
    assert!(error.to_string().contains("is a directory"), "{error}");
    assert_eq!(read(&*store, "wf/a").unwrap(), b"content");
    assert_eq!(plugin.spooled(), 0);
    assert_eq!(std::fs::read_dir(plugin.path("in")).unwrap().count(), 3);
    let keys: Vec<_> = store.list("wf").unwrap().into_iter().map(|object| object.key).collect();
    assert_eq!(keys, ["wf/a", "wf/a.tgz"]);
    assert!(store.is_directory("wf").unwrap() && !store.is_directory("wf/a").unwrap());
    store.delete("wf/a").unwrap();
    assert!(!plugin.path("objects/wf/a").exists());
    assert!(store.exists("wf").unwrap() && !store.exists("none").unwrap());
}

#[test]
fn streams_leave_no_file() {
    let plugin = Plugin::start("streams");
    let store = plugin.store();
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at >> 7) as u8).collect();
    let saved = store.save_stream(&plugin.source("a", &content), "a").unwrap();
    assert!(std::fs::read(plugin.path("objects/a.streamed")).unwrap() == content);
    assert_eq!(saved.size, 3_000_000);
    std::fs::write(plugin.path("objects/a"), &content).unwrap();
    assert!(read(&*store, "a").unwrap() == content);
    assert!(!plugin.path("spool").exists());
}

#[test]
fn errors_by_what_can_be_done() {
    let plugin = Plugin::start("streams");
    let store = plugin.store();
    let to = plugin.path("in/a");
    let fails = |key: &str| load(&*store, key, Unpacking::None, &to).unwrap_err();
    let error = fails("gone");
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    assert!(error.to_string().contains("plugin py load failed: no such object"), "{error}");
    let error = fails("denied");
    assert!(matches!(error, Error::Denied(_)) && error.to_string().contains("no, 100% never"));
    let error = fails("text");
    assert!(matches!(error, Error::Io(_)), "{error}");
    assert!(error.to_string().contains("plugin py load failed: the bucket is on fire"), "{error}");
    assert_eq!(std::fs::read_dir(plugin.path("in")).unwrap().count(), 0);
    std::fs::write(plugin.path("objects/dies"), vec![7; 1_000_000]).unwrap();
    let error = read(&*store, "dies").unwrap_err();
    assert!(error.to_string().contains("the connection broke"), "{error}");
    // Nobody listens any more.
    let store = open(plugin.dir.path(), "py", 1).unwrap();
    let error = store.list("a").unwrap_err().to_string();
    assert!(error.contains("cannot connect to") && error.contains("sockets/py/socket"), "{error}");
    assert!(open(plugin.dir.path(), "../py", 1).is_err());
}
