//! Writing zip as a stream: deflated files, directories with their modes, symbolic links as links.

use super::deflate::{SAMPLE, looks_random};
use super::walk::{Exactly, Found, Visitor, What, walk};
use crate::digest::{BLOCK, copy};
use crate::error::{Context, Error};
use crate::source::{FileReader, Source};
use rustix::fs::Stat;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use zip::write::{FullFileOptions, SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Sizes from here on need the 64-bit fields; a little below the limit, since deflate may grow.
const LARGE: u64 = 0xFFF0_0000;

/// Writes the whole archive.
pub(super) fn write(source: &Source, out: &mut dyn Write) -> Result<(), Error> {
    let mut writer = Writer { zip: ZipWriter::new_stream(BufWriter::with_capacity(BLOCK, out)) };
    walk(source, &mut writer)?;
    let finish =
        || -> io::Result<()> { writer.zip.finish().map_err(io_error)?.into_inner().flush() };
    finish().doing(|| format!("pack {}", source.path().display()))
}

struct Writer<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
}

impl<W: Write> Visitor for Writer<W> {
    fn visit(&mut self, found: Found<'_>) -> Result<(), Error> {
        let doing = || format!("pack {}", found.path.display());
        let Some(name) = found.path.to_str() else {
            return Err(Error::new(Error::Invalid, doing(), "a zip can only hold names in UTF-8")
                .advise("use `archive: {tar: {}}`"));
        };
        self.add(name, &found).doing(doing)
    }
}

impl<W: Write> Writer<W> {
    fn add(&mut self, name: &str, found: &Found<'_>) -> io::Result<()> {
        let options = options(&found.stat).map_err(io_error)?;
        match &found.what {
            What::Directory => self.zip.add_directory(name, options).map_err(io_error),
            What::Link(link) => {
                let link = std::str::from_utf8(link).map_err(|_| {
                    io::Error::new(io::ErrorKind::InvalidData, "the link's text is not UTF-8")
                })?;
                self.zip.add_symlink(name, link, options).map_err(io_error)
            }
            What::File(file) => self.file(name, file, &found.stat, options),
        }
    }

    fn file(
        &mut self,
        name: &str,
        file: &Arc<File>,
        stat: &Stat,
        options: FullFileOptions<'_, '_>,
    ) -> io::Result<()> {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        // The fastest level stores most of what does not shrink. A stored entry could not be streamed: its end would be unknown.
        let level = (size > 0 && starts_random(file)?).then_some(1);
        let options = options.large_file(size >= LARGE).compression_level(level);
        self.zip.start_file(name, options).map_err(io_error)?;
        copy(
            &mut Exactly { inner: FileReader { file: Arc::clone(file), offset: 0 }, left: size },
            &mut self.zip,
        )?;
        Ok(())
    }
}

fn starts_random(file: &File) -> io::Result<bool> {
    let mut start = vec![0; SAMPLE];
    let count = file.read_at(&mut start, 0)?;
    Ok(looks_random(start.get(..count).unwrap_or_default()))
}

fn options(stat: &Stat) -> zip::result::ZipResult<FullFileOptions<'static, 'static>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(stat.st_mode & 0o777)
        .last_modified_time(dos_time(stat.st_mtime));
    match u32::try_from(stat.st_mtime) {
        Ok(seconds) => options.with_extended_timestamp(Some(seconds), None, None),
        Err(_) => Ok(options.into_full_options()),
    }
}

/// The older of zip's two times: UTC, two-second steps, from 1980. Readers prefer the other.
fn dos_time(seconds: i64) -> DateTime {
    let Ok(time) = jiff::Timestamp::from_second(seconds) else {
        return DateTime::default();
    };
    let time = jiff::tz::Offset::UTC.to_datetime(time);
    let small = |number: i8| number.unsigned_abs();
    DateTime::from_date_and_time(
        time.year().unsigned_abs(),
        small(time.month()),
        small(time.day()),
        small(time.hour()),
        small(time.minute()),
        small(time.second()),
    )
    .unwrap_or_default()
}

pub(super) fn io_error(error: zip::result::ZipError) -> io::Error {
    match error {
        zip::result::ZipError::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}
