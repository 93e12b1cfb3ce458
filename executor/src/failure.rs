//! How a role ends when it does not end well, and the code that it exits with.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// Exit code of everything that goes wrong in the executor itself, as Argo 4.1.
pub const TROUBLE: u8 = 64;

/// Exit code of containers whose pod the supervisor could not prepare, as Argo 4.1.
pub const UNPREPARED: u8 = 65;

/// Why a role ends with a code other than 0.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The user's command ended with this code: no termination message, the code is the message.
    Exit(u8),
    /// The executor's own trouble; the text becomes the termination message.
    Message { code: u8, text: String },
}

impl Failure {
    /// Trouble with exit code 64.
    pub fn new(text: impl Into<String>) -> Self {
        Self::Message { code: TROUBLE, text: text.into() }
    }

    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Exit(code) | Self::Message { code, .. } => *code,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit status {code}"),
            Self::Message { text, .. } => f.write_str(text),
        }
    }
}

/// An operating system error in the words that Argo's users grep for: "no such file or directory".
pub fn os_text(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_lowercase(),
        None => error.to_string(),
    }
}

/// Names the operation and the path that an I/O error belongs to: `open /x: no such file or directory`.
pub fn path_error(operation: &str, path: &std::path::Path, error: &io::Error) -> String {
    format!("{operation} {}: {}", path.display(), os_text(error))
}
