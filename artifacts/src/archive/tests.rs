//! Archives: round trips, hostile ones, and other programs' opinions.

mod differential;
mod gzip;
mod hostile;
mod links;
mod mutated;
mod round_trip;
mod zips;
mod zstd;

use super::*;
use crate::source::Body;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What lies at a path below a root.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Directory { mode: u32 },
    File { mode: u32, mtime: i64, content: Vec<u8>, links: u64 },
    Link(PathBuf),
}

type Tree = BTreeMap<PathBuf, Node>;

/// Everything at and below `root`, by relative path; the root itself is the empty path.
fn tree(root: &Path) -> Tree {
    let mut nodes = Tree::new();
    gather(root, Path::new(""), &mut nodes);
    nodes
}

fn gather(root: &Path, path: &Path, nodes: &mut Tree) {
    let full = if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) };
    let status = std::fs::symlink_metadata(&full).unwrap();
    let mode = status.mode() & 0o777;
    let node = if status.is_symlink() {
        Node::Link(std::fs::read_link(&full).unwrap())
    } else if status.is_dir() {
        for entry in std::fs::read_dir(&full).unwrap() {
            gather(root, &path.join(entry.unwrap().file_name()), nodes);
        }
        Node::Directory { mode }
    } else {
        Node::File {
            mode,
            mtime: status.mtime(),
            content: std::fs::read(&full).unwrap(),
            links: status.nlink(),
        }
    };
    nodes.insert(path.to_owned(), node);
}

/// Unpacks into a fresh directory; on failure nothing may be left in it.
fn unpack_bytes(
    bytes: &[u8],
    how: Unpacking,
    limits: &Limits,
) -> Result<(TempDir, PathBuf), Error> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let target = Target::at(&out).unwrap();
    match unpack(Box::new(Cursor::new(bytes.to_vec())), how, &target, limits, "unpack it") {
        Ok(()) => Ok((dir, out)),
        Err(error) => {
            assert_eq!(
                std::fs::read_dir(dir.path()).unwrap().count(),
                0,
                "left behind after: {error}"
            );
            Err(error)
        }
    }
}

fn pack_bytes(path: &Path, archive: Archive) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(&Source::open(path).unwrap(), archive, &mut bytes).unwrap();
    bytes
}

