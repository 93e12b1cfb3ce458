//! The system calls that have no safe wrapper: fork, unshare, mount_setattr, and users of this one thread.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::process::Pid;
use rustix::thread::UnshareFlags;

/// Which side of [`fork`] this is.
pub enum Fork {
    Parent(Pid),
    Child,
}

/// Makes a copy of this process.
///
/// Only for processes of one thread: in the copy of another, locks could be held for ever.
pub fn fork() -> io::Result<Fork> {
    // SAFETY: the callers are single-threaded set-up processes, so the child may do anything its parent may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Pid::from_raw(pid).map(Fork::Parent).ok_or_else(io::Error::last_os_error),
    }
}

/// Leaves the namespaces shared with the parent and enters new ones.
pub fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    // SAFETY: the file descriptor table (CLONE_FILES), the only thing that could become unsound, is never among them.
    unsafe { rustix::thread::unshare_unsafe(namespaces - UnshareFlags::FILES) }
        .map_err(io::Error::from)
}

/// Gives every signal its default effect again: whoever started us may ignore some, as `nohup` does.
pub fn default_signals() {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: no handler is installed. Numbers that cannot be changed are refused.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

/// Makes a mount read-only, with the mounts below it if `recursive`.
pub fn make_read_only(mount: BorrowedFd<'_>, recursive: bool) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a NUL-ended string and the attributes live, with their true size, for the whole call.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
