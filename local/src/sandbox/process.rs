//! Turns the set-up process into the container's program: its user, capabilities, folder and environment.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Gid, Signal, Uid};
use rustix::thread::CapabilitySet;

use super::spec::{Identity, ProcessSpec};
use crate::sys;

/// One more than the highest capability that any kernel has.
const CAPABILITIES: u32 = 64;

pub fn run(identity: &Identity, process: &ProcessSpec) -> Result<Infallible, String> {
    let folder = process.working_dir.as_path();
    std::fs::create_dir_all(folder)
        .map_err(|e| format!("cannot make the working folder {}: {e}", folder.display()))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    become_user(identity, process.capabilities)?;
    if process.no_new_privileges {
        rustix::thread::set_no_new_privs(true)
            .map_err(|e| format!("cannot forbid new privileges: {e}"))?;
    }
    // A change of user forgets it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| e.to_string())?;
    std::env::set_current_dir(folder)
        .map_err(|e| format!("cannot enter the working folder {}: {e}", folder.display()))?;
    execute(identity, process)
}

fn execute(identity: &Identity, process: &ProcessSpec) -> Result<Infallible, String> {
    let (name, arguments) = process.argv.split_first().ok_or("the container has no command")?;
    let path =
        process.env.iter().rev().find(|(key, _)| key == "PATH").map_or("", |(_, value)| value);
    let program = find_program(name, path)?;
    let mut command = Command::new(&program);
    command.arg0(name).args(arguments).env_clear().envs(process.env.iter().map(|(k, v)| (k, v)));
    if !process.env.iter().any(|(key, _)| key == "HOME") {
        command.env("HOME", home_of(identity.uid));
    }
    sys::default_signals();
    let error = command.exec();
    Err(format!("cannot run {name:?}: {}", exec_error(&error)))
}

fn exec_error(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOEXEC) => String::from(
            "exec format error (a script without #!, or a program for another machine)",
        ),
        Some(libc::E2BIG) => String::from("argument list too long"),
        Some(libc::ENOENT) => {
            String::from("no such file or directory (or its interpreter is missing)")
        }
        _ => error.to_string(),
    }
}

fn become_user(identity: &Identity, capabilities: u64) -> Result<(), String> {
    for bit in (0..CAPABILITIES).filter(|bit| capabilities & (1 << bit) == 0) {
        match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(
            1 << bit,
        )) {
            Ok(()) => {}
            // The kernel knows none of that number, nor any above.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(format!("cannot drop capabilities: {error}")),
        }
    }
    if identity.user_namespace {
        return Ok(());
    }
    let groups: Vec<Gid> = identity.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    rustix::thread::set_thread_groups(&groups)
        .and_then(|()| rustix::thread::set_thread_res_gid(gid, gid, gid))
        .and_then(|()| rustix::thread::set_thread_res_uid(uid, uid, uid))
        .map_err(|e| format!("cannot become user {} and group {}: {e}", identity.uid, identity.gid))
}

fn find_program(name: &str, path: &str) -> Result<PathBuf, String> {
    if name.is_empty() {
        return Err(String::from("the container's command is an empty string"));
    }
    if name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    let mut denied = false;
    for folder in path.split(':') {
        let candidate = Path::new(if folder.is_empty() { "." } else { folder }).join(name);
        if !candidate.is_file() {
            continue;
        }
        match rustix::fs::access(&candidate, rustix::fs::Access::EXEC_OK) {
            Ok(()) => return Ok(candidate),
            Err(_) => denied = true,
        }
    }
    let why = if denied { "permission denied" } else { "executable file not found in $PATH" };
    Err(format!("exec: {name:?}: {why}"))
}

/// Home folder as the container's own `/etc/passwd` has it.
fn home_of(uid: u32) -> PathBuf {
    let users = std::fs::read("/etc/passwd").unwrap_or_default();
    let home = users.split(|b| *b == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|b| *b == b':').collect();
        let matches = *fields.get(2)? == uid.to_string().as_bytes();
        matches.then_some(*fields.get(5)?).filter(|home| !home.is_empty())
    });
    match home {
        Some(home) => PathBuf::from(OsStr::from_bytes(home)),
        None if uid == 0 => PathBuf::from("/root"),
        None => PathBuf::from("/"),
    }
}
