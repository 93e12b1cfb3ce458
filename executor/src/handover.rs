//! Outputs go from main to `wait` as open files and directories, over a socket on the shared volume: nothing is copied.
//!
//! Main sends a path with a descriptor and gets a `+` when `wait` holds it, or a `-`. Without a listener, or when an
//! answer takes too long, main leaves a file as in the stock layout. What `wait` holds it can read as often as it
//! needs, also when main has ended.

use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use lighter_artifacts::Source;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::failure::os_text;
use crate::log;
use crate::paths::Paths;

/// How long one side waits for the other. `wait` may have to look at every file of a directory.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a path.
const LONGEST_PATH: usize = 4096;
const STACK: usize = 128 * 1024;

/// Offers each source under its path; tells which of them `wait` has taken.
pub fn offer(paths: &Paths, sources: &[(String, Source)]) -> Vec<bool> {
    let mut taken = vec![false; sources.len()];
    if sources.is_empty() {
        return taken;
    }
    let offered = UnixStream::connect(paths.handover()).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        for ((path, source), taken) in sources.iter().zip(&mut taken) {
            *taken = offer_one(&mut stream, path, source)?;
        }
        Ok(())
    });
    if let Err(error) = offered {
        log::debug("outputs are left as files", &[("reason", &os_text(&error))]);
    }
    taken
}

fn offer_one(stream: &mut UnixStream, path: &str, source: &Source) -> io::Result<bool> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptor = [source.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&descriptor));
    sendmsg(&*stream, &[IoSlice::new(path.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"+")
}

/// What main has handed over so far.
#[derive(Clone, Default)]
pub struct Handed(Arc<Mutex<HashMap<String, Source>>>);

impl Handed {
    /// Listens for outputs at the given paths. Where that is not possible main finds nobody, and leaves files.
    pub fn listen(paths: &Paths, expected: Vec<String>) -> Self {
        let handed = Self::default();
        if expected.is_empty() {
            return handed;
        }
        let taker = handed.clone();
        let started = listener(&paths.handover()).and_then(|listener| {
            let take = move || {
                for stream in listener.incoming().flatten() {
                    // Main sees the end of the connection, and leaves files.
                    let _ = taker.take(stream, &expected);
                }
            };
            thread::Builder::new().stack_size(STACK).spawn(take)
        });
        if let Err(error) = started {
            log::debug("outputs are taken from files", &[("reason", &os_text(&error))]);
        }
        handed
    }

    /// The output at this path, if main has handed it over.
    pub fn get(&self, path: &str) -> Option<Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    fn take(&self, mut stream: UnixStream, expected: &[String]) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        while let Some((path, descriptor)) = receive(&stream)? {
            let source = descriptor
                .filter(|_| expected.contains(&path))
                .and_then(|descriptor| Source::from_fd(descriptor, Path::new(&path)).ok())
                .filter(Source::is_readable);
            let answer = if source.is_some() { b"+" } else { b"-" };
            if let Some(source) = source {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path, source);
            }
            stream.write_all(answer)?;
        }
        Ok(())
    }
}

/// A socket that gets its name when it listens: between the two steps main would find nobody.
fn listener(path: &Path) -> io::Result<UnixListener> {
    let temporary = path.with_extension("tmp");
    // One of a `wait` that was killed.
    let _ = std::fs::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary)?;
    std::fs::rename(&temporary, path)?;
    Ok(listener)
}

/// One path and the descriptor that came with it; `None` at the end.
fn receive(stream: &UnixStream) -> io::Result<Option<(String, Option<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; LONGEST_PATH];
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptor = descriptors.next().and_then(|mut descriptors| descriptors.next());
    if received.bytes == 0 {
        return Ok(None);
    }
    bytes.truncate(received.bytes);
    Ok(String::from_utf8(bytes).ok().map(|path| (path, descriptor)))
}
