//! One suite for every store, and what is special to folders and volumes.

use super::*;
use crate::archive::{Archive, Limits, Unpacking};
use crate::error::Context;
use crate::secret::SecretFiles;
use crate::transfer;
use lighter_api::{FolderArtifact, RawArtifact, VolumeArtifact};
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
        let mounts =
            Mounts { folder_root: self.path("folders"), volume_root: self.path("volumes") };
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

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// What every store does that can be written to.
pub(super) fn conforms(store: &dyn Store) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hello.txt");
    std::fs::write(&file, "hello").unwrap();
    let source = Source::open(&file).unwrap();
    let target = |name: &str| Target::at(&dir.path().join(name)).unwrap();
    let read = |key: &str| std::io::read_to_string(store.open(key)?).doing(|| "read");

    assert!(matches!(store.open("wf/pod/a").map(|_| ()), Err(Error::NotFound(_))));
    assert!(matches!(store.load("wf/pod/a", &target("absent")), Err(Error::NotFound(_))));
    assert!(!dir.path().join("absent").exists());
    assert!(!store.exists("wf/pod/a").unwrap());

    let saved = store.save(&source, "wf/pod/a").unwrap();
    assert_eq!(saved, Saved { size: 5, sha256: HELLO.into() });
    assert_eq!(read("wf/pod/a").unwrap(), "hello");
    assert!(store.exists("wf/pod/a").unwrap());
    assert!(!store.is_directory("wf/pod/a").unwrap());
    store.load("wf/pod/a", &target("loaded")).unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("loaded")).unwrap(), "hello");

    // A key saved again replaces.
    std::fs::write(&file, "hello again").unwrap();
    assert_eq!(store.save_stream(&source, "wf/pod/a").unwrap().size, 11);
    assert_eq!(read("wf/pod/a").unwrap(), "hello again");
    for key in ["with space", "ünïcödé", "a+b&c=d", "percent%41"] {
        store.save(&source, key).unwrap();
        assert_eq!(read(key).unwrap(), "hello again", "{key}");
    }

    // Packed, with its digest looked at on the way back.
    let tree = dir.path().join("tree");
    std::fs::create_dir_all(tree.join("empty")).unwrap();
    std::fs::write(tree.join("file"), "x").unwrap();
    for (archive, how) in
        [(Archive::TarGz { level: 6 }, Unpacking::Detect), (Archive::Zip, Unpacking::Zip)]
    {
        let saved =
            transfer::save(store, &Source::open(&tree).unwrap(), Some(archive), "packed").unwrap();
        let out = dir.path().join(archive.extension());
        transfer::load(
            store,
            "packed",
            how,
            &target(archive.extension()),
            &Limits::default(),
            &saved.sha256,
        )
        .unwrap();
        assert!(out.join("empty").is_dir() && out.join("file").is_file());
        let wrong =
            transfer::load(store, "packed", how, &target("wrong"), &Limits::default(), HELLO);
        assert!(matches!(wrong, Err(Error::Corrupt(_))), "{wrong:?}");
        let wrong = transfer::load(
            store,
            "packed",
            Unpacking::None,
            &target("wrong"),
            &Limits::default(),
            HELLO,
        );
        assert!(matches!(wrong, Err(Error::Corrupt(_))), "{wrong:?}");
    }
    let mut names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["hello.txt", "loaded", "tgz", "tree", "zip"], "nothing is left behind");
}

#[test]
fn folders_and_volumes_conform() {
    let place = Place::new();
    for location in [folder("/data"), volume("claim")] {
        let (store, key) = place.open(&location).unwrap();
        assert_eq!(key, "k");
        conforms(store.as_ref());
        lists_and_deletes(store.as_ref(), &place);
    }
}

fn lists_and_deletes(store: &dyn Store, place: &Place) {
    for key in ["l/a", "l/ab", "l/b/c"] {
        store.save(&place.source("12"), key).unwrap();
    }
    let keys = |prefix: &str| -> Vec<String> {
        store.list(prefix).unwrap().into_iter().map(|object| object.key).collect()
    };
    assert_eq!(keys("l"), ["l/a", "l/ab", "l/b/c"]);
    assert_eq!(keys("l/"), keys("l"));
    assert_eq!(store.list("l/a").unwrap(), [Object { key: "l/a".into(), size: 2 }]);
    assert_eq!(keys("nothing"), [""; 0]);
    assert!(keys("").contains(&"l/b/c".to_owned()));
    assert!(store.is_directory("l/b").unwrap());
    assert!(matches!(store.is_directory("nothing"), Err(Error::NotFound(_))));
    store.delete("l/b").unwrap();
    store.delete("l/b").unwrap();
    store.delete("l/a").unwrap();
    assert_eq!(keys("l"), ["l/ab"]);
    assert!(matches!(store.delete(""), Err(Error::Invalid(_))));
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
fn writers_of_one_key_never_mix() {
    let place = Place::new();
    let store = place.folder();
    let sources: Vec<_> = (0..6)
        .map(|number| {
            let path = place.path(&format!("source-{number}"));
            std::fs::write(&path, number.to_string().repeat(300_000)).unwrap();
            Source::open(&path).unwrap()
        })
        .collect();
    std::thread::scope(|scope| {
        for source in &sources {
            let store = store.as_ref();
            scope.spawn(move || {
                for _ in 0..5 {
                    store.save(source, "deep/key").unwrap();
                    let read = std::io::read_to_string(store.open("deep/key").unwrap()).unwrap();
                    assert!(
                        read.len() == 300_000
                            && read.bytes().all(|byte| byte == read.as_bytes()[0])
                    );
                }
            });
        }
    });
    assert_eq!(store.list("").unwrap().len(), 1);
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
    for kind in ["git", "hdfs", "oss", "gcs", "azure", "plugin"] {
        let location = serde_json::from_str(&format!("{{\"{kind}\":{{}}}}")).unwrap();
        let error = refused(&location);
        assert!(
            matches!(error, Error::Unsupported(_))
                && error.to_string().contains(&format!("`{kind}`")),
            "{error}"
        );
    }
}

#[test]
fn raw_is_read_only() {
    let place = Place::new();
    for data in ["hello", ""] {
        let location =
            ArtifactLocation { raw: Some(RawArtifact { data: data.into() }), ..Default::default() };
        let (store, key) = place.open(&location).unwrap();
        let target = Target::at(&place.path("raw")).unwrap();
        transfer::load(store.as_ref(), &key, Unpacking::Detect, &target, &Limits::default(), "")
            .unwrap();
        assert_eq!(std::fs::read_to_string(place.path("raw")).unwrap(), data);
        assert!(matches!(store.save(&place.source("x"), &key), Err(Error::Unsupported(_))));
    }
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
