//! A folder of the machine or a mounted volume: keys are paths below its root.
//!
//! A new object is written under a temporary name, flushed, and renamed, so that readers and other writers see the old or
//! the new one, never a mix. Nothing is hard-linked: a step that changes its copy must not change the stored object.
//! Directories keep their empty directories and those symbolic links that stay inside.

use super::{Mounts, Object, Saved, Store};
use crate::beneath::{Dir, file_type};
use crate::digest::{Hashing, copy};
use crate::error::{Context, Error};
use crate::name::Relative;
use crate::place::{Pending, Policy, TEMPORARY};
use crate::source::{Body, FileReader, Handle, Source};
use crate::target::Target;
use crate::tree;
use lighter_api::{FolderArtifact, VolumeArtifact};
use rustix::fs::FileType;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) struct Folder {
    root: Dir,
    description: String,
}

impl Folder {
    pub fn open_folder(folder: &FolderArtifact, mounts: &Mounts) -> Result<Folder, Error> {
        let description = format!("folder {}", folder.path);
        let invalid =
            |why| Error::new(Error::Invalid, format!("open the store {description}"), why);
        let Some(below) = folder.path.strip_prefix('/') else {
            return Err(invalid("`folder.path` is not an absolute path"));
        };
        let below = Relative::parse(below.trim_start_matches('/').as_bytes()).map_err(invalid)?;
        Folder::open(mounts.folder_root.join(below.as_path()), description)
    }

    pub fn open_volume(volume: &VolumeArtifact, mounts: &Mounts) -> Result<Folder, Error> {
        let description = format!("volume {}", volume.claim_name);
        let invalid =
            |why| Error::new(Error::Invalid, format!("open the store {description}"), why);
        let claim = Relative::parse(volume.claim_name.as_bytes()).map_err(invalid)?;
        if claim.depth() != 1 {
            return Err(invalid("`volume.claimName` is not the name of a claim"));
        }
        Folder::open(mounts.volume_root.join(claim.as_path()), description)
    }

    fn open(root: PathBuf, description: String) -> Result<Folder, Error> {
        // Not `NotFound`: a missing store must not pass for a missing optional artifact.
        let root = Dir::open(&root).map_err(|error| {
            let why = format!("{}: {error}", root.display());
            Error::new(Error::Io, format!("open the store {description}"), why)
                .advise("check that it exists and is mounted into this container")
        })?;
        Ok(Folder { root, description })
    }

    fn doing(&self, verb: &str, key: &str) -> String {
        format!("{verb} key `{key}` in {}", self.description)
    }

    fn key(&self, verb: &str, key: &str) -> Result<Relative, Error> {
        let invalid = |why: String| {
            Error::new(Error::Invalid, self.doing(verb, key), why)
                .advise("use a relative path of plain names as key")
        };
        let relative = Relative::parse(key.as_bytes())
            .map_err(|why| invalid(why.replace("its name", "the key")))?;
        let reserved = |part: &std::ffi::OsStr| part.as_bytes().starts_with(TEMPORARY.as_bytes());
        if relative.as_path().iter().any(reserved) {
            return Err(invalid(format!(
                "names that start with `{TEMPORARY}` are reserved for temporary files"
            )));
        }
        Ok(relative)
    }

    /// A key that names an object, with its parent directory made.
    fn target(&self, key: &str) -> Result<Target, Error> {
        let relative = self.key("save", key)?;
        let Some(name) = relative.file_name() else {
            return Err(Error::new(Error::Invalid, self.doing("save", key), "the key is empty")
                .advise("set `key`"));
        };
        let dir = self
            .root
            .make(relative.parent(), 0o777)
            .map_err(|error| self.failed("save", key, error))?;
        Ok(Target::inside(
            Arc::new(dir),
            name,
            PathBuf::from(format!("key `{key}` in {}", self.description)),
        ))
    }

    fn find(&self, verb: &str, key: &str) -> Result<Source, Error> {
        let relative = self.key(verb, key)?;
        let file = self
            .root
            .open_read(relative.as_path())
            .map_err(|error| self.failed(verb, key, error))?;
        let name = relative.file_name().unwrap_or_default();
        Source::of(file, name, relative.as_path(), &self.doing(verb, key))
    }

