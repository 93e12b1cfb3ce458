//! How a command fails: what is printed, and the exit code.

use lighter_local::runner::RunError;
use lighter_local::state::StateError;

/// The workflow failed, or the machine did.
pub const FAILED: u8 = 1;
/// What was given makes no sense; another try with the same cannot help.
pub const INVALID: u8 = 2;

/// Why a command ended early.
#[derive(Debug)]
pub struct Failure {
    /// One message a line, printed after `error: `; nothing is printed for none.
    pub messages: Vec<String>,
    pub code: u8,
}

impl Failure {
    /// For input that cannot be used.
    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure { messages: vec![message.into()], code: INVALID }
    }

    /// For work that could not be done.
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure { messages: vec![message.into()], code: FAILED }
    }

    /// When everything has been said already.
    pub fn silent(code: u8) -> Failure {
        Failure { messages: Vec::new(), code }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Failure {
        let text = error.to_string();
        match error {
            StateError::Full { .. }
            | StateError::Database { .. }
            | StateError::Unwritable(_)
            | StateError::Locked { .. } => Failure::failed(text),
            _ => Failure::invalid(text),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        match error {
            RunError::State(error) => error.into(),
            RunError::Engine(_) | RunError::Repository(_) | RunError::Finished { .. } => {
                Failure::invalid(error.to_string())
            }
            _ => Failure::failed(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    /// Only writes to standard output come here: a reader that has gone wants no message.
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::silent(0),
            _ => Failure::failed(format!("cannot write to standard output: {error}")),
        }
    }
}
