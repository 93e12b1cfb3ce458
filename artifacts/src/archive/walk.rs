//! The files below a source, in the order of an archive: byte order of names, directory by directory.

use crate::beneath::{Dir, file_type};
use crate::error::{Context, Error};
use crate::source::{Handle, Source};
use crate::tree::{MAX_DEPTH, odd};
use rustix::fs::{FileType, Stat};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// One thing to put into an archive.
pub(super) struct Found<'a> {
    /// With the source's name as first component.
    pub path: &'a Path,
    pub stat: Stat,
    pub what: What,
}

pub(super) enum What {
    Directory,
    File(Arc<File>),
    /// The link's text.
    Link(Vec<u8>),
}

/// Whoever writes the archive.
pub(super) trait Visitor {
    fn visit(&mut self, found: Found<'_>) -> Result<(), Error>;
}

/// Visits the source itself and everything below it.
pub(super) fn walk(source: &Source, visitor: &mut dyn Visitor) -> Result<(), Error> {
    let doing = || format!("pack {}", source.path().display());
    let path = Path::new(source.name());
    match source.handle() {
        Handle::File(file) => {
            let stat = rustix::fs::fstat(file).doing(doing)?;
            visitor.visit(Found { path, stat, what: What::File(Arc::clone(file)) })
        }
        Handle::Directory(dir) => {
            let stat = rustix::fs::fstat(dir).doing(doing)?;
            visitor.visit(Found { path, stat, what: What::Directory })?;
            below(dir, path, source, visitor)
        }
    }
}

fn below(dir: &Dir, path: &Path, source: &Source, visitor: &mut dyn Visitor) -> Result<(), Error> {
    let shown = source.path();
    let doing = |path: &Path| {
        let relative = path.strip_prefix(source.name()).unwrap_or(path);
        format!("pack {}", shown.join(relative).display())
    };
    if path.components().count() > MAX_DEPTH {
        return Err(Error::new(
            Error::Invalid,
            doing(path),
            format!("it lies more than {MAX_DEPTH} directories deep"),
        ));
    }
    for name in dir.names().doing(|| doing(path))? {
        let path = &path.join(&name);
        let stat = dir.stat(&name).doing(|| doing(path))?;
        match file_type(&stat) {
            FileType::Directory => {
                let inner = dir.sub(Path::new(&name)).doing(|| doing(path))?;
                visitor.visit(Found { path, stat, what: What::Directory })?;
                below(&inner, path, source, visitor)?;
            }
            FileType::RegularFile => {
                let file = dir.open_read(Path::new(&name)).doing(|| doing(path))?;
                let stat = rustix::fs::fstat(&file).doing(|| doing(path))?;
                if file_type(&stat) != FileType::RegularFile {
                    return Err(odd(&doing(Path::new(source.name())), path));
                }
                visitor.visit(Found { path, stat, what: What::File(Arc::new(file)) })?;
            }
            FileType::Symlink => {
                let link = rustix::fs::readlinkat(dir, &name, Vec::new()).doing(|| doing(path))?;
                visitor.visit(Found { path, stat, what: What::Link(link.into_bytes()) })?;
            }
            _ => return Err(odd(&doing(Path::new(source.name())), path)),
        }
    }
    Ok(())
}

/// Exactly `left` bytes of a file; an earlier end is an error, since the archive has promised them.
pub(super) struct Exactly<R> {
    pub inner: R,
    pub left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.inner.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if count == 0 {
            return Err(shorter());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

pub(super) fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was packed")
}
