//! This machine's own root as parts that can each lie below a private writable layer.
//!
//! An overlay shows one file system without what is mounted inside it, and over `/` it is refused to ordinary
//! users. So `/` is taken apart: a folder with nothing mounted inside is one part, another is taken apart in turn.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::sandbox::spec::{EntryKind, HostEntry};

/// Folders that every container has for itself.
const PRIVATE: [(&str, u32); 2] = [("/tmp", 0o1777), ("/run", 0o755)];
/// What the kernel shows; containers have their own.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Most parts; a machine with more mounts is not one to lay in layers.
const MAX_ENTRIES: usize = 2000;

/// The parts of this machine's root, folders before what is in them.
pub fn host_entries() -> Result<Vec<HostEntry>, String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|e| format!("cannot read /proc/self/mountinfo: {e}"))?;
    let mounts: Vec<PathBuf> = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape).collect();
    let mut entries = Vec::new();
    take_apart(Path::new("/"), &mounts, &mut entries).map_err(|e| format!("cannot list this machine's root: {e}"))?;
    Ok(entries)
}

fn take_apart(folder: &Path, mounts: &[PathBuf], entries: &mut Vec<HostEntry>) -> std::io::Result<()> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    names.sort();
    for path in names {
        if entries.len() >= MAX_ENTRIES {
            return Err(std::io::Error::other("too many files beside mounts"));
        }
        let Some(kind) = part(&path, mounts) else { continue };
        let apart = matches!(kind, EntryKind::Folder { .. }) && goes_apart(&path, mounts);
        entries.push(HostEntry { path: path.clone(), kind });
        if apart {
            take_apart(&path, mounts, entries)?;
        }
    }
    Ok(())
}

fn part(path: &Path, mounts: &[PathBuf]) -> Option<EntryKind> {
    if KERNEL.iter().any(|folder| path == Path::new(folder)) {
        return None;
    }
    if let Some((_, mode)) = PRIVATE.iter().find(|(folder, _)| path == Path::new(folder)) {
        return Some(EntryKind::Folder { mode: *mode });
    }
    let meta = path.symlink_metadata().ok()?;
    if meta.is_symlink() {
        return Some(EntryKind::Symlink { target: fs::read_link(path).ok()? });
    }
    if !meta.is_dir() {
        return meta.is_file().then_some(EntryKind::File);
    }
    let mode = meta.permissions().mode() & 0o7777;
    let readable = rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK).is_ok();
    let empty = readable && fs::read_dir(path).ok()?.next().is_none();
    // What the caller cannot read anyway is a private folder: root's home is one that programs expect.
    if !readable || empty || goes_apart(path, mounts) {
        return Some(EntryKind::Folder { mode: mode | 0o700 });
    }
    Some(EntryKind::Layered)
}

/// Whether something is mounted inside a folder that is not private anyway.
fn goes_apart(path: &Path, mounts: &[PathBuf]) -> bool {
    let private = PRIVATE.iter().any(|(folder, _)| path == Path::new(folder));
    let readable = || rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK).is_ok();
    !private && mounts.iter().any(|mount| mount != path && mount.starts_with(path)) && readable()
}

/// A path as mountinfo writes it: `\040` is a space.
fn unescape(text: &str) -> PathBuf {
    let plain = [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")];
    PathBuf::from(plain.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain)))
}
