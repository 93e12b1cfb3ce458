//! Deflates one block of a stream, knowing only the 32 KiB before it: any thread can do so, in any order.

use flate2::{Compress, Compression, FlushCompress};
use std::io;

/// How far back deflate looks (RFC 1951, section 2).
pub(super) const WINDOW: usize = 32 * 1024;

/// Most bytes of a stored block (RFC 1951, section 3.2.4).
const STORED: usize = 65_535;

/// Bytes by which to tell whether a block or a file compresses.
pub(super) const SAMPLE: usize = 16 * 1024;

/// Appends deflate blocks that end at a byte and are not the last; `before` is what came before the data, at most a window.
///
/// What does not shrink is stored. The bytes depend on nothing but the arguments. `level` is 0 (stored) to 9 (smallest).
pub(super) fn block(level: u32, before: &[u8], data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    if level == 0 || (looks_random(data) && !sample_shrinks(before, data, out)?) {
        return store(data, out);
    }
    let start = out.len();
    deflate(level, before, data, out)?;
    if out.len() - start <= data.len() {
        return Ok(());
    }
    out.truncate(start);
    store(data, out)
}

/// Whether the start of the block loses a thirty-second: compressed and encrypted data do not, a repeated random text does.
fn sample_shrinks(before: &[u8], data: &[u8], out: &mut Vec<u8>) -> io::Result<bool> {
    let sample = data.get(..SAMPLE).unwrap_or(data);
    let start = out.len();
    deflate(1, before, sample, out)?;
    let size = out.len() - start;
    out.truncate(start);
    Ok(size < sample.len() - sample.len() / 32)
}

fn deflate(level: u32, before: &[u8], data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    // A new state each time: one that is reset gives other bytes, by what is left in its window.
    let mut state = Compress::new(Compression::new(level), false);
    if !before.is_empty() {
        state.set_dictionary(before)?;
    }
    let mut room = data.len() + data.len() / 64 + 1024;
    loop {
        out.reserve(room);
        let done = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        let rest = data.get(done..).unwrap_or_default();
        state.compress_vec(rest, out, FlushCompress::Sync)?;
        // Output that filled the room to the last byte may not be all of it (zlib's manual, deflate()).
        if state.total_in() == data.len() as u64 && out.len() < out.capacity() {
            return Ok(());
        }
        room = 4096;
    }
}

/// Whether bytes are spread so evenly that coding them one by one saves less than about 4%.
///
/// The sum of the squares of their counts is least for even counts, and needs no logarithm.
pub(super) fn looks_random(data: &[u8]) -> bool {
    let mut counts = [0_u64; 256];
    for byte in data {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let size = data.len() as u64;
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    size >= 4096 && squares < (size * size / 256) / 4 * 5
}

fn store(data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    for chunk in data.chunks(STORED) {
        let length = u16::try_from(chunk.len()).map_err(io::Error::other)?;
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    Ok(())
}
