//! Writes that never mix: a temporary name in the same directory, then one rename.

use crate::Error;
use crate::beneath::Dir;
use crate::error::Context;
use crate::target::Target;
use rustix::fs::{Mode, RenameFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::Path;

/// Start of every temporary name; listings leave such names out.
pub(crate) const TEMPORARY: &str = ".lighter-";

/// What to do when the name is taken at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// As rename(2): a file replaces a file, a directory replaces an empty directory; anything else is `Exists`.
    #[default]
    Replace,
    /// `Exists`. Of two writers of one name, one wins.
    Fail,
    /// The next free of `name-1.ext`, `name-2.ext`, …
    Number,
}

/// A file or directory under its temporary name. Dropped before [`Pending::commit`], it is gone.
#[derive(Debug)]
pub struct Pending {
    target: Target,
    temporary: OsString,
    committed: bool,
}

impl Pending {
    /// A new empty file beside the target, open for reading and writing. `mode` is subject to the umask.
    pub fn file(target: &Target, mode: u32) -> Result<(Pending, File), Error> {
        Pending::new(target, |name| target.dir.create(name, mode))
    }

    /// A new empty directory beside the target.
    pub(crate) fn directory(target: &Target) -> Result<(Pending, Dir), Error> {
        Pending::new(target, |name| {
            rustix::fs::mkdirat(&target.dir, name, Mode::from_raw_mode(0o777))?;
            target.dir.sub(Path::new(name))
        })
    }

    fn new<T>(
        target: &Target,
        make: impl Fn(&OsStr) -> io::Result<T>,
    ) -> Result<(Pending, T), Error> {
        loop {
            let temporary = temporary_name();
            match make(&temporary) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    let made = made.doing(|| target.doing())?;
                    return Ok((
                        Pending { target: target.clone(), temporary, committed: false },
                        made,
                    ));
                }
            }
        }
    }

    /// Gives it its name; returns the name, which is another one only under [`Policy::Number`].
    pub fn commit(mut self, policy: Policy) -> Result<OsString, Error> {
        let mut name = self.target.name.clone();
        let mut number = 0_u32;
        loop {
            let done = match policy {
                Policy::Replace => self.rename(&name),
                Policy::Fail | Policy::Number => self.rename_new(&name),
            };
            match done {
                Ok(()) => break,
                Err(Errno::EXIST) if policy == Policy::Number && number < 1_000_000 => {
                    number += 1;
                    name = numbered(&self.target.name, number);
                }
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::ISDIR | Errno::NOTDIR) => {
                    return Err(Error::new(
                        Error::Exists,
                        self.target.doing(),
                        "the name is taken",
                    )
                    .advise("remove what is there or choose another path"));
                }
                Err(error) => return Err(error).doing(|| self.target.doing()),
            }
        }
        self.committed = true;
        Ok(name)
    }

    /// Gives the name to what lies as `inner` in the pending directory `dir`, which goes away.
    pub(crate) fn commit_inner(
        self,
        dir: &Dir,
        inner: &OsStr,
        policy: Policy,
    ) -> Result<(), Error> {
        let target = self.target.clone();
        let (lifted, ()) =
            Pending::new(&target, |name| Ok(rustix::fs::renameat(dir, inner, &target.dir, name)?))?;
        lifted.commit(policy).map(|_| ())
    }

    /// As `commit`, but whatever had the name is removed, directories too.
    pub(crate) fn commit_over(mut self) -> Result<(), Error> {
        let replaced = match self.rename(&self.target.name) {
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::ISDIR | Errno::NOTDIR) => self.swap(),
            other => other,
        };
        replaced.doing(|| self.target.doing())?;
        self.committed = true;
        Ok(())
    }

    /// Puts the new in the place of the old and removes the old. Where the file system cannot exchange, the name is free for a moment.
    fn swap(&self) -> rustix::io::Result<()> {
        let dir = &self.target.dir;
        let name = &self.target.name;
        let mut old = self.temporary.clone();
        match rustix::fs::renameat_with(dir, &self.temporary, dir, name, RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS) => {
                old = temporary_name();
                rustix::fs::renameat(dir, name, dir, &old)?;
                self.rename(name)?;
            }
            other => other?,
        }
        // The new is in place; a rest of the old under a temporary name harms nobody.
        let _ = dir.remove_tree(&old);
        Ok(())
    }

    fn rename(&self, name: &OsStr) -> rustix::io::Result<()> {
        rustix::fs::renameat(&self.target.dir, &self.temporary, &self.target.dir, name)
    }

    fn rename_new(&self, name: &OsStr) -> rustix::io::Result<()> {
        let dir = &self.target.dir;
        match rustix::fs::renameat_with(dir, &self.temporary, dir, name, RenameFlags::NOREPLACE) {
            // Some network file systems only know this way; it works for files.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(dir, &self.temporary, dir, name, rustix::fs::AtFlags::empty())?;
                rustix::fs::unlinkat(dir, &self.temporary, rustix::fs::AtFlags::empty())
            }
            other => other,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing more can be done about a failed clean-up here.
            let _ = self.target.dir.remove_tree(&self.temporary);
        }
    }
}

/// A name that nobody else uses; `RandomState` brings the randomness.
fn temporary_name() -> OsString {
    format!("{TEMPORARY}{:016x}.tmp", RandomState::new().build_hasher().finish()).into()
}

/// `parts-3.json` for `parts.json`.
fn numbered(name: &OsStr, number: u32) -> OsString {
    let path = Path::new(name);
    let mut numbered = path.file_stem().unwrap_or(name).to_owned();
    numbered.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        numbered.push(".");
        numbered.push(extension);
    }
    numbered
}

#[cfg(test)]
mod tests;
