//! One place to sleep: signals, changes in watched directories, and a deadline.

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

/// How often files are looked at where the kernel has no inotify instance or watch left.
const FALLBACK: Duration = Duration::from_secs(2);

/// All signals of this process, and changes in the directories it watches.
///
/// Signals are blocked from [`Events::new`] on, for this thread and those it starts; they are only seen here.
pub struct Events {
    signals: SignalFd,
    inotify: Option<Inotify>,
    complete: bool,
}

/// Why [`Events::wait`] has returned.
#[derive(Debug, Default)]
pub struct Woken {
    /// Signals, oldest first.
    pub signals: Vec<i32>,
    /// Whether watched files have changed.
    pub files: bool,
}

impl Events {
    /// Blocks all signals and opens the queues.
    pub fn new() -> io::Result<Self> {
        let all = SigSet::all();
        all.thread_block()?;
        let signals = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
        let complete = inotify.is_some();
        Ok(Self { signals, inotify, complete })
    }

    /// Watches a directory for files that appear or have been written. Without inotify, files are polled.
    pub fn watch(&mut self, directory: &Path) {
        self.watch_for(directory, AddWatchFlags::empty());
    }

    /// Like [`Events::watch`], and for every write to a file there.
    pub fn watch_writes(&mut self, directory: &Path) {
        self.watch_for(directory, AddWatchFlags::IN_MODIFY);
    }

    fn watch_for(&mut self, directory: &Path, more: AddWatchFlags) {
        let written =
            AddWatchFlags::IN_CREATE | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        let added =
            self.inotify.as_ref().map(|inotify| inotify.add_watch(directory, written | more));
        if !matches!(added, Some(Ok(_))) {
            log::debug(
                "inotify is not available, files are polled",
                &[("directory", &directory.to_string_lossy())],
            );
            self.complete = false;
        }
    }

    /// Sleeps until a signal comes, a watched file changes, or the deadline passes.
    ///
    /// May return early with nothing: callers look at their files again after every return.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Woken> {
        let timeout = self.timeout(deadline);
        let mut descriptors = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if let Some(inotify) = &self.inotify {
            descriptors.push(PollFd::new(inotify.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut descriptors, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut files = false;
        if let Some(inotify) = &self.inotify {
            while inotify.read_events().is_ok_and(|events| !events.is_empty()) {
                files = true;
            }
        }
        let mut signals = Vec::new();
        while let Ok(Some(info)) = self.signals.read_signal() {
            signals.extend(i32::try_from(info.ssi_signo));
        }
        Ok(Woken { signals, files })
    }

    fn timeout(&self, deadline: Option<Instant>) -> PollTimeout {
        let until = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let longest = if self.complete { None } else { Some(FALLBACK) };
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
