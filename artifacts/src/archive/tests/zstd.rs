//! Tars in zstd: detected as gzip is, and what is refused.

use super::gzip::{noise, text};
use super::*;
use std::io::Write;

/// A tar of one file, and its content.
fn sample() -> (TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let content = [text(700_000), noise(700_000)].concat();
    std::fs::write(dir.path().join("file"), &content).unwrap();
    (dir, content)
}

#[test]
fn every_level_comes_back_and_is_detected() {
    let (dir, content) = sample();
    for level in [-7, -1, 1, 3, 7, 12, 19, 22] {
        let bytes = pack_bytes(&dir.path().join("file"), Archive::TarZstd { level });
        assert!(bytes.len() < content.len() - 300_000, "level {level}: {}", bytes.len());
        for how in [Unpacking::Detect, Unpacking::Tar] {
            let (_keep, out) = unpack_bytes(&bytes, how, &Limits::default()).unwrap();
            assert!(std::fs::read(out).unwrap() == content, "level {level}");
        }
    }
}

#[test]
fn frames_are_one_after_the_other_and_skippable_ones_are_skipped() {
    let (dir, content) = sample();
    let mut tar = Vec::new();
    tar_writer::write(&Source::open(&dir.path().join("file")).unwrap(), &mut tar).unwrap();
    let (one, two) = tar.split_at(500_000);
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    let frame = |part: &[u8]| ::zstd::encode_all(part, 1).unwrap();
    let bytes = [&skippable[..], &frame(one), skippable, &frame(two), skippable].concat();
    let (_keep, out) = unpack_bytes(&bytes, Unpacking::Detect, &Limits::default()).unwrap();
    assert!(std::fs::read(out).unwrap() == content);
}

#[test]
fn broken_and_oversized_frames_are_corrupt() {
    let (dir, _) = sample();
    let good = pack_bytes(&dir.path().join("file"), Archive::TarZstd { level: 3 });
    let mut flipped = good.clone();
    flipped[700_000] ^= 1;
    for bytes in [
        &good[..good.len() / 2],
        &good[..good.len() - 2],
        &[&good[..], b"garbage"].concat(),
        &flipped,
        &frame_with_window(28),
        b"\x28\xb5\x2f\xfd",
    ] {
        let error = unpack_bytes(bytes, Unpacking::Tar, &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "{error}");
    }
    let error = unpack_bytes(&frame_with_window(28), Unpacking::Tar, &Limits::default());
    assert!(error.unwrap_err().to_string().contains("too much memory"));
    assert!(unpack_bytes(&frame_with_window(27), Unpacking::Tar, &Limits::default()).is_ok());
}

/// An empty tar whose frame asks for a window of so many bytes, as a power of two.
fn frame_with_window(log: u32) -> Vec<u8> {
    let mut writer = ::zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    writer.window_log(log).unwrap();
    writer.write_all(&[0; 1024]).unwrap();
    writer.flush().unwrap();
    writer.finish().unwrap()
}

#[test]
fn what_never_begins_is_taken_as_it_is_without_reading_it_all() {
    // A skippable frame of almost 4 GiB, and a gzip whose file name does not end.
    for start in [&b"\x50\x2a\x4d\x18\xff\xff\xff\xff"[..], b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"] {
        let stream = std::io::Cursor::new(start).chain(std::io::repeat(b'x').take(1 << 40));
        let (is_tar, mut stream) = look(Box::new(stream)).unwrap();
        let mut first = [0; 10];
        stream.read_exact(&mut first).unwrap();
        assert!(!is_tar && first.starts_with(start));
    }
}
