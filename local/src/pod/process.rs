//! A container that runs: its set-up process, what that says, and what the container writes.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use super::limits::ControlGroup;
use super::status::End;
use crate::SANDBOX_ROLE;
use crate::sandbox::spec::{Report, Spec};
use crate::sandbox::write_spec;

/// Exit code of a container that could not be started, as container runtimes have it.
const START_ERROR: i32 = 128;
/// Longest line that is passed on in one piece.
const MAX_LINE_BYTES: usize = 64 << 10;

/// What a container has to say.
pub enum Happening {
    Started,
    Notice(String),
    Line(String),
    Ended(End),
}

pub struct Running {
    /// Its place among the containers that run together.
    pub index: usize,
    /// Whether it is the executor's `wait` or `supervisor`.
    pub is_aux: bool,
    pub ended: bool,
    child: Child,
    socket: UnixStream,
    unread: Vec<u8>,
    output: Option<Output>,
    group: Option<ControlGroup>,
}

/// A container's output on its way to the log and to whoever listens.
struct Output {
    pipe: PipeReader,
    log: File,
    line: Vec<u8>,
}

impl Running {
    /// Starts the set-up process of a container. The calling thread must live until the container has ended:
    /// the kernel ends the set-up process with it.
    pub fn start(
        sandbox: &Path,
        spec: &Spec,
        log: &Path,
        live: bool,
        group: Option<ControlGroup>,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(log)?;
        let (mut socket, theirs) = UnixStream::pair()?;
        let mut command = Command::new(sandbox);
        command.arg(SANDBOX_ROLE).env_clear().process_group(0).stdin(OwnedFd::from(theirs));
        let mut output = None;
        if live {
            let (pipe, writer) = io::pipe()?;
            rustix::io::ioctl_fionbio(&pipe, true)?;
            command.stdout(writer.try_clone()?).stderr(writer);
            output = Some(Output { pipe, log: file, line: Vec::new() });
        } else {
            command.stdout(file.try_clone()?).stderr(file);
        }
        let mut child = command.spawn()?;
        // Their end of the socket must be open in the child alone, or its end would go unnoticed.
        drop(command);
        if let Err(error) =
            write_spec(&mut socket, spec).and_then(|()| socket.set_nonblocking(true))
        {
            let _ = socket.shutdown(Shutdown::Both);
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        Ok(Self {
            index: 0,
            is_aux: false,
            ended: false,
            child,
            socket,
            unread: Vec::new(),
            output,
            group,
        })
    }

    pub fn socket(&self) -> impl AsFd + '_ {
        self.socket.as_fd()
    }

    pub fn output(&self) -> Option<impl AsFd + '_> {
        self.output.as_ref().map(|output| output.pipe.as_fd())
    }

    /// Sends a signal to the container's first process. One that has ended already gets none.
    pub fn signal(&mut self, signal: u8) {
        let _ = (&self.socket).write_all(&[signal]);
    }

    /// All that has happened since the last call; does not wait.
    pub fn happenings(&mut self) -> Vec<Happening> {
        let mut said = Vec::new();
        if let Some(output) = &mut self.output {
            output.read(&mut said);
        }
        let open = self.read_socket();
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(Report::Started) => said.push(Happening::Started),
                Ok(Report::Notice(text)) => said.push(Happening::Notice(text)),
                Ok(Report::Failed(message)) => self.end(start_error(message), &mut said),
                Ok(Report::Exited { code, signal }) => {
                    let end = End { code, signal, ..End::default() };
                    self.end(end, &mut said);
                }
                Err(_) => {}
            }
        }
        if !open && !self.ended {
            let message = Some(String::from("the process that kept the container was killed"));
            let end =
                End { code: 137, signal: Some(9), reason: Some("ContainerStatusUnknown"), message };
            self.end(end, &mut said);
        }
        said
    }

    fn read_socket(&mut self) -> bool {
        let mut chunk = [0; 4096];
        loop {
            match self.socket.read(&mut chunk) {
                Ok(0) => return false,
                Ok(n) => self.unread.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    fn end(&mut self, mut end: End, said: &mut Vec<Happening>) {
        if self.ended {
            return;
        }
        self.ended = true;
        let _ = self.child.wait();
        if let Some(output) = &mut self.output {
            output.finish(said);
        }
        if end.code != 0 && self.group.as_ref().is_some_and(ControlGroup::out_of_memory) {
            end.reason = Some("OOMKilled");
        }
        self.group = None;
        said.push(Happening::Ended(end));
    }
}

/// The end of a container that never ran.
pub fn start_error(message: String) -> End {
    End { code: START_ERROR, signal: None, reason: Some("StartError"), message: Some(message) }
}

impl Output {
    fn read(&mut self, said: &mut Vec<Happening>) {
        let mut chunk = [0; 16 << 10];
        // A container that never stops writing must not keep its pod from anything else.
        for _ in 0..64 {
            match self.pipe.read(&mut chunk) {
                Ok(0) => return,
                Ok(n) => self.take(&chunk[..n], said),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], said: &mut Vec<Happening>) {
        // A full disk must not stop the container.
        let _ = self.log.write_all(bytes);
        for byte in bytes {
            if *byte == b'\n' || self.line.len() >= MAX_LINE_BYTES {
                self.flush(said);
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }

    fn flush(&mut self, said: &mut Vec<Happening>) {
        let line = std::mem::take(&mut self.line);
        said.push(Happening::Line(String::from_utf8_lossy(&line).into_owned()));
    }

    fn finish(&mut self, said: &mut Vec<Happening>) {
        self.read(said);
        if !self.line.is_empty() {
            self.flush(said);
        }
    }
}
