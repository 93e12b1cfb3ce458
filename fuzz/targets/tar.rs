//! Tar entries, uncompressed in the input so that the fuzzer sees them.

#![no_main]

use flate2::{Compression, write::GzEncoder};
use lighter_artifacts::archive::Unpacking;
use std::io::Write;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(&with_checksums(bytes)).expect("memory");
    lighter_fuzz::unpack_bytes(gzip.finish().expect("memory"), Unpacking::Tar);
});

/// Gives every block that claims to be a header the right checksum, without which nothing behind it is looked at.
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    bytes
}
