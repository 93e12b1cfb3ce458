//! A store that a plugin serves: gRPC on a socket (Argo's `artifact.ArtifactService`), files by their path.
//!
//! The plugin's container sees the executor's files under the same paths; what the executor holds open is named by the path
//! that the kernel knows for it.

mod call;
mod messages;

use super::{Mounts, Object, Saved, Store};
use crate::digest::{BLOCK, Hashing, copy};
use crate::error::{Context, Error};
use crate::place::Pending;
use crate::retry::{Fault, Retry};
use crate::source::{Body, Handle, Source};
use crate::target::Target;
use call::{Connection, Stream};
use lighter_api::PluginArtifact;
use messages::{
    Artifact, ArtifactRequest, Capabilities, Directory, LoadRequest, Nothing, Objects, Piece,
    SavePiece, SaveRequest, Success,
};
use rustix::fs::{FileType, Mode, OFlags};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Argo's: a plugin's socket is waited for up to two minutes, then its server up to the artifact's own limit or this.
const APPEAR: Duration = Duration::from_secs(120);
const READY: Duration = Duration::from_secs(5);

pub(super) struct Plugin {
    artifact: PluginArtifact,
    socket: PathBuf,
    /// A folder that the plugin sees too.
    spool: PathBuf,
    ready: Duration,
    retry: Retry,
}

