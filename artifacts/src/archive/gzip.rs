//! Writes gzip with several threads: one member, whose blocks are deflated apart and put out in order, as pigz does.
//!
//! The bytes are the same for any number of threads. Memory: 0.3 MiB for each of two blocks a thread and 0.35 MiB for its
//! deflate, so 2.5 MiB with two threads and 8 MiB with eight. The whole process has no more than eight such threads; a writer
//! that gets less than two compresses on the thread that writes, with 1 MiB.

use super::deflate::{WINDOW, block};
use flate2::Crc;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of input that are deflated at once.
const BLOCK: usize = 128 * 1024;
/// Blocks on their way to, in and from one thread.
const DEPTH: usize = 2;
const MAX_THREADS: usize = 8;

/// Threads that compress now, of all writers of the process.
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// As many threads as the process may use at once, at most eight.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}

/// Compresses what is written to it. Without [`GzipWriter::finish`] the output is incomplete.
pub(super) struct GzipWriter<W: Write> {
    out: W,
    level: u32,
    threads: usize,
    /// None while one block is enough, or one thread.
    pool: Option<Pool>,
    /// What is filled now.
    block: Block,
    /// A block that was put out, to be filled again.
    spare: Block,
    sum: Crc,
}

#[derive(Default)]
struct Block {
    before: Vec<u8>,
    data: Vec<u8>,
    deflated: Vec<u8>,
    sum: Crc,
}

impl Block {
    fn deflate(&mut self, level: u32) -> io::Result<()> {
        self.deflated.clear();
        self.sum.reset();
        self.sum.update(&self.data);
        block(level, &self.before, &self.data, &mut self.deflated)
    }
}

impl<W: Write> GzipWriter<W> {
    /// `level` is 0 (stored) to 9 (smallest).
    pub fn new(mut out: W, level: u32, threads: usize) -> io::Result<GzipWriter<W>> {
        let hint = match level {
            9 => 2,
            1 => 4,
            _ => 0,
        };
        // RFC 1952, section 2.3: deflate, no name, no time, an unknown system.
        out.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, hint, 255])?;
        Ok(GzipWriter {
            out,
            level,
            // Storing is no work to share.
            threads: if level == 0 { 1 } else { threads },
            pool: None,
            block: Block::default(),
            spare: Block::default(),
            sum: Crc::new(),
        })
    }

    /// Compresses the rest, and writes the checksum and the length.
    pub fn finish(mut self) -> io::Result<W> {
        self.send()?;
        while let Some(pool) = &mut self.pool
            && pool.waiting() > 0
        {
            let block = pool.take()?;
            self.put(block)?;
        }
        // A last block without content, in fixed codes; then the trailer.
        let [sum, length] = [self.sum.sum(), self.sum.amount()].map(u32::to_le_bytes);
        self.out.write_all(&[&[3, 0], &sum[..], &length[..]].concat())?;
        Ok(self.out)
    }

    /// Hands on the current block and begins the next.
    fn send(&mut self) -> io::Result<()> {
        if let Some(pool) = &mut self.pool
            && pool.is_full()
        {
            let block = pool.take()?;
            self.put(block)?;
        }
        let mut next = std::mem::take(&mut self.spare);
        let tail = self.block.data.len().saturating_sub(WINDOW);
        next.before.clear();
        next.before.extend_from_slice(self.block.data.get(tail..).unwrap_or_default());
        next.data.clear();
        let mut block = std::mem::replace(&mut self.block, next);
        if let Some(pool) = &mut self.pool {
            return pool.send(block);
        }
        block.deflate(self.level)?;
        self.put(block)
    }

    fn put(&mut self, block: Block) -> io::Result<()> {
        self.sum.combine(&block.sum);
        self.out.write_all(&block.deflated)?;
        self.spare = block;
        Ok(())
    }
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.data.len() == BLOCK {
            if self.threads > 1 && self.pool.is_none() {
                self.pool = Pool::start(self.level, self.threads)?;
            }
            self.send()?;
        }
        let count = bytes.len().min(BLOCK - self.block.data.len());
        self.block.data.reserve_exact(BLOCK - self.block.data.len());
        self.block.data.extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Whole blocks only: an early flush would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Threads that take blocks in turn, so that the oldest block is always known to be the next one's. They end with it.
struct Pool {
    workers: Vec<Worker>,
    _share: Share,
    sent: usize,
    taken: usize,
}

struct Worker {
    blocks: SyncSender<Block>,
    done: Receiver<io::Result<Block>>,
}

impl Pool {
    /// None where the process compresses with enough threads already.
    fn start(level: u32, threads: usize) -> io::Result<Option<Pool>> {
        let share = Share::take(threads);
        if share.0 < 2 {
            return Ok(None);
        }
        let workers = (0..share.0).map(|_| Worker::start(level)).collect::<io::Result<_>>()?;
        Ok(Some(Pool { workers, _share: share, sent: 0, taken: 0 }))
    }

    fn waiting(&self) -> usize {
        self.sent - self.taken
    }

    fn is_full(&self) -> bool {
        self.waiting() == self.workers.len() * DEPTH
    }

    fn send(&mut self, block: Block) -> io::Result<()> {
        let worker = self.workers.get(self.sent % self.workers.len()).ok_or_else(ended)?;
        worker.blocks.send(block).map_err(|_| ended())?;
        self.sent += 1;
        Ok(())
    }

    /// The oldest block, once it is deflated.
    fn take(&mut self) -> io::Result<Block> {
        let worker = self.workers.get(self.taken % self.workers.len()).ok_or_else(ended)?;
        self.taken += 1;
        worker.done.recv().map_err(|_| ended())?
    }
}

/// So many of the process's threads; given back when dropped.
struct Share(usize);

impl Share {
    fn take(wanted: usize) -> Share {
        let granted = |busy: usize| wanted.min(MAX_THREADS.saturating_sub(busy));
        let before = BUSY
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |busy| Some(busy + granted(busy)));
        Share(before.map_or(0, granted))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        BUSY.fetch_sub(self.0, Ordering::Relaxed);
    }
}

impl Worker {
    fn start(level: u32) -> io::Result<Worker> {
        let (blocks, inbox) = sync_channel::<Block>(DEPTH);
        let (outbox, done) = sync_channel(DEPTH);
        std::thread::Builder::new().name("gzip".into()).spawn(move || {
            for mut block in inbox {
                let result = block.deflate(level).map(|()| block);
                if outbox.send(result).is_err() {
                    return;
                }
            }
        })?;
        Ok(Worker { blocks, done })
    }
}

fn ended() -> io::Error {
    io::Error::other("a compressing thread ended early")
}
