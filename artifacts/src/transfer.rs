//! One artifact between a store and a path, packed or unpacked on the way.

use crate::archive::{Archive, Limits, Packed, Unpacking};
use crate::error::Error;
use crate::source::Source;
use crate::store::{Saved, Store};
use crate::target::Target;

/// Saves a file or directory under the key: packed, or as it is when `archive` is `None`.
pub fn save(
    store: &dyn Store,
    source: &Source,
    archive: Option<Archive>,
    key: &str,
) -> Result<Saved, Error> {
    match archive {
        None => store.save(source, key),
        Some(archive) => store.save_stream(&Packed { source: source.clone(), archive }, key),
    }
}

/// Loads the object or directory of objects to the target and unpacks it as asked.
///
/// With `sha256` (hexadecimal, of the stored bytes; empty: unknown) wrong bytes are `Corrupt` and leave nothing behind.
/// `NotFound` only when the object is missing: an optional artifact may then be left out.
pub fn load(
    store: &dyn Store,
    key: &str,
    how: Unpacking,
    target: &Target,
    limits: &Limits,
    sha256: &str,
) -> Result<(), Error> {
    let _ = (store, key, how, target, limits, sha256);
    Err(Error::new(Error::Unsupported, "load", "not yet"))
}
