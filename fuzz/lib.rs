//! What the targets share: a directory in memory, and the rule that nothing is written beside the target.

use lighter_artifacts::Target;
use lighter_artifacts::archive::{Limits, Unpacking, unpack};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// One for each process; emptied after each input.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let base = if Path::new("/dev/shm").is_dir() {
        PathBuf::from("/dev/shm")
    } else {
        std::env::temp_dir()
    };
    let directory = base.join(format!("lighter-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for the fuzzer");
    directory
});

pub fn directory() -> &'static Path {
    &DIRECTORY
}

/// Unpacks with limits that keep an input cheap. Only the target may be there afterwards, and after an error not even that.
pub fn unpack_bytes(bytes: Vec<u8>, how: Unpacking) {
    unpack_stream(Box::new(Cursor::new(bytes)), how);
}

pub fn unpack_stream(stream: Box<dyn Read + Send>, how: Unpacking) {
    let limits = Limits { entries: 200, bytes: 1 << 20, depth: 20, ..Limits::default() };
    let inside = directory().join("inside");
    std::fs::create_dir_all(&inside).expect("a directory for one input");
    let target = Target::at(&inside.join("out")).expect("a target");
    let done = unpack(stream, how, &target, &limits, "unpack it");
    let left: Vec<_> = std::fs::read_dir(&inside)
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    match done {
        Ok(()) => assert_eq!(left, ["out"]),
        Err(_) => assert!(left.is_empty(), "left behind: {left:?}"),
    }
    let beside = std::fs::read_dir(directory()).expect("the directory").count();
    assert_eq!(beside, 1, "something was written beside the target");
    std::fs::remove_dir_all(&inside).expect("what was unpacked can be removed");
}
