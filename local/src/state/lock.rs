//! One process runs a workflow: the lock, and who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::folder::make_folder;
use super::{StateError, Summary};

/// The right to run one workflow. The kernel takes it back when the process ends, however it ends.
#[derive(Debug)]
pub struct WorkflowLock {
    _file: File,
}

impl WorkflowLock {
    /// Takes the lock of a workflow, or says which process has it.
    pub fn take(folder: &Path, summary: &Summary) -> Result<WorkflowLock, StateError> {
        let runs = runs(folder);
        make_folder(&runs)?;
        let path = runs.join(format!("{}.lock", summary.uid));
        let failed = |e| StateError::folder("lock", &path, e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let name = summary.name.clone();
                let pid = read_pid(&mut file);
                return Err(StateError::Locked { name, pid });
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(WorkflowLock { _file: file })
    }

    /// The process that runs a workflow, if one does.
    pub fn holder(folder: &Path, summary: &Summary) -> Option<String> {
        let path = runs(folder).join(format!("{}.lock", summary.uid));
        let mut file = File::open(path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(read_pid(&mut file)),
            _ => None,
        }
    }

    /// Removes a deleted workflow's lock file and socket. Call it while holding the lock.
    pub fn forget(self, folder: &Path, summary: &Summary) {
        // What stays behind is an empty file that nobody looks at again.
        let _ = std::fs::remove_file(socket_path(folder, summary));
        let _ = std::fs::remove_file(runs(folder).join(format!("{}.lock", summary.uid)));
    }
}

/// Where the process that runs a workflow listens.
pub(crate) fn socket_path(folder: &Path, summary: &Summary) -> PathBuf {
    runs(folder).join(format!("{}.sock", summary.uid))
}

fn runs(folder: &Path) -> PathBuf {
    folder.join("runs")
}

fn read_pid(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_string(),
        _ => "unknown".to_string(),
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}
