//! Our gzip: what it holds, that every reader takes it, and that it never depends on the number of threads.

use super::super::gzip::GzipWriter;
use super::*;
use flate2::bufread::GzDecoder;
use std::io::Write;

fn gzip(data: &[u8], level: u32, threads: usize) -> Vec<u8> {
    let mut writer = GzipWriter::new(Vec::new(), level, threads).unwrap();
    // In pieces that fit no block.
    for piece in data.chunks(50_001) {
        writer.write_all(piece).unwrap();
    }
    writer.finish().unwrap()
}

/// The content of the first member, and what follows it.
fn first_member(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut decoder = GzDecoder::new(bytes);
    let mut content = Vec::new();
    decoder.read_to_end(&mut content).unwrap();
    (content, decoder.into_inner().len())
}

/// Bytes that do not compress, from a fixed seed (xorshift64).
pub(super) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(size)
    .collect()
}

pub(super) fn text(size: usize) -> Vec<u8> {
    (0..)
        .flat_map(|line| format!("line {line} of {}\n", line % 97).into_bytes())
        .take(size)
        .collect()
}

#[test]
fn one_member_whatever_the_threads() {
    const BLOCK: usize = 128 * 1024;
    let mixed = [text(300_000), noise(300_000), vec![0; 300_000], text(1)].concat();
    for data in [
        vec![],
        text(1),
        text(BLOCK - 1),
        text(BLOCK),
        text(BLOCK + 1),
        noise(2 * BLOCK),
        text(2_000_000),
        mixed,
    ] {
        for level in [0, 1, 6, 9] {
            let bytes = gzip(&data, level, 1);
            assert_eq!(first_member(&bytes), (data.clone(), 0), "level {level}");
            for threads in [2, 3, 8] {
                assert!(gzip(&data, level, threads) == bytes, "level {level}, {threads} threads");
            }
        }
    }
}

#[test]
fn what_does_not_shrink_is_stored() {
    // Five bytes for each 65,535, and the header and trailer.
    let most = |size: usize| size + (size / 65_535 + size / (128 * 1024) + 2) * 5 + 20;
    for level in [1, 6, 9] {
        let size = 1_000_000;
        assert!(gzip(&noise(size), level, 2).len() <= most(size), "level {level}");
        let packed = gzip(&text(size), level, 2).len();
        assert!(packed < size / 2, "level {level}: {packed}");
        // Evenly spread bytes that come again: only the first block looks random.
        let packed = gzip(&noise(20_000).repeat(50), level, 2).len();
        assert!(packed < 200_000, "level {level}: {packed}");
    }
    assert_eq!(gzip(&text(100_000), 0, 2).len(), 100_000 + 2 * 5 + 20);
}

#[test]
fn blocks_know_what_came_before() {
    let data = text(4_000_000);
    let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    whole.write_all(&data).unwrap();
    let whole = whole.finish().unwrap().len();
    let blocks = gzip(&data, 6, 2).len();
    assert!(blocks < whole + whole / 50, "{blocks} against {whole} in one go");
}

#[test]
fn a_failing_output_ends_it() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0 < bytes.len() {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = GzipWriter::new(Full(300_000), 6, 4).unwrap();
    let error = writer.write_all(&noise(5_000_000)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}
