//! What a host that was killed left behind: who owns which pod's folder, and what had ended.
//!
//! Every host holds a lock on a file of its own for as long as it lives; the kernel lets go of it whatever happens.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::FinishedPod;
use crate::event::HostError;
use crate::pod::folder::{PodFolder, private_folder};

const WORKFLOW_LABEL: &str = "workflows.argoproj.io/workflow";

/// Names this host and locks its file.
pub fn claim_instance(state: &Path) -> Result<(String, File), HostError> {
    let folder = state.join("hosts");
    private_folder(&folder).map_err(HostError::io("cannot make", &folder))?;
    let instance = super::shared::random_id();
    let path = folder.join(&instance);
    let lock = File::create(&path).and_then(|file| file.lock().map(|()| file));
    Ok((instance, lock.map_err(HostError::io("cannot lock", path))?))
}

/// Removes what pods of dead hosts no longer need, and the dead hosts' files.
pub fn clean(state: &Path) -> Result<(), HostError> {
    let hosts = state.join("hosts");
    let failed = |error| HostError::io("cannot clean up after a killed predecessor in", state)(error);
    let dead = names(&hosts).map_err(failed)?;
    let dead: Vec<String> = dead.into_iter().filter(|instance| is_dead(&hosts.join(instance))).collect();
    for pod in names(&state.join("pods")).map_err(failed)? {
        let folder = PodFolder::new(state, &pod);
        let Ok(owner) = fs::read_to_string(folder.owner()) else { continue };
        if dead.contains(&owner) || !hosts.join(&owner).exists() {
            folder.remove_workings().map_err(failed)?;
        }
    }
    for instance in dead {
        let _ = fs::remove_file(hosts.join(instance));
    }
    Ok(())
}

fn is_dead(path: &Path) -> bool {
    match File::open(path).map(|file| file.try_lock()) {
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
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect()
}

/// Keeps how a pod ended until the pod is deleted.
pub fn save(folder: &PodFolder, finished: &FinishedPod) -> io::Result<()> {
    let path = folder.outcome();
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(finished)?)?;
    fs::rename(new, path)
}

/// The pods of `workflow` that have ended and are not deleted.
pub fn finished(state: &Path, workflow: &str) -> Result<Vec<FinishedPod>, HostError> {
    let failed = |path: PathBuf| HostError::io("cannot read", path);
    let pods = state.join("pods");
    let mut found = Vec::new();
    for pod in names(&pods).map_err(failed(pods))? {
        let path = PodFolder::new(state, &pod).outcome();
        let bytes = match fs::read(&path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => continue,
            other => other.map_err(failed(path.clone()))?,
        };
        let finished: FinishedPod = serde_json::from_slice(&bytes).map_err(|e| failed(path)(e.into()))?;
        let labels = finished.pod.metadata.labels.as_ref();
        if labels.and_then(|labels| labels.get(WORKFLOW_LABEL)).is_some_and(|name| name == workflow) {
            found.push(finished);
        }
    }
    Ok(found)
}
