//! The archive of a source as a stream: one thread packs, whoever reads takes the blocks.

use super::{Archive, pack};
use crate::digest::BLOCK;
use crate::error::Error;
use crate::source::{Body, Source};
use std::io::{self, BufWriter, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The archive of a source as bytes that can be produced again and again, without a temporary file.
#[derive(Clone, Debug)]
pub struct Packed {
    pub source: Source,
    pub archive: Archive,
}

/// Blocks on their way; with the ones in both hands half a megabyte.
const IN_FLIGHT: usize = 2;

impl Body for Packed {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        let (sender, receiver) = sync_channel(IN_FLIGHT);
        let Packed { source, archive } = self.clone();
        std::thread::Builder::new()
            .name("pack".into())
            .spawn(move || {
                let mut out = BufWriter::with_capacity(BLOCK, Blocks { sender: sender.clone() });
                let packed = pack(&source, archive, &mut out);
                // The reader has gone when this fails, and wants no error any more.
                let _ = sender.send(packed.map(|()| Vec::new()).map_err(Error::into_io));
            })
            .map_err(|error| Error::io("start a thread for packing", error))?;
        Ok(Box::new(Stream { receiver, block: Vec::new(), at: 0, ended: false }))
    }

    /// Packs once to count.
    fn length(&self) -> Result<u64, Error> {
        let mut counter = Counter(0);
        pack(&self.source, self.archive, &mut counter)?;
        Ok(counter.0)
    }

    fn known_length(&self) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// An empty block is the end: the archive is whole.
type Block = io::Result<Vec<u8>>;

struct Blocks {
    sender: SyncSender<Block>,
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.sender
                .send(Ok(bytes.to_vec()))
                .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Stream {
    receiver: Receiver<Block>,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        if self.at == self.block.len() {
            let next = self
                .receiver
                .recv()
                .map_err(|_| io::Error::other("the packing thread ended early"))?;
            (self.block, self.at) = (next?, 0);
            self.ended = self.block.is_empty();
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        self.at += count;
        Ok(count)
    }
}

struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
