//! Whether a program needs the machine's libraries: a static one runs in an empty root, a debug build does not.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where the loader and the libraries of a dynamically linked program lie.
pub const LIBRARIES: [&str; 2] = ["/lib", "/lib64"];

/// Type of the program header that names a loader.
const INTERPRETER: u32 = 3;

/// Whether the program, an ELF file of this machine, asks for a loader.
pub fn is_dynamic(program: &Path) -> io::Result<bool> {
    let file = File::open(program)?;
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0)?;
    let (start, size, count) = (number(&head, 32, 8), number(&head, 54, 2), number(&head, 56, 2));
    for index in 0..count {
        let mut kind = [0; 4];
        file.read_exact_at(&mut kind, start.saturating_add(size.saturating_mul(index)))?;
        if u32::from_ne_bytes(kind) == INTERPRETER {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A number of the file's head; all machines that Lighter runs on are of 64 bits.
fn number(head: &[u8; 64], offset: usize, size: usize) -> u64 {
    let mut bytes = [0; 8];
    let from = head.get(offset..offset + size).unwrap_or_default();
    if cfg!(target_endian = "little") {
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    } else {
        bytes.iter_mut().rev().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
    }
    u64::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_apart() {
        assert!(is_dynamic(Path::new("/bin/sh")).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        // A head with no program headers is a program without a loader.
        std::fs::write(&path, [0; 64]).unwrap();
        assert!(!is_dynamic(&path).unwrap());
        assert!(is_dynamic(Path::new("/dev/null")).is_err());
    }
}
