//! What is to be saved, as it comes through a pipe: once, and whole only when its sender says so.

use lighter_artifacts::{Body, Error};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::mpsc::Receiver;

pub struct PipeBody {
    once: Mutex<Option<Pipe>>,
}

impl PipeBody {
    /// `counts` gives how many bytes the sender wrote, after it has written them all.
    pub fn new(pipe: File, counts: Receiver<u64>) -> PipeBody {
        PipeBody { once: Mutex::new(Some(Pipe { pipe, counts, read: 0 })) }
    }
}

impl Body for PipeBody {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        let pipe = self.once.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match pipe {
            Some(pipe) => Ok(Box::new(pipe)),
            // The asking program can produce the bytes again.
            None => Err(Error::new(Error::Transient, "save a stream", "its first bytes are gone")),
        }
    }

    fn length(&self) -> Result<u64, Error> {
        Err(Error::new(Error::Unsupported, "save a stream", "its length is known at its end only"))
    }
}

struct Pipe {
    pipe: File,
    counts: Receiver<u64>,
    read: u64,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer)?;
        self.read += count as u64;
        // The pipe of a sender that was killed ends too; then no count comes, and this process ends.
        if count == 0 && !buffer.is_empty() && self.counts.recv() != Ok(self.read) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}
