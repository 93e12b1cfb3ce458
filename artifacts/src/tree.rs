//! Copying files and directory trees as they are, by reflink where the file system can.

use crate::beneath::{Dir, file_type};
use crate::digest::copy;
use crate::error::{Context, Error};
use crate::name::link_stays_inside;
use crate::place::Pending;
use crate::source::FileReader;
use crate::target::Target;
use rustix::fs::FileType;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Deeper trees are refused: each level holds a handle.
pub(crate) const MAX_DEPTH: usize = 400;

/// A pending file for a copy of `like`: readable and writable by all as far as the umask allows, executable as `like` is.
pub(crate) fn new_file(target: &Target, like: &File) -> Result<(Pending, File), Error> {
    let executable = like.metadata().doing(|| target.doing())?.permissions().mode() & 0o111;
    Pending::file(target, 0o666 | executable)
}

/// Gives `to`, which is empty, the content of `from`.
pub(crate) fn copy_file(from: &Arc<File>, to: &mut File) -> std::io::Result<u64> {
    if rustix::fs::ioctl_ficlone(&*to, from).is_ok() {
        return Ok(to.metadata()?.len());
    }
    copy(&mut FileReader { file: Arc::clone(from), offset: 0 }, to)
}

/// Copies everything below `from` into the empty directory `to`. Returns the sum of the files' sizes.
///
/// Links are made after all files, and must stay inside the tree; sockets, FIFOs and devices are errors.
pub(crate) fn copy_tree(from: &Dir, to: &Dir, doing: &str) -> Result<u64, Error> {
    let mut links = Vec::new();
    let size = copy_below(from, to, Path::new(""), doing, &mut links)?;
    for (path, link) in &links {
        make_link(to, path, link).map_err(|error| at(doing, path, error))?;
    }
    Ok(size)
}

type Links = Vec<(PathBuf, Vec<u8>)>;

fn copy_below(
    from: &Dir,
    to: &Dir,
    path: &Path,
    doing: &str,
    links: &mut Links,
) -> Result<u64, Error> {
    if path.components().count() > MAX_DEPTH {
        let why = format!("{} lies more than {MAX_DEPTH} directories deep", path.display());
        return Err(Error::new(Error::Invalid, doing, why));
    }
    let mut size = 0;
    for name in from.names().map_err(|error| at(doing, path, error))? {
        let path = path.join(&name);
        let stat = from.stat(&name).map_err(|error| at(doing, &path, error))?;
        match file_type(&stat) {
            FileType::Directory => size += copy_directory(from, to, &name, &path, doing, links)?,
            FileType::RegularFile => {
                size += copy_one(from, to, &name, stat.st_mode)
                    .map_err(|error| at(doing, &path, error))?;
            }
            FileType::Symlink => {
                let link = rustix::fs::readlinkat(from, &name, Vec::new())
                    .map_err(|error| at(doing, &path, error.into()))?;
                let link = link.into_bytes();
                if !link_stays_inside(path.parent().unwrap_or(Path::new("")), &link) {
                    return Err(escaping(doing, &path, &link));
                }
                links.push((path, link));
            }
            _ => return Err(odd(doing, &path)),
        }
    }
    Ok(size)
}

fn copy_directory(
    from: &Dir,
    to: &Dir,
    name: &OsStr,
    path: &Path,
    doing: &str,
    links: &mut Links,
) -> Result<u64, Error> {
    let name = Path::new(name);
    let inner = from.sub(name).map_err(|error| at(doing, path, error))?;
    let made = to.make(name, 0o777).map_err(|error| at(doing, path, error))?;
    copy_below(&inner, &made, path, doing, links)
}

fn copy_one(from: &Dir, to: &Dir, name: &OsStr, mode: u32) -> std::io::Result<u64> {
    let old = Arc::new(from.open_read(Path::new(name))?);
    let mut new = to.create(name, 0o666 | (mode & 0o111))?;
    copy_file(&old, &mut new)
}

/// Makes a link whose parent directory exists below `root`.
pub(crate) fn make_link(root: &Dir, path: &Path, link: &[u8]) -> std::io::Result<()> {
    let parent = root.sub(path.parent().unwrap_or(Path::new("")))?;
    Ok(rustix::fs::symlinkat(
        OsStr::from_bytes(link),
        &parent,
        path.file_name().unwrap_or_default(),
    )?)
}

pub(crate) fn escaping(doing: &str, path: &Path, link: &[u8]) -> Error {
    let why = format!(
        "{} is a link to {}, which may lead outside",
        path.display(),
        String::from_utf8_lossy(link)
    );
    Error::new(Error::Invalid, doing, why)
        .advise("use relative links that stay inside, or leave the link out")
}

pub(crate) fn odd(doing: &str, path: &Path) -> Error {
    let why = format!("{} is not a regular file or directory", path.display());
    Error::new(Error::Invalid, doing, why)
        .advise("sockets, FIFOs and devices cannot be artifacts; remove it")
}

fn at(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("{doing} ({})", path.display()), error)
}
