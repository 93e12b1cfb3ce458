//! Folders and files that only their owner may look into.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::StateError;

/// Makes a folder with mode 0700, and those above it. One that is there stays as it is.
pub(crate) fn make_folder(path: &Path) -> Result<(), StateError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| StateError::folder("make the folder", path, e))
}

/// Makes an empty file with mode 0600 if there is none; SQLite gives its other files the same mode.
pub(super) fn make_private_file(path: &Path) -> Result<(), StateError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|e| StateError::folder("write to", path, e))
}
