//! One object: its bytes, its digest, its replacement, its absence.

use super::{Bytes, Case, noise, not_found, saved};
use crate::error::Error;
use crate::source::Body;
use std::io::{self, Read};

/// What is not there is `NotFound`, by a text that names the key, and leaves nothing behind.
pub(super) fn missing(case: &Case<'_>) {
    let key = "missing/pod/a";
    not_found(case.read(key));
    not_found(case.loaded(key));
    assert!(!case.path("loaded").exists());
    assert!(!case.store.exists(key).unwrap());
    let error = case.read(key).unwrap_err().to_string();
    assert!(error.contains(key), "it does not name the key: {error}");
    if case.abilities.lists {
        not_found(case.store.is_directory(key));
    }
    case.done();
}

/// Files and streams of sizes around those at which stores change their ways.
pub(super) fn sizes(case: &Case<'_>) {
    let part = case.abilities.part;
    for size in [0, 1, part - 1, part, part + 1, 3 * part + 7, (20 << 20) + 3] {
        let content = noise(size as u64, size);
        let expected = saved(&content);
        assert_eq!(case.store.save(&case.file(&content), "sizes/file").unwrap(), expected);
        assert_eq!(
            case.store.save_stream(&Bytes(content.clone()), "sizes/stream").unwrap(),
            expected
        );
        for key in ["sizes/file", "sizes/stream"] {
            assert!(case.read(key).unwrap() == content, "{size} bytes of {key} by open");
            assert!(case.loaded(key).unwrap() == content, "{size} bytes of {key} by load");
            assert!(case.store.exists(key).unwrap() && !case.store.is_directory(key).unwrap());
        }
    }
    // A reader may stop early.
    let mut first = [0; 10];
    case.store.open("sizes/file").unwrap().read_exact(&mut first).unwrap();
    assert!(first[..] == noise((20 << 20) + 3, 10));
    case.done();
}

/// A key saved again is the new object as a whole, also where the new one is smaller.
pub(super) fn replaced(case: &Case<'_>) {
    for size in [case.abilities.part + 1, 5, 0, 11] {
        let content = noise(size as u64, size);
        case.store.save_stream(&Bytes(content.clone()), "replaced").unwrap();
        assert!(case.read("replaced").unwrap() == content, "{size} bytes");
    }
    // The target of a load is replaced too.
    std::fs::write(case.path("loaded"), noise(1, 5000)).unwrap();
    assert_eq!(case.loaded("replaced").unwrap(), noise(11, 11));
    case.done();
}

/// Bytes that end in an error.
struct Broken(usize);

impl Body for Broken {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        let head = io::Cursor::new(noise(3, self.0));
        Ok(Box::new(head.chain(BrokenEnd)))
    }

    fn length(&self) -> Result<u64, Error> {
        Ok(self.0 as u64 + 10)
    }
}

struct BrokenEnd;

impl Read for BrokenEnd {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is on fire"))
    }
}

/// A source that cannot be read to its end leaves what was there, and nothing where nothing was.
pub(super) fn broken_sources(case: &Case<'_>) {
    case.store.save_stream(&Bytes(b"old".to_vec()), "broken/old").unwrap();
    for size in [0, 100, 2 * case.abilities.part + 100] {
        for key in ["broken/old", "broken/new"] {
            let error = case.store.save_stream(&Broken(size), key).unwrap_err().to_string();
            assert!(error.contains("on fire"), "it does not say why: {error}");
        }
        assert_eq!(case.read("broken/old").unwrap(), b"old");
        not_found(case.read("broken/new"));
    }
}
