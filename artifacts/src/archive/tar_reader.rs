//! A strict reader of tar entries: what other readers disagree on is an error.
//!
//! Fields are decoded by the `tar` crate; the order of blocks, extensions and limits are ours.

use crate::error::Error;
use std::io::{self, Read};
use tar::Header;

const BLOCK: usize = 512;
/// Largest extension (long name, PAX records), in bytes.
const EXTENSION: u64 = 1 << 20;
/// Largest size that fits into the octal field.
const OCTAL: u64 = 0o77_777_777_777;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    HardLink,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub path: Vec<u8>,
    pub kind: Kind,
    /// Target of a symbolic or hard link.
    pub link: Vec<u8>,
    pub mode: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    pub size: u64,
}

/// Reads entries one after the other; between two calls of [`TarReader::next`] it reads the data of the entry.
pub(crate) struct TarReader<R> {
    inner: R,
    /// What is read, for messages.
    doing: String,
    /// Data of the current entry that is yet to come, and its padding.
    left: u64,
    padding: u64,
}

/// A PAX key and its value.
type Record<'a> = (&'a [u8], &'a [u8]);

/// Extensions that describe the next entry.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<i64>,
    any: bool,
}

impl<R: Read> TarReader<R> {
    pub fn new(inner: R, doing: String) -> TarReader<R> {
        TarReader { inner, doing, left: 0, padding: 0 }
    }

