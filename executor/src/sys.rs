//! The few system calls for which nix has no safe wrapper.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

/// Sends a signal by number, real-time signals included; a negative `pid` means a process group.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes two integers and touches no memory of this process.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What [`notify`] tells of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// A file gets a name in it.
    Appear,
    /// That, and every write to a file in it.
    AppearOrWritten,
}

/// Has the kernel send SIGIO for changes in an open directory, until it is closed (dnotify).
pub fn notify(directory: &File, changes: Changes) -> io::Result<()> {
    const DN_MODIFY: u32 = 0x2;
    const DN_CREATE: u32 = 0x4;
    const DN_RENAME: u32 = 0x10;
    const DN_MULTISHOT: u32 = 0x8000_0000;
    let modify = if changes == Changes::AppearOrWritten { DN_MODIFY } else { 0 };
    let flags = DN_MULTISHOT | DN_CREATE | DN_RENAME | modify;
    // SAFETY: the call takes a descriptor and integers, and touches no memory of this process.
    match unsafe { libc::fcntl(directory.as_raw_fd(), libc::F_NOTIFY, flags) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
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

/// Whether a command gets a session of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// It only leads a process group.
    Inherited,
    /// It leads a session, whose terminal is its standard input.
    Own,
}

/// Makes the command start as the kernel would start it: a group or session that it leads, none of our blocked
/// signals, and no shell that tries a file of unknown format.
///
/// `words` are its arguments, the first its own name. Errors: `InvalidInput` for a NUL in a word.
pub fn prepare(command: &mut Command, words: &[OsString], session: Session) -> io::Result<()> {
    let text =
        |word: &OsStr| CString::new(word.as_bytes()).map_err(|_| io::Error::from(Errno::EINVAL));
    let program = text(command.get_program())?;
    let words = words.iter().map(|word| text(word)).collect::<io::Result<Vec<CString>>>()?;
    // Nothing may be allocated after the fork; numbers, because pointers are not Sync.
    let pointers: Vec<usize> =
        words.iter().map(|word| word.as_ptr().expose_provenance()).chain([0]).collect();
    let start = move || {
        let _kept_alive = &words;
        SigSet::empty().thread_set_mask()?;
        match session {
            Session::Inherited => nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?,
            Session::Own => take_terminal()?,
        }
        // SAFETY: the program and every word are NUL-terminated and live, the list of words ends with a null pointer.
        unsafe { libc::execv(program.as_ptr(), pointers.as_ptr().cast()) };
        Err(io::Error::last_os_error())
    };
    // SAFETY: between fork and exec the closure makes a few system calls and allocates nothing.
    unsafe { command.pre_exec(start) };
    Ok(())
}

fn take_terminal() -> io::Result<()> {
    nix::unistd::setsid()?;
    // SAFETY: the ioctl takes an integer; descriptor 0 is the terminal that std has just put there.
    match unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
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
