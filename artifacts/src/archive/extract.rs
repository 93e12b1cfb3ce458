//! Writing an archive's entries below a fresh directory, and nowhere else.
//!
//! Every path is resolved beneath the directory's handle and through no link; files are created exclusively; links are made
//! last, when nothing can be written through them any more; modes and times of directories come at the very end.

use super::Limits;
use crate::beneath::{Dir, file_type};
use crate::digest::BLOCK;
use crate::error::{Context, Error};
use crate::name::{Relative, link_stays_inside};
use crate::place::{Pending, Policy};
use crate::target::Target;
use crate::tree::{escaping, make_link};
use rustix::fs::{AtFlags, FileType, Mode, Timespec, Timestamps};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ratios of smaller outputs are not looked at.
const RATIO_FROM: u64 = 64 << 20;

/// What an entry says about itself beside its content.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    /// Permission bits; `None` leaves 0666 or 0777 less the umask.
    pub mode: Option<u32>,
    /// Seconds since 1970.
    pub mtime: Option<i64>,
}

pub(super) struct Extractor<'a> {
    pending: Pending,
    root: Dir,
    limits: &'a Limits,
    doing: String,
    /// Packed bytes read so far.
    packed: Arc<AtomicU64>,
    entries: u64,
    bytes: u64,
    directories: BTreeMap<PathBuf, Attributes>,
    links: Vec<(Relative, Vec<u8>)>,
    buffer: Vec<u8>,
    /// The directory of the last file: most entries share it with the one before.
    parent: Option<(PathBuf, Arc<Dir>)>,
}