#[test]
fn strategies() {
    let strategy = |text: &str| -> ArchiveStrategy { serde_json::from_str(text).unwrap() };
    let saving = |text: &str| Archive::for_saving(Some(&strategy(text)));
    assert_eq!(Archive::for_saving(None).unwrap(), Some(Archive::TarGz { level: 6 }));
    assert_eq!(saving("{}").unwrap(), Some(Archive::TarGz { level: 6 }));
    assert_eq!(
        saving(r#"{"tar":{"compressionLevel":-1}}"#).unwrap(),
        Some(Archive::TarGz { level: 6 })
    );
    assert_eq!(
        saving(r#"{"tar":{"compressionLevel":0}}"#).unwrap(),
        Some(Archive::TarGz { level: 0 })
    );
    assert_eq!(saving(r#"{"zip":{}}"#).unwrap(), Some(Archive::Zip));
    assert_eq!(saving(r#"{"none":{}}"#).unwrap(), None);
    assert!(
        saving(r#"{"tar":{"compressionLevel":10}}"#)
            .unwrap_err()
            .to_string()
            .contains("10 is no level of gzip: use -1 to 9")
    );
    for (text, level) in [
        (r#"{"tar":{"compression":"zstd"}}"#, 3),
        (r#"{"tar":{"compression":"zstd","compressionLevel":0}}"#, 3),
        (r#"{"tar":{"compression":"zstd","compressionLevel":-1}}"#, -1),
        (r#"{"tar":{"compression":"zstd","compressionLevel":22}}"#, 22),
    ] {
        assert_eq!(saving(text).unwrap(), Some(Archive::TarZstd { level }), "{text}");
    }
    for level in [-8, 23] {
        let text = format!(r#"{{"tar":{{"compression":"zstd","compressionLevel":{level}}}}}"#);
        assert!(matches!(saving(&text), Err(Error::Invalid(_))), "{text}");
    }
    assert!(saving(r#"{"tar":{},"zip":{}}"#).is_err());
    assert_eq!(Unpacking::for_loading(None).unwrap(), Unpacking::Detect);
    assert_eq!(Unpacking::for_loading(Some(&strategy("{\"zip\":{}}"))).unwrap(), Unpacking::Zip);
}

#[test]
fn sources_are_confined_and_links_to_directories_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("real/sub")).unwrap();
    std::fs::create_dir(dir.path().join("secret")).unwrap();
    std::fs::write(dir.path().join("secret/key"), "secret").unwrap();
    std::os::unix::fs::symlink("/real", root.join("absolute")).unwrap();
    std::os::unix::fs::symlink("../../../../secret", root.join("out")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("secret/key"), root.join("file")).unwrap();
    let source = Source::open_within(&root, Path::new("/absolute")).unwrap();
    assert_eq!(listing(&pack_to_vec(&source)), ["absolute", "absolute/sub"]);
    for escaping in ["/out", "/file", "/out/key", "/../secret"] {
        assert!(
            matches!(Source::open_within(&root, Path::new(escaping)), Err(Error::NotFound(_))),
            "{escaping}"
        );
    }
    std::os::unix::fs::symlink("real", root.join("relative")).unwrap();
    assert_eq!(
        listing(&pack_to_vec(&Source::open(&root.join("relative")).unwrap())),
        ["relative", "relative/sub"]
    );
}

#[test]
fn targets_are_confined() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::create_dir(dir.path().join("outside")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("outside"), root.join("link")).unwrap();
    assert!(Target::within(&root, Path::new("/link/x")).is_err());
    assert!(Target::within(&root, Path::new("/a/../../x")).is_err());
    let target = Target::within(&root, Path::new("/new/dir/x")).unwrap();
    unpack(Box::new(&b"x"[..]), Unpacking::None, &target, &Limits::default(), "load").unwrap();
    assert_eq!(std::fs::read(root.join("new/dir/x")).unwrap(), b"x");
    assert_eq!(std::fs::read_dir(dir.path().join("outside")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_packed() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    let mut out = Vec::new();
    let error =
        pack(&Source::open(&tree).unwrap(), Archive::TarGz { level: 6 }, &mut out).unwrap_err();
    assert!(
        error.to_string().contains("tree/socket is not a regular file or directory"),
        "{error}"
    );
    let error = Source::open(&tree.join("socket")).unwrap_err();
    assert!(error.to_string().contains("is not a regular file or directory"), "{error}");
    drop(socket);
    std::fs::remove_file(tree.join("socket")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        tree.join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    assert!(pack(&Source::open(&tree).unwrap(), Archive::Zip, &mut out).is_err());
    assert!(matches!(Source::open(&tree.join("fifo")), Err(Error::Invalid(_))));
    assert!(matches!(Source::open(&tree.join("absent")), Err(Error::NotFound(_))));
    let stream =
        Packed { source: Source::open(&tree).unwrap(), archive: Archive::Zip }.open().unwrap();
    let error =
        std::io::read_to_string(stream).map_err(|error| Error::io("read", error)).unwrap_err();
    assert!(
        matches!(error, Error::Invalid(_)),
        "the packing thread's error comes through: {error}"
    );
}

fn pack_to_vec(source: &Source) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(source, Archive::TarGz { level: 6 }, &mut bytes).unwrap();
    bytes
}

/// Names of entries as our reader sees them.
fn listing(bytes: &[u8]) -> Vec<String> {
    let (mut reader, _) = tar_reader(Box::new(Cursor::new(bytes.to_vec())), "list").unwrap();
    std::iter::from_fn(|| reader.next().unwrap())
        .map(|entry| String::from_utf8(entry.path).unwrap())
        .collect()
}

/// A zip with these names, Unix modes and contents, unchecked.
fn hostile_zip(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, data) in entries {
        let options = zip::write::SimpleFileOptions::default()
            .external_attributes(mode << 16)
            .system(zip::System::Unix);
        writer.start_file(*name, options).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
