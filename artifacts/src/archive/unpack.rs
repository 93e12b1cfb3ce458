//! From a stream to files: looking what it is, then entry by entry.

use super::decompress::{look, tar_reader};
use super::extract::{Attributes, Extractor};
use super::tar_reader::Kind;
use super::zip_writer::io_error;
use super::{Limits, Unpacking};
use crate::digest::copy;
use crate::error::{Context, Error};
use crate::place::{Pending, Policy};
use crate::target::Target;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use zip::ZipArchive;
use zip::read::{ZipFile, ZipReadOptions};

type Stream = Box<dyn Read + Send>;

pub(super) fn unpack(
    reader: Stream,
    how: Unpacking,
    target: &Target,
    limits: &Limits,
    doing: &str,
) -> Result<(), Error> {
    match how {
        Unpacking::None => plain(reader, target, doing),
        Unpacking::Tar => tar(reader, target, limits, doing),
        Unpacking::Zip => {
            // A zip is read from its end; the file has no name.
            let (pending, mut file) = Pending::file(target, 0o600)?;
            let mut reader = reader;
            copy(&mut reader, &mut file).doing(|| doing)?;
            drop(pending);
            zip(file, target, limits, doing)
        }
        Unpacking::Detect => match look(reader).doing(|| doing)? {
            (true, reader) => tar(reader, target, limits, doing),
            (false, reader) => plain(reader, target, doing),
        },
    }
}

fn plain(mut reader: Stream, target: &Target, doing: &str) -> Result<(), Error> {
    let (pending, mut file) = Pending::file(target, 0o666)?;
    copy(&mut reader, &mut file).doing(|| doing)?;
    pending.commit(Policy::Replace)?;
    Ok(())
}

/// Unpacks tar entries as they come.
fn tar(reader: Stream, target: &Target, limits: &Limits, doing: &str) -> Result<(), Error> {
    let (mut reader, packed) = tar_reader(reader, doing)?;
    let mut extractor = Extractor::new(target, limits, doing, packed)?;
    while let Some(entry) = reader.next()? {
        let path = extractor.admit(&entry.path)?;
        let attributes = Attributes { mode: Some(entry.mode), mtime: Some(entry.mtime) };
        match entry.kind {
            Kind::Directory => extractor.directory(&path, attributes)?,
            Kind::File => extractor.file(&path, attributes, entry.size, &mut reader)?,
            Kind::Symlink => extractor.symlink(path, entry.link)?,
            Kind::HardLink => extractor.hard_link(&path, &entry.link)?,
        }
    }
    extractor.finish()
}

/// Bytes read at once from a zip. Each entry is looked for anew, which throws away what was read ahead.
const ZIP_BLOCK: usize = 16 * 1024;

/// Opens a zip, whose names must be unique.
pub(crate) fn open_zip(file: File, doing: &str) -> Result<ZipArchive<BufReader<File>>, Error> {
    let archive = ZipArchive::new(BufReader::with_capacity(ZIP_BLOCK, file))
        .map_err(io_error)
        .doing(|| doing)?;
    if archive.has_duplicate_names() {
        return Err(Error::new(Error::Invalid, doing, "an entry comes twice"));
    }
    Ok(archive)
}

/// One entry of a zip, whose two headers must agree.
pub(crate) fn zip_entry<'a, R: Read + Seek>(
    archive: &'a mut ZipArchive<R>,
    index: usize,
    doing: &str,
) -> Result<ZipFile<'a, R>, Error> {
    let options = ZipReadOptions::new().enforce_header_consistency(true);
    archive.by_index_with_options(index, options).map_err(|error| match error {
        zip::result::ZipError::UnsupportedArchive(why) => {
            Error::new(Error::Unsupported, doing, why.to_string())
                .advise("pack it without encryption, with deflate or stored")
        }
        other => Error::io(doing, io_error(other)),
    })
}

pub(crate) fn zip(
    mut file: File,
    target: &Target,
    limits: &Limits,
    doing: &str,
) -> Result<(), Error> {
    let length = file.metadata().doing(|| doing)?.len();
    file.rewind().doing(|| doing)?;
    let mut archive = open_zip(file, doing)?;
    let mut extractor = Extractor::new(target, limits, doing, Arc::new(AtomicU64::new(length)))?;
    for index in 0..archive.len() {
        let mut entry = zip_entry(&mut archive, index, doing)?;
        let path = extractor.admit(entry.name_raw())?;
        let attributes = zip_attributes(&entry);
        let kind = entry.unix_mode().unwrap_or(0) & 0o170_000;
        match kind {
            _ if entry.is_dir() => extractor.directory(&path, attributes)?,
            0o120_000 => {
                let mut link = Vec::new();
                (&mut entry).take(limits.name as u64 + 1).read_to_end(&mut link).doing(|| doing)?;
                if link.len() > limits.name {
                    return Err(extractor.invalid(format!(
                        "entry `{}` is a link with an overlong target",
                        path.as_path().display()
                    )));
                }
                extractor.symlink(path, link)?;
            }
            0 | 0o100_000 => {
                let size = entry.size();
                extractor.file(&path, attributes, size, &mut entry)?;
            }
            _ => {
                return Err(extractor
                    .invalid(format!("entry `{}` is a device or FIFO", path.as_path().display())));
            }
        }
    }
    extractor.finish()
}

/// Modes only from Unix, and only if there are any: writers that know none leave zero.
fn zip_attributes<R: Read>(entry: &ZipFile<'_, R>) -> Attributes {
    let unix = matches!(entry.system(), zip::System::Unix | zip::System::OsDarwin);
    let mode = entry.unix_mode().map(|mode| mode & 0o777).filter(|mode| unix && *mode != 0);
    let extended = entry.extra_data_fields().find_map(|field| match field {
        zip::ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    let mtime = extended.map(i64::from).or_else(|| entry.last_modified().and_then(seconds));
    Attributes { mode, mtime }
}

/// Zip's older time has no zone; UTC is as good a guess as any.
fn seconds(time: zip::DateTime) -> Option<i64> {
    let small = |number: u8| i8::try_from(number).ok();
    let civil = jiff::civil::DateTime::new(
        i16::try_from(time.year()).ok()?,
        small(time.month())?,
        small(time.day())?,
        small(time.hour())?,
        small(time.minute())?,
        small(time.second())?,
        0,
    );
    Some(jiff::tz::Offset::UTC.to_timestamp(civil.ok()?).ok()?.as_second())
}
