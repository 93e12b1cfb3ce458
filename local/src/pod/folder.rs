//! A pod's folder, `<state>/pods/<pod>`, and how it is removed.
//!
//! `logs/` stays until the logs are removed, `final.json` until the pod is deleted; all else goes when the pod ends.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Start of the names of folders in memory.
const MEMORY_PREFIX: &str = "/dev/shm/lighter-";

#[derive(Clone, Debug)]
pub struct PodFolder(PathBuf);

impl PodFolder {
    pub fn new(state: &Path, pod: &str) -> Self {
        Self(state.join("pods").join(pod))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn owner(&self) -> PathBuf {
        self.0.join("owner")
    }

    pub fn log(&self, container: &str) -> PathBuf {
        self.0.join("logs").join(format!("{container}.log"))
    }

    pub fn outcome(&self) -> PathBuf {
        self.0.join("final.json")
    }

    pub fn results(&self) -> PathBuf {
        self.0.join("results")
    }

    pub fn container(&self, name: &str) -> PathBuf {
        self.0.join("containers").join(name)
    }

    pub fn volume(&self, name: &str) -> PathBuf {
        self.0.join("volumes").join(name)
    }

    /// Makes the folder for a pod that `owner` is about to run.
    pub fn make(&self, owner: &str) -> io::Result<()> {
        self.remove_all_but(&["logs"])?;
        for folder in ["logs", "containers", "volumes", "results"] {
            private_folder(&self.0.join(folder))?;
        }
        fs::write(self.owner(), owner)
    }

    /// Makes a folder in memory that the volume's name leads to.
    pub fn memory_volume(&self, name: &str) -> io::Result<PathBuf> {
        let mut random = [0_u8; 12];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let suffix: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = PathBuf::from(format!("{MEMORY_PREFIX}{suffix}"));
        std::os::unix::fs::symlink(&path, self.volume(name))?;
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    }

    /// Removes what only a running pod needs.
    pub fn remove_workings(&self) -> io::Result<()> {
        self.remove_all_but(&["logs", "final.json"])
    }

    /// Removes all but the logs.
    pub fn remove(&self) -> io::Result<()> {
        self.remove_all_but(&["logs"])
    }

    fn remove_all_but(&self, kept: &[&str]) -> io::Result<()> {
        let Some(entries) = there(fs::read_dir(&self.0))? else { return Ok(()) };
        if let Some(volumes) = there(fs::read_dir(self.0.join("volumes")))? {
            for volume in volumes {
                remove_memory(&volume?.path())?;
            }
        }
        for entry in entries {
            let entry = entry?;
            // The owner goes last: with it, what is left would be found by the next host.
            if entry.file_name() != "owner" && !kept.iter().any(|name| entry.file_name() == *name) {
                remove_tree(&entry.path())?;
            }
        }
        remove_tree(&self.owner())
    }
}

fn remove_memory(link: &Path) -> io::Result<()> {
    match fs::read_link(link) {
        Ok(target) if target.to_string_lossy().starts_with(MEMORY_PREFIX) => remove_tree(&target),
        _ => Ok(()),
    }
}

/// Makes a folder, and those above it, that only its owner can look into.
pub fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file or a folder with all in it, also folders that their owner may not write or read. Follows no link.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let Some(meta) = there(path.symlink_metadata())? else { return Ok(()) };
    if !meta.is_dir() {
        return there(fs::remove_file(path)).map(drop);
    }
    match there(fs::remove_dir_all(path)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            there(fs::remove_dir_all(path)).map(drop)
        }
        other => other.map(drop),
    }
}

fn open_up(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