    fn failed(&self, verb: &str, key: &str, error: io::Error) -> Error {
        let doing = self.doing(verb, key);
        match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::LOOP) => {
                Error::new(Error::Denied, doing, "the key leads through a symbolic link")
                    .advise("links in a store are not followed; use the real path as key")
            }
            // `a/b` below a file `a`.
            Some(rustix::io::Errno::NOTDIR) if verb != "save" => {
                Error::new(Error::NotFound, doing, "no such object")
            }
            Some(rustix::io::Errno::NOENT) => Error::new(Error::NotFound, doing, "no such object"),
            _ => Error::io(doing, error),
        }
    }

    fn save_file(&self, file: &Arc<File>, key: &str) -> Result<Saved, Error> {
        let doing = || self.doing("save", key);
        let target = self.target(key)?;
        let executable = file.metadata().doing(doing)?.permissions().mode() & 0o111;
        let (pending, mut new) = Pending::file(&target, 0o666 | executable)?;
        let saved = if rustix::fs::ioctl_ficlone(&new, file).is_ok() {
            digest(FileReader { file: Arc::new(new.try_clone().doing(doing)?), offset: 0 })
                .doing(doing)?
        } else {
            let mut reader = Hashing::new(FileReader { file: Arc::clone(file), offset: 0 });
            copy(&mut reader, &mut new).doing(doing)?;
            reader.finish()
        };
        self.keep(pending, &new, &target, key)?;
        Ok(saved)
    }

    /// Flushes the file, names it, and flushes the name.
    fn keep(&self, pending: Pending, file: &File, target: &Target, key: &str) -> Result<(), Error> {
        file.sync_data().doing(|| self.doing("save", key))?;
        pending.commit_over()?;
        rustix::fs::fsync(&target.dir).doing(|| self.doing("save", key))
    }
}

fn digest(mut reader: FileReader) -> io::Result<Saved> {
    let mut hashing = Hashing::new(&mut reader);
    copy(&mut hashing, &mut io::sink())?;
    Ok(hashing.finish())
}

impl Store for Folder {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn load(&self, key: &str, target: &Target) -> Result<(), Error> {
        let source = self.find("load", key)?;
        match source.handle() {
            Handle::File(file) => {
                let (pending, mut new) = tree::new_file(target, file)?;
                tree::copy_file(file, &mut new).doing(|| self.doing("load", key))?;
                pending.commit(Policy::Replace)?;
            }
            Handle::Directory(dir) => {
                let (pending, new) = Pending::directory(target)?;
                tree::copy_tree(dir, &new, &self.doing("load", key))?;
                pending.commit(Policy::Replace)?;
            }
        }
        Ok(())
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, Error> {
        self.find("load", key)?.open()
    }

    fn save(&self, source: &Source, key: &str) -> Result<Saved, Error> {
        let dir = match source.handle() {
            Handle::File(file) => return self.save_file(file, key),
            Handle::Directory(dir) => dir,
        };
        let target = self.target(key)?;
        let (pending, new) = Pending::directory(&target)?;
        let size = tree::copy_tree(
            dir,
            &new,
            &format!("save {} as key `{key}`", source.path().display()),
        )?;
        // One call for all its files.
        rustix::fs::syncfs(&new).doing(|| self.doing("save", key))?;
        pending.commit_over()?;
        rustix::fs::fsync(&target.dir).doing(|| self.doing("save", key))?;
        Ok(Saved { size, sha256: String::new() })
    }

    fn save_stream(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        let target = self.target(key)?;
        let (pending, mut new) = Pending::file(&target, 0o666)?;
        let mut reader = Hashing::new(body.open()?);
        copy(&mut reader, &mut new).doing(|| self.doing("save", key))?;
        self.keep(pending, &new, &target, key)?;
        Ok(reader.finish())
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, Error> {
        let relative = self.key("list", prefix)?;
        let base = relative.as_path().to_owned();
        let opened =
            match self.root.open_read(if relative.is_root() { Path::new(".") } else { &base }) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                opened => opened.map_err(|error| self.failed("list", prefix, error))?,
            };
        let mut objects = Vec::new();
        let status = opened.metadata().doing(|| self.doing("list", prefix))?;
        if status.is_dir() {
            collect_objects(&Dir::from_fd(opened.into()), &base, &mut objects)
                .doing(|| self.doing("list", prefix))?;
        } else if status.is_file() {
            objects.push(object(&base, status.len()));
        }
        objects.sort();
        Ok(objects)
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        let relative = self.key("delete", key)?;
        let Some(name) = relative.file_name() else {
            return Err(Error::new(Error::Invalid, self.doing("delete", key), "the key is empty"));
        };
        let removed = self.root.sub(relative.parent()).and_then(|dir| dir.remove_tree(name));
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| self.failed("delete", key, error)),
        }
    }

    fn exists(&self, key: &str) -> Result<bool, Error> {
        match self.find("look up", key) {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn is_directory(&self, key: &str) -> Result<bool, Error> {
        Ok(self.find("look up", key)?.is_directory())
    }
}

/// Regular files below `dir`; links are nobody's objects.
fn collect_objects(dir: &Dir, path: &Path, objects: &mut Vec<Object>) -> io::Result<()> {
    for name in dir.names()? {
        if name.as_bytes().starts_with(TEMPORARY.as_bytes()) {
            continue;
        }
        // Gone since the directory was read: someone deleted or renamed it.
        let Ok(stat) = dir.stat(&name) else { continue };
        let below = path.join(&name);
        match file_type(&stat) {
            FileType::Directory => match dir.sub(Path::new(&name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                inner => collect_objects(&inner?, &below, objects)?,
            },
            FileType::RegularFile => {
                objects.push(object(&below, stat.st_size.try_into().unwrap_or(0)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn object(path: &Path, size: u64) -> Object {
    Object { key: path.to_string_lossy().into_owned(), size }
}
