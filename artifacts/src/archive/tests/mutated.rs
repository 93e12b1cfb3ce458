//! Archives with a few bytes changed: an error or a tree, never a panic, and nothing beside the target.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::sync::LazyLock;

/// A tar with every kind of entry, uncompressed, and a zip of the same.
static SAMPLES: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("sub")).unwrap();
    std::fs::write(root.join("file"), "content").unwrap();
    std::fs::write(root.join("sub").join("n".repeat(130)), "long").unwrap();
    std::os::unix::fs::symlink("../file", root.join("sub/link")).unwrap();
    std::fs::hard_link(root.join("file"), root.join("twin")).unwrap();
    let mut tar = Vec::new();
    let packed = pack_bytes(&root, Archive::TarGz { level: 0 });
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut tar).unwrap();
    (tar, pack_bytes(&root, Archive::Zip))
});

/// Sets bytes; tar headers get their checksum anew, so that readers look further.
fn mutate(mut bytes: Vec<u8>, changes: &[(usize, u8)], checksums: bool) -> Vec<u8> {
    for (place, byte) in changes {
        let place = place % bytes.len();
        bytes[place] = *byte;
        if let (true, Some(block)) =
            (checksums, bytes.get_mut(place / 512 * 512..place / 512 * 512 + 512))
        {
            let mut header = tar::Header::new_old();
            header.as_mut_bytes().copy_from_slice(block);
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
    }
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::none());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Unpacks, with limits that a changed size cannot turn into a full disk.
fn survive(bytes: &[u8], how: Unpacking) {
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    if let Ok((dir, _)) = unpack_bytes(bytes, how, &limits) {
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn tars(changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6), checksums: bool) {
        survive(&gzip(&mutate(SAMPLES.0.clone(), &changes, checksums)), Unpacking::Tar);
    }

    #[test]
    fn gzips(changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        survive(&mutate(gzip(&SAMPLES.0), &changes, false), Unpacking::Detect);
    }

    #[test]
    fn zstds(changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let zstd = ::zstd::encode_all(&SAMPLES.0[..], 1).unwrap();
        survive(&mutate(zstd, &changes, false), Unpacking::Tar);
    }

    #[test]
    fn zips(changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        survive(&mutate(SAMPLES.1.clone(), &changes, false), Unpacking::Zip);
    }
}
