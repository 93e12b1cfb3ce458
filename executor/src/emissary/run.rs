//! One run of the user's command: start, forward signals, reap, know the end when it happens.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::capture::Capture;
use super::command::Program;
use super::tty::Terminal;
use super::{Emissary, Guest, wait};
use crate::control::Control;
use crate::events::{Events, is_term};
use crate::failure::{Failure, TROUBLE, os_text};
use crate::settings;
use crate::sys;
use crate::template::Template;

/// How one run ended.
pub(super) struct RunEnded {
    pub code: u8,
    /// Whether the container was told to end meanwhile.
    pub terminated: bool,
}

/// Runs the command and returns when it has ended; background processes it left behind are not waited for.
pub(super) fn once(
    emissary: &Emissary<'_>,
    program: &Program,
    words: &[OsString],
    template: &Template,
    events: &mut Events,
) -> Result<RunEnded, Failure> {
    let mut command = Command::new(&program.path);
    let capturing = emissary.guest == Guest::User
        && (settings::is_true("ARGO_INCLUDE_SCRIPT_OUTPUT") || template.archives_logs());
    let mut capture = Capture::new(capturing.then_some(emissary.control)).map_err(not_started)?;
    let terminal = match io::stdin().is_terminal() {
        true => Some(Terminal::attach(&mut command, &mut capture).map_err(not_started)?),
        false => {
            if capturing {
                command.stdout(capture.stdout().map_err(not_started)?);
                command.stderr(capture.stderr().map_err(not_started)?);
            } else {
                command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
            }
            None
        }
    };
    let session = if terminal.is_some() { sys::Session::Own } else { sys::Session::Inherited };
    let prepared = sys::prepare(&mut command, words, session);
    let child =
        prepared.and_then(|()| command.spawn()).map_err(|error| start_error(program, &error))?;
    let pid = i32::try_from(child.id())
        .map_err(|_| Failure::new("failed to start command: impossible process id"))?;
    // The pipes' write ends live in the command; while one is open here, its reader sees no end.
    drop(command);

    let mains = Mains::of(emissary, template, events)?;
    let guest = emissary.guest;
    let mut group = Group { pid, guest, terminated: false, sidecar: mains, kill_at: None };
    let code = group.supervise(emissary.control, events, terminal.as_ref())?;
    capture.finish();
    drop(terminal);
    Ok(RunEnded { code, terminated: group.terminated })
}

fn not_started(error: io::Error) -> Failure {
    Failure::new(format!("failed to start command: {}", os_text(&error)))
}

fn start_error(program: &Program, error: &io::Error) -> Failure {
    Failure::new(format!(
        "failed to start command: fork/exec {}: {}",
        program.path.display(),
        os_text(error)
    ))
}

/// The user's process group, and when it has to end.
struct Group {
    pid: i32,
    guest: Guest,
    terminated: bool,
    sidecar: Option<Mains>,
    kill_at: Option<Instant>,
}

impl Group {
    fn supervise(
        &mut self,
        control: &Control,
        events: &mut Events,
        terminal: Option<&Terminal>,
    ) -> Result<u8, Failure> {
        loop {
            if let Some(code) = reap(self.pid) {
                return Ok(code);
            }
            if let Some(signal) = control.take_signal() {
                self.forward(signal);
            }
            self.end_after_mains();
            for signal in wait(events, self.kill_at)? {
                if let (Some(terminal), true) = (terminal, signal == Signal::SIGWINCH as i32) {
                    terminal.resize();
                }
                if self.is_meant_for_the_group(signal) {
                    self.forward(signal);
                }
            }
        }
    }

    fn is_meant_for_the_group(&self, signal: i32) -> bool {
        let own = [Signal::SIGCHLD, Signal::SIGURG];
        let ignored = self.guest == Guest::Plugin && is_term(signal);
        !ignored && own.iter().all(|own| *own as i32 != signal)
    }

    fn forward(&mut self, signal: i32) {
        self.terminated |= is_term(signal) || signal == Signal::SIGKILL as i32;
        // The group may just have ended; then there is nobody to tell.
        let _ = sys::kill(-self.pid, signal);
    }

    /// A sidecar ends when the main containers have: SIGTERM, and SIGKILL after the grace period.
    fn end_after_mains(&mut self) {
        if self.kill_at.is_some_and(|at| at <= Instant::now()) {
            self.kill_at = None;
            self.forward(Signal::SIGKILL as i32);
        }
        if let Some(mains) = self.sidecar.take_if(|mains| mains.are_done()) {
            self.kill_at = Some(Instant::now() + mains.grace);
            self.forward(Signal::SIGTERM as i32);
        }
    }
}

/// The main containers that a sidecar outlives only by the grace period.
struct Mains {
    controls: Vec<Control>,
    grace: Duration,
}

impl Mains {
    fn of(
        emissary: &Emissary<'_>,
        template: &Template,
        events: &mut Events,
    ) -> Result<Option<Self>, Failure> {
        if !template.sidecars.iter().any(|sidecar| sidecar.name == emissary.name) {
            return Ok(None);
        }
        let mut controls = Vec::new();
        for name in template.main_containers() {
            let control = Control::open(emissary.paths, name).map_err(|error| {
                Failure::new(format!("failed to watch container {name:?}: {}", os_text(&error)))
            })?;
            events.watch(control.directory());
            controls.push(control);
        }
        Ok(Some(Self { controls, grace: settings::grace_period() }))
    }

    fn are_done(&self) -> bool {
        self.controls.iter().all(Control::is_done)
    }
}

/// Reaps all that has ended, orphans included; the exit code of the command if it is among them.
fn reap(command: i32) -> Option<u8> {
    let mut code = None;
    while let Some((pid, ended)) = sys::reap() {
        if pid == command {
            code = Some(u8::try_from(ended).unwrap_or(TROUBLE));
        }
    }
    code
}
