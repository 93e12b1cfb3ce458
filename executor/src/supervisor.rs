//! `supervisor`: in pods without an init container, does `init`'s work while the others wait for it, then `wait`'s.

use std::path::PathBuf;
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;

use crate::cli::Invocation;
use crate::events::{Events, is_term};
use crate::failure::{Failure, os_text};
use crate::init;
use crate::log;
use crate::paths::Paths;
use crate::settings;
use crate::sys;
use crate::template;
use crate::wait::{Layers, Waiter};

/// How often the others are told that preparing goes on; after 30 s of silence they give up.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Prepares the pod, tells the others, and goes on as `wait`.
pub fn run(asked: &Invocation, paths: &Paths) -> Result<(), Failure> {
    umask(Mode::empty());
    let status = Status(paths.status());
    status.set("RUNNING\n")?;
    let (waiter, json, mut events) =
        start(asked, paths).inspect_err(|failure| status.fail(failure))?;
    match prepare(json, &mut events, &status, paths) {
        Ok(()) => {
            status.set("READY\n")?;
            waiter.run(events, None)
        }
        Err(failure) => {
            status.fail(&failure);
            waiter.run(events, Some(failure.to_string()))
        }
    }
}

fn start<'a>(
    asked: &Invocation,
    paths: &'a Paths,
) -> Result<(Waiter<'a>, Vec<u8>, Events), Failure> {
    settings::required_of_pod()?;
    let json = template::read_environment_first(paths)?;
    let events = Events::new().map_err(|error| {
        Failure::new(format!("failed to listen to signals: {}", os_text(&error)))
    })?;
    let waiter = Waiter::new(asked, &json, Layers::default(), paths)?;
    Ok((waiter, json, events))
}

/// Works on a thread of its own, so that heartbeats and SIGTERM are not held up.
fn prepare(
    json: Vec<u8>,
    events: &mut Events,
    status: &Status,
    paths: &Paths,
) -> Result<(), Failure> {
    let (sender, receiver) = channel();
    let workers = paths.clone();
    let work = move || {
        let _ = sender.send(init::prepare(&json, &workers));
        // A signal without a meaning of its own here; it only ends the sleep.
        let _ = sys::kill(Pid::this().as_raw(), Signal::SIGIO as i32);
    };
    thread::Builder::new()
        .spawn(work)
        .map_err(|error| Failure::new(format!("failed to start a thread: {}", os_text(&error))))?;
    let mut beat = Instant::now() + HEARTBEAT;
    loop {
        match receiver.try_recv() {
            Ok(prepared) => return prepared,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                return Err(Failure::new(
                    "the thread that prepares the pod has ended without a word",
                ));
            }
        }
        let signals = events.wait(Some(beat)).map_err(|error| {
            Failure::new(format!("failed to wait for signals: {}", os_text(&error)))
        })?;
        if signals.into_iter().any(is_term) {
            return Err(Failure::new("supervisor was terminated before the pod was prepared"));
        }
        if beat <= Instant::now() {
            status.set("RUNNING\n")?;
            beat = Instant::now() + HEARTBEAT;
        }
    }
}

/// The file by which the other containers know how far the supervisor is: `RUNNING`, `READY`, or `FAILED` and why.
struct Status(PathBuf);

impl Status {
    fn set(&self, text: &str) -> Result<(), Failure> {
        init::write_new(&self.0, text.as_bytes(), 0o644)
            .map_err(|why| Failure::new(format!("failed to write the supervisor's status: {why}")))
    }

    fn fail(&self, failure: &Failure) {
        if let Err(error) = self.set(&format!("FAILED\n{failure}")) {
            log::error("the others wait in vain", &[("error", &error.to_string())]);
        }
    }
}
