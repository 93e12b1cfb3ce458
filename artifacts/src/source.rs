//! What is to be saved: a file or directory of a step, or bytes that can be produced again.

use crate::Error;
use crate::beneath::{Dir, file_type, open_in_root};
use crate::error::Context;
use crate::progress::{Counting, Progress};
use crate::tree::MAX_DEPTH;
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, accessat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that can be read from the start as often as a try needs.
pub trait Body: Send + Sync {
    /// A reader at the first byte.
    fn open(&self) -> Result<Box<dyn Read + Send>, Error>;

    /// How many bytes there are. May cost a pass over them.
    fn length(&self) -> Result<u64, Error>;

    /// As `length`, but None where that costs a pass.
    fn known_length(&self) -> Result<Option<u64>, Error> {
        self.length().map(Some)
    }
}

/// An open file or directory, and the name it goes by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    handle: Handle,
    name: OsString,
    shown: PathBuf,
    pub(crate) progress: Progress,
}

#[derive(Clone, Debug)]
pub(crate) enum Handle {
    File(Arc<File>),
    Directory(Arc<Dir>),
}

const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

impl Source {
    /// Opens a path that only its owner and we control. A link is followed: its target is saved under the link's name.
    ///
    /// Errors: `NotFound`, `Denied`, `Invalid` for anything but a file or directory.
    pub fn open(path: &Path) -> Result<Source, Error> {
        let opened = rustix::fs::open(path, FLAGS, Mode::empty()).map_err(io::Error::from);
        Source::new(path, opened)
    }

    /// Opens `path` as a process would whose root directory is `root`; for paths below which a step may have made links.
    ///
    /// `open_within("/mainctrfs", "/data/out")` opens `/mainctrfs/data/out`, and a link there to `/etc` leads to `/mainctrfs/etc`.
    pub fn open_within(root: &Path, path: &Path) -> Result<Source, Error> {
        let dir = Dir::open(root).doing(|| format!("open {}", root.display()))?;
        Source::new(path, open_in_root(&dir, path, FLAGS))
    }

    /// A file or directory that another process has opened at `path` and passed on.
    ///
    /// Errors: `Invalid` for anything but a file or directory.
    pub fn from_fd(descriptor: OwnedFd, path: &Path) -> Result<Source, Error> {
        Source::new(path, Ok(descriptor))
    }

    /// Whether this process may read all that a directory holds; an open file is readable whoever opened it.
    ///
    /// Looks at permissions only, and stops at what it cannot enter.
    pub fn is_readable(&self) -> bool {
        match &self.handle {
            Handle::File(_) => true,
            Handle::Directory(dir) => all_readable(dir, 0).unwrap_or(false),
        }
    }

    fn new(path: &Path, opened: io::Result<OwnedFd>) -> Result<Source, Error> {
        let doing = || format!("read {}", path.display());
        let name = path.file_name().ok_or_else(|| {
            Error::new(Error::Invalid, doing(), "the path has no name of its own")
                .advise("name a file or directory below it")
        })?;
        match opened {
            // Sockets cannot be opened at all.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                Err(odd(&doing()))
            }
            opened => Source::of(File::from(opened.doing(doing)?), name, path, &doing()),
        }
    }

    /// An open file or directory; `doing` is for messages.
    pub fn of(file: File, name: &OsStr, path: &Path, doing: &str) -> Result<Source, Error> {
        let kind = file.metadata().doing(|| doing)?.file_type();
        let handle = if kind.is_dir() {
            Handle::Directory(Arc::new(Dir::from_fd(file.into())))
        } else if kind.is_file() {
            Handle::File(Arc::new(file))
        } else {
            return Err(odd(doing));
        };
        Ok(Source {
            handle,
            name: name.to_owned(),
            shown: path.to_owned(),
            progress: Progress::default(),
        })
    }

    /// The same, and what is read of it to be stored is counted.
    pub fn with_progress(mut self, progress: &Progress) -> Source {
        self.progress = progress.clone();
        self
    }

    /// The last component of the path it was opened by.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// The path it was opened by, for messages.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    pub fn is_directory(&self) -> bool {
        matches!(self.handle, Handle::Directory(_))
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.handle {
            Handle::File(file) => file.as_fd(),
            Handle::Directory(dir) => dir.as_fd(),
        }
    }
}

fn all_readable(dir: &Dir, depth: usize) -> io::Result<bool> {
    if depth > MAX_DEPTH {
        return Ok(false);
    }
    for name in dir.names()? {
        let readable = match file_type(&dir.stat(&name)?) {
            FileType::Directory => all_readable(&dir.sub(Path::new(&name))?, depth + 1)?,
            FileType::RegularFile => {
                accessat(dir, &name, Access::READ_OK, AtFlags::EACCESS).is_ok()
            }
            _ => true,
        };
        if !readable {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Body for Source {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        match &self.handle {
            Handle::File(file) => {
                let inner = FileReader { file: Arc::clone(file), offset: 0 };
                Ok(Box::new(Counting { inner, progress: self.progress.clone() }))
            }
            Handle::Directory(_) => Err(Error::new(
                Error::Invalid,
                format!("read {}", self.shown.display()),
                "it is a directory",
            )
            .advise("pack it with `archive: {tar: {}}` or `{zip: {}}`")),
        }
    }

    fn length(&self) -> Result<u64, Error> {
        match &self.handle {
            Handle::File(file) => {
                Ok(file.metadata().doing(|| format!("read {}", self.shown.display()))?.len())
            }
            Handle::Directory(_) => self.open().map(|_| 0),
        }
    }
}

fn odd(doing: &str) -> Error {
    Error::new(Error::Invalid, doing, "it is not a regular file or directory")
}

/// Reads a shared file with a position of its own.
pub(crate) struct FileReader {
    pub file: Arc<File>,
    pub offset: u64,
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
