//! Packing and safe unpacking of artifacts: gzip-compressed tar and zip, both streaming.

mod extract;
mod packed;
mod tar_reader;
mod tar_writer;
mod unpack;
mod walk;
mod zip_writer;

use crate::Error;
use crate::source::Source;
use crate::target::Target;
use lighter_api::ArchiveStrategy;
use std::io::{Read, Write};

pub use packed::Packed;
pub(crate) use tar_reader::Kind;
pub(crate) use unpack::{look, open_zip, tar_reader, zip as unpack_zip, zip_entry};

/// How an artifact is packed when it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// Gzip-compressed tar; level 0 stores, 9 is smallest.
    TarGz {
        level: u32,
    },
    Zip,
}

/// zlib's own default.
const DEFAULT_LEVEL: u32 = 6;

impl Archive {
    /// What a strategy asks for; `None` means: as it is. An absent strategy is tar.
    ///
    /// Errors: `Invalid` for several strategies at once or a compression level outside -1 to 9.
    pub fn for_saving(strategy: Option<&ArchiveStrategy>) -> Result<Option<Archive>, Error> {
        let default = Archive::TarGz { level: DEFAULT_LEVEL };
        let Some(strategy) = strategy else {
            return Ok(Some(default));
        };
        one_of(strategy)?;
        if strategy.none.is_some() {
            return Ok(None);
        }
        if strategy.zip.is_some() {
            return Ok(Some(Archive::Zip));
        }
        let level = strategy.tar.as_ref().and_then(|tar| tar.compression_level);
        match level {
            None | Some(-1) => Ok(Some(default)),
            Some(level) => match u32::try_from(level) {
                Ok(level @ 0..=9) => Ok(Some(Archive::TarGz { level })),
                _ => Err(bad_level(level)),
            },
        }
    }

    /// The end of a saved artifact's file name: `tgz` or `zip`.
    pub fn extension(self) -> &'static str {
        match self {
            Archive::TarGz { .. } => "tgz",
            Archive::Zip => "zip",
        }
    }
}

/// How a stored artifact is unpacked when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpacking {
    /// A gzip whose content starts with a tar header is unpacked, anything else is taken as it is.
    Detect,
    /// It must be a gzip-compressed tar.
    TarGz,
    /// It must be a zip.
    Zip,
    /// As it is.
    None,
}

impl Unpacking {
    /// What a strategy asks for. Errors: `Invalid` for several strategies at once.
    pub fn for_loading(strategy: Option<&ArchiveStrategy>) -> Result<Unpacking, Error> {
        let Some(strategy) = strategy else {
            return Ok(Unpacking::Detect);
        };
        one_of(strategy)?;
        Ok(match strategy {
            ArchiveStrategy { none: Some(_), .. } => Unpacking::None,
            ArchiveStrategy { zip: Some(_), .. } => Unpacking::Zip,
            ArchiveStrategy { tar: Some(_), .. } => Unpacking::TarGz,
            _ => Unpacking::Detect,
        })
    }
}

fn bad_level(level: i64) -> Error {
    Error::new(
        Error::Invalid,
        "pack an artifact",
        format!("`archive.tar.compressionLevel` is {level}"),
    )
    .advise("use 0 (stored) to 9 (smallest), or -1 for the default")
}

fn one_of(strategy: &ArchiveStrategy) -> Result<(), Error> {
    let set = [strategy.none.is_some(), strategy.tar.is_some(), strategy.zip.is_some()];
    if set.into_iter().filter(|set| *set).count() < 2 {
        return Ok(());
    }
    Err(Error::new(
        Error::Invalid,
        "read `archive`",
        "more than one of `none`, `tar` and `zip` is set",
    )
    .advise("keep one"))
}

/// What an archive may cost. The defaults are generous: they stop bombs, not artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub entries: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Unpacked bytes for one packed byte, looked at beyond the first 64 MiB. Deflate itself ends at 1032.
    pub ratio: u64,
    /// Directories above an entry.
    pub depth: usize,
    /// Bytes of a name, with its directories.
    pub name: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { entries: 10_000_000, bytes: 16 << 40, ratio: 1100, depth: 255, name: 4096 }
    }
}

/// Writes an archive of the source. Its entries start with the source's name: `dir`, `dir/a`, or the file's name alone.
///
/// Entries are in byte order of their names, directory by directory. Memory use does not depend on sizes.
/// Errors: `Invalid` for sockets, FIFOs and devices, `Corrupt` if a file shrinks meanwhile.
pub fn pack(source: &Source, archive: Archive, out: &mut dyn Write) -> Result<(), Error> {
    match archive {
        Archive::TarGz { level } => tar_writer::write(source, level, out),
        Archive::Zip => zip_writer::write(source, out),
    }
}

/// Unpacks a stream to the target; reads it to its end.
///
/// One top-level entry becomes the target itself; none or several become its content. Extraction goes on in a fresh directory
/// beside the target, so that a failure leaves nothing behind. Files get the archive's permission bits, directories these and
/// the owner's rwx, both their times; owners are ours. `doing` starts the text of errors: `load key `x` in folder /data`.
/// Errors: `Invalid` for hostile entries and limits, `Corrupt`, `Unsupported` for sparse or encrypted files, `Exists` if the
/// target is a directory that is not empty.
pub fn unpack(
    reader: Box<dyn Read + Send>,
    how: Unpacking,
    target: &Target,
    limits: &Limits,
    doing: &str,
) -> Result<(), Error> {
    unpack::unpack(reader, how, target, limits, doing)
}

#[cfg(test)]
mod tests;
