//! Where something is to be written: an open directory and a name in it.

use crate::Error;
use crate::beneath::{Dir, make_in_root};
use crate::error::Context;
use crate::progress::Progress;
use rustix::fs::Mode;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A path to be written. Its directory is held open, so that what others do to the path meanwhile changes nothing.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) dir: Arc<Dir>,
    pub(crate) name: OsString,
    pub(crate) shown: PathBuf,
    pub(crate) progress: Progress,
}

impl Target {
    /// A path that we were told to trust. Missing parents are made with mode 0755 (less the umask).
    pub fn at(path: &Path) -> Result<Target, Error> {
        let (parent, name) = split(path)?;
        let doing = || format!("write {}", path.display());
        std::fs::create_dir_all(parent).doing(doing)?;
        let dir = Dir::open(parent).doing(doing)?;
        Ok(Target {
            dir: Arc::new(dir),
            name: name.to_owned(),
            shown: path.to_owned(),
            progress: Progress::default(),
        })
    }

    /// `path` as a process sees it whose root directory is `root`; for paths below which a step may have made links.
    pub fn within(root: &Path, path: &Path) -> Result<Target, Error> {
        let (parent, name) = split(path)?;
        let doing = || format!("write {}", path.display());
        let root = Dir::open(root).doing(doing)?;
        let dir = make_in_root(&root, parent, 0o755).doing(doing)?;
        Ok(Target {
            dir: Arc::new(dir),
            name: name.to_owned(),
            shown: path.to_owned(),
            progress: Progress::default(),
        })
    }

    /// The same, and what is written there from a store is counted.
    pub fn with_progress(mut self, progress: &Progress) -> Target {
        self.progress = progress.clone();
        self
    }

    /// `name` in a directory that is open already; `shown` is for messages.
    pub fn in_directory(directory: OwnedFd, name: &str, shown: PathBuf) -> Target {
        Target {
            dir: Arc::new(Dir::from_fd(directory)),
            name: name.into(),
            shown,
            progress: Progress::default(),
        }
    }

    /// Makes the target as an empty directory (mode 0777 less the umask) and opens it. `Exists` if the name is taken.
    pub fn make_directory(&self) -> Result<OwnedFd, Error> {
        let mode = Mode::from_raw_mode(0o777);
        rustix::fs::mkdirat(&self.dir, &self.name, mode).doing(|| self.doing())?;
        let made = self.dir.sub(Path::new(&self.name)).doing(|| self.doing())?;
        Ok(made.into())
    }

    /// Makes the target as an empty file (mode 0666 less the umask) and opens it. `Exists` if the name is taken.
    pub fn create(&self) -> Result<File, Error> {
        self.dir.create(&self.name, 0o666).doing(|| self.doing())
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// `name` in an open directory; `shown` is for messages.
    pub(crate) fn inside(dir: Arc<Dir>, name: &OsStr, shown: PathBuf) -> Target {
        Target { dir, name: name.to_owned(), shown, progress: Progress::default() }
    }

    pub(crate) fn doing(&self) -> String {
        format!("write {}", self.shown.display())
    }
}

fn split(path: &Path) -> Result<(&Path, &OsStr), Error> {
    let invalid = |why| Error::new(Error::Invalid, format!("write {}", path.display()), why);
    if path.components().any(|component| component == Component::ParentDir) {
        return Err(invalid("the path contains `..`"));
    }
    let name = path.file_name().ok_or_else(|| invalid("the path has no name of its own"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Ok((parent, name))
}
