//! What can go wrong with artifacts, by what a caller can do about it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;

/// Every failure of this crate. The text names the operation, the key or path and the store, the reason, and what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Error {
    /// There is no such object or file; an optional artifact is left out.
    #[error("{0}")]
    NotFound(Box<Details>),
    /// Credentials or permissions do not allow it.
    #[error("{0}")]
    Denied(Box<Details>),
    /// The name is taken.
    #[error("{0}")]
    Exists(Box<Details>),
    /// May succeed when tried again.
    #[error("{0}")]
    Transient(Box<Details>),
    /// The bytes are not what they should be: wrong digest, broken archive, truncated transfer.
    #[error("{0}")]
    Corrupt(Box<Details>),
    /// This version cannot do it.
    #[error("{0}")]
    Unsupported(Box<Details>),
    /// What was asked for makes no sense or is not allowed, e.g. a hostile archive entry.
    #[error("{0}")]
    Invalid(Box<Details>),
    /// Any other failure of the operating system.
    #[error("{0}")]
    Io(Box<Details>),
}

/// The parts of an error's text: `cannot <doing>: <why>; <advice>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    pub doing: String,
    pub why: String,
    /// What to do; may be empty.
    pub advice: String,
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.doing, self.why)?;
        if self.advice.is_empty() {
            return Ok(());
        }
        write!(f, "; {}", self.advice)
    }
}

type Variant = fn(Box<Details>) -> Error;

impl Error {
    /// Whether the same call may succeed a little later.
    pub fn retryable(&self) -> bool {
        matches!(self, Error::Transient(_))
    }

    /// The parts of the text.
    pub fn details(&self) -> &Details {
        match self {
            Error::NotFound(d)
            | Error::Denied(d)
            | Error::Exists(d)
            | Error::Transient(d)
            | Error::Corrupt(d)
            | Error::Unsupported(d)
            | Error::Invalid(d)
            | Error::Io(d) => d,
        }
    }

    /// `Error::new(Error::NotFound, "load key `a`", "there is no such object")`.
    pub fn new(variant: Variant, doing: impl Into<String>, why: impl Into<String>) -> Error {
        variant(Box::new(Details { doing: doing.into(), why: why.into(), advice: String::new() }))
    }

    fn details_mut(&mut self) -> &mut Details {
        match self {
            Error::NotFound(d)
            | Error::Denied(d)
            | Error::Exists(d)
            | Error::Transient(d)
            | Error::Corrupt(d)
            | Error::Unsupported(d)
            | Error::Invalid(d)
            | Error::Io(d) => d,
        }
    }

    /// The same error with what to do about it.
    pub fn advise(mut self, advice: impl Into<String>) -> Error {
        self.details_mut().advice = advice.into();
        self
    }

    /// Says what was being done, unless the error knows itself, and after how many tries.
    pub(crate) fn while_doing(mut self, doing: &str, tries: u32) -> Error {
        let details = self.details_mut();
        if details.doing.is_empty() {
            details.doing = doing.to_owned();
            if tries > 1 {
                details.why = format!("{} ({tries} tries)", details.why);
            }
        }
        self
    }

    /// Says in front of the reason what that led to.
    pub(crate) fn because(mut self, what: &str) -> Error {
        let details = self.details_mut();
        details.why = format!("{what}: {}", details.why);
        self
    }

    /// Says which of many things it is about.
    pub(crate) fn about(mut self, what: &str) -> Error {
        let details = self.details_mut();
        details.doing = format!("collect {what}: cannot {}", details.doing);
        self
    }

    /// Sorts an I/O error; one that carries an [`Error`] through a reader or writer comes out again.
    pub fn io(doing: impl Into<String>, error: io::Error) -> Error {
        let kind = error.kind();
        let from_system = error.raw_os_error().is_some();
        if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            return match error.into_inner().map(|inner| inner.downcast::<Error>()) {
                Some(Ok(inner)) => *inner,
                _ => Error::new(Error::Io, doing, "unknown error"),
            };
        }
        let why = error.to_string();
        let (variant, advice): (Variant, &str) = match kind {
            io::ErrorKind::NotFound => (Error::NotFound, ""),
            io::ErrorKind::PermissionDenied => (Error::Denied, ""),
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => {
                (Error::Exists, "remove it or choose another path")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (Error::Io, "free some space or use a larger volume")
            }
            io::ErrorKind::TimedOut
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => (Error::Transient, ""),
            // Decompressors say it so; the operating system means a bad argument.
            io::ErrorKind::InvalidInput if !from_system => (Error::Corrupt, ""),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => (Error::Corrupt, ""),
            _ => (Error::Io, ""),
        };
        Error::new(variant, doing, why).advise(advice)
    }

    /// Carries the error through an interface that only knows I/O errors.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}

/// `.doing(|| "what was being done")` on I/O results.
pub(crate) trait Context<T> {
    fn doing<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn doing<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T, Error> {
        self.map_err(|error| Error::io(doing(), error))
    }
}

impl<T> Context<T> for rustix::io::Result<T> {
    fn doing<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T, Error> {
        self.map_err(|error| Error::io(doing(), error.into()))
    }
}
