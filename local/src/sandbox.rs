//! The set-up process of one container: it makes the namespaces, starts the first process, and keeps it.
//!
//! The host starts it with a socket as standard input. Over that come a [`Spec`] (length, then JSON) and later
//! signals, one byte each; back go [`Report`]s, one line each. When the socket closes, the host is gone, and
//! the keeper ends the container. The kernel does the same should the keeper itself be killed.

mod mounts;
mod process;
mod root;
pub(crate) mod spec;

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::exit;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, set_parent_process_death_signal, waitpid,
};
use rustix::thread::UnshareFlags;
use spec::{Report, Spec};

use crate::sys::{self, Fork};

/// Largest description of a container that is taken.
const MAX_SPEC_BYTES: u32 = 64 << 20;

/// Sets up one container and keeps it until its end: the work of a process whose first argument is
/// [`SANDBOX_ROLE`](crate::SANDBOX_ROLE). The process must have no second thread.
#[allow(clippy::disallowed_methods, reason = "the process holds nothing that outlives it")]
pub fn sandbox_main() -> ! {
    match take_socket() {
        Ok(host) => exit(keep(host)),
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "this role is for lighter's own use: standard input is no socket of it: {error}"
            );
            exit(64)
        }
    }
}

/// Moves the socket away from standard input, which becomes empty.
fn take_socket() -> io::Result<UnixStream> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.local_addr()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(socket)
}

fn keep(mut host: UnixStream) -> i32 {
    match start(&mut host) {
        Ok(pid) => match watch(&mut host, pid) {
            Ok(()) => 0,
            Err(error) => fail(&mut host, &format!("cannot watch the container: {error}")),
        },
        Err(message) => fail(&mut host, &message),
    }
}

fn fail(host: &mut UnixStream, message: &str) -> i32 {
    // A host that is gone needs no answer.
    let _ = report(host, &Report::Failed(message.to_owned()));
    1
}

fn report(to: &mut UnixStream, report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    to.write_all(&line)
}

