//! Writing gzip-compressed tar: GNU headers, long names and links as GNU writes them.

use super::walk::{Exactly, Found, Visitor, What, walk};
use crate::digest::BLOCK;
use crate::error::{Context, Error};
use crate::source::{FileReader, Source};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::Stat;
use std::collections::HashMap;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tar::{Builder, EntryType, Header};

/// Longest name that fits into a header.
const NAME: usize = 100;

/// Writes the whole archive.
pub(super) fn write(source: &Source, level: u32, out: &mut dyn Write) -> Result<(), Error> {
    let gzip = GzEncoder::new(BufWriter::with_capacity(BLOCK, out), Compression::new(level));
    let mut writer = Writer { tar: Builder::new(gzip), hard_links: HashMap::new() };
    walk(source, &mut writer)?;
    let finish = || -> io::Result<()> {
        writer.tar.into_inner()?.finish()?.into_inner().map_err(|e| e.into_error())?.flush()
    };
    finish().doing(|| format!("pack {}", source.path().display()))
}

struct Writer<W: Write> {
    tar: Builder<W>,
    /// First name of each file that has several.
    hard_links: HashMap<(u64, u64), Vec<u8>>,
}

impl<W: Write> Visitor for Writer<W> {
    fn visit(&mut self, found: Found<'_>) -> Result<(), Error> {
        self.add(&found).doing(|| format!("pack {}", found.path.display()))
    }
}

impl<W: Write> Writer<W> {
    fn add(&mut self, found: &Found<'_>) -> io::Result<()> {
        let Found { path, stat, what } = found;
        match what {
            What::Directory => {
                self.entry(path, stat, EntryType::Directory, &[], 0, &mut io::empty())
            }
            What::Link(link) => {
                self.entry(path, stat, EntryType::Symlink, link, 0, &mut io::empty())
            }
            What::File(file) => {
                if let Some(first) = self.first_name(path, stat) {
                    return self.entry(path, stat, EntryType::Link, &first, 0, &mut io::empty());
                }
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                let reader = FileReader { file: file.clone(), offset: 0 };
                let data =
                    &mut Exactly { inner: io::BufReader::with_capacity(BLOCK, reader), left: size };
                self.entry(path, stat, EntryType::Regular, &[], size, data)
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

    fn entry(
        &mut self,
        path: &Path,
        stat: &Stat,
        kind: EntryType,
        link: &[u8],
        size: u64,
        data: &mut dyn Read,
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
        self.tar.append(&header, data)
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
        self.tar.append(&header, text.chain(&[0_u8][..]))
    }
}

fn fill(field: &mut [u8], text: &[u8]) {
    for (place, byte) in field.iter_mut().zip(text) {
        *place = *byte;
    }
}
