//! One place to sleep: signals, changes in watched directories, and a deadline.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::log;
use crate::sys;

/// How often files are looked at where the kernel offers no way to be told.
const FALLBACK: Duration = Duration::from_secs(2);

/// All signals of this process, and changes in the directories it watches.
///
/// Signals are blocked from [`Events::new`] on, for this thread and those it starts; they are only seen here.
/// Directories are watched by dnotify: a process that ends with inotify watches takes some 10 ms longer to end.
pub struct Events {
    signals: SignalFd,
    /// A directory is watched for as long as it is open.
    watched: Vec<File>,
    /// For kernels without dnotify.
    inotify: Option<Inotify>,
    polls: bool,
}

impl Events {
    /// Blocks all signals and opens the queues.
    pub fn new() -> io::Result<Self> {
        let all = SigSet::all();
        all.thread_block()?;
        let signals = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { signals, watched: Vec::new(), inotify: None, polls: false })
    }

    /// Watches a directory for files that appear there.
    pub fn watch(&mut self, directory: &Path) {
        self.watch_for(directory, sys::Changes::Appear);
    }

    /// Like [`Events::watch`], and for every write to a file there.
    pub fn watch_writes(&mut self, directory: &Path) {
        self.watch_for(directory, sys::Changes::AppearOrWritten);
    }

    fn watch_for(&mut self, directory: &Path, changes: sys::Changes) {
        let notified = File::open(directory).and_then(|file| {
            sys::notify(&file, changes)?;
            Ok(file)
        });
        if let Ok(file) = notified {
            self.watched.push(file);
        } else if self.watch_by_inotify(directory).is_err() {
            log::debug("files are polled", &[("directory", &directory.to_string_lossy())]);
            self.polls = true;
        }
    }

    fn watch_by_inotify(&mut self, directory: &Path) -> nix::Result<()> {
        let inotify = match self.inotify.take() {
            Some(inotify) => inotify,
            None => Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?,
        };
        let changes =
            AddWatchFlags::IN_CREATE | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        let added = inotify.add_watch(directory, changes);
        self.inotify = Some(inotify);
        added.map(drop)
    }

    /// Sleeps until a signal comes, a watched directory changes, or the deadline passes; returns the signals, oldest first.
    ///
    /// May return early with nothing: callers look at their files again after every return.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Vec<i32>> {
        let timeout = self.timeout(deadline);
        let mut descriptors = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if let Some(inotify) = &self.inotify {
            descriptors.push(PollFd::new(inotify.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut descriptors, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if let Some(inotify) = &self.inotify {
            while inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
        }
        let mut signals = Vec::new();
        while let Ok(Some(info)) = self.signals.read_signal() {
            // The kernel's own SIGIO is dnotify's; one that a process has sent has a code of 0 or below.
            if info.ssi_signo != Signal::SIGIO as u32 || info.ssi_code <= 0 {
                signals.extend(i32::try_from(info.ssi_signo));
            }
        }
        Ok(signals)
    }

    fn timeout(&self, deadline: Option<Instant>) -> PollTimeout {
        let until = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let longest = self.polls.then_some(FALLBACK);
        match until.into_iter().chain(longest).min() {
            // Rounded up: a poll that ends a moment early would spin.
            Some(duration) => {
                let millis = duration.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128);
                PollTimeout::try_from(millis as i32).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        }
    }
}

/// Whether a signal asks the process to end now.
pub fn is_term(signal: i32) -> bool {
    signal == Signal::SIGTERM as i32
}
