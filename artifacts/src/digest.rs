//! Copying with a fixed buffer, counting and hashing on the way.

use crate::Error;
use crate::store::Saved;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read, Write};

/// Bytes moved at once.
pub(crate) const BLOCK: usize = 128 * 1024;

/// Copies all of `reader`; how many bytes.
pub(crate) fn copy(reader: &mut dyn Read, writer: &mut dyn Write) -> io::Result<u64> {
    let mut buffer = vec![0; BLOCK];
    let mut total = 0;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        writer.write_all(buffer.get(..count).unwrap_or_default())?;
        total += count as u64;
    }
}

/// Passes bytes through and remembers how many and their SHA-256.
pub(crate) struct Hashing<T> {
    inner: T,
    hash: Sha256,
    size: u64,
}

impl<T> Hashing<T> {
    pub fn new(inner: T) -> Hashing<T> {
        Hashing { inner, hash: Sha256::new(), size: 0 }
    }

    pub fn finish(self) -> Saved {
        Saved { size: self.size, sha256: hex(&self.hash.finalize()) }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.note(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Passes bytes through; the end is an error unless the digest is the expected one.
pub(crate) struct Verified<R> {
    /// None once verified.
    state: Option<(Sha256, String)>,
    inner: R,
    what: String,
}

impl<R: Read> Verified<R> {
    /// `expected` is hexadecimal; `what` names the object in the error.
    pub fn new(inner: R, expected: &str, what: String) -> Verified<R> {
        Verified { inner, state: Some((Sha256::new(), expected.to_ascii_lowercase())), what }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if buffer.is_empty() {
            return Ok(count);
        }
        if count > 0 {
            if let Some((hash, _)) = &mut self.state {
                hash.update(buffer.get(..count).unwrap_or_default());
            }
            return Ok(count);
        }
        if let Some((hash, expected)) = self.state.take() {
            check(&hex(&hash.finalize()), &expected, &self.what).map_err(Error::into_io)?;
        }
        Ok(0)
    }
}

fn check(actual: &str, expected: &str, what: &str) -> Result<(), Error> {
    if actual == expected {
        return Ok(());
    }
    let why = format!("its SHA-256 is {actual}, where {expected} was recorded when it was saved");
    Err(Error::new(Error::Corrupt, what, why)
        .advise("it was changed since; run the step that makes it again"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn hashes_what_passes() {
        let mut reader = Hashing::new(&b"abc"[..]);
        assert_eq!(copy(&mut reader, &mut io::sink()).unwrap(), 3);
        let saved = reader.finish();
        assert_eq!((saved.size, saved.sha256.as_str()), (3, ABC));
    }

    #[test]
    fn a_wrong_digest_is_corrupt() {
        let read = |expected: &str| {
            copy(&mut Verified::new(&b"abc"[..], expected, "load `k`".into()), &mut io::sink())
                .map_err(|error| Error::io("load", error))
        };
        assert_eq!(read(ABC).unwrap(), 3);
        assert!(matches!(read(&"0".repeat(64)), Err(Error::Corrupt(_))));
    }
}
