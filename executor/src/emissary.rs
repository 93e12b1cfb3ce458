//! `emissary`: process 1 of every user container. Runs the user's command, and tells the pod how it ended.

mod capture;
mod command;
mod dependencies;
mod links;
mod outputs;
mod ready;
mod run;
mod tty;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, umask};

use crate::control::Control;
use crate::events::{Events, is_term};
use crate::failure::{Failure, os_text};
use crate::log;
use crate::paths::Paths;
use crate::settings;
use crate::template::{self, Template};

/// Where a panic leaves the exit code, so that nobody waits for it in vain.
pub static EXIT_CODE_FILE: OnceLock<PathBuf> = OnceLock::new();

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// The user's, in a main container or a sidecar.
    User,
    /// An artifact plugin's: it outlives SIGTERM to the pod, since outputs are still to be saved through it.
    Plugin,
}

/// Runs `command` as the container that the environment names, and records how it ended.
pub fn run(command: Option<Vec<OsString>>, guest: Guest, paths: &Paths) -> Result<(), Failure> {
    // The user's program inherits it, as under Argo: containers of a pod run as different users.
    umask(Mode::empty());
    let name = settings::required("ARGO_CONTAINER_NAME")?;
    let control = Control::open(paths, &name).map_err(|error| {
        Failure::new(format!(
            "failed to create ctr directory: {}: {}",
            paths.container(&name).display(),
            os_text(&error)
        ))
    })?;
    let _ = EXIT_CODE_FILE.set(control.file("exitcode"));
    let life = control.hold();
    if life.is_err() {
        log::debug("the container's directory cannot be locked", &[("container", &name)]);
    }
    let emissary = Emissary { name: &name, guest, control: &control, paths };
    let ended = emissary.attempt(command.unwrap_or_default());
    if let Err(error) = control.write_exit_code(ended.recorded) {
        log::error("failed to write exit code", &[("error", &os_text(&error))]);
    }
    ended.result
}

/// How the emissary ends: what other containers see, and what kubelet sees.
struct Ended {
    recorded: u8,
    result: Result<(), Failure>,
}

impl Ended {
    /// The command ended with this code.
    fn with(code: u8) -> Self {
        let result = if code == 0 { Ok(()) } else { Err(Failure::Exit(code)) };
        Self { recorded: code, result }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self { recorded: failure.code(), result: Err(failure) }
    }
}

struct Emissary<'a> {
    name: &'a str,
    guest: Guest,
    control: &'a Control,
    paths: &'a Paths,
}

impl Emissary<'_> {
    fn attempt(&self, words: Vec<OsString>) -> Ended {
        match self.run(words) {
            Ok(ended) | Err(ended) => ended,
        }
    }

    fn run(&self, words: Vec<OsString>) -> Result<Ended, Ended> {
        let mut events = Events::new().map_err(|error| {
            Failure::new(format!("failed to set up signal handling: {}", os_text(&error)))
        })?;
        events.watch(self.control.directory());
        let words = command::full(words, self.paths)?;
        if self.guest == Guest::Plugin {
            let program = command::find(&words)?;
            let ended = run::once(self, &program, &words, &Template::default(), &mut events)?;
            return Ok(Ended::with(ended.code));
        }
        let initless = settings::is_true("ARGO_WAIT_FOR_READY");
        if initless {
            ready::await_supervisor(self, &mut events)?;
        }
        let template = self.template(initless)?;
        dependencies::await_all(self, &template, &mut events)?;
        let program = command::find(&words)?;
        self.pause("ARGO_DEBUG_PAUSE_BEFORE", "before", &mut events)?;
        let code = self.run_with_retries(&program, &words, &template, &mut events)?;
        log::debug("sub-process exited", &[("code", &code.to_string())]);
        self.pause("ARGO_DEBUG_PAUSE_AFTER", "after", &mut events)?;
        if self.name == "main"
            && let Err(failure) = outputs::stage(&template, self.paths)
        {
            return Err(Ended { recorded: code, result: Err(failure) });
        }
        Ok(Ended::with(code))
    }

    /// The JSON is dropped before the command runs: it may be large, and the emissary stays.
    fn template(&self, initless: bool) -> Result<Template, Failure> {
        let json = template::read_file_first(self.paths)?;
        let template = Template::parse(&json)?;
        if initless && self.name == "main" {
            links::make(&json, &template, self.paths)?;
        }
        Ok(template)
    }

    fn run_with_retries(
        &self,
        program: &command::Program,
        words: &[OsString],
        template: &Template,
        events: &mut Events,
    ) -> Result<u8, Failure> {
        let strategy = template.container_set.as_ref().and_then(|set| set.retry_strategy.as_ref());
        let (runs, pause) =
            strategy.map_or(Ok((1, Duration::ZERO)), template::RetryStrategy::runs)?;
        let mut left = runs;
        loop {
            let ended = run::once(self, program, words, template, events)?;
            left -= 1;
            // A container that was told to end must not start again.
            if ended.code == 0
                || left == 0
                || ended.terminated
                || self.told_to_end(events, pause)?
            {
                return Ok(ended.code);
            }
        }
    }

    /// Sleeps until something happens or the deadline passes; gives signals of both kinds.
    fn signals(&self, events: &mut Events, deadline: Option<Instant>) -> Result<Vec<i32>, Failure> {
        // A file that was there before it was watched for makes no event.
        if let Some(signal) = self.control.take_signal() {
            return Ok(vec![signal]);
        }
        let mut signals = wait(events, deadline)?;
        signals.extend(self.control.take_signal());
        Ok(signals)
    }

    /// Sleeps for `pause`; true if SIGTERM or a signal file ends it.
    fn told_to_end(&self, events: &mut Events, pause: Duration) -> Result<bool, Failure> {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            if self.signals(events, Some(until))?.into_iter().any(ends) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits for a person to create `marker`, if the variable asks for it.
    fn pause(&self, variable: &str, marker: &str, events: &mut Events) -> Result<(), Failure> {
        if !settings::is_true(variable) {
            return Ok(());
        }
        let marker = self.control.file(marker);
        log::info("paused until the file exists", &[("file", &marker.to_string_lossy())]);
        while !marker.exists() {
            if self.signals(events, None)?.into_iter().any(ends) {
                return Err(Failure::new(format!(
                    "terminated while {variable} waited for {}",
                    marker.display()
                )));
            }
        }
        Ok(())
    }
}

/// Whether a signal ends a container that has no command to pass it to.
fn ends(signal: i32) -> bool {
    is_term(signal) || signal == nix::sys::signal::Signal::SIGKILL as i32
}

fn wait(events: &mut Events, deadline: Option<Instant>) -> Result<Vec<i32>, Failure> {
    events
        .wait(deadline)
        .map_err(|error| Failure::new(format!("failed to wait for signals: {}", os_text(&error))))
}
