//! What happens while main runs: its end, its progress, its deadline, and a SIGTERM to `wait` itself.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::control::Control;
use crate::events::{Events, is_term};
use crate::failure::{Failure, os_text};
use crate::log;
use crate::paths::Paths;
use crate::settings;
use crate::sys;
use crate::template::Template;

/// How long `wait` goes on waiting when all main containers were killed and do not end.
const AFTER_KILL: Duration = Duration::from_secs(10);
/// Watches the main containers of a pod.
pub(super) struct Monitor<'a> {
    mains: Vec<Main>,
    paths: &'a Paths,
    grace: Duration,
    phase: Phase,
    progress: Option<Progress>,
}

struct Main {
    control: Control,
    /// Whether a thread tells of its emissary's end.
    watched: bool,
}

/// What comes next if main goes on.
enum Phase {
    /// SIGTERM to main at this time, if there is one.
    Running { deadline: Option<Instant> },
    /// SIGKILL to main.
    Terminated { kill: Instant },
    /// No more waiting.
    Ending { end: Instant },
}

struct Progress {
    file: PathBuf,
    tick: Duration,
    next: Instant,
    seen: String,
    unsent: bool,
}

impl<'a> Monitor<'a> {
    pub fn new(
        template: &Template,
        deadline: Option<Timestamp>,
        paths: &'a Paths,
        events: &mut Events,
    ) -> Result<Self, Failure> {
        let mut mains = Vec::new();
        for name in template.main_containers() {
            let control = Control::open(paths, name).map_err(|error| {
                Failure::new(format!(
                    "failed to wait for main container to complete: {name}: {}",
                    os_text(&error)
                ))
            })?;
            events.watch(control.directory());
            mains.push(Main { control, watched: false });
        }
        let deadline = deadline.map(|at| {
            let left =
                Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
            Instant::now() + left.min(Duration::from_secs(100 * 365 * 86_400))
        });
        let progress = Progress::new(events)?;
        Ok(Self {
            mains,
            paths,
            grace: settings::grace_period(),
            phase: Phase::Running { deadline },
            progress,
        })
    }

    /// Returns when all main containers have ended, or when waiting makes no sense any more.
    pub fn run(
        &mut self,
        events: &mut Events,
        mut report_progress: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        while self.mains.iter_mut().any(Main::is_pending) {
            if self.has_waited_enough() {
                log::warn("main containers have not ended, going on without them", &[]);
                return Ok(());
            }
            let tick =
                self.progress.as_mut().and_then(|progress| progress.step(&mut report_progress));
            let next = self.next().into_iter().chain(tick).min();
            if events.wait(next).map_err(|error| os_text(&error))?.into_iter().any(is_term) {
                self.on_sigterm();
            }
        }
        if let Some(progress) = &mut self.progress {
            progress.flush(&mut report_progress);
        }
        Ok(())
    }

    fn next(&self) -> Option<Instant> {
        match self.phase {
            Phase::Running { deadline } => deadline,
            Phase::Terminated { kill } => Some(kill),
            Phase::Ending { end } => Some(end),
        }
    }

    /// Carries out what is due; true when it is time to go on.
    fn has_waited_enough(&mut self) -> bool {
        let now = Instant::now();
        match self.phase {
            Phase::Running { deadline: Some(deadline) } if deadline <= now => {
                log::warn("the step has exceeded its deadline", &[]);
                crate::leave_message(&self.paths.termination_log, "Step exceeded its deadline");
                self.signal_mains(Signal::SIGTERM);
                self.phase = Phase::Terminated { kill: now + self.grace };
                false
            }
            Phase::Terminated { kill } if kill <= now => {
                self.signal_mains(Signal::SIGKILL);
                self.phase = Phase::Ending { end: now + AFTER_KILL };
                false
            }
            Phase::Ending { end } => end <= now,
            Phase::Running { .. } | Phase::Terminated { .. } => false,
        }
    }

    /// Who stops a pod stops main too: it gets the time to leave its outputs, but only if it lives.
    fn on_sigterm(&mut self) {
        let alive = self.mains.iter().any(|main| main.control.is_alive() == Some(true));
        let patience = if alive { (self.grace / 2).min(AFTER_KILL) } else { Duration::ZERO };
        let end = Instant::now() + patience;
        self.phase = match self.phase {
            Phase::Running { .. } => Phase::Ending { end },
            Phase::Terminated { kill } => Phase::Terminated { kill: kill.min(end) },
            Phase::Ending { end: before } => Phase::Ending { end: before.min(end) },
        };
    }

