//! This machine's own root as parts that can each lie below a private writable layer.
//!
//! An overlay shows one file system without what is mounted inside it, and over `/` it is refused to ordinary
//! users. So `/` is taken apart: a folder with nothing mounted inside is one part, another is taken apart in turn.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::pod::folder::folder_of_mode;
use crate::sandbox::spec::{HostPart, Root};

/// Folders that every container has for itself.
const PRIVATE: [(&str, u32); 2] = [("/tmp", 0o1777), ("/run", 0o755)];
/// What the kernel shows; containers have their own.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Most parts; a machine with more mounts is not one to lay in layers.
const MAX_ENTRIES: usize = 2000;

/// This machine's root: makes its folders, links and mount points in `skeleton`, and lists what is mounted there.
pub fn host_root(skeleton: &Path) -> Result<Root, String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")
        .map_err(|e| format!("cannot read /proc/self/mountinfo: {e}"))?;
    let mounts: Vec<PathBuf> =
        mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape).collect();
    let mut taken = Taken { skeleton, mounts, parts: Vec::new(), entries: 0 };
    folder_of_mode(skeleton, 0o755)
        .and_then(|()| taken.apart(Path::new("/")))
        .map_err(|e| format!("cannot take this machine's root apart: {e}"))?;
    Ok(Root::Host { skeleton: skeleton.to_owned(), parts: taken.parts })
}

/// A root that is being taken apart.
struct Taken<'a> {
    skeleton: &'a Path,
    mounts: Vec<PathBuf>,
    parts: Vec<HostPart>,
    entries: usize,
}

/// How an entry of this machine's root appears in a container.
enum Kind {
    /// A private empty folder.
    Folder {
        mode: u32,
    },
    Layered {
        mode: u32,
    },
    File,
    Symlink,
}

impl Taken<'_> {
    fn apart(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(io::Error::other(format!(
                    "too many files beside mounts in {}",
                    folder.display()
                )));
            }
            let place = self.skeleton.join(path.strip_prefix("/").unwrap_or(&path));
            match kind(&path, &self.mounts) {
                None => {}
                Some(Kind::Symlink) => symlink(fs::read_link(&path)?, place)?,
                Some(Kind::File) => {
                    fs::File::create(place)?;
                    self.parts.push(HostPart { path, is_folder: false });
                }
                Some(Kind::Layered { mode }) => {
                    folder_of_mode(&place, mode)?;
                    self.parts.push(HostPart { path, is_folder: true });
                }
                Some(Kind::Folder { mode }) => {
                    folder_of_mode(&place, mode)?;
                    if goes_apart(&path, &self.mounts) {
                        self.apart(&path)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn kind(path: &Path, mounts: &[PathBuf]) -> Option<Kind> {
    if KERNEL.iter().any(|folder| path == Path::new(folder)) {
        return Some(Kind::Folder { mode: 0o755 });
    }
    if let Some((_, mode)) = PRIVATE.iter().find(|(folder, _)| path == Path::new(folder)) {
        return Some(Kind::Folder { mode: *mode });
    }
    let meta = path.symlink_metadata().ok()?;
    if meta.is_symlink() {
        return Some(Kind::Symlink);
    }
    if !meta.is_dir() {
        return meta.is_file().then_some(Kind::File);
    }
    let mode = meta.permissions().mode() & 0o7777;
    let readable = rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK).is_ok();
    let empty = readable && fs::read_dir(path).ok()?.next().is_none();
    // What the caller cannot read anyway is a private folder: root's home is one that programs expect.
    if !readable || empty || goes_apart(path, mounts) {
        return Some(Kind::Folder { mode: mode | 0o700 });
    }
    Some(Kind::Layered { mode })
}

/// Whether something is mounted inside a folder that is not private anyway.
fn goes_apart(path: &Path, mounts: &[PathBuf]) -> bool {
    let own = PRIVATE.iter().map(|(folder, _)| folder).chain(&KERNEL);
    let private = own.into_iter().any(|folder| path == Path::new(folder));
    let readable = || rustix::fs::access(path, Access::READ_OK | Access::EXEC_OK).is_ok();
    !private && mounts.iter().any(|mount| mount != path && mount.starts_with(path)) && readable()
}

/// A path as mountinfo writes it: `\040` is a space.
fn unescape(text: &str) -> PathBuf {
    let plain = [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")];
    PathBuf::from(
        plain.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain)),
    )
}
