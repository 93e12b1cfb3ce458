//! Bytes from one thread to another in blocks: both work at once, and neither gets far ahead.

use crate::digest::BLOCK;
use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Blocks on their way; with the ones in both hands half a megabyte.
const IN_FLIGHT: usize = 2;

/// Bytes of the first block that is read ahead.
const FIRST: usize = 8 * 1024;

/// An empty block is the end: nothing is missing.
type Block = io::Result<Vec<u8>>;

/// The end that is written to. Dropped before [`PipeWriter::finish`], it leaves the reader an error.
pub(crate) struct PipeWriter {
    blocks: SyncSender<Block>,
    spare: Receiver<Vec<u8>>,
    block: Vec<u8>,
}

/// The end that is read from. When it is dropped the writer gets `BrokenPipe`.
pub(crate) struct PipeReader {
    blocks: Receiver<Block>,
    spare: SyncSender<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

pub(crate) fn pipe() -> (PipeWriter, PipeReader) {
    let (blocks, incoming) = sync_channel(IN_FLIGHT);
    let (spare, empty) = sync_channel(IN_FLIGHT);
    (
        PipeWriter { blocks, spare: empty, block: Vec::new() },
        PipeReader { blocks: incoming, spare, block: Vec::new(), at: 0, ended: false },
    )
}

/// Reads to the end in a thread of its own. A stream of less than a block is read here and now, without a thread.
pub(crate) fn read_ahead(mut reader: Box<dyn Read + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let mut first = Vec::with_capacity(BLOCK);
    (&mut reader).take(BLOCK as u64).read_to_end(&mut first)?;
    if first.len() < BLOCK {
        return Ok(Box::new(io::Cursor::new(first)));
    }
    let (mut writer, rest) = pipe();
    std::thread::Builder::new().name("read".into()).spawn(move || {
        let result = writer.fill(&mut reader);
        writer.finish(result);
    })?;
    Ok(Box::new(io::Cursor::new(first).chain(rest)))
}

impl PipeWriter {
    /// Sends what is left, and the end or why it came too early.
    pub fn finish(mut self, result: io::Result<()>) {
        let sent = result.and_then(|()| self.send());
        // The reader has gone when this fails, and wants no error any more.
        let _ = self.blocks.send(sent.map(|()| Vec::new()));
    }

    /// Sends all of `reader`.
    pub fn fill(&mut self, reader: &mut dyn Read) -> io::Result<()> {
        // Most streams are short.
        let mut size = FIRST;
        loop {
            self.block.resize(size, 0);
            match reader.read(&mut self.block) {
                Ok(count) => self.block.truncate(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            if self.block.is_empty() {
                return Ok(());
            }
            size = BLOCK;
            self.send()?;
        }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let next = self.spare.try_recv().unwrap_or_default();
        let block = std::mem::replace(&mut self.block, next);
        self.blocks.send(Ok(block)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BLOCK - self.block.len());
        self.block.reserve_exact(BLOCK - self.block.len());
        self.block.extend_from_slice(bytes.get(..count).unwrap_or_default());
        if self.block.len() == BLOCK {
            self.send()?;
            self.block.clear();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BufRead for PipeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.block.len() && !self.ended {
            let next =
                self.blocks.recv().map_err(|_| io::Error::other("the other thread ended early"))?;
            let used = std::mem::replace(&mut self.block, next?);
            // A writer that has gone needs none.
            let _ = self.spare.try_send(used);
            self.at = 0;
            self.ended = self.block.is_empty();
        }
        Ok(self.block.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = self.block.len().min(self.at + count);
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
