//! A store whose code lives in the drivers program, started anew for every call.

mod process;

use super::{Object, Saved, Store};
use crate::digest::{BLOCK, Hashing};
use crate::driver::{LOADED, Operation, Outcome, Request};
use crate::error::{Context, Error};
use crate::place::{Pending, Policy};
use crate::secret::{Secret, Secrets};
use crate::source::{Body, Handle, Source};
use crate::target::Target;
use lighter_api::ArtifactLocation;
use process::{Process, broken};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

pub(super) struct Driver {
    location: ArtifactLocation,
    secrets: BTreeMap<String, Secret>,
    description: String,
}

impl Driver {
    /// `location` has one kind of store; `description` says which and where, without credentials.
    pub fn new(
        location: ArtifactLocation,
        secrets: &dyn Secrets,
        description: String,
    ) -> Result<Driver, Error> {
        let doing = || format!("open the store {description}");
        let json = serde_json::to_value(&location)
            .map_err(|error| Error::new(Error::Invalid, doing(), error.to_string()))?;
        let mut read = BTreeMap::new();
        read_secrets(&json, secrets, &mut read)?;
        Ok(Driver { location, secrets: read, description })
    }

    fn start(
        &self,
        operation: Operation,
        key: &str,
        handle: Option<BorrowedFd<'_>>,
    ) -> Result<Process, Error> {
        let request = Request {
            location: self.location.clone(),
            key: key.to_owned(),
            operation,
            secrets: self
                .secrets
                .iter()
                .map(|(name, secret)| (name.clone(), secret.expose().to_owned()))
                .collect(),
        };
        Process::start(&request, handle, &self.description)
    }

    fn ask(
        &self,
        operation: Operation,
        key: &str,
        handle: Option<BorrowedFd<'_>>,
    ) -> Result<Outcome, Error> {
        self.start(operation, key, handle)?.end()
    }

    fn odd(&self, outcome: &Outcome) -> Error {
        broken(&self.description, &format!("it gave an answer to another question: {outcome:?}"))
    }
}

/// Reads every secret that the location names: all objects of the form `{name, key, optional}` in fields `…Secret`.
fn read_secrets(
    json: &Value,
    secrets: &dyn Secrets,
    read: &mut BTreeMap<String, Secret>,
) -> Result<(), Error> {
    let Value::Object(fields) = json else { return Ok(()) };
    for (field, value) in fields {
        let (Some(name), Some(key)) = (value["name"].as_str(), value["key"].as_str()) else {
            read_secrets(value, secrets, read)?;
            continue;
        };
        if !field.ends_with("Secret") {
            continue;
        }
        match secrets.read(name, key) {
            Err(Error::NotFound(_)) if value["optional"] == true => {}
            // A secret that is missing must not pass for a missing object.
            Err(Error::NotFound(why)) => return Err(Error::Invalid(why)),
            secret => drop(read.insert(format!("{name}/{key}"), secret?)),
        }
    }
    Ok(())
}

/// An address without the user and password in it, for messages.
pub(super) fn without_credentials(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

impl Store for Driver {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn load(&self, key: &str, target: &Target) -> Result<(), Error> {
        let (pending, dir) = Pending::directory(target)?;
        self.ask(Operation::Load, key, Some(dir.as_fd()))?;
        pending.commit_inner(&dir, OsStr::new(LOADED), Policy::Replace)
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, Error> {
        let (pipe, theirs) = io::pipe().doing(|| "make a pipe")?;
        let mut process = self.start(Operation::Open, key, Some(theirs.as_fd()))?;
        drop(theirs);
        process.answer()?;
        Ok(Box::new(Stream { pipe, process: Some(process) }))
    }

    fn save(&self, source: &Source, key: &str) -> Result<Saved, Error> {
        let Handle::Directory(dir) = source.handle() else {
            return self.save_stream(source, key);
        };
        let name = source.name().to_string_lossy().into_owned();
        match self.ask(Operation::Save(name), key, Some(dir.as_fd()))? {
            Outcome::Saved(saved) => Ok(saved),
            other => Err(self.odd(&other)),
        }
    }

    fn save_stream(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        let mut reader = Hashing::new(body.open()?);
        let (theirs, mut pipe) = io::pipe().doing(|| "make a pipe")?;
        let mut process = self.start(Operation::SaveStream, key, Some(theirs.as_fd()))?;
        drop(theirs);
        // The process goes before the pipe, whose end it would take for the end of the bytes.
        let taken = match feed(&mut reader, &mut pipe) {
            Ok(taken) => taken,
            Err(error) => {
                drop(process);
                return Err(Error::io("read what is to be saved", error));
            }
        };
        let saved = reader.finish();
        if taken {
            process.send(&saved.size)?;
        }
        drop(pipe);
        match process.end()? {
            Outcome::Saved(theirs) if theirs.size == saved.size => Ok(saved),
            other => Err(self.odd(&other)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, Error> {
        match self.ask(Operation::List, prefix, None)? {
            Outcome::Objects(objects) => Ok(objects),
            other => Err(self.odd(&other)),
        }
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.ask(Operation::Delete, key, None).map(drop)
    }

    fn exists(&self, key: &str) -> Result<bool, Error> {
        match self.ask(Operation::Exists, key, None)? {
            Outcome::Truth(exists) => Ok(exists),
            other => Err(self.odd(&other)),
        }
    }

    fn is_directory(&self, key: &str) -> Result<bool, Error> {
        match self.ask(Operation::IsDirectory, key, None)? {
            Outcome::Truth(is_directory) => Ok(is_directory),
            other => Err(self.odd(&other)),
        }
    }
}

/// Copies until the end; `false` when the other side wants no more, for which it has a reason to tell.
fn feed(reader: &mut dyn Read, pipe: &mut dyn Write) -> io::Result<bool> {
    let mut buffer = vec![0; BLOCK];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        match pipe.write_all(buffer.get(..count).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
            written => written?,
        }
    }
}

/// An object on its way; its end is an error unless the drivers program says that it is whole.
struct Stream {
    pipe: PipeReader,
    process: Option<Process>,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer)?;
        if count == 0
            && !buffer.is_empty()
            && let Some(process) = self.process.take()
        {
            process.end().map_err(Error::into_io)?;
        }
        Ok(count)
    }
}
