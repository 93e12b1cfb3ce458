//! What is packed and unpacked is the same again.

use super::*;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;

#[derive(Clone, Debug)]
enum Plan {
    Directory(u32),
    File {
        mode: u32,
        mtime: u32,
        content: Vec<u8>,
    },
    /// To another name in the same directory, which may not exist.
    Link(String),
    /// A second name of the last file.
    HardLink,
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,3}", "[a-z .é\u{1F600}-]{1,12}x", "y{90,120}"]
}

fn plan() -> impl Strategy<Value = Plan> {
    prop_oneof![
        (0..0o1000_u32).prop_map(|mode| Plan::Directory(mode | 0o700)),
        (0..0o1000_u32, any::<u32>(), prop::collection::vec(any::<u8>(), 0..2000))
            .prop_map(|(mode, mtime, content)| Plan::File { mode: mode | 0o400, mtime, content }),
        prop_oneof![name(), "z{101,150}"].prop_map(Plan::Link),
        Just(Plan::HardLink),
    ]
}

/// Makes what fits; names that are taken are passed over.
fn build(root: &Path, plans: &[(Vec<String>, Plan)]) {
    std::fs::create_dir(root).unwrap();
    let mut last: Option<PathBuf> = None;
    for (path, plan) in plans {
        let full = root.join(path.iter().collect::<PathBuf>());
        if std::fs::create_dir_all(full.parent().unwrap()).is_err()
            || full.symlink_metadata().is_ok()
        {
            continue;
        }
        match plan {
            Plan::Directory(mode) => {
                std::fs::create_dir(&full).unwrap();
                std::fs::set_permissions(&full, std::fs::Permissions::from_mode(*mode)).unwrap();
            }
            Plan::File { mode, mtime, content } => {
                std::fs::write(&full, content).unwrap();
                let file = std::fs::File::open(&full).unwrap();
                file.set_modified(
                    std::time::UNIX_EPOCH + std::time::Duration::from_secs((*mtime).into()),
                )
                .unwrap();
                file.set_permissions(std::fs::Permissions::from_mode(*mode)).unwrap();
                last = Some(full);
            }
            Plan::Link(to) => std::os::unix::fs::symlink(to, &full).unwrap(),
            Plan::HardLink => {
                if let Some(last) = &last {
                    std::fs::hard_link(last, &full).unwrap();
                }
            }
        }
    }
}

fn without_links(mut tree: Tree) -> Tree {
    for node in tree.values_mut() {
        if let Node::File { links, .. } = node {
            *links = 1;
        }
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn trees_come_back(plans in prop::collection::vec((prop::collection::vec(name(), 1..4), plan()), 0..12), level in 0..10_u32) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("tree");
        build(&root, &plans);
        let before = tree(&root);
        let (_keep, out) = unpack_bytes(&pack_bytes(&root, Archive::TarGz { level }), Unpacking::Detect, &Limits::default()).unwrap();
        prop_assert_eq!(&tree(&out), &before);
        let zstd = Archive::TarZstd { level: i32::try_from(level).unwrap() - 3 };
        let (_keep, out) = unpack_bytes(&pack_bytes(&root, zstd), Unpacking::Tar, &Limits::default()).unwrap();
        prop_assert_eq!(&tree(&out), &before);
        // A zip has no second names of files, and takes a mode of zero for none: the plans have no such file.
        let (_keep, out) = unpack_bytes(&pack_bytes(&root, Archive::Zip), Unpacking::Zip, &Limits::default()).unwrap();
        prop_assert_eq!(without_links(tree(&out)), without_links(before));
    }
}

#[test]
fn single_files_and_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hello.txt");
    std::fs::write(&path, "hello").unwrap();
    let bytes = pack_bytes(&path, Archive::TarGz { level: 6 });
    assert_eq!(listing(&bytes), ["hello.txt"]);
    let (_keep, out) = unpack_bytes(&bytes, Unpacking::Detect, &Limits::default()).unwrap();
    assert_eq!(std::fs::read_to_string(out).unwrap(), "hello");
    let (_keep, out) =
        unpack_bytes(&pack_bytes(&path, Archive::Zip), Unpacking::Zip, &Limits::default()).unwrap();
    assert_eq!(std::fs::read_to_string(out).unwrap(), "hello");
}

#[test]
fn order_is_lexical_directory_by_directory() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    for inner in ["a", "a.d"] {
        std::fs::create_dir_all(out.join(inner)).unwrap();
    }
    for file in ["a/x", "a.d/y", "a.txt", "B"] {
        std::fs::write(out.join(file), "").unwrap();
    }
    let bytes = pack_bytes(&out, Archive::TarGz { level: 6 });
    assert_eq!(
        listing(&bytes),
        ["out", "out/B", "out/a", "out/a/x", "out/a.d", "out/a.d/y", "out/a.txt"]
    );
    assert_eq!(
        bytes,
        pack_bytes(&out, Archive::TarGz { level: 6 }),
        "the same tree gives the same bytes"
    );
}

#[test]
fn streams_are_the_same_bytes_and_know_their_length() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("big");
    std::fs::write(&path, (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>())
        .unwrap();
    let packed =
        Packed { source: Source::open(&path).unwrap(), archive: Archive::TarGz { level: 1 } };
    let mut bytes = Vec::new();
    packed.open().unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(packed.length().unwrap(), bytes.len() as u64);
    assert_eq!(bytes, pack_bytes(&path, Archive::TarGz { level: 1 }));
    let mut first = [0; 10];
    // Whoever stops reading leaves no thread waiting.
    packed.open().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(first, bytes[..10]);
}
