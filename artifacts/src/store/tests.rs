//! What is special to folders and volumes; what every store does is in `conformance`.

use super::*;
use crate::archive::{Limits, Unpacking};
use crate::secret::SecretFiles;
use crate::transfer;
use lighter_api::{FolderArtifact, VolumeArtifact};
use std::path::Path;
use tempfile::TempDir;

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("folders/data")).unwrap();
        std::fs::create_dir_all(dir.path().join("volumes/claim")).unwrap();
        Place { dir }
    }

    fn open(&self, location: &ArtifactLocation) -> Result<(Box<dyn Store>, String), Error> {
        let mounts = Mounts {
            folder_root: self.path("folders"),
            volume_root: self.path("volumes"),
            ..Mounts::default()
        };
        open_store(location, &mounts, &SecretFiles { root: self.path("secrets") })
    }

    fn folder(&self) -> Box<dyn Store> {
        self.open(&folder("/data")).unwrap().0
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn source(&self, text: &str) -> Source {
        std::fs::write(self.path("source"), text).unwrap();
        Source::open(&self.path("source")).unwrap()
    }
}

fn folder(path: &str) -> ArtifactLocation {
    ArtifactLocation {
        folder: Some(FolderArtifact { path: path.into(), key: "k".into() }),
        ..Default::default()
    }
}

fn volume(claim: &str) -> ArtifactLocation {
    ArtifactLocation {
        volume: Some(VolumeArtifact { claim_name: claim.into(), key: "k".into() }),
        ..Default::default()
    }
}

#[test]
fn directories_as_they_are() {
    let place = Place::new();
    let store = place.folder();
    let tree = place.path("tree");
    std::fs::create_dir_all(tree.join("empty")).unwrap();
    std::fs::write(tree.join("run"), "#!").unwrap();
    std::fs::set_permissions(tree.join("run"), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .unwrap();
    std::os::unix::fs::symlink("run", tree.join("link")).unwrap();
    let source = Source::open(&tree).unwrap();
    assert_eq!(store.save(&source, "d").unwrap(), Saved { size: 2, sha256: String::new() });
    let load = |name: &str| {
        let target = Target::at(&place.path(name)).unwrap();
        transfer::load(store.as_ref(), "d", Unpacking::Detect, &target, &Limits::default(), "")
    };
    load("out").unwrap();
    assert!(place.path("out/empty").is_dir());
    assert_eq!(std::fs::read_link(place.path("out/link")).unwrap(), Path::new("run"));
    let mode =
        std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(place.path("out/run")).unwrap());
    assert_eq!(mode & 0o100, 0o100, "what could be run still can");
    // The loaded copy is no other name of the stored object.
    std::fs::write(place.path("out/run"), "changed").unwrap();
    assert_eq!(std::io::read_to_string(store.open("d/run").unwrap()).unwrap(), "#!");
    // Saved again, the whole is replaced, even by a file.
    std::fs::remove_file(tree.join("run")).unwrap();
    std::fs::remove_file(tree.join("link")).unwrap();
    store.save(&source, "d").unwrap();
    assert_eq!(store.list("d").unwrap(), []);
    store.save(&place.source("file"), "d").unwrap();
    assert!(!store.is_directory("d").unwrap());
    store.save(&source, "d").unwrap();
    assert!(store.is_directory("d").unwrap());
    std::os::unix::fs::symlink("/etc", tree.join("bad")).unwrap();
    assert!(store.save(&source, "d").unwrap_err().to_string().contains("bad is a link to /etc"));
    let names: Vec<_> = std::fs::read_dir(place.path("folders/data"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["d"], "no temporary names are left");
}

#[test]
fn keys_lead_nowhere_else() {
    let place = Place::new();
    let store = place.folder();
    std::fs::create_dir(place.path("outside")).unwrap();
    std::fs::write(place.path("outside/secret"), "secret").unwrap();
    std::os::unix::fs::symlink(place.path("outside"), place.path("folders/data/link")).unwrap();
    std::os::unix::fs::symlink(place.path("outside/secret"), place.path("folders/data/file"))
        .unwrap();
    let source = place.source("evil");
    for key in [
        "../outside/secret",
        "a/../../outside/secret",
        "/etc/passwd",
        "a\0b",
        "..",
        ".lighter-x",
        "a/.lighter-x/b",
    ] {
        assert!(matches!(store.open(key).map(|_| ()), Err(Error::Invalid(_))), "{key:?}");
        assert!(matches!(store.save(&source, key), Err(Error::Invalid(_))), "{key:?}");
        assert!(matches!(store.list(key), Err(Error::Invalid(_))), "{key:?}");
        assert!(matches!(store.delete(key), Err(Error::Invalid(_))), "{key:?}");
    }
    for key in ["link/secret", "file"] {
        assert!(matches!(store.open(key).map(|_| ()), Err(Error::Denied(_))), "{key:?}");
    }
    assert!(matches!(store.save(&source, "link/secret"), Err(Error::Denied(_))));
    assert!(matches!(store.save(&source, ""), Err(Error::Invalid(_))));
    store.delete("link").unwrap();
    assert_eq!(std::fs::read_to_string(place.path("outside/secret")).unwrap(), "secret");
    assert!(matches!(store.open("k/below").map(|_| ()), Err(Error::NotFound(_))));
}

#[test]
fn locations() {
    let place = Place::new();
    let refused = |location: &ArtifactLocation| place.open(location).map(|_| ()).unwrap_err();
    assert!(matches!(refused(&ArtifactLocation::default()), Error::Invalid(_)));
    assert!(matches!(refused(&folder("data")), Error::Invalid(_)));
    assert!(matches!(refused(&folder("/../data")), Error::Invalid(_)));
    assert!(matches!(refused(&volume("a/b")), Error::Invalid(_)));
    assert!(matches!(refused(&volume("..")), Error::Invalid(_)));
    let absent = refused(&volume("absent"));
    assert!(matches!(absent, Error::Io(_)), "a missing store is no missing artifact");
    assert!(absent.to_string().starts_with("cannot open the store volume absent: "), "{absent}");
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let place = Place::new();
    let data = place.path("folders/data");
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "lighter-test"])
        .arg(&data)
        .output();
    if !mount.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: mounting a small file system needs root: {mount:?}");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let store = place.folder();
        store.save(&place.source("small"), "key").unwrap();
        let error = store.save(&place.source(&"x".repeat(2 << 20)), "key").unwrap_err();
        assert!(error.to_string().contains("free some space"), "{error}");
        assert!(!error.retryable());
        assert_eq!(std::io::read_to_string(store.open("key").unwrap()).unwrap(), "small");
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
    });
    std::process::Command::new("umount").arg(&data).status().unwrap();
    outcome.unwrap();
}
