//! Where a host and its pods keep what, and how it is removed.
//!
//! `<state>/pods/<pod>` has what outlives a pod: `logs/` until the logs are removed, `final.json` until the pod is
//! deleted. What only a running pod needs lies in folders of the host that runs it, which the next host removes
//! should this one be killed: what may be large on the disk, `<state>/hosts/<host>`, small things in memory.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The folders of one host.
#[derive(Clone, Debug)]
pub struct HostFolders {
    state: PathBuf,
    disk: PathBuf,
    memory: PathBuf,
}

impl HostFolders {
    /// The folders of the host of that name, whether they are there or not.
    pub fn new(state: &Path, host: &str) -> Self {
        let disk = state.join("hosts").join(host);
        let in_memory = PathBuf::from(format!("/dev/shm/lighter-{host}"));
        let memory = if disk.join("memory").exists() { disk.join("memory") } else { in_memory };
        Self { state: state.to_owned(), disk, memory }
    }

    /// Makes the folders of a new host.
    pub fn make(state: &Path, host: &str) -> io::Result<Self> {
        let mut made = Self::new(state, host);
        private_folder(&made.disk.join("pods"))?;
        if fs::DirBuilder::new().mode(0o700).create(&made.memory).is_err() {
            made.memory = made.disk.join("memory");
        }
        private_folder(&made.memory.join("pods"))?;
        private_folder(&made.scratch())?;
        Ok(made)
    }

    pub fn remove(&self) -> io::Result<()> {
        remove_tree(&self.memory)?;
        remove_tree(&self.disk)
    }

    /// The lock that the host holds as long as it lives.
    pub fn lock(&self) -> PathBuf {
        self.disk.join("lock")
    }

    /// An empty folder; each container mounts its own memory there, in its own mount namespace.
    pub fn scratch(&self) -> PathBuf {
        self.memory.join("scratch")
    }

    /// The folders and mount points of this machine's root.
    pub fn skeleton(&self) -> PathBuf {
        self.disk.join("skeleton")
    }

    pub fn pod(&self, pod: &str) -> PodFolder {
        let part = |base: &Path| base.join("pods").join(pod);
        PodFolder {
            kept: Kept::new(&self.state, pod),
            disk: part(&self.disk),
            memory: part(&self.memory),
        }
    }
}

/// What outlives a pod.
#[derive(Clone, Debug)]
pub struct Kept(PathBuf);

impl Kept {
    pub fn new(state: &Path, pod: &str) -> Self {
        Self(state.join("pods").join(pod))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn log(&self, container: &str) -> PathBuf {
        self.0.join("logs").join(format!("{container}.log"))
    }

    /// How the pod ended.
    pub fn outcome(&self) -> PathBuf {
        self.0.join("final.json")
    }
}

/// The folders of a pod that runs.
#[derive(Clone, Debug)]
pub struct PodFolder {
    pub kept: Kept,
    disk: PathBuf,
    memory: PathBuf,
}

impl PodFolder {
    /// Makes the folders of a pod that is about to run.
    pub fn make(&self) -> io::Result<()> {
        self.remove()?;
        remove_tree(&self.kept.outcome())?;
        private_folder(&self.kept.0.join("logs"))?;
        private_folder(&self.disk)?;
        private_folder(&self.memory)
    }

    /// Removes what only a running pod needs.
    pub fn remove(&self) -> io::Result<()> {
        remove_tree(&self.memory)?;
        remove_tree(&self.disk)
    }

    /// Where the executor leaves what it reports.
    pub fn results(&self) -> PathBuf {
        self.memory.join("results")
    }

    /// The file of a container's last words.
    pub fn message(&self, container: &str) -> PathBuf {
        self.memory.join(format!("{container}.message"))
    }

    /// A volume on the disk or in memory.
    pub fn volume(&self, name: &str, in_memory: bool) -> PathBuf {
        let base = if in_memory { &self.memory } else { &self.disk };
        base.join(format!("volume-{name}"))
    }

    /// Start of the paths of a container's writable layer.
    pub fn layer(&self, container: &str) -> PathBuf {
        self.disk.join(format!("layer-{container}"))
    }

    /// A container's `/tmp`.
    pub fn tmp(&self, container: &str) -> PathBuf {
        self.disk.join(format!("tmp-{container}"))
    }
}

/// Makes a folder, and those above it, that only its owner can look into.
pub fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a folder of exactly this mode.
pub fn folder_of_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
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
