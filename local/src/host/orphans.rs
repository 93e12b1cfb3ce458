//! What a host that was killed left behind: its folders, and how its pods had ended.
//!
//! Every host holds a lock on a file of its own for as long as it lives; the kernel lets go of it whatever happens.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::FinishedPod;
use crate::event::HostError;
use crate::pod::folder::{HostFolders, Kept, private_folder, remove_tree};

const WORKFLOW_LABEL: &str = "workflows.argoproj.io/workflow";

/// Removes the folders of dead hosts and makes those of a new one; gives them with the lock to hold.
pub fn claim(state: &Path) -> Result<(HostFolders, File), HostError> {
    let hosts = state.join("hosts");
    private_folder(&hosts).map_err(HostError::io("cannot make", &hosts))?;
    let path = state.join("hosts.lock");
    // One host at a time: a folder without its lock is either dead or about to be claimed.
    let gate = File::create(&path).and_then(|file| file.lock().map(|()| file));
    let _gate = gate.map_err(HostError::io("cannot lock", path))?;
    clean(state).map_err(HostError::io("cannot clean up after a killed predecessor in", state))?;
    let failed = |error| HostError::io("cannot make the folders of a new host in", state)(error);
    let folders = HostFolders::make(state, &super::random_id()).map_err(failed)?;
    let lock =
        File::create(folders.lock()).and_then(|file| file.lock().map(|()| file)).map_err(failed)?;
    Ok((folders, lock))
}

fn clean(state: &Path) -> io::Result<()> {
    for host in names(&state.join("hosts"))? {
        let folders = HostFolders::new(state, &host);
        if is_dead(&folders.lock()) {
            folders.remove()?;
        }
    }
    Ok(())
}

fn is_dead(lock: &Path) -> bool {
    match File::open(lock).map(|file| file.try_lock()) {
        Ok(Ok(())) => true,
        Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => false,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let name =
        |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect()
}

/// Keeps how a pod ended until the pod is deleted.
pub fn save(kept: &Kept, finished: &FinishedPod) -> io::Result<()> {
    fs::write(kept.outcome(), serde_json::to_vec(finished)?)
}

/// Removes what is known of a pod but for its logs.
pub fn forget(kept: &Kept) -> io::Result<()> {
    remove_tree(&kept.outcome())
}

/// The pods of `workflow` that have ended and are not deleted.
pub fn finished(state: &Path, workflow: &str) -> Result<Vec<FinishedPod>, HostError> {
    let failed = |path: PathBuf| HostError::io("cannot read", path);
    let pods = state.join("pods");
    let mut found = Vec::new();
    for pod in names(&pods).map_err(failed(pods))? {
        let path = Kept::new(state, &pod).outcome();
        let bytes = match fs::read(&path) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                continue;
            }
            other => other.map_err(failed(path))?,
        };
        // One that was cut off by the host's end is as if the pod had not ended.
        let Ok(finished) = serde_json::from_slice::<FinishedPod>(&bytes) else { continue };
        let labels = finished.pod.metadata.labels.as_ref();
        if labels.and_then(|labels| labels.get(WORKFLOW_LABEL)).is_some_and(|name| name == workflow)
        {
            found.push(finished);
        }
    }
    Ok(found)
}
