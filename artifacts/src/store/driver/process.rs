//! One run of the drivers program: started, asked, and never left behind.

use crate::Error;
use crate::driver::{self, Answer, Outcome, PROGRAM, Request};
use crate::error::Context;
use serde::Serialize;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

/// Longest line of its standard error that is passed on whole, in bytes.
const MAX_LOG_LINE: u64 = 4096;

/// A running drivers program; it ends when this is dropped.
pub(super) struct Process {
    child: Child,
    socket: BufReader<UnixStream>,
    /// Gives the last line of standard error.
    log: Option<JoinHandle<String>>,
    description: String,
}

impl Process {
    /// Starts the program and sends it the request.
    pub fn start(
        request: &Request,
        handle: Option<BorrowedFd<'_>>,
        description: &str,
    ) -> Result<Process, Error> {
        let doing = || format!("start {PROGRAM} for {description}");
        let (ours, theirs) = UnixStream::pair().doing(doing)?;
        let mut child = program()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| cannot_start(&doing(), error))?;
        let stderr = child.stderr.take();
        let log = stderr.map(|stderr| std::thread::spawn(move || pass_on(stderr)));
        let mut process = Process {
            child,
            socket: BufReader::new(ours),
            log,
            description: description.to_owned(),
        };
        match driver::send_request(process.socket.get_mut(), request, handle) {
            Ok(()) => Ok(process),
            Err(error) => Err(process.lost(error)),
        }
    }

    /// Sends one more line.
    pub fn send(&mut self, value: &impl Serialize) -> Result<(), Error> {
        match driver::send_line(self.socket.get_mut(), value) {
            // It may have ended with an error of its own to tell.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            sent => sent.map_err(|error| self.lost(error)),
        }
    }

    /// Waits for an answer.
    pub fn answer(&mut self) -> Result<Outcome, Error> {
        match driver::receive_line::<Answer>(&mut self.socket) {
            Ok(answer) => answer,
            Err(error) => Err(self.lost(error)),
        }
    }

    /// Waits for the last answer.
    pub fn end(mut self) -> Result<Outcome, Error> {
        self.answer()
    }

    /// Why there is no answer.
    fn lost(&mut self, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::InvalidData {
            return broken(&self.description, &format!("it does not speak as we do: {error}"));
        }
        let ended = self.stop();
        let last = self.log.take().and_then(|log| log.join().ok()).unwrap_or_default();
        let why = match ended {
            Some(status) => format!("it ended without an answer ({})", how(status)),
            None => format!("it ended without an answer ({error})"),
        };
        let why = if last.is_empty() { why } else { format!("{why}; its last words: {last}") };
        broken(&self.description, &why)
    }

    /// Ends the program; how it ended if that was its own doing.
    fn stop(&mut self) -> Option<ExitStatus> {
        // A socket that is shut ends it too; waiting first tells how it ended by itself.
        let _ = self.socket.get_ref().shutdown(std::net::Shutdown::Both);
        self.child.wait().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its lines come before ours.
        let _ = self.log.take().map(JoinHandle::join);
    }
}

/// An error of the drivers program itself.
pub(super) fn broken(description: &str, why: &str) -> Error {
    Error::new(Error::Io, format!("use {description} through {PROGRAM}"), why)
}

fn how(status: ExitStatus) -> String {
    match status.signal() {
        Some(9) => "killed by signal 9, as for want of memory".to_owned(),
        Some(signal) => format!("killed by signal {signal}"),
        None => format!("exit code {}", status.code().unwrap_or_default()),
    }
}

/// This program under another name, a file beside it, or one in `PATH`.
fn program() -> Command {
    if driver::is_contained() {
        let mut command = Command::new("/proc/self/exe");
        command.arg0(PROGRAM);
        return command;
    }
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name(PROGRAM));
    match beside.filter(|path| path.is_file()) {
        Some(path) => Command::new(path),
        None => Command::new(PROGRAM),
    }
}

fn cannot_start(doing: &str, error: io::Error) -> Error {
    if error.kind() != io::ErrorKind::NotFound {
        return Error::io(doing, error);
    }
    // Not NotFound, which would be a missing object.
    Error::new(Error::Unsupported, doing, "the program is neither beside argoexec nor in PATH")
        .advise(format!("install {PROGRAM} beside argoexec, as in the executor's image"))
}

/// Passes the lines on to the log; gives back the last one.
fn pass_on(stderr: ChildStderr) -> String {
    let mut reader = BufReader::new(stderr);
    let mut last = String::new();
    let mut line = Vec::new();
    while matches!((&mut reader).take(MAX_LOG_LINE).read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if !text.is_empty() {
            driver::log(&text);
            last = text;
        }
        line.clear();
    }
    last
}
