//! Writing tar: GNU headers, long names and links as GNU writes them.

use super::walk::{Found, Visitor, What, walk};
use crate::digest::BLOCK;
use crate::error::{Context, Error};
use crate::source::Source;
use rustix::fs::Stat;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tar::{EntryType, Header};

/// Longest name that fits into a header.
const NAME: usize = 100;
/// Everything in a tar is a multiple of this long.
const UNIT: u64 = 512;

/// Writes the whole archive, uncompressed.
pub(super) fn write(source: &Source, out: &mut dyn Write) -> Result<(), Error> {
    let mut writer = Writer { out, buffer: vec![0; BLOCK], hard_links: HashMap::new() };
    walk(source, &mut writer)?;
    // Two blocks of zeros are the end (POSIX.1-2017, pax, "ustar Interchange Format").
    writer.out.write_all(&[0; 1024]).doing(|| format!("pack {}", source.path().display()))
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    /// First name of each file that has several.
    hard_links: HashMap<(u64, u64), Vec<u8>>,
}

impl Visitor for Writer<'_> {
    fn visit(&mut self, found: Found<'_>) -> Result<(), Error> {
        self.add(&found).doing(|| format!("pack {}", found.path.display()))
    }
}

impl Writer<'_> {
    fn add(&mut self, found: &Found<'_>) -> io::Result<()> {
        let Found { path, stat, what } = found;
        match what {
            What::Directory => self.header(path, stat, EntryType::Directory, &[], 0),
            What::Link(link) => self.header(path, stat, EntryType::Symlink, link, 0),
            What::File(file) => {
                if let Some(first) = self.first_name(path, stat) {
                    return self.header(path, stat, EntryType::Link, &first, 0);
                }
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                self.header(path, stat, EntryType::Regular, &[], size)?;
                self.content(file, size)
            }
        }
    }

    /// The name under which the same file was packed before.
    fn first_name(&mut self, path: &Path, stat: &Stat) -> Option<Vec<u8>> {
        if stat.st_nlink < 2 {
            return None;
        }
        let first = self.hard_links.entry((stat.st_dev, stat.st_ino)).or_default();
        if !first.is_empty() {
            return Some(first.clone());
        }
        *first = path.as_os_str().as_bytes().to_vec();
        None
    }

    /// Exactly `size` bytes of the file, which the header has promised.
    fn content(&mut self, file: &File, size: u64) -> io::Result<()> {
        let mut offset = 0;
        while offset < size {
            let wanted = self.buffer.len().min(usize::try_from(size - offset).unwrap_or(BLOCK));
            let chunk = self.buffer.get_mut(..wanted).unwrap_or_default();
            let count = match file.read_at(chunk, offset) {
                Ok(0) => return Err(super::walk::shorter()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.out.write_all(chunk.get(..count).unwrap_or_default())?;
            offset += count as u64;
        }
        self.pad(size)
    }

    /// Zeros up to the next multiple of a unit.
    fn pad(&mut self, size: u64) -> io::Result<()> {
        let zeros = [0; UNIT as usize];
        let rest = usize::try_from(size.next_multiple_of(UNIT) - size).unwrap_or(0);
        self.out.write_all(zeros.get(..rest).unwrap_or_default())
    }

    fn header(
        &mut self,
        path: &Path,
        stat: &Stat,
        kind: EntryType,
        link: &[u8],
        size: u64,
    ) -> io::Result<()> {
        let name = path.as_os_str().as_bytes();
        if name.len() > NAME {
            self.long(b'L', name)?;
        }
        if link.len() > NAME {
            self.long(b'K', link)?;
        }
        let mut header = Header::new_gnu();
        if let Some(gnu) = header.as_gnu_mut() {
            fill(&mut gnu.name, name);
            fill(&mut gnu.linkname, link);
        }
        header.set_entry_type(kind);
        header.set_mode(stat.st_mode & 0o7777);
        header.set_uid(stat.st_uid.into());
        header.set_gid(stat.st_gid.into());
        header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
        header.set_size(size);
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }

    /// A GNU entry that carries a long name (`L`) or link (`K`) for the next entry.
    fn long(&mut self, kind: u8, text: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        if let Some(gnu) = header.as_gnu_mut() {
            fill(&mut gnu.name, b"././@LongLink");
        }
        header.set_entry_type(EntryType::new(kind));
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(text.len() as u64 + 1);
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        self.out.write_all(text)?;
        self.out.write_all(&[0])?;
        self.pad(text.len() as u64 + 1)
    }
}

fn fill(field: &mut [u8], text: &[u8]) {
    for (place, byte) in field.iter_mut().zip(text) {
        *place = *byte;
    }
}
