//! The archive of a source as a stream: one thread packs, whoever reads takes the blocks.

use super::{Archive, pack};
use crate::error::Error;
use crate::pipe::pipe;
use crate::source::{Body, Source};
use std::io::{self, Read, Write};

/// The archive of a source as bytes that can be produced again and again, without a temporary file.
#[derive(Clone, Debug)]
pub struct Packed {
    pub source: Source,
    pub archive: Archive,
}

impl Body for Packed {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        let (mut writer, reader) = pipe();
        let Packed { source, archive } = self.clone();
        std::thread::Builder::new()
            .name("pack".into())
            .spawn(move || {
                let packed = pack(&source, archive, &mut writer);
                writer.finish(packed.map_err(Error::into_io));
            })
            .map_err(|error| Error::io("start a thread for packing", error))?;
        Ok(Box::new(reader))
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
