//! Stores that are too heavy for `argoexec`, which starts this program when one is used.
//!
//! The image has it beside `argoexec`; `lighter` contains it and starts itself. One process serves one operation. What the
//! two say to each other is described in [`lighter_artifacts::driver`]. A driver is a [`Store`] that [`open`] knows.

mod body;
mod git;
mod hdfs;

use body::PipeBody;
use lighter_artifacts::driver::{self, Answer, LOADED, Operation, Outcome, PROGRAM, Request};
use lighter_artifacts::{Error, Source, Store, Target};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};

/// Serves the operation that comes over standard input, and returns the exit code: 0 when it was answered, be it with an
/// error, and 64 when nobody asked.
pub fn main() -> ExitCode {
    match take_socket().and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "{PROGRAM} is for argoexec's own use: standard input is no socket of it: {error}"
            );
            ExitCode::from(64)
        }
    }
}

/// Moves the socket away from standard input, which becomes empty.
fn take_socket() -> io::Result<BufReader<UnixStream>> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.local_addr()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(BufReader::new(socket))
}

fn serve(mut socket: BufReader<UnixStream>) -> io::Result<()> {
    let (request, handle) = driver::receive_request(&mut socket)?;
    let answers = socket.get_ref().try_clone()?;
    let counts = watch(socket);
    let answer = answer(&request, handle, counts, &answers);
    driver::send_line(&answers, &answer)
}

/// Ends this process when the asking one is gone; passes on the counts of bytes that it sends.
fn watch(mut socket: BufReader<UnixStream>) -> Receiver<u64> {
    let (sender, counts) = channel();
    std::thread::spawn(move || {
        while let Ok(count) = driver::receive_line(&mut socket) {
            // Without a listener the count is of no interest.
            let _ = sender.send(count);
        }
        // Not an exit: nothing may run in the middle of a transfer, and nothing needs to.
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    });
    counts
}

/// The store that the request's location names.
fn open(request: &Request) -> Result<Box<dyn Store>, Error> {
    if let Some(git) = &request.location.git {
        return Ok(Box::new(git::Git::new(git, &request.secrets)?));
    }
    if let Some(hdfs) = &request.location.hdfs {
        return Ok(Box::new(hdfs::Hdfs::new(hdfs)?));
    }
    Err(Error::new(Error::Unsupported, "open a store", format!("{PROGRAM} does not have its kind")))
}

fn answer(
    request: &Request,
    handle: Option<OwnedFd>,
    counts: Receiver<u64>,
    answers: &UnixStream,
) -> Answer {
    let store = open(request)?;
    let key = request.key.as_str();
    let handle = || handle.ok_or_else(|| no_handle(&request.operation));
    match &request.operation {
        Operation::Load => store
            .load(key, &Target::in_directory(handle()?, LOADED, LOADED.into()))
            .map(|()| Outcome::Done),
        Operation::Open => {
            let mut pipe = File::from(handle()?);
            let mut reader = store.open(key)?;
            let doing = || format!("read key `{key}` in {}", store.describe());
            driver::send_line(answers, &Answer::Ok(Outcome::Done))
                .map_err(|error| Error::io(doing(), error))?;
            io::copy(&mut reader, &mut pipe).map_err(|error| Error::io(doing(), error))?;
            pipe.flush().map_err(|error| Error::io(doing(), error))?;
            Ok(Outcome::Done)
        }
        Operation::Save(name) => {
            let doing = format!("read {name}");
            let source =
                Source::of(File::from(handle()?), OsStr::new(name), Path::new(name), &doing)?;
            store.save(&source, key).map(Outcome::Saved)
        }
        Operation::SaveStream => store
            .save_stream(&PipeBody::new(File::from(handle()?), counts), key)
            .map(Outcome::Saved),
        Operation::List => store.list(key).map(Outcome::Objects),
        Operation::Delete => store.delete(key).map(|()| Outcome::Done),
        Operation::Exists => store.exists(key).map(Outcome::Truth),
        Operation::IsDirectory => store.is_directory(key).map(Outcome::Truth),
    }
}

fn no_handle(operation: &Operation) -> Error {
    Error::new(Error::Invalid, format!("serve {operation:?}"), "no handle came with the request")
}
