//! Directories held by handle; paths resolve beneath them and never through a symbolic link.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// An open directory.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Dir> for OwnedFd {
    fn from(dir: Dir) -> OwnedFd {
        dir.0
    }
}

impl Dir {
    /// Opens a path that we were told to trust; its links are followed.
    pub fn open(path: &Path) -> io::Result<Dir> {
        Ok(Dir(rustix::fs::open(path, DIRECTORY, Mode::empty())?))
    }

    /// Wraps a handle that is known to be a directory's.
    pub fn from_fd(fd: OwnedFd) -> Dir {
        Dir(fd)
    }

    /// Another handle of the same directory.
    pub fn again(&self) -> io::Result<Dir> {
        Ok(Dir(self.0.try_clone()?))
    }

    /// The directory at `path` below this one; empty means this one.
    pub fn sub(&self, path: &Path) -> io::Result<Dir> {
        if path.as_os_str().is_empty() {
            return self.again();
        }
        Ok(Dir(self.resolve(path, DIRECTORY)?))
    }

    /// The directory at `path`, made with its parents where missing.
    pub fn make(&self, path: &Path, mode: u32) -> io::Result<Dir> {
        match self.sub(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let mut dir = self.again()?;
        for component in path.components() {
            let Component::Normal(name) = component else {
                return Err(Errno::XDEV.into());
            };
            dir.make_one(name, mode)?;
            dir = dir.sub(Path::new(name))?;
        }
        Ok(dir)
    }

    fn make_one(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        match rustix::fs::mkdirat(self, name, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens what lies at `path` for reading. Never waits for the other end of a FIFO; callers look at the file's type.
    pub fn open_read(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        Ok(File::from(self.resolve(path, flags)?))
    }

    /// Makes a new file; fails if the name is taken, be it by a link.
    pub fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(self, name, flags, Mode::from_raw_mode(mode))?))
    }

    /// Status of a name in this directory; of a link itself, not of its target.
    pub fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Names in this directory, in byte order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(self)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes a file, a link, or a directory with everything in it.
    pub fn remove_tree(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(self, name, AtFlags::empty()) {
            Ok(()) => return Ok(()),
            // POSIX says EPERM, Linux EISDIR.
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        let below = self.sub(Path::new(name))?;
        for inner in below.names()? {
            below.remove_tree(&inner)?;
        }
        Ok(rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR)?)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let beneath =
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(self, path, flags, Mode::empty(), beneath) {
            // Kernels before 5.6, and sandboxes that do not know the call.
            Err(Errno::NOSYS | Errno::PERM) => self.walk(path, flags),
            result => Ok(result?),
        }
    }

    /// The same without `openat2`: one component after the other, none of them a link.
    fn walk(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let mut components = path.components().peekable();
        let mut dir = self.0.try_clone()?;
        while let Some(component) = components.next() {
            let Component::Normal(name) = component else {
                return Err(Errno::XDEV.into());
            };
            let flags = if components.peek().is_some() { DIRECTORY } else { flags };
            dir = rustix::fs::openat(&dir, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(dir)
    }
}

/// Opens `path` as a process would whose root directory is `root`: links are followed, and lead nowhere else.
pub(crate) fn open_in_root(root: &Dir, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let relative = path.strip_prefix("/").unwrap_or(path);
    let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
    for _ in 0..16 {
        match rustix::fs::openat2(root, relative, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            // A rename went on meanwhile; the kernel asks to try again.
            Err(Errno::AGAIN) => {}
            Err(Errno::NOSYS | Errno::PERM) => return root.walk(relative, flags | OFlags::CLOEXEC),
            result => return Ok(result?),
        }
    }
    Err(Errno::AGAIN.into())
}

/// The directory at `path` with `root` as root directory, made with its parents where missing.
pub(crate) fn make_in_root(root: &Dir, path: &Path, mode: u32) -> io::Result<Dir> {
    match open_in_root(root, path, DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return Ok(Dir(found?)),
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::NOENT.into());
    };
    make_in_root(root, parent, mode)?.make_one(name, mode)?;
    Ok(Dir(open_in_root(root, path, DIRECTORY)?))
}

/// What a status says the file is.
pub(crate) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}