impl Plugin {
    pub fn new(artifact: &PluginArtifact, mounts: &Mounts) -> Result<Plugin, Error> {
        let name = &artifact.name;
        if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
            let doing = "open the store of an artifact plugin";
            return Err(Error::new(Error::Invalid, doing, "`plugin.name` is not a plugin's name"));
        }
        let seconds =
            artifact.connection_timeout_seconds.and_then(|limit| u64::try_from(limit).ok());
        Ok(Plugin {
            artifact: artifact.clone(),
            socket: mounts.plugin_root.join(name).join("socket"),
            spool: mounts.plugin_spool.clone(),
            ready: seconds.filter(|limit| *limit > 0).map_or(READY, Duration::from_secs),
            retry: Retry::default(),
        })
    }

    fn artifact(&self, key: &str, path: &str) -> Option<Artifact> {
        let limit = self.artifact.connection_timeout_seconds.unwrap_or_default();
        Some(Artifact {
            path: path.to_owned(),
            plugin: Some(messages::PluginArtifact {
                name: self.artifact.name.clone(),
                configuration: self.artifact.configuration.clone(),
                connection_timeout_seconds: i32::try_from(limit).unwrap_or_default(),
                key: key.to_owned(),
            }),
        })
    }

    fn doing(&self, verb: &str, key: &str) -> String {
        format!("{verb} key `{key}` in {}", self.describe())
    }

    /// Connects and calls, again while faults may pass.
    fn call<T>(
        &self,
        verb: &str,
        key: &str,
        call: impl Fn(Connection) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.retry.run(&self.doing(verb, key), || {
            let connection = Connection::open(&self.socket, APPEAR, self.ready).and_then(&call);
            connection.map_err(|fault| {
                let error = fault.error.because(&self.failed(verb));
                Fault { error, retry_after: None }
            })
        })
    }

    /// Argo's words.
    fn failed(&self, verb: &str) -> String {
        format!("plugin {} {verb} failed", self.artifact.name)
    }

    fn load_to(&self, key: &str, path: &Path) -> Result<(), Error> {
        let path = text(path)?;
        self.call("load", key, |connection| {
            let input_artifact = self.artifact(key, &path);
            let request = LoadRequest { input_artifact, path: path.clone() };
            succeeded(&connection.unary("Load", &request)?)
        })
    }

    fn save_from(&self, key: &str, path: &Path) -> Result<(), Error> {
        let path = text(path)?;
        self.call("save", key, |connection| {
            let output_artifact = self.artifact(key, &path);
            let request = SaveRequest { path: path.clone(), output_artifact };
            succeeded(&connection.unary("Save", &request)?)
        })
    }

    fn takes_streams(&self, key: &str) -> Result<bool, Error> {
        let asked = self.call("save", key, |connection| {
            connection.unary::<Capabilities>("GetCapabilities", &Nothing {})
        });
        match asked {
            Ok(capabilities) => Ok(capabilities.supports_save_stream),
            // Plugins before Argo 4.1 know no such question.
            Err(Error::Unsupported(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn stream_to(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        self.call("save", key, |connection| {
            let mut reader = Hashing::new(body.open().map_err(Fault::ours)?);
            let mut stream = connection.stream("SaveStream")?;
            let output_artifact = self.artifact(key, "");
            stream.send(&SavePiece { output_artifact, chunk: Default::default() }, false)?;
            let mut block = vec![0; BLOCK];
            loop {
                let count = reader.read(&mut block).map_err(|e| Fault::ours(Error::io("", e)))?;
                let chunk = bytes::Bytes::copy_from_slice(block.get(..count).unwrap_or_default());
                stream.send(&SavePiece { output_artifact: None, chunk }, count == 0)?;
                if count == 0 {
                    break;
                }
            }
            succeeded(&stream.answer()?)?;
            Ok(reader.finish())
        })
    }

    /// A new folder beside others that the plugin sees.
    fn spool(&self) -> Result<(Pending, crate::beneath::Dir), Error> {
        Pending::directory(&Target::at(&self.spool.join("artifact"))?)
    }
}

impl Store for Plugin {
    fn describe(&self) -> String {
        format!("plugin {}", self.artifact.name)
    }

    fn by_path(&self) -> bool {
        true
    }

    fn load(&self, key: &str, target: &Target) -> Result<(), Error> {
        let path = known_path(&target.dir)?.join(&target.name);
        self.load_to(key, &path)?;
        let doing = || self.doing("load", key);
        let stat = target.dir.stat(&target.name).map_err(|_| {
            Error::new(Error::Corrupt, doing(), "the plugin reports success and left nothing")
        })?;
        match crate::beneath::file_type(&stat) {
            FileType::Directory => Ok(()),
            FileType::RegularFile => {
                // Made by the plugin's user for itself, maybe.
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&target.dir, &target.name, flags, Mode::empty());
                let mode = Mode::from_raw_mode(stat.st_mode | 0o666);
                match rustix::fs::fchmod(file.doing(doing)?, mode) {
                    // Another user's, and readable as it is.
                    Err(rustix::io::Errno::PERM) => Ok(()),
                    other => other.doing(doing),
                }
            }
            _ => Err(Error::new(
                Error::Invalid,
                doing(),
                "the plugin left neither file nor directory",
            )),
        }
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, Error> {
        let opened = self.call("load", key, |connection| {
            let mut stream = connection.stream("OpenStream")?;
            stream.send(&ArtifactRequest { artifact: self.artifact(key, "") }, true)?;
            // The first piece tells whether it works at all.
            let first = next_piece(&mut stream)?;
            Ok(Opened { stream, piece: first, doing: self.doing("load", key) })
        });
        match opened {
            Ok(opened) => Ok(Box::new(opened)),
            Err(Error::Unsupported(_)) => {
                let (_pending, dir) = self.spool()?;
                let name = OsStr::new("object");
                let dir = Arc::new(dir);
                self.load(key, &Target::inside(Arc::clone(&dir), name, self.spool.clone()))?;
                // Read through the handle; the name goes.
                let file = dir.open_read(Path::new(name)).doing(|| self.doing("load", key))?;
                Ok(Box::new(file))
            }
            Err(error) => Err(error),
        }
    }

    fn save(&self, source: &Source, key: &str) -> Result<Saved, Error> {
        match source.handle() {
            Handle::File(file) => {
                self.save_from(key, &known_path(file)?)?;
                let mut reader = Hashing::new(source.open()?);
                copy(&mut reader, &mut io::sink()).doing(|| self.doing("save", key))?;
                Ok(reader.finish())
            }
            Handle::Directory(dir) => {
                self.save_from(key, &known_path(dir)?)?;
                Ok(Saved::default())
            }
        }
    }

    fn save_stream(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        if self.takes_streams(key)? {
            return self.stream_to(body, key);
        }
        let (_pending, dir) = self.spool()?;
        let doing = || self.doing("save", key);
        let mut file = dir.create(OsStr::new("object"), 0o666).doing(doing)?;
        let mut reader = Hashing::new(body.open()?);
        copy(&mut reader, &mut file).doing(doing)?;
        self.save_from(key, &known_path(&file)?)?;
        Ok(reader.finish())
    }

    /// Plugins tell no sizes; they are 0.
    fn list(&self, prefix: &str) -> Result<Vec<Object>, Error> {
        let answer: Objects = self.call("list", prefix, |connection| {
            let answer: Objects = connection
                .unary("ListObjects", &ArtifactRequest { artifact: self.artifact(prefix, "") })?;
            without_error(&answer.error)?;
            Ok(answer)
        })?;
        let mut objects: Vec<Object> =
            answer.objects.into_iter().map(|key| Object { key, size: 0 }).collect();
        objects.sort();
        Ok(objects)
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        let done = self.call("delete", key, |connection| {
            succeeded(
                &connection
                    .unary("Delete", &ArtifactRequest { artifact: self.artifact(key, "") })?,
            )
        });
        match done {
            Err(Error::NotFound(_)) => Ok(()),
            done => done,
        }
    }

    fn exists(&self, key: &str) -> Result<bool, Error> {
        match self.list(key) {
            Ok(objects) => Ok(!objects.is_empty()),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn is_directory(&self, key: &str) -> Result<bool, Error> {
        self.call("look up", key, |connection| {
            let answer: Directory = connection
                .unary("IsDirectory", &ArtifactRequest { artifact: self.artifact(key, "") })?;
            without_error(&answer.error)?;
            Ok(answer.is_directory)
        })
    }
}

/// An object on its way; its end is an error unless the plugin says that it is whole.
struct Opened {
    stream: Stream,
    /// None at the end.
    piece: Option<bytes::Bytes>,
    doing: String,
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.as_ref().is_some_and(bytes::Bytes::is_empty) && !buffer.is_empty() {
            self.piece = next_piece(&mut self.stream)
                .map_err(|fault| fault.error.while_doing(&self.doing, 1).into_io())?;
        }
        let Some(piece) = &mut self.piece else { return Ok(0) };
        let count = piece.len().min(buffer.len());
        bytes::Buf::copy_to_slice(piece, buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

/// What comes next of an object; None at its end.
fn next_piece(stream: &mut Stream) -> Result<Option<bytes::Bytes>, Fault> {
    let Some(piece) = stream.next::<Piece>()? else { return Ok(None) };
    without_error(&piece.error)?;
    Ok((!piece.is_end || !piece.data.is_empty()).then_some(piece.data))
}

fn succeeded(answer: &Success) -> Result<(), Fault> {
    without_error(&answer.error)?;
    if answer.success {
        Ok(())
    } else {
        Err(Fault::ours(Error::new(Error::Io, "", "no reason given")))
    }
}

/// Plugins tell errors as text, of which nothing more is known.
fn without_error(error: &str) -> Result<(), Fault> {
    if error.is_empty() { Ok(()) } else { Err(Fault::ours(Error::new(Error::Io, "", error))) }
}

/// The path of what is open, which a plugin can open too.
fn known_path(handle: &impl AsFd) -> Result<PathBuf, Error> {
    let link = format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd());
    std::fs::read_link(&link).doing(|| "find the path of a file for a plugin")
}

fn text(path: &Path) -> Result<String, Error> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        let doing = format!("name {} to a plugin", path.display());
        Error::new(Error::Invalid, doing, "the path is not UTF-8 text")
    })
}
