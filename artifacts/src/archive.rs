//! Packing and safe unpacking of artifacts: tar in gzip or zstd, and zip, all streaming.

mod decompress;
mod deflate;
mod extract;
mod gzip;
mod packed;
mod tar_reader;
mod tar_writer;
mod unpack;
mod walk;
mod zip_writer;

use crate::error::{Context, Error};
use crate::source::Source;
use crate::target::Target;
use lighter_api::{ArchiveStrategy, Compression};
use std::io::{self, Read, Write};
use zstd::zstd_safe::CParameter;

use decompress::Format;
pub(crate) use decompress::{look, tar_reader};
pub use packed::Packed;
pub(crate) use tar_reader::Kind;
pub(crate) use unpack::{open_zip, zip as unpack_zip, zip_entry};

/// How an artifact is packed when it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// Tar in gzip; level 0 stores, 9 is smallest.
    TarGz {
        level: u32,
    },
    /// Tar in zstd; level -7 is fastest, 22 smallest.
    TarZstd {
        level: i32,
    },
    Zip,
}

impl Archive {
    /// What a strategy asks for; `None` means: as it is. An absent strategy is tar.
    ///
    /// Errors: `Invalid` for several strategies at once or a compression level that there is not.
    pub fn for_saving(strategy: Option<&ArchiveStrategy>) -> Result<Option<Archive>, Error> {
        let none = ArchiveStrategy::default();
        let strategy = strategy.unwrap_or(&none);
        one_of(strategy)?;
        if strategy.none.is_some() {
            return Ok(None);
        }
        if strategy.zip.is_some() {
            return Ok(Some(Archive::Zip));
        }
        let tar = strategy.tar.clone().unwrap_or_default();
        let level = tar.level().map_err(|why| {
            let why = format!("`archive.tar.compressionLevel`: {why}");
            Error::new(Error::Invalid, "pack an artifact", why)
        })?;
        Ok(Some(match tar.compression.unwrap_or_default() {
            Compression::Gzip => Archive::TarGz { level: level.unsigned_abs() },
            Compression::Zstd => Archive::TarZstd { level },
        }))
    }

    /// Whether a tar that starts with these bytes, of which four are enough, is compressed so; never for a zip.
    pub fn starts(self, bytes: &[u8]) -> bool {
        match self {
            Archive::TarGz { .. } => Format::of(bytes) == Some(Format::Gzip),
            Archive::TarZstd { .. } => Format::of(bytes) == Some(Format::Zstd),
            Archive::Zip => false,
        }
    }

    /// The end of a saved artifact's file name: `tgz`, `tar.zst` or `zip`.
    pub fn extension(self) -> &'static str {
        match self {
            Archive::TarGz { .. } => "tgz",
            Archive::TarZstd { .. } => "tar.zst",
            Archive::Zip => "zip",
        }
    }
}

/// How a stored artifact is unpacked when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpacking {
    /// A gzip or zstd whose content starts with a tar header is unpacked, anything else is taken as it is.
    Detect,
    /// It must be a tar in gzip or zstd.
    Tar,
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
            ArchiveStrategy { tar: Some(_), .. } => Unpacking::Tar,
            _ => Unpacking::Detect,
        })
    }
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
        Archive::TarGz { level } => tar_gz(source, level, gzip::threads(), out),
        Archive::TarZstd { level } => tar_zstd(source, level, out),
        Archive::Zip => zip_writer::write(source, out),
    }
}

fn tar_gz(source: &Source, level: u32, threads: usize, out: &mut dyn Write) -> Result<(), Error> {
    let doing = || format!("pack {}", source.path().display());
    let mut gzip = gzip::GzipWriter::new(out, level, threads).doing(doing)?;
    tar_writer::write(source, &mut gzip)?;
    gzip.finish().and_then(|out| out.flush()).doing(doing)
}

/// The largest window, hash table and chain table of the higher levels, as powers of two: 2, 4 and 4 MiB.
const ZSTD_MEMORY: [u32; 3] = [21, 20, 20];

fn tar_zstd(source: &Source, level: i32, out: &mut dyn Write) -> Result<(), Error> {
    let doing = || format!("pack {}", source.path().display());
    let mut zstd = zstd_writer(level, out).doing(doing)?;
    tar_writer::write(source, &mut zstd)?;
    zstd.finish().and_then(|out| out.flush()).doing(doing)
}

/// Takes at most 16 MiB at any level: the levels whose tables would be larger get smaller ones, and pack a little less.
fn zstd_writer<W: Write>(
    level: i32,
    out: W,
) -> io::Result<zstd::stream::write::Encoder<'static, W>> {
    let mut writer = zstd::stream::write::Encoder::new(out, level)?;
    writer.include_checksum(true)?;
    if level > 6 {
        let [window, hash, chain] = ZSTD_MEMORY;
        writer.window_log(window)?;
        writer.set_parameter(CParameter::HashLog(hash))?;
        writer.set_parameter(CParameter::ChainLog(chain))?;
    }
    Ok(writer)
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
