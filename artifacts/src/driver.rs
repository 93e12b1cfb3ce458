//! What a program and the drivers program say to each other: one operation on a store, then the end.
//!
//! The drivers program has a Unix socket as standard input. Over it comes one [`Request`], a line of JSON that carries at
//! most one handle beside it (SCM_RIGHTS), so that no path can be swapped and no secret be seen in arguments or the
//! environment. Back goes an [`Answer`], a line of JSON. What the handle is:
//!
//! | operation | handle |
//! |---|---|
//! | load | a directory, in which the artifact is made under the name [`LOADED`] |
//! | open | a pipe to write to. There are two answers: one when the object is open, one when all of it is written |
//! | save | the file or directory to save |
//! | save a stream | a pipe to read from. At its end comes one more line, the count of bytes: without it the sender has failed |
//! | others | none |
//!
//! When the socket closes, the asking program is gone, and the drivers program ends at once.

use crate::Error;
use crate::store::{Object, Saved};
use lighter_api::ArtifactLocation;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The drivers program's name: a file beside the running program or in `PATH`, or another name of the running program.
pub const PROGRAM: &str = "argoexec-drivers";

/// The name of what is loaded, in the directory that was handed over.
pub const LOADED: &str = "object";

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 64 << 20;

/// One operation on a store.
#[derive(Serialize, Deserialize)]
pub struct Request {
    pub location: ArtifactLocation,
    pub key: String,
    pub operation: Operation,
    /// The secrets that the location names, by `name/key`.
    pub secrets: BTreeMap<String, String>,
}

/// The operations of [`Store`](crate::Store).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    Load,
    Open,
    /// What is saved goes by this name.
    Save(String),
    SaveStream,
    List,
    Delete,
    Exists,
    IsDirectory,
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Done,
    Saved(Saved),
    Objects(Vec<Object>),
    Truth(bool),
}

/// The line that comes back.
pub type Answer = Result<Outcome, Error>;

static CONTAINED: AtomicBool = AtomicBool::new(false);
static LOG: OnceLock<fn(&str)> = OnceLock::new();

/// Says that the running program is the drivers program too, when it is started under the name [`PROGRAM`].
pub fn contained() {
    CONTAINED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_contained() -> bool {
    CONTAINED.load(Ordering::Relaxed)
}

/// Says where the lines go that the drivers program writes to standard error; by default to ours. The first call counts.
pub fn log_to(log: fn(&str)) {
    LOG.get_or_init(|| log);
}

pub(crate) fn log(line: &str) {
    match LOG.get() {
        Some(log) => log(line),
        None => eprintln!("{line}"),
    }
}

/// Sends a request and the handle that belongs to it.
pub(crate) fn send_request(
    socket: &mut UnixStream,
    request: &Request,
    handle: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let handles: Vec<BorrowedFd<'_>> = handle.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !handles.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(&handles)) {
        return Err(io::Error::other("no room for a handle"));
    }
    // A handle travels with a byte; one that JSON passes over.
    sendmsg(&*socket, &[IoSlice::new(b" ")], &mut beside, SendFlags::NOSIGNAL)?;
    send_line(socket, request)
}

/// Receives a request and the handle that came with it; what follows is read from `socket` by its own buffer.
pub fn receive_request(
    socket: &mut BufReader<UnixStream>,
) -> io::Result<(Request, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let got = recvmsg(socket.get_ref(), &mut [IoSliceMut::new(&mut byte)], &mut beside, flags)?;
    if got.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let handle = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut handles) => handles.next(),
        _ => None,
    });
    Ok((receive_line(socket)?, handle))
}

/// Sends a value as a line of JSON.
pub fn send_line(mut socket: &UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    socket.write_all(&line)
}

/// Receives a line of JSON. `UnexpectedEof` when the other side is gone.
pub fn receive_line<T: DeserializeOwned>(socket: &mut impl BufRead) -> io::Result<T> {
    let mut line = Vec::new();
    socket.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}
