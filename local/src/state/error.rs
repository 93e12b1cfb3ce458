//! What can go wrong with the state, by what a person can do.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A failure of the state folder or its database.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("there is no workflow in `{}` yet; `lighter run FILE` runs one", folder.display())]
    Empty { folder: PathBuf },
    #[error("no workflow `{name}` in `{}`; `lighter list` shows what is there", folder.display())]
    NotFound { name: String, folder: PathBuf },
    #[error(
        "workflow `{name}` is there already; give another name with `--name`, or remove it with `lighter delete {name}`"
    )]
    Exists { name: String },
    #[error("workflow `{name}` is being run by process {pid}")]
    Locked { name: String, pid: String },
    #[error("no space left on the disk of `{}`; free some and go on with `lighter resume`", folder.display())]
    Full { folder: PathBuf },
    #[error("cannot {action} `{}`: {source}; choose another state folder with `--state DIR` or `LIGHTER_STATE`", path.display())]
    Folder { action: &'static str, path: PathBuf, source: io::Error },
    #[error("the state in `{}` cannot be read: {reason}; move the folder away, or choose another with `--state DIR`", folder.display())]
    Corrupt { folder: PathBuf, reason: String },
    #[error("the state in `{}` was made by another version of lighter (format {found}); choose another folder with `--state DIR`", folder.display())]
    Version { folder: PathBuf, found: i64 },
    #[error("the state in `{}` failed: {reason}", folder.display())]
    Database { folder: PathBuf, reason: String },
    #[error("cannot write an object as JSON: {0}")]
    Unwritable(String),
}

impl StateError {
    pub(super) fn sqlite(folder: &Path, error: rusqlite::Error) -> StateError {
        let folder = folder.to_path_buf();
        if let rusqlite::Error::IntegralValueOutOfRange(0, found) = error {
            return StateError::Version { folder, found };
        }
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StateError::Full { folder },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StateError::Corrupt { folder, reason }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                StateError::Folder {
                    action: "write to",
                    path: folder.join("state.db"),
                    source: io::Error::other(reason),
                }
            }
            _ => StateError::Database { folder, reason },
        }
    }

    pub(crate) fn folder(action: &'static str, path: &Path, source: io::Error) -> StateError {
        if source.kind() == io::ErrorKind::StorageFull {
            let folder = path.to_path_buf();
            return StateError::Full { folder };
        }
        StateError::Folder { action, path: path.to_path_buf(), source }
    }
}
