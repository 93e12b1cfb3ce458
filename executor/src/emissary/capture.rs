//! Copies of the command's output, into the pod's log and into files that `wait` reads.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::failure::os_text;
use crate::log;

/// How long output is still copied when the command has ended but a process it left behind holds the pipe.
const AFTER_END: Duration = Duration::from_millis(100);
/// Bytes copied at a time; all that a copy costs in memory.
const CHUNK: usize = 32 * 1024;
const STACK: usize = 64 * 1024;

/// The copies of one run.
pub(super) struct Capture {
    stdout: Option<File>,
    combined: Option<File>,
    copies: usize,
    done: (Sender<()>, Receiver<()>),
    stopped: Arc<AtomicBool>,
}

impl Capture {
    /// Opens the files for appending, if a container's directory is given: runs after the first one continue them.
    pub fn new(control: Option<&Control>) -> io::Result<Self> {
        let open = |name| control.map(|control| append(control, name)).transpose();
        Ok(Self {
            stdout: open("stdout")?,
            combined: open("combined")?,
            copies: 0,
            done: channel(),
            stopped: Arc::default(),
        })
    }

    /// A pipe for the command's standard output.
    pub fn stdout(&mut self) -> io::Result<OwnedFd> {
        let files = [self.stdout.take(), clone(&self.combined)?];
        self.pipe(io::stdout().as_fd().try_clone_to_owned()?, files)
    }

    /// A pipe for the command's standard error.
    pub fn stderr(&mut self) -> io::Result<OwnedFd> {
        let files = [clone(&self.combined)?, None];
        self.pipe(io::stderr().as_fd().try_clone_to_owned()?, files)
    }

    /// Copies all that a terminal shows, to the pod's log and to both files.
    pub fn terminal(&mut self, master: OwnedFd) -> io::Result<()> {
        let files = [self.stdout.take(), clone(&self.combined)?];
        self.copy(File::from(master), io::stdout().as_fd().try_clone_to_owned()?, files)
    }

    fn pipe(&mut self, log: OwnedFd, files: [Option<File>; 2]) -> io::Result<OwnedFd> {
        let (reader, writer) = io::pipe()?;
        self.copy(File::from(OwnedFd::from(reader)), log, files)?;
        Ok(writer.into())
    }

    fn copy(&mut self, source: File, log: OwnedFd, files: [Option<File>; 2]) -> io::Result<()> {
        let (done, stopped) = (self.done.0.clone(), Arc::clone(&self.stopped));
        thread::Builder::new().stack_size(STACK).spawn(move || {
            copy_all(source, File::from(log), files, &stopped);
            // Nobody listens any more once the time after the command's end is over.
            let _ = done.send(());
        })?;
        self.copies += 1;
        Ok(())
    }

    /// After the command's end: waits for the rest of its output, and cuts off what others still write.
    pub fn finish(self) {
        let until = Instant::now() + AFTER_END;
        for _ in 0..self.copies {
            if self.done.1.recv_timeout(until.saturating_duration_since(Instant::now())).is_err() {
                break;
            }
        }
        self.stopped.store(true, Ordering::Release);
    }
}

fn append(control: &Control, name: &str) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o666).open(control.file(name))
}

fn clone(file: &Option<File>) -> io::Result<Option<File>> {
    file.as_ref().map(File::try_clone).transpose()
}

fn copy_all(mut source: File, log: File, files: [Option<File>; 2], stopped: &AtomicBool) {
    let mut sinks: Vec<(&str, File)> = vec![("log", log)];
    sinks.extend(files.into_iter().flatten().map(|file| ("file", file)));
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A terminal whose last user is gone says EIO.
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        if stopped.load(Ordering::Acquire) {
            return;
        }
        // The command must not block or die because one of its readers has failed.
        sinks.retain_mut(|(name, sink)| {
            match chunk.get(..read).map(|bytes| sink.write_all(bytes)) {
                Some(Err(error)) => {
                    log::warn(
                        "output of the command is lost from here on",
                        &[("sink", name), ("error", &os_text(&error))],
                    );
                    false
                }
                _ => true,
            }
        });
    }
}