    /// The next entry; at the end the rest of the stream is read, and must be zero.
    pub fn next(&mut self) -> Result<Option<Entry>, Error> {
        let mut extensions = Extensions::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                if extensions.any {
                    return Err(self.corrupt("it ends after an extension header"));
                }
                return Ok(None);
            };
            let size =
                header.entry_size().map_err(|_| self.corrupt("a size field is not a number"))?;
            match header.entry_type().as_byte() {
                b'L' => set(&mut extensions.path, trim_nul(self.extension(size)?))
                    .map_err(|()| self.twice())?,
                b'K' => set(&mut extensions.link, trim_nul(self.extension(size)?))
                    .map_err(|()| self.twice())?,
                b'x' => {
                    let records = self.extension(size)?;
                    self.pax(&records, &mut extensions)?;
                }
                b'g' => {
                    let records = self.extension(size)?;
                    self.global(&records)?;
                    continue;
                }
                _ => return self.entry(&header, size, extensions).map(Some),
            }
            extensions.any = true;
        }
    }

    /// Skips what is left of the current entry.
    fn skip(&mut self) -> Result<(), Error> {
        let left = self.left + self.padding;
        let skipped = io::copy(&mut (&mut self.inner).take(left), &mut io::sink())
            .map_err(|error| self.io(error))?;
        if skipped < left {
            return Err(self.corrupt("it ends in the middle of an entry"));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    fn header(&mut self) -> Result<Option<Header>, Error> {
        let mut header = Header::new_old();
        let count =
            read_full(&mut self.inner, header.as_mut_bytes()).map_err(|error| self.io(error))?;
        if count == 0 {
            return Ok(None);
        }
        if count < BLOCK {
            return Err(self.corrupt("it ends in the middle of a header"));
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            self.end()?;
            return Ok(None);
        }
        if !checksum_matches(&header) {
            return Err(self.corrupt("a header has a wrong checksum"));
        }
        Ok(Some(header))
    }

    /// After a block of zeros there may be only zeros; another archive behind the first would be lost without a word.
    fn end(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = match self.inner.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.io(error)),
            };
            if buffer.iter().take(count).any(|byte| *byte != 0) {
                return Err(self
                    .corrupt("there is something behind its end")
                    .advise("pack everything into one archive"));
            }
        }
    }

    fn entry(
        &mut self,
        header: &Header,
        size: u64,
        extensions: Extensions,
    ) -> Result<Entry, Error> {
        let path = extensions.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = extensions
            .link
            .unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned());
        let named = |why: &str| format!("entry `{}` {why}", String::from_utf8_lossy(&path));
        let kind = match header.entry_type().as_byte() {
            // Before POSIX a directory was a file whose name ends in a slash.
            b'0' | 0 | b'7' if path.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' => Kind::File,
            b'5' => Kind::Directory,
            b'2' => Kind::Symlink,
            b'1' => Kind::HardLink,
            b'3' | b'4' | b'6' => {
                return Err(self
                    .invalid(&named("is a device or FIFO"))
                    .advise("pack files, directories and links only"));
            }
            b'S' => {
                return Err(self
                    .unsupported(&named("is a sparse file"))
                    .advise("pack without `--sparse`"));
            }
            other => {
                return Err(self.unsupported(&named(&format!(
                    "is of type `{}`",
                    char::from(other).escape_default()
                ))));
            }
        };
        let size = match extensions.size {
            Some(real) if real != size && real <= OCTAL => {
                return Err(self.corrupt(&named(&format!("has two sizes, {size} and {real}"))));
            }
            Some(real) => real,
            None => size,
        };
        if kind != Kind::File && size != 0 {
            return Err(self.corrupt(&named("is no file, yet has data")));
        }
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        if size.checked_add(self.padding).is_none() {
            return Err(self.corrupt(&named("has an impossible size")));
        }
        let mtime = extensions
            .mtime
            .or_else(|| header.mtime().ok().and_then(|time| i64::try_from(time).ok()))
            .unwrap_or(0);
        Ok(Entry { path, kind, link, mode: header.mode().unwrap_or(0o644), mtime, size })
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        if size > EXTENSION {
            return Err(self
                .invalid(&format!("an extension header of {size} bytes is larger than any name")));
        }
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        let mut data = Vec::new();
        (&mut *self).take(size).read_to_end(&mut data).map_err(|error| self.io(error))?;
        Ok(data)
    }

    fn pax(&self, records: &[u8], extensions: &mut Extensions) -> Result<(), Error> {
        for (key, value) in self.records(records)? {
            match key {
                b"path" => set(&mut extensions.path, value.to_vec()).map_err(|()| self.twice())?,
                b"linkpath" => {
                    set(&mut extensions.link, value.to_vec()).map_err(|()| self.twice())?;
                }
                b"size" => {
                    let size =
                        number(value).ok_or_else(|| self.corrupt("a PAX size is not a number"))?;
                    set(&mut extensions.size, size).map_err(|()| self.twice())?;
                }
                b"mtime" => {
                    extensions.mtime =
                        number(value.split(|byte| *byte == b'.').next().unwrap_or_default());
                }
                sparse if sparse.starts_with(b"GNU.sparse.") => {
                    return Err(self
                        .unsupported("it holds a sparse file")
                        .advise("pack without `--sparse`"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Global records may hold comments, as git's do, but nothing that would change entries.
    fn global(&self, records: &[u8]) -> Result<(), Error> {
        for (key, _) in self.records(records)? {
            if matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
                let key = String::from_utf8_lossy(key);
                return Err(self.invalid(&format!("a global header sets `{key}` for all entries")));
            }
        }
        Ok(())
    }

    /// `<length> <key>=<value>\n`, where the length counts itself.
    fn records<'a>(&self, mut data: &'a [u8]) -> Result<Vec<Record<'a>>, Error> {
        let mut records = Vec::new();
        while !data.is_empty() {
            let (key, value, rest) =
                record(data).ok_or_else(|| self.corrupt("a PAX header is malformed"))?;
            records.push((key, value));
            data = rest;
        }
        Ok(records)
    }

    fn twice(&self) -> Error {
        self.corrupt("an entry is described twice")
    }

    fn corrupt(&self, why: &str) -> Error {
        Error::new(Error::Corrupt, &self.doing, why)
    }

    fn invalid(&self, why: &str) -> Error {
        Error::new(Error::Invalid, &self.doing, why)
    }

    fn unsupported(&self, why: &str) -> Error {
        Error::new(Error::Unsupported, &self.doing, why)
    }

    fn io(&self, error: io::Error) -> Error {
        Error::io(&self.doing, error)
    }
}

/// Data of the current entry.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.inner.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it ends in the middle of an entry",
            ));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Whether a block is a header with the right checksum, as every tar starts with.
pub(super) fn is_header(block: &[u8; BLOCK]) -> bool {
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    block.iter().any(|byte| *byte != 0) && checksum_matches(&header)
}

fn checksum_matches(header: &Header) -> bool {
    let sum: u32 = header
        .as_bytes()
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    header.cksum().is_ok_and(|written| written == sum)
}

/// Reads until the buffer is full or the stream ends; how many bytes.
pub(super) fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().position(|byte| *byte == b' ')?;
    let length: usize = number(data.get(..space)?)?;
    let (line, rest) = data.split_at_checked(length)?;
    let line = line.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = line.iter().position(|byte| *byte == b'=')?;
    Some((line.get(..equals)?, line.get(equals + 1..)?, rest))
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), ()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(()),
    }
}

fn trim_nul(mut text: Vec<u8>) -> Vec<u8> {
    if text.last() == Some(&0) {
        text.pop();
    }
    text
}
