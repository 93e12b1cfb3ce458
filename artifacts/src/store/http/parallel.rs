//! A large object by several connections at once, each byte written at its place.
//!
//! The first connection, which was to bring all, takes pieces from the front for as long as they follow each other; the
//! others ask for pieces from the back. They end where they meet.

use super::download::Download;
use crate::digest::BLOCK;
use crate::error::{Context, Error};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that one request brings. The first connection loses at most this much when the others were faster.
const PIECE: u64 = 8 << 20;
/// Connections beside the first. Each has 256 KiB of buffers in the client and one block here.
const OTHERS: usize = 3;
/// Smaller objects gain nothing.
pub(super) const LEAST: u64 = 4 * PIECE;

/// Numbers of the pieces that nobody has taken.
struct Left(Mutex<Range<u64>>);

impl Left {
    fn front(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    fn back(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_back()
    }

    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = 0..0;
    }
}

/// Writes all `length` bytes of the object that `first` has begun to bring.
pub(super) fn load(first: &mut Download, length: u64, file: &File) -> Result<(), Error> {
    let left = Left(Mutex::new(0..length.div_ceil(PIECE)));
    let range = |piece: u64| piece * PIECE..length.min((piece + 1) * PIECE);
    let object = Arc::clone(first.object());
    let (left, object) = (&left, &object);
    std::thread::scope(|scope| {
        let others = [(); OTHERS].map(|()| {
            scope.spawn(move || {
                let run = || {
                    while let Some(piece) = left.back() {
                        let range = range(piece);
                        write_part(&mut object.part(range.clone())?, range, file)?;
                    }
                    Ok(())
                };
                run().inspect_err(|_: &Error| left.clear())
            })
        });
        let mut run = || {
            while let Some(piece) = left.front() {
                write_part(first, range(piece), file)?;
            }
            Ok(())
        };
        let mut result = run().inspect_err(|_: &Error| left.clear());
        for other in others {
            let ended = other.join().unwrap_or_else(|_| {
                Err(Error::new(Error::Io, "load a part of an object", "its thread broke down"))
            });
            result = result.and(ended);
        }
        result
    })
}

fn write_part(part: &mut Download, range: Range<u64>, file: &File) -> Result<(), Error> {
    let mut buffer = vec![0; BLOCK];
    let mut at = range.start;
    while at < range.end {
        let wanted = buffer.len().min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
        let count = part
            .read(buffer.get_mut(..wanted).unwrap_or_default())
            .doing(|| "load a part of an object")?;
        if count == 0 {
            let why = format!("it ended after {at} of {} bytes", range.end);
            return Err(Error::new(Error::Transient, "load a part of an object", why));
        }
        file.write_all_at(buffer.get(..count).unwrap_or_default(), at)
            .doing(|| "write a part of an object")?;
        at += count as u64;
    }
    Ok(())
}
