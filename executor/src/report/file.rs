//! Reports by a file that the local runner watches.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use super::{ReportError, Reporter, TaskResult};
use crate::failure::path_error;

pub(super) struct FileReporter {
    pub path: PathBuf,
}

impl Reporter for FileReporter {
    fn send(&mut self, result: &TaskResult) -> Result<(), ReportError> {
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(".tmp");
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(result.object.to_string().as_bytes()).and_then(|()| file.sync_data())
            })
            .and_then(|()| fs::rename(&temporary, &self.path));
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            let retryable = matches!(
                error.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::Interrupted
            );
            ReportError { text: path_error("write", &self.path, &error), retryable }
        })
    }
}
