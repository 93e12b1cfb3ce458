//! One artifact between a store and a path, packed or unpacked on the way.

use crate::archive::{self, Archive, Limits, Packed, Unpacking, look};
use crate::beneath::file_type;
use crate::digest::{Verified, copy};
use crate::error::{Context, Error};
use crate::place::{Pending, Policy};
use crate::progress::{Counting, Watched};
use crate::source::Source;
use crate::store::{Saved, Store};
use crate::target::Target;
use rustix::fs::FileType;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Saves a file or directory under the key: packed, or as it is when `archive` is `None`.
pub fn save(
    store: &dyn Store,
    source: &Source,
    archive: Option<Archive>,
    key: &str,
) -> Result<Saved, Error> {
    match archive {
        None => store.save(source, key),
        Some(archive) => {
            let packed = Packed { source: source.clone(), archive };
            store.save_stream(&Watched { body: &packed, progress: &source.progress }, key)
        }
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
    if store.by_path() {
        return by_path(store, key, how, target, limits, sha256);
    }
    let doing = doing(store, key);
    if is_directory(store, key, sha256)? {
        return match how {
            Unpacking::None | Unpacking::Detect => store.load(key, target),
            Unpacking::Tar | Unpacking::Zip => Err(no_archive(doing)),
        };
    }
    let stream = match how {
        Unpacking::None | Unpacking::Zip => {
            return by_path(store, key, how, target, limits, sha256);
        }
        Unpacking::Tar => open_verified(store, key, sha256)?,
        Unpacking::Detect => match look(open_verified(store, key, sha256)?).doing(|| &doing)? {
            (true, stream) => stream,
            (false, _) => return by_path(store, key, Unpacking::None, target, limits, sha256),
        },
    };
    let stream = Box::new(Counting { inner: stream, progress: target.progress.clone() });
    archive::unpack(stream, Unpacking::Tar, target, limits, &doing)
}

/// Whether the key is a directory of objects. Nothing is asked when a digest is known: directories have none.
pub(crate) fn is_directory(store: &dyn Store, key: &str, sha256: &str) -> Result<bool, Error> {
    Ok(sha256.is_empty() && store.is_directory(key)?)
}

/// The object as a stream whose end is an error if its digest is known and another.
pub(crate) fn open_verified(
    store: &dyn Store,
    key: &str,
    sha256: &str,
) -> Result<Box<dyn Read + Send>, Error> {
    let reader = store.open(key)?;
    if sha256.is_empty() {
        return Ok(reader);
    }
    Ok(Box::new(Verified::new(reader, sha256, doing(store, key))))
}

/// Loads what there is beside the target in the store's own way, looks at its digest, and only then moves or unpacks it.
fn by_path(
    store: &dyn Store,
    key: &str,
    how: Unpacking,
    target: &Target,
    limits: &Limits,
    sha256: &str,
) -> Result<(), Error> {
    let name = OsStr::new("object");
    let doing = doing(store, key);
    let (pending, dir) = Pending::directory(target)?;
    let dir = Arc::new(dir);
    let inside = Target::inside(Arc::clone(&dir), name, target.path().to_owned());
    store.load(key, &inside.with_progress(&target.progress))?;
    if file_type(&dir.stat(name).doing(|| &doing)?) == FileType::Directory {
        return match how {
            Unpacking::None | Unpacking::Detect => {
                pending.commit_inner(&dir, name, Policy::Replace)
            }
            Unpacking::Tar | Unpacking::Zip => Err(no_archive(doing)),
        };
    }
    let open = || -> Result<File, Error> { dir.open_read(Path::new(name)).doing(|| &doing) };
    if !sha256.is_empty() {
        copy(&mut Verified::new(open()?, sha256, doing.clone()), &mut std::io::sink())
            .doing(|| &doing)?;
    }
    let packed = match how {
        Unpacking::Zip => return archive::unpack_zip(open()?, target, limits, &doing),
        Unpacking::Tar => true,
        Unpacking::Detect => look(Box::new(open()?)).doing(|| &doing)?.0,
        Unpacking::None => false,
    };
    if packed {
        return archive::unpack(Box::new(open()?), Unpacking::Tar, target, limits, &doing);
    }
    pending.commit_inner(&dir, name, Policy::Replace)
}

fn no_archive(doing: String) -> Error {
    Error::new(Error::Invalid, doing, "it is a directory, not an archive")
        .advise("use `archive: {none: {}}`")
}

fn doing(store: &dyn Store, key: &str) -> String {
    if key.is_empty() {
        return format!("load the artifact from {}", store.describe());
    }
    format!("load key `{key}` in {}", store.describe())
}