impl<'a> Extractor<'a> {
    pub fn new(
        target: &Target,
        limits: &'a Limits,
        doing: &str,
        packed: Arc<AtomicU64>,
    ) -> Result<Extractor<'a>, Error> {
        let (pending, root) = Pending::directory(target)?;
        Ok(Extractor {
            pending,
            root,
            limits,
            doing: doing.to_owned(),
            packed,
            entries: 0,
            bytes: 0,
            directories: BTreeMap::new(),
            links: Vec::new(),
            buffer: vec![0; BLOCK],
            parent: None,
        })
    }

    /// Checks an entry's name and counts it.
    pub fn admit(&mut self, name: &[u8]) -> Result<Relative, Error> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.over("entries", self.limits.entries));
        }
        if name.len() > self.limits.name {
            return Err(self.over("bytes in a name", self.limits.name as u64));
        }
        let relative = Relative::parse(name).map_err(|why| {
            let name = String::from_utf8_lossy(name).replace('\0', "\\0");
            self.invalid(format!("entry `{name}`: {why}"))
        })?;
        if relative.depth() > self.limits.depth {
            return Err(self.over("nested directories", self.limits.depth as u64));
        }
        Ok(relative)
    }

    /// A directory may come twice, or after its files.
    pub fn directory(&mut self, path: &Relative, attributes: Attributes) -> Result<(), Error> {
        if path.is_root() {
            return Ok(());
        }
        self.root.make(path.as_path(), 0o777).map_err(|error| self.at(path, error))?;
        self.directories.insert(path.as_path().to_owned(), attributes);
        Ok(())
    }

    pub fn file(
        &mut self,
        path: &Relative,
        attributes: Attributes,
        size: u64,
        data: &mut dyn Read,
    ) -> Result<(), Error> {
        if size > self.limits.bytes.saturating_sub(self.bytes) {
            return Err(self.over("bytes", self.limits.bytes));
        }
        let name = path.file_name().ok_or_else(|| self.invalid("a file has no name".to_owned()))?;
        let parent = self.parent_of(path)?;
        let mut file = parent.create(name, 0o666).map_err(|error| self.at(path, error))?;
        self.fill(&mut file, size, data).map_err(|error| self.at(path, error))?;
        if let Some(mode) = attributes.mode {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & 0o777))
                .map_err(|error| self.at(path, error.into()))?;
        }
        if let Some(mtime) = attributes.mtime {
            rustix::fs::futimens(&file, &times(mtime))
                .map_err(|error| self.at(path, error.into()))?;
        }
        Ok(())
    }

    fn fill(&mut self, file: &mut std::fs::File, size: u64, data: &mut dyn Read) -> io::Result<()> {
        let mut written = 0;
        loop {
            let count = match data.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            written += count as u64;
            self.bytes += count as u64;
            self.check_bytes().map_err(Error::into_io)?;
            file.write_all(self.buffer.get(..count).unwrap_or_default())?;
        }
        if written == size {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it has {written} bytes, where its header says {size}"),
        ))
    }

    fn check_bytes(&self) -> Result<(), Error> {
        if self.bytes > self.limits.bytes {
            return Err(self.over("bytes", self.limits.bytes));
        }
        let packed = self.packed.load(Ordering::Relaxed).max(1);
        if self.bytes > RATIO_FROM && self.bytes / packed > self.limits.ratio {
            return Err(self.over("times its packed size", self.limits.ratio));
        }
        Ok(())
    }

    /// Kept for the end. Whether it stays inside is known only when the top-level entries are.
    pub fn symlink(&mut self, path: Relative, link: Vec<u8>) -> Result<(), Error> {
        if path.is_root() {
            return Err(self.invalid("a link has no name".to_owned()));
        }
        self.links.push((path, link));
        Ok(())
    }

    /// A second name of a file that came before.
    pub fn hard_link(&mut self, path: &Relative, link: &[u8]) -> Result<(), Error> {
        let shown = String::from_utf8_lossy(link).into_owned();
        let missing = |this: &Self| {
            this.invalid(format!(
                "entry `{}` is a hard link to `{shown}`, which is no file that came before it",
                path.as_path().display()
            ))
        };
        let link = Relative::parse(link).map_err(|_| missing(self))?;
        let (Some(old), Some(new)) = (link.file_name(), path.file_name()) else {
            return Err(missing(self));
        };
        let from = self.root.sub(link.parent()).map_err(|_| missing(self))?;
        let stat = from.stat(old).map_err(|_| missing(self))?;
        if file_type(&stat) != FileType::RegularFile {
            return Err(missing(self));
        }
        let to = self.parent_of(path)?;
        rustix::fs::linkat(&from, old, &to, new, AtFlags::empty())
            .map_err(|error| self.at(path, error.into()))
    }

    /// Makes links, sets what directories say of themselves, and moves the result to the target.
    pub fn finish(mut self) -> Result<(), Error> {
        let lifted = self.lifted()?;
        for (path, link) in &self.links {
            let inside = lifted.as_ref().map_or(path.as_path(), |top| {
                path.as_path().strip_prefix(top).unwrap_or(Path::new(""))
            });
            let stays = inside.parent().is_some_and(|parent| link_stays_inside(parent, link));
            if !stays {
                return Err(escaping(&self.doing, path.as_path(), link));
            }
        }
        for (path, link) in &self.links {
            self.root.make(path.parent(), 0o777).map_err(|error| self.at(path, error))?;
            make_link(&self.root, path.as_path(), link).map_err(|error| self.at(path, error))?;
        }
        self.parent = None;
        // Deepest first: a name sorts behind its parents.
        for (path, attributes) in self.directories.iter().rev() {
            self.settle(path, *attributes)
                .doing(|| format!("{} (entry `{}`)", self.doing, path.display()))?;
        }
        match lifted {
            Some(top) => self.pending.commit_inner(&self.root, &top, Policy::Replace),
            None => self.pending.commit(Policy::Replace).map(|_| ()),
        }
    }

    /// The only top-level entry, if there is just one.
    fn lifted(&self) -> Result<Option<OsString>, Error> {
        let mut top: BTreeSet<OsString> =
            self.root.names().doing(|| self.doing.clone())?.into_iter().collect();
        top.extend(
            self.links
                .iter()
                .filter_map(|(path, _)| path.as_path().iter().next().map(ToOwned::to_owned)),
        );
        let (1, Some(only)) = (top.len(), top.pop_first()) else {
            return Ok(None);
        };
        match self.links.iter().find(|(path, _)| path.as_path().as_os_str() == only) {
            Some((path, link)) => Err(escaping(&self.doing, path.as_path(), link)),
            None => Ok(Some(only)),
        }
    }

    fn settle(&self, path: &Path, attributes: Attributes) -> io::Result<()> {
        let dir = self.root.sub(path)?;
        if let Some(mode) = attributes.mode {
            // Whoever unpacked it must be able to remove it.
            rustix::fs::fchmod(&dir, Mode::from_raw_mode(mode & 0o777 | 0o700))?;
        }
        if let Some(mtime) = attributes.mtime {
            rustix::fs::futimens(&dir, &times(mtime))?;
        }
        Ok(())
    }

    fn parent_of(&mut self, path: &Relative) -> Result<Arc<Dir>, Error> {
        if let Some((known, dir)) = &self.parent
            && known == path.parent()
        {
            return Ok(Arc::clone(dir));
        }
        let dir =
            Arc::new(self.root.make(path.parent(), 0o777).map_err(|error| self.at(path, error))?);
        self.parent = Some((path.parent().to_owned(), Arc::clone(&dir)));
        Ok(dir)
    }

    pub fn invalid(&self, why: String) -> Error {
        Error::new(Error::Invalid, &self.doing, why)
    }

    fn over(&self, what: &str, limit: u64) -> Error {
        self.invalid(format!("it has more than {limit} {what}")).advise(
            "if it is no bomb, load it with `archive: {none: {}}` and unpack it in the step",
        )
    }

    fn at(&self, path: &Relative, error: io::Error) -> Error {
        let shown = String::from_utf8_lossy(path.as_path().as_os_str().as_bytes());
        match error.kind() {
            io::ErrorKind::AlreadyExists => self.invalid(format!("entry `{shown}` comes twice")),
            io::ErrorKind::NotADirectory => self
                .invalid(format!("entry `{shown}` lies below another entry that is no directory")),
            _ => Error::io(format!("{} (entry `{shown}`)", self.doing), error),
        }
    }
}

fn times(mtime: i64) -> Timestamps {
    // Years beyond 9999 are nobody's.
    let time = Timespec { tv_sec: mtime.clamp(-62_135_596_800, 253_402_300_799), tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