fn read_spec(host: &mut UnixStream) -> io::Result<Spec> {
    let mut length = [0; 4];
    host.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_SPEC_BYTES {
        return Err(io::Error::other("the container's description is too large"));
    }
    let mut json = vec![0; length as usize];
    host.read_exact(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

/// Writes a spec as [`sandbox_main`] reads it.
pub(crate) fn write_spec(to: &mut UnixStream, spec: &Spec) -> io::Result<()> {
    let json = serde_json::to_vec(spec)?;
    let length = u32::try_from(json.len()).ok().filter(|n| *n <= MAX_SPEC_BYTES);
    let length = length
        .ok_or_else(|| io::Error::other("the container's environment and files are too large"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&json)
}

/// Starts the container's first process; returns when it runs the container's program.
#[allow(clippy::disallowed_methods, reason = "the child must never run what its parent does next")]
fn start(host: &mut UnixStream) -> Result<Pid, String> {
    die_with_parent()?;
    let spec =
        read_spec(host).map_err(|e| format!("cannot read the container's description: {e}"))?;
    enter_namespaces(&spec)?;
    let (mut from_child, to_host) = io::pipe().map_err(|e| format!("cannot make a pipe: {e}"))?;
    match sys::fork().map_err(|e| format!("cannot start a process: {e}"))? {
        Fork::Child => {
            drop(from_child);
            let Err(message) = first_process(&spec, &to_host);
            let _ = write_line(&to_host, &Report::Failed(message));
            exit(1)
        }
        Fork::Parent(pid) => {
            drop(to_host);
            match relay(&mut from_child, host)? {
                None => Ok(pid),
                Some(message) => {
                    let _ = waitpid(Some(pid), WaitOptions::empty());
                    Err(message)
                }
            }
        }
    }
}

/// Passes on what the child says until it runs the container's program, which closes the pipe.
fn relay(from_child: &mut PipeReader, host: &mut UnixStream) -> Result<Option<String>, String> {
    let mut text = String::new();
    from_child
        .read_to_string(&mut text)
        .map_err(|e| format!("cannot read from the container: {e}"))?;
    for line in text.lines() {
        let said = serde_json::from_str(line)
            .map_err(|e| format!("cannot read from the container: {e}"))?;
        match said {
            Report::Failed(message) => return Ok(Some(message)),
            other => report(host, &other).map_err(|e| format!("the host is gone: {e}"))?,
        }
    }
    report(host, &Report::Started).map_err(|e| format!("the host is gone: {e}"))?;
    Ok(None)
}

fn write_line(mut to: &PipeWriter, report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    to.write_all(&line)
}

fn die_with_parent() -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| format!("cannot tie the process to its parent: {e}"))
}

fn enter_namespaces(spec: &Spec) -> Result<(), String> {
    if spec.identity.user_namespace {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        sys::unshare(UnshareFlags::NEWUSER).map_err(no_user_namespace)?;
        let map = |file: &str, line: String| {
            std::fs::write(format!("/proc/self/{file}"), line)
                .map_err(|e| format!("cannot write /proc/self/{file}: {e}"))
        };
        map("setgroups", String::from("deny"))?;
        map("uid_map", format!("{} {} 1\n", spec.identity.uid, uid.as_raw()))?;
        map("gid_map", format!("{} {} 1\n", spec.identity.gid, gid.as_raw()))?;
    }
    let namespaces =
        UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    sys::unshare(namespaces).map_err(|error| {
        format!(
            "cannot make namespaces for the container: {error}; where unprivileged user namespaces are restricted \
             (sysctl kernel.apparmor_restrict_unprivileged_userns), allow them or run as root"
        )
    })
}

fn no_user_namespace(error: io::Error) -> String {
    format!(
        "cannot make a user namespace: {error}; run as root, or allow user namespaces (sysctls user.max_user_namespaces, \
         kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns; in a container engine, its seccomp profile)"
    )
}

/// Becomes the container's program.
fn first_process(spec: &Spec, to_host: &PipeWriter) -> Result<Infallible, String> {
    die_with_parent()?;
    parent_lives(to_host)?;
    // A terminal's Ctrl-C is the host's to handle.
    rustix::process::setsid().map_err(|e| format!("cannot make a session: {e}"))?;
    for file in &spec.cgroups {
        std::fs::write(file, "0")
            .map_err(|e| format!("cannot join the control group {}: {e}", file.display()))?;
    }
    rustix::system::sethostname(spec.hostname.as_bytes())
        .map_err(|e| format!("cannot set the host name: {e}"))?;
    let notice = |text: String| {
        let _ = write_line(to_host, &Report::Notice(text));
    };
    root::set_up(spec, &notice)?;
    process::run(&spec.identity, &spec.process)
}

/// The parent may have died before the child asked to die with it; then nobody reads the pipe.
fn parent_lives(pipe: &PipeWriter) -> Result<(), String> {
    let mut fds = [PollFd::new(pipe, PollFlags::empty())];
    poll(&mut fds, Some(&rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 }))
        .map_err(|e| e.to_string())?;
    if fds[0].revents().contains(PollFlags::ERR) {
        return Err(String::from("the keeper is gone"));
    }
    Ok(())
}

/// Waits for the end of the first process, passing on signals.
fn watch(host: &mut UnixStream, pid: Pid) -> io::Result<()> {
    let child = pidfd_open(pid, PidfdFlags::empty())?;
    while !child_ended_after_signals(host, &child)? {}
    let status = waitpid(Some(pid), WaitOptions::empty())?.map(|(_, status)| status);
    let signal = status.and_then(rustix::process::WaitStatus::terminating_signal);
    let code = status.and_then(rustix::process::WaitStatus::exit_status);
    let code = code.unwrap_or_else(|| 128 + signal.unwrap_or(0));
    report(host, &Report::Exited { code, signal })
}

fn child_ended_after_signals(host: &mut UnixStream, child: &OwnedFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(child, PollFlags::IN), PollFd::new(&*host, PollFlags::IN)];
    match poll(&mut fds, None) {
        Err(rustix::io::Errno::INTR) => return Ok(false),
        other => other?,
    };
    let (ended, spoken) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
    if ended || !spoken {
        return Ok(ended);
    }
    let mut byte = [0];
    let signal = match host.read(&mut byte) {
        Ok(1) => Signal::from_named_raw(i32::from(byte[0])),
        _ => Some(Signal::KILL),
    };
    if let Some(signal) = signal {
        match rustix::process::pidfd_send_signal(child, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}