    fn signal_mains(&self, signal: Signal) {
        for main in self.mains.iter().filter(|main| !main.control.is_done()) {
            if let Err(error) = main.control.write_signal(signal as i32) {
                let directory = main.control.directory().to_string_lossy();
                log::error(
                    "failed to signal container",
                    &[("directory", &directory), ("error", &os_text(&error))],
                );
            }
        }
    }
}

impl Main {
    /// Whether the container may still record an exit code. One whose emissary was killed never will.
    fn is_pending(&mut self) -> bool {
        // Life first: an emissary records its code before it ends.
        let alive = self.control.is_alive();
        if alive == Some(true) && !self.watched {
            self.watched = watch_life(self.control.clone()).is_ok();
        }
        !self.control.is_done() && alive != Some(false)
    }
}

/// Wakes the main thread when the container's emissary has ended, even if it could tell nobody.
fn watch_life(control: Control) -> io::Result<()> {
    let watch = move || {
        if control.await_end().is_ok() {
            // A signal without a meaning of its own here; it only ends the sleep.
            let _ = sys::kill(Pid::this().as_raw(), Signal::SIGIO as i32);
        }
    };
    thread::Builder::new().stack_size(64 * 1024).spawn(watch).map(drop)
}

impl Progress {
    /// `None` where the controller has switched it off.
    fn new(events: &mut Events) -> Result<Option<Self>, Failure> {
        let tick = settings::duration("ARGO_PROGRESS_PATCH_TICK_DURATION")?;
        let on = settings::duration("ARGO_PROGRESS_FILE_TICK_DURATION")?;
        let file = settings::text("ARGO_PROGRESS_FILE").map(PathBuf::from);
        let Some(file) = file.filter(|_| !tick.is_zero() && !on.is_zero()) else {
            return Ok(None);
        };
        if let Some(directory) = file.parent() {
            // If it cannot be made there is nothing to watch; the step itself does not depend on it.
            let _ = DirBuilder::new().recursive(true).mode(0o755).create(directory);
            events.watch_writes(directory);
        }
        let next = Instant::now() + tick;
        Ok(Some(Self { file, tick, next, seen: String::new(), unsent: false }))
    }

    /// Looks at the file, sends when it is time, and says when that will be.
    fn step(&mut self, send: &mut impl FnMut(&str) -> Result<(), String>) -> Option<Instant> {
        self.look();
        let now = Instant::now();
        if self.next <= now {
            self.next = now + self.tick;
            self.flush(send);
        }
        self.unsent.then_some(self.next)
    }

    fn look(&mut self) {
        if let Some(progress) = last_line(&self.file).ok().as_deref().and_then(parse)
            && progress != self.seen
        {
            self.seen = progress;
            self.unsent = true;
        }
    }

    fn flush(&mut self, send: &mut impl FnMut(&str) -> Result<(), String>) {
        self.look();
        if !self.unsent {
            return;
        }
        match send(&self.seen) {
            Ok(()) => self.unsent = false,
            Err(error) => log::warn("failed to report progress", &[("error", &error)]),
        }
    }
}

/// The last line that is not empty, looked for in the file's last 4 KiB.
fn last_line(file: &std::path::Path) -> io::Result<String> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut file = File::open(file)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(4096)))?;
    let mut bytes = Vec::new();
    file.take(4096).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned())
}

/// `N/M` with 0 ≤ N ≤ M and M > 0, as it was written.
fn parse(line: &str) -> Option<String> {
    let (done, all) = line.split_once('/')?;
    let (done, all): (i64, i64) =
        (done.trim().parse().unwrap_or(0), all.trim().parse().unwrap_or(0));
    (0 <= done && done <= all && all > 0).then(|| format!("{done}/{all}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_lines() {
        for (line, progress) in [
            ("50/100", Some("50/100")),
            ("x/100", Some("0/100")),
            ("50%", None),
            ("", None),
            ("/", None),
            ("2/1", None),
            ("0/0", None),
            ("-1/3", None),
        ] {
            assert_eq!(parse(line).as_deref(), progress, "{line:?}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "1/9\n 2/9 \n\n").unwrap();
        assert_eq!(last_line(file.path()).unwrap(), "2/9");
    }
}
