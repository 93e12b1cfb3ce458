//! Directories: a file is an object below the directory's key, and many move at once.

use super::list::THREADS;
use super::parallel::each;
use super::{Bucket, Key};
use crate::beneath::{Dir, file_type};
use crate::error::{Context, Error};
use crate::name::Relative;
use crate::place::{Pending, Policy};
use crate::source::Source;
use crate::store::{Object, Saved};
use crate::target::Target;
use crate::tree::MAX_DEPTH;
use rustix::fs::FileType;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Larger ones take all threads, one after the other.
const LARGE: u64 = 4 * 1024 * 1024;

impl Bucket {
    /// Saves every regular file below `dir`. As in Argo links and empty directories are left out, and objects below the
    /// key that the directory does not have stay: several steps may fill one directory.
    pub(super) fn save_directory(
        &self,
        dir: &Dir,
        source: &Source,
        key: &Key,
    ) -> Result<Saved, Error> {
        let mut files = Vec::new();
        find(dir, Path::new(""), source, &mut files)?;
        // An object of that name would hide the directory.
        match self.head("save", key) {
            Ok(_) => self.delete_object(key)?,
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        source.progress.expect(files.iter().map(|(_, size)| size).sum());
        let size = AtomicU64::new(0);
        let save = |file: &(PathBuf, u64)| {
            let saved = self.save_below(dir, source, key, &file.0)?;
            size.fetch_add(saved.size, Ordering::Relaxed);
            Ok(())
        };
        let (large, small): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, s)| *s > LARGE);
        each(&small, THREADS, save)?;
        each(&large, 1, save)?;
        Ok(Saved { size: size.into_inner(), sha256: String::new() })
    }

    fn save_below(
        &self,
        dir: &Dir,
        source: &Source,
        key: &Key,
        path: &Path,
    ) -> Result<Saved, Error> {
        let doing = || format!("read {}", source.path().join(path).display());
        let name = path.to_str().ok_or_else(|| {
            Error::new(Error::Invalid, doing(), "its name is not UTF-8, and keys are")
                .advise("rename it, or use `archive: {tar: {}}`")
        })?;
        let file = dir.open_read(path).doing(doing)?;
        let body = Source::of(file, path.file_name().unwrap_or_default(), path, &doing())?;
        let body = body.with_progress(&source.progress);
        self.save_object(&body, &self.object_key("save", &format!("{key}/{name}"))?)
    }

    /// Loads every object below the key; `missing` when there is none.
    pub(super) fn load_directory(
        &self,
        key: &Key,
        target: &Target,
        missing: Error,
    ) -> Result<(), Error> {
        let objects = self.list_below(key)?;
        if objects.is_empty() {
            return Err(missing);
        }
        target.progress.expect(objects.iter().map(|object| object.size).sum());
        let (pending, dir) = Pending::directory(target)?;
        let load = |object: &Object| self.load_below(object, key, &dir, target);
        let (large, small): (Vec<_>, Vec<_>) = objects.into_iter().partition(|o| o.size > LARGE);
        each(&small, THREADS, load)?;
        each(&large, 1, load)?;
        pending.commit(Policy::Replace)?;
        Ok(())
    }

    fn load_below(
        &self,
        object: &Object,
        key: &Key,
        dir: &Dir,
        target: &Target,
    ) -> Result<(), Error> {
        let doing = || self.doing("load", &object.key);
        let below = object.key.strip_prefix(key.as_ref()).unwrap_or_default();
        let relative = Relative::parse(below.trim_start_matches('/').as_bytes())
            .map_err(|why| Error::new(Error::Invalid, doing(), why))?;
        let parent = dir.make(relative.parent(), 0o777).doing(doing)?;
        let name = relative.file_name().unwrap_or_default();
        let shown = target.path().join(relative.as_path());
        let found = self.key("load", &object.key)?;
        // Listed and gone again, or never there: not the missing artifact of an optional input.
        let inside = Target::inside(Arc::new(parent), name, shown).with_progress(&target.progress);
        self.load_file(&found, &inside).map_err(|error| match error {
            Error::NotFound(details) => Error::Transient(details)
                .advise("it was listed and is gone: somebody deletes objects meanwhile"),
            other => other,
        })
    }
}

/// Regular files below `dir` and their sizes.
fn find(
    dir: &Dir,
    path: &Path,
    source: &Source,
    files: &mut Vec<(PathBuf, u64)>,
) -> Result<(), Error> {
    let doing = || format!("read {}", source.path().join(path).display());
    if path.components().count() > MAX_DEPTH {
        let why = format!("it lies more than {MAX_DEPTH} directories deep");
        return Err(Error::new(Error::Invalid, doing(), why));
    }
    for name in dir.names().doing(doing)? {
        let stat = dir.stat(&name).doing(doing)?;
        let below = path.join(&name);
        match file_type(&stat) {
            FileType::Directory => {
                find(&dir.sub(Path::new(&name)).doing(doing)?, &below, source, files)?;
            }
            FileType::RegularFile => files.push((below, stat.st_size.try_into().unwrap_or(0))),
            _ => {}
        }
    }
    Ok(())
}
