//! How far a transfer has come, for whoever watches it.

use crate::error::Error;
use crate::source::Body;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A handle that a transfer feeds and others read; cheap to clone. The default one is fed and read by nobody.
///
/// What is sent again counts again, so `done` may pass `total`.
#[derive(Clone, Debug, Default)]
pub struct Progress(Option<Arc<Counters>>);

#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    /// 0 while it is not known.
    total: AtomicU64,
}

impl Progress {
    /// One that counts.
    pub fn counting() -> Progress {
        Progress(Some(Arc::default()))
    }

    /// Bytes that have been moved.
    pub fn done(&self) -> u64 {
        self.0.as_ref().map_or(0, |counters| counters.done.load(Ordering::Relaxed))
    }

    /// Bytes that are to be moved, where that is known.
    pub fn total(&self) -> Option<u64> {
        let total = self.0.as_ref()?.total.load(Ordering::Relaxed);
        (total > 0).then_some(total)
    }

    pub(crate) fn add(&self, bytes: u64) {
        if let Some(counters) = &self.0 {
            counters.done.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(crate) fn expect(&self, bytes: u64) {
        if let Some(counters) = &self.0 {
            counters.total.fetch_max(bytes, Ordering::Relaxed);
        }
    }
}

/// Counts what is read.
pub(crate) struct Counting<R> {
    pub inner: R,
    pub progress: Progress,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.add(count as u64);
        Ok(count)
    }
}

/// A body whose readers count.
pub(crate) struct Watched<'a> {
    pub body: &'a dyn Body,
    pub progress: &'a Progress,
}

impl Body for Watched<'_> {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Counting { inner: self.body.open()?, progress: self.progress.clone() }))
    }

    fn length(&self) -> Result<u64, Error> {
        self.body.length()
    }

    fn known_length(&self) -> Result<Option<u64>, Error> {
        self.body.known_length()
    }
}
