//! A terminal for the command when the emissary's own standard input is one (`tty: true`).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::thread;

use nix::pty::openpty;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use super::capture::Capture;
use crate::sys;

/// The terminal pair; the outer terminal is raw while it lives.
pub(super) struct Terminal {
    master: OwnedFd,
    before: Option<Termios>,
}

impl Terminal {
    /// Gives the command a terminal of its own and copies between it and the emissary's.
    pub fn attach(command: &mut Command, capture: &mut Capture) -> io::Result<Self> {
        let pair = openpty(None, None)?;
        command.stdin(pair.slave.try_clone()?).stdout(pair.slave.try_clone()?).stderr(pair.slave);
        capture.terminal(pair.master.try_clone()?)?;
        copy_input(pair.master.try_clone()?)?;
        let terminal = Self { master: pair.master, before: make_raw() };
        terminal.resize();
        Ok(terminal)
    }

    /// Takes over the size of the outer terminal.
    pub fn resize(&self) {
        // Terminals without a size are no reason to fail.
        let _ = sys::copy_window_size(&io::stdin(), &self.master);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

fn make_raw() -> Option<Termios> {
    let before = tcgetattr(io::stdin()).ok()?;
    let mut raw = before.clone();
    cfmakeraw(&mut raw);
    tcsetattr(io::stdin(), SetArg::TCSANOW, &raw).ok()?;
    Some(before)
}

fn copy_input(master: OwnedFd) -> io::Result<()> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut master = File::from(master);
    thread::Builder::new().stack_size(64 * 1024).spawn(move || {
        // Ends with the input, or with the process.
        let _ = io::copy(&mut input, &mut master);
    })?;
    Ok(())
}
