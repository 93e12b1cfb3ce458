//! One budget of memory for all transfers of the process: blocks of a fixed size, lent and given back.
//!
//! Whoever needs several blocks to go on takes them at once, so that no two wait for each other's halves. Readers take
//! what is left beside writers, except for the block that their consumer waits for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 1024 * 1024;

/// Blocks of the whole process.
const TOTAL: usize = 20;

/// Blocks kept for the next transfer; the rest goes back to the system.
const KEPT: usize = 4;

static BUDGET: Budget =
    Budget { state: Mutex::new(State { lent: 0, free: Vec::new() }), returned: Condvar::new() };

struct Budget {
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    lent: usize,
    free: Vec<Vec<u8>>,
}

/// The right to some blocks.
#[derive(Debug)]
pub(crate) struct Lease {
    left: usize,
}

/// A block and how much of it is filled; goes back when dropped.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    filled: usize,
}

/// Waits until so many blocks are free. More than there are at all means: all of them, and nobody else has one.
pub(crate) fn lease(blocks: usize) -> Lease {
    let mut state = BUDGET.lock();
    while state.lent > 0 && state.lent + blocks > TOTAL {
        state = BUDGET.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    state.lent += blocks;
    Lease { left: blocks }
}

/// Blocks for reading ahead, if half of the budget stays for others.
pub(crate) fn spare(blocks: usize) -> Option<Lease> {
    let mut state = BUDGET.lock();
    if state.lent + blocks > TOTAL / 2 {
        return None;
    }
    state.lent += blocks;
    Some(Lease { left: blocks })
}

/// Blocks without which a reader's consumer cannot go on: never waits.
pub(crate) fn needed(blocks: usize) -> Lease {
    BUDGET.lock().lent += blocks;
    Lease { left: blocks }
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// An empty block; none when all have been taken.
    pub fn block(&mut self) -> Option<Block> {
        self.left = self.left.checked_sub(1)?;
        let kept = BUDGET.lock().free.pop();
        Some(Block { bytes: kept.unwrap_or_else(|| vec![0; BLOCK]), filled: 0 })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.left > 0 {
            BUDGET.lock().lent -= self.left;
            BUDGET.returned.notify_all();
        }
    }
}

impl Block {
    /// What is not filled yet.
    pub fn space(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// `count` more bytes of the space are filled now.
    pub fn fill(&mut self, count: usize) {
        self.filled = BLOCK.min(self.filled + count);
    }

    /// Takes as much of `bytes` as fits; how much.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let count = space.len().min(bytes.len());
        if let (Some(to), Some(from)) = (space.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.fill(count);
        count
    }

    pub fn is_full(&self) -> bool {
        self.filled == BLOCK
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut state = BUDGET.lock();
        state.lent -= 1;
        if state.free.len() < KEPT {
            state.free.push(std::mem::take(&mut self.bytes));
        }
        BUDGET.returned.notify_all();
    }
}
