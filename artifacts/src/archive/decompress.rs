//! Streams of tar entries out of gzip or zstd, and whether a stream is one.

use super::tar_reader::{TarReader, is_header, read_full};
use crate::error::{Context, Error};
use crate::pipe::read_ahead;
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Stream = Box<dyn Read + Send>;

/// Largest window of a zstd frame, as the power of two: 128 MiB, as the program `zstd` takes without being asked.
const ZSTD_WINDOW: u32 = 27;

/// Bytes within which the content's first header must begin; compressors need far less.
const LOOK: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Gzip,
    Zstd,
}

impl Format {
    /// By the first four bytes: RFC 1952, section 2.3.1, and RFC 8878, sections 3.1.1 and 3.1.2.
    pub fn of(start: &[u8]) -> Option<Format> {
        match start {
            [0x1f, 0x8b, ..] => Some(Format::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Some(Format::Zstd)
            }
            _ => None,
        }
    }

    /// The content. Several members or frames are one after the other, as gzip, zstd and Go read them.
    fn decoder<'a, R: BufRead + Send + 'a>(
        self,
        reader: R,
    ) -> io::Result<Box<dyn Read + Send + 'a>> {
        match self {
            Format::Gzip => Ok(Box::new(MultiGzDecoder::new(reader))),
            Format::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Ok(Box::new(Zstd(decoder)))
            }
        }
    }
}

/// Faults of the format come as `Other`; say that it is the data.
struct Zstd<R>(R);

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            if error.get_ref().is_some_and(|inner| inner.is::<zstd::Error>()) {
                return io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}"));
            }
            error
        })
    }
}

/// Whether the stream is a gzip or zstd whose content starts with a tar header, and the stream from its start.
///
/// Keeps at most 1 MiB in memory.
pub(crate) fn look(reader: Stream) -> io::Result<(bool, Stream)> {
    let (start, reader) = first_four(reader)?;
    let Some(format) = Format::of(&start) else {
        return Ok((false, reader));
    };
    let mut tape = Tape { seen: Vec::new(), inner: reader };
    let mut block = [0; 512];
    let read = format
        .decoder(BufReader::with_capacity(1024, &mut tape))
        .and_then(|mut content| read_full(&mut content, &mut block));
    // What is no archive after all is no error here: it is taken as it is.
    let is_tar = match read {
        Ok(count) => count == block.len() && is_header(&block),
        Err(error) if is_about_format(&error) => false,
        Err(error) => return Err(error),
    };
    Ok((is_tar, Box::new(Cursor::new(tape.seen).chain(tape.inner))))
}

fn first_four(mut reader: Stream) -> io::Result<(Vec<u8>, Stream)> {
    let mut start = vec![0; 4];
    let count = read_full(&mut reader, &mut start)?;
    start.truncate(count);
    Ok((start.clone(), Box::new(Cursor::new(start).chain(reader))))
}

fn is_about_format(error: &io::Error) -> bool {
    let format = matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    );
    format && error.raw_os_error().is_none()
}

/// Remembers what was read.
struct Tape {
    seen: Vec<u8>,
    inner: Stream,
}

impl Read for Tape {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.seen.len() > LOOK {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not begin"));
        }
        let count = self.inner.read(buffer)?;
        self.seen.extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// A stream of tar entries, and the counter of the packed bytes that were read for them.
///
/// Receiving and decompressing go on in threads of their own while the entries are used, for all but small archives.
/// Errors: `Corrupt` for what is neither gzip nor zstd.
pub(crate) fn tar_reader(
    reader: Stream,
    doing: &str,
) -> Result<(TarReader<impl Read + use<>>, Arc<AtomicU64>), Error> {
    let (start, reader) = first_four(reader).doing(|| doing)?;
    let format = Format::of(&start).ok_or_else(|| {
        Error::new(Error::Corrupt, doing, "it is no gzip and no zstd")
            .advise("leave `archive` out to take it as it is")
    })?;
    let packed = Arc::new(AtomicU64::new(0));
    let content = read_ahead(reader)
        .and_then(|inner| format.decoder(Counting { inner, count: Arc::clone(&packed) }))
        .and_then(read_ahead)
        .doing(|| doing)?;
    Ok((TarReader::new(content, doing.to_owned()), packed))
}

struct Counting<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        self.inner.consume(count);
    }
}
