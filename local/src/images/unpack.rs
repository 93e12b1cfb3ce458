//! Unpacks the layers of an image into a root folder, and nowhere else.
//!
//! Names are resolved by the kernel as if the root folder were `/`, as they will be in the container. So a link in
//! an earlier layer can lead a later one astray inside the image only. Devices are left out, set-user-id bits too.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps, openat2};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType};

use super::ImageError;
use crate::pod::folder::remove_tree;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Longest path that the kernel takes.
const MAX_PATH_BYTES: usize = 4095;

/// A root folder while layers are laid into it, the lowest first.
pub struct Unpacker {
    root: OwnedFd,
    /// Set at the end: a folder may forbid to write into it.
    modes: BTreeMap<PathBuf, u32>,
    set_owner: bool,
    /// Bytes of files so far.
    pub size: u64,
}

impl Unpacker {
    /// Into `folder`, which is there and empty. Owners are kept if `set_owner`.
    pub fn new(folder: &Path, set_owner: bool) -> io::Result<Self> {
        let root = rustix::fs::open(
            folder,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Self { root, modes: BTreeMap::new(), set_owner, size: 0 })
    }

    /// Lays one layer, an uncompressed tar file, over what is there.
    pub fn layer(&mut self, tar: impl Read) -> Result<(), ImageError> {
        let mut archive = Archive::new(tar);
        let mut written = HashSet::new();
        let entries = archive.entries().map_err(|e| broken(&e))?;
        for entry in entries {
            let mut entry = entry.map_err(|e| broken(&e))?;
            let name = entry.path_bytes().into_owned();
            let shown = String::from_utf8_lossy(&name).into_owned();
            let path = safe_path(&name)
                .ok_or_else(|| refused(&shown, "its name leads out of the image or is too long"))?;
            self.entry(&mut entry, path, &mut written)
                .map_err(|e| refused(&shown, &e.to_string()))?;
        }
        Ok(())
    }

    /// Sets the folders' modes, the deepest first.
    pub fn finish(self) -> io::Result<u64> {
        for (path, mode) in self.modes.iter().rev() {
            let folder = match self.open_folder(path) {
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                other => other?,
            };
            rustix::fs::chmod(handle_path(&folder), Mode::from_raw_mode(*mode))?;
        }
        Ok(self.size)
    }

    fn entry<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        path: PathBuf,
        written: &mut HashSet<PathBuf>,
    ) -> io::Result<()> {
        let Some(name) = path.file_name().map(OsStr::to_owned) else { return Ok(()) };
        let parent_path = path.parent().unwrap_or(Path::new("")).to_owned();
        let parent = self.make_folder(&parent_path)?;
        if name.as_bytes() == OPAQUE {
            return self.empty(&parent, &parent_path, written);
        }
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
            let hidden = OsStr::from_bytes(hidden);
            if hidden.is_empty() || hidden == "." || hidden == ".." {
                return Err(io::Error::other("it hides no file"));
            }
            if written.contains(&parent_path.join(hidden)) {
                return Ok(());
            }
            return remove_tree(&handle_path(&parent).join(hidden));
        }
        let kind = entry.header().entry_type();
        let mode = entry.header().mode()?;
        match kind {
            EntryType::Directory => self.folder(&parent, &path, &name, mode)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                remove_tree(&handle_path(&parent).join(&name))?;
                self.file(entry, &parent, &name, mode)?;
            }
            EntryType::Symlink => {
                remove_tree(&handle_path(&parent).join(&name))?;
                let target = entry
                    .link_name_bytes()
                    .ok_or_else(|| io::Error::other("the link has no target"))?;
                rustix::fs::symlinkat(OsStr::from_bytes(&target), &parent, &name)?;
            }
            EntryType::Link => {
                let target = entry
                    .link_name_bytes()
                    .ok_or_else(|| io::Error::other("the link has no target"))?;
                self.hard_link(&target, &parent, &name)?;
            }
            _ => return Ok(()),
        }
        if self.set_owner && kind != EntryType::Link {
            let id = |id: u64| u32::try_from(id).map_err(io::Error::other);
            let (uid, gid) = (id(entry.header().uid()?)?, id(entry.header().gid()?)?);
            let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
            rustix::fs::chownat(&parent, &name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        written.insert(path);
        Ok(())
    }

    fn folder(&mut self, parent: &OwnedFd, path: &Path, name: &OsStr, mode: u32) -> io::Result<()> {
        match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {}
            Ok(_) => {
                rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
                rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700))?;
            }
            Err(Errno::NOENT) => rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700))?,
            Err(error) => return Err(error.into()),
        }
        self.modes.insert(path.to_owned(), mode & 0o1777);
        Ok(())
    }

    fn file<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        parent: &OwnedFd,
        name: &OsStr,
        mode: u32,
    ) -> io::Result<()> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file =
            File::from(rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600))?);
        self.size += io::copy(entry, &mut file)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & 0o777))?;
        // Compiled Python is good only for a source of the same time.
        let seconds = i64::try_from(entry.header().mtime()?).unwrap_or(0);
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        Ok(rustix::fs::futimens(&file, &Timestamps { last_access: time, last_modification: time })?)
    }

    fn hard_link(&self, target: &[u8], parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
        let odd = || io::Error::other("the hard link leads out of the image or to no file of it");
        let source = safe_path(target).ok_or_else(odd)?;
        let source_name = source.file_name().ok_or_else(odd)?;
        let folder =
            self.open_folder(source.parent().unwrap_or(Path::new(""))).map_err(|_| odd())?;
        let stat = rustix::fs::statat(&folder, source_name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|_| odd())?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(odd());
        }
        let already = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
        if already.is_ok_and(|old| (old.st_dev, old.st_ino) == (stat.st_dev, stat.st_ino)) {
            return Ok(());
        }
        remove_tree(&handle_path(parent).join(name))?;
        Ok(rustix::fs::linkat(&folder, source_name, parent, name, AtFlags::empty())?)
    }

    /// Removes what earlier layers have put into a folder.
    fn empty(&self, folder: &OwnedFd, path: &Path, written: &HashSet<PathBuf>) -> io::Result<()> {
        for entry in std::fs::read_dir(handle_path(folder))? {
            let name = entry?.file_name();
            let inside = path.join(&name);
            if !written.iter().any(|new| new.starts_with(&inside)) {
                remove_tree(&handle_path(folder).join(name))?;
            }
        }
        Ok(())
    }

    fn open_folder(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat2(
            &self.root,
            path,
            flags,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )
    }

    /// Opens a folder of the image, making it and those above it.
    fn make_folder(&self, path: &Path) -> io::Result<OwnedFd> {
        match self.open_folder(path) {
            Err(Errno::NOENT) => {}
            other => return Ok(other?),
        }
        let mut done = PathBuf::new();
        for part in path.components() {
            let parent = self.open_folder(&done)?;
            match rustix::fs::mkdirat(&parent, part.as_os_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => done.push(part),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.open_folder(path)?)
    }
}

fn handle_path(handle: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

/// A tar entry's name relative to the root; nothing if it leads out.
fn safe_path(name: &[u8]) -> Option<PathBuf> {
    if name.len() > MAX_PATH_BYTES || name.contains(&0) {
        return None;
    }
    let mut path = PathBuf::new();
    for part in Path::new(OsStr::from_bytes(name)).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

fn broken(error: &io::Error) -> ImageError {
    ImageError::Invalid(format!("a layer of the image cannot be read: {error}"))
}

fn refused(entry: &str, why: &str) -> ImageError {
    ImageError::Invalid(format!("the image's file {entry:?} cannot be unpacked: {why}"))
}
