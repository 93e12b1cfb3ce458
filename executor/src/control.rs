//! The directory `ctr/<name>` by which containers of a pod watch and signal each other.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::paths::Paths;

/// How often a signal file is looked at that nobody has written to yet.
const UNWRITTEN_LOOKS: u32 = 20;
const UNWRITTEN_PAUSE: Duration = Duration::from_millis(5);

/// One container's directory.
#[derive(Clone, Debug)]
pub struct Control {
    directory: PathBuf,
}

impl Control {
    /// Makes the directory, writable by every user: a pod's containers run as different ones. Needs umask 0.
    pub fn open(paths: &Paths, container: &str) -> io::Result<Self> {
        if container.is_empty() || container.contains('/') || container.starts_with('.') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{container:?} is no container name"),
            ));
        }
        let directory = paths.container(container);
        DirBuilder::new().recursive(true).mode(0o777).create(&directory)?;
        Ok(Self { directory })
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Records the exit code, at once and whole: its existence tells others that the container is done.
    pub fn write_exit_code(&self, code: u8) -> io::Result<()> {
        let temporary = self.file(".exitcode");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&temporary)?;
        write!(file, "{code}")?;
        fs::rename(&temporary, self.file("exitcode"))
    }

    /// Whether the container is done.
    pub fn is_done(&self) -> bool {
        self.file("exitcode").exists()
    }

    /// The recorded exit code, once it can be read.
    pub fn exit_code(&self) -> Option<i64> {
        fs::read_to_string(self.file("exitcode")).ok()?.trim().parse().ok()
    }

    /// Asks the container's emissary to signal its command.
    pub fn write_signal(&self, signal: i32) -> io::Result<()> {
        let temporary = self.file(&format!(".signal-{}", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o666)
            .open(&temporary)?;
        write!(file, "{signal}")?;
        fs::rename(temporary, self.file("signal"))
    }

    /// Takes the signal that another container has asked for, if any. What is no signal is removed.
    ///
    /// Watchers are told of a new file, not of writes to it: one that is still empty gets a moment.
    pub fn take_signal(&self) -> Option<i32> {
        let path = self.file("signal");
        let mut text = fs::read(&path).ok()?;
        for _ in 0..UNWRITTEN_LOOKS {
            if !text.is_empty() {
                break;
            }
            thread::sleep(UNWRITTEN_PAUSE);
            text = fs::read(&path).ok()?;
        }
        fs::remove_file(path).ok()?;
        std::str::from_utf8(&text).ok()?.trim().parse().ok().filter(|&signal| signal > 0)
    }

    /// Holds a lock for as long as the container's emissary lives, however it ends.
    ///
    /// The locked file gets its name last: who sees an unlocked one knows that its emissary is gone.
    pub fn hold(&self) -> io::Result<File> {
        let temporary = self.file(".alive.tmp");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&temporary)?;
        file.lock_shared()?;
        fs::rename(temporary, self.file(".alive"))?;
        Ok(file)
    }

    /// Sleeps until the container's emissary lives no more.
    pub fn await_end(&self) -> io::Result<()> {
        File::open(self.file(".alive"))?.lock()
    }

    /// Whether the container's emissary lives; `None` if it has not started.
    pub fn is_alive(&self) -> Option<bool> {
        let file = File::open(self.file(".alive")).ok()?;
        Some(file.try_lock().is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(root: &Path) -> Control {
        let paths = Paths { var_run_argo: root.into(), ..Paths::standard() };
        Control::open(&paths, "main").unwrap()
    }

    #[test]
    fn signals_are_taken_once_and_garbage_is_none() {
        let root = tempfile::tempdir().unwrap();
        let control = control(root.path());
        for garbage in ["", "x", "0", "-9"] {
            fs::write(control.file("signal"), garbage).unwrap();
            assert_eq!(control.take_signal(), None, "{garbage:?}");
            assert!(!control.file("signal").exists(), "else a later one would not be new");
        }
        control.write_signal(15).unwrap();
        assert_eq!((control.take_signal(), control.take_signal()), (Some(15), None));
    }

    #[test]
    fn the_lock_tells_the_living_from_the_dead() {
        let root = tempfile::tempdir().unwrap();
        let control = control(root.path());
        assert_eq!(control.is_alive(), None);
        let life = control.hold().unwrap();
        assert_eq!(control.is_alive(), Some(true));
        drop(life);
        assert_eq!(control.is_alive(), Some(false));
    }

    #[test]
    fn names_cannot_lead_elsewhere() {
        for name in ["", "..", "a/b", "../x"] {
            assert!(Control::open(&Paths::standard(), name).is_err(), "{name:?}");
        }
    }
}
