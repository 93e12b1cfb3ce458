//! A running workflow listens on a socket, so that `lighter stop` and `resume` in another terminal reach it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lighter_engine::StopStrategy;

use super::Handle;
use crate::state::{Summary, socket_path};

/// The socket of a running workflow does not work.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the socket `{}`: {source}", path.display())]
pub struct ControlError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// What another process may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// End the workflow; exit handlers still run.
    Stop,
    /// End the workflow at once.
    Terminate,
    /// Let suspended nodes go on.
    Resume,
}

impl Request {
    const ALL: [Request; 3] = [Request::Stop, Request::Terminate, Request::Resume];

    fn word(self) -> &'static str {
        match self {
            Request::Stop => "stop",
            Request::Terminate => "terminate",
            Request::Resume => "resume",
        }
    }
}

/// How long a client may take to say its one word.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Control {
    path: PathBuf,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Listens until [`Control::close`]. The caller holds the workflow's lock.
    pub(super) fn listen(
        folder: &Path,
        summary: &Summary,
        handle: Handle,
    ) -> Result<Control, ControlError> {
        let path = socket_path(folder, summary);
        // Left by a process that was killed; ours is the lock.
        let _ = std::fs::remove_file(&path);
        let listener = at_short_path(&path, |short| UnixListener::bind(short))
            .map_err(|source| ControlError { action: "open", path: path.clone(), source })?;
        let closed = Arc::new(AtomicBool::new(false));
        let seen = closed.clone();
        let thread = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if seen.load(Ordering::Acquire) {
                    return;
                }
                // A client that says nothing sensible gets nothing.
                let _ = serve(client, &handle);
            }
        });
        Ok(Control { path, closed, thread: Some(thread) })
    }

    /// Stops listening and removes the socket.
    pub(super) fn close(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.closed.store(true, Ordering::Release);
        // Wakes the thread out of `accept`.
        if at_short_path(&self.path, |short| UnixStream::connect(short)).is_ok() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(client: UnixStream, handle: &Handle) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut word = String::new();
    BufReader::new(&client).take(64).read_line(&mut word)?;
    let Some(request) = Request::ALL.into_iter().find(|request| request.word() == word.trim())
    else {
        return Ok(());
    };
    match request {
        Request::Stop => handle.stop(StopStrategy::Stop, "stopped by another process"),
        Request::Terminate => {
            handle.stop(StopStrategy::Terminate, "terminated by another process");
        }
        Request::Resume => handle.resume("suspended steps go on"),
    }
    (&client).write_all(b"ok\n")
}

/// Asks the process that runs a workflow for something. Returns when the process has heard it.
pub fn ask(folder: &Path, summary: &Summary, request: Request) -> Result<(), ControlError> {
    let path = socket_path(folder, summary);
    let say = || {
        let mut stream = at_short_path(&path, |short| UnixStream::connect(short))?;
        stream.set_read_timeout(Some(PATIENCE * 5))?;
        writeln!(stream, "{}", request.word())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.as_str() {
            "ok\n" => Ok(()),
            _ => Err(io::Error::other("no answer")),
        }
    };
    say().map_err(|source| ControlError { action: "reach", path: path.clone(), source })
}

/// A socket's path has at most 107 bytes, so its folder is named by a descriptor.
fn at_short_path<T>(path: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = File::open(folder)?;
    with(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name))
}
