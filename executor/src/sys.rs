//! The few system calls for which nix has no safe wrapper.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

/// Sends a signal by number, real-time signals included; a negative `pid` means a process group.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes two integers and touches no memory of this process.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Reaps one ended child, if there is one: its process id, and its exit code or 128 plus the signal that ended it.
pub fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes one integer into the one that is passed.
        match unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) } {
            pid if pid > 0 && libc::WIFSIGNALED(status) => {
                return Some((pid, 128 + libc::WTERMSIG(status)));
            }
            pid if pid > 0 && libc::WIFEXITED(status) => {
                return Some((pid, libc::WEXITSTATUS(status)));
            }
            pid if pid > 0 => {}
            _ => return None,
        }
    }
}

/// Makes the command the leader of a new session whose terminal is its standard input.
pub fn lead_session(command: &mut Command) {
    let take_terminal = || {
        nix::unistd::setsid()?;
        // SAFETY: the ioctl takes an integer; descriptor 0 is the terminal that std has just put there.
        match unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
    unsafe { command.pre_exec(take_terminal) };
}

/// Gives one terminal the size of another.
pub fn copy_window_size(from: &impl AsFd, to: &impl AsFd) -> io::Result<()> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one winsize into the one that is passed.
    if unsafe { libc::ioctl(from.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &mut size) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel reads one winsize from the one that is passed.
    match unsafe { libc::ioctl(to.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
