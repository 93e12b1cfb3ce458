//! An object as a stream: ranges fetched ahead in parallel, handed on in order.

use super::download::Identity;
use super::{Bucket, Key};
use crate::budget::{self, BLOCK, Block, Lease};
use crate::error::Error;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Blocks of a range.
const BLOCKS: usize = 2;
const RANGE: u64 = (BLOCKS * BLOCK) as u64;
/// Ranges on their way or waiting to be read.
const AHEAD: u64 = 4;

type Fetched = Result<VecDeque<Block>, Error>;

/// Reads the object from its first byte. The first range has come when this returns.
pub(super) fn open(bucket: &Arc<Bucket>, key: &Key) -> Result<Box<dyn Read + Send>, Error> {
    let (identity, blocks) = fetch(bucket, key, None, 0, budget::needed(BLOCKS))?;
    let ranges = identity.size.div_ceil(RANGE);
    let shared = Shared {
        bucket: Arc::clone(bucket),
        key: key.clone(),
        identity,
        ranges,
        state: Mutex::new(State { begun: 1, wanted: 1, fetched: BTreeMap::new(), closed: false }),
        changed: Condvar::new(),
    };
    Ok(Box::new(ReadAhead { shared: Arc::new(shared), blocks, at: 0, started: false }))
}

struct ReadAhead {
    shared: Arc<Shared>,
    /// What is left of the range that is being read.
    blocks: VecDeque<Block>,
    /// Bytes read of the first block.
    at: usize,
    started: bool,
}

struct Shared {
    bucket: Arc<Bucket>,
    key: Key,
    identity: Identity,
    /// How many there are.
    ranges: u64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The range that a thread begins next.
    begun: u64,
    /// The range that the reader takes next.
    wanted: u64,
    fetched: BTreeMap<u64, Fetched>,
    closed: bool,
}

fn fetch(
    bucket: &Bucket,
    key: &Key,
    known: Option<&Identity>,
    index: u64,
    mut lease: Lease,
) -> Result<(Identity, VecDeque<Block>), Error> {
    let mut blocks: VecDeque<Block> = VecDeque::with_capacity(BLOCKS);
    let range = index * RANGE..(index + 1) * RANGE;
    let identity = bucket.fetch(key, known, range, &mut |bytes| {
        let mut rest = bytes;
        while !rest.is_empty() {
            if blocks.back().is_none_or(Block::is_full) {
                let Some(block) = lease.block() else {
                    return Err(Error::new(Error::Io, "", "a range is longer than it may be"));
                };
                blocks.push_back(block);
            }
            let taken = blocks.back_mut().map_or(0, |block| block.push(rest));
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    })?;
    Ok((identity, blocks))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does until all has been fetched or nobody reads any more.
    fn run(&self) {
        while let Some((index, lease)) = self.next() {
            let fetched = fetch(&self.bucket, &self.key, Some(&self.identity), index, lease);
            self.lock().fetched.insert(index, fetched.map(|(_, blocks)| blocks));
            self.changed.notify_all();
        }
    }

    /// The next range and memory for it.
    fn next(&self) -> Option<(u64, Lease)> {
        let mut state = self.lock();
        loop {
            let index = state.begun;
            if state.closed || index >= self.ranges {
                return None;
            }
            // The reader waits for this one; the others come as memory allows.
            let lease = if index == state.wanted {
                Some(budget::needed(BLOCKS))
            } else if index < state.wanted + AHEAD {
                budget::spare(BLOCKS)
            } else {
                None
            };
            if let Some(lease) = lease {
                state.begun += 1;
                return Some((index, lease));
            }
            // Memory that comes free elsewhere says nothing here.
            let pause = Duration::from_millis(20);
            state = match self.changed.wait_timeout(state, pause) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn take(&self) -> Fetched {
        let mut state = self.lock();
        loop {
            let index = state.wanted;
            if let Some(fetched) = state.fetched.remove(&index) {
                state.wanted += 1;
                self.changed.notify_all();
                return fetched;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl ReadAhead {
    fn start(&mut self) -> io::Result<()> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        for _ in 1..self.shared.ranges.min(AHEAD + 1) {
            let shared = Arc::clone(&self.shared);
            std::thread::Builder::new().name("read ahead".into()).spawn(move || shared.run())?;
        }
        Ok(())
    }

    fn next_range(&mut self) -> io::Result<bool> {
        if self.shared.lock().wanted >= self.shared.ranges {
            return Ok(false);
        }
        self.start()?;
        self.blocks = self.shared.take().map_err(Error::into_io)?;
        Ok(true)
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(block) = self.blocks.front() else {
                if buffer.is_empty() || !self.next_range()? {
                    return Ok(0);
                }
                continue;
            };
            let rest = block.as_ref().get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                self.blocks.pop_front();
                self.at = 0;
                continue;
            }
            let count = rest.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
                to.copy_from_slice(from);
            }
            self.at += count;
            return Ok(count);
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}
