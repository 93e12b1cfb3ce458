//! What the set-up process of a container is told, and what it tells.

use std::path::PathBuf;

use lighter_api::k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};

/// One container, ready to be set up: no name is left to resolve but those inside its own root.
#[derive(Debug, Serialize, Deserialize)]
pub struct Spec {
    pub hostname: String,
    pub identity: Identity,
    /// An empty folder, for the container's own memory to be mounted on.
    pub scratch: PathBuf,
    /// Start of two paths on the disk, ending in `.upper` and `.work`: the writable layer of the root folder.
    pub layer: PathBuf,
    pub root: Root,
    pub read_only_root: bool,
    /// Leave out what only programs of users look at: `/sys`, terminals.
    pub minimal: bool,
    /// Contents of Secret, ConfigMap and similar volumes; they are kept in memory.
    pub files: Vec<FilesVolume>,
    /// In the order to mount them.
    pub mounts: Vec<MountSpec>,
    /// `cgroup.procs` files to join.
    pub cgroups: Vec<PathBuf>,
    pub process: ProcessSpec,
}

/// Whom the container runs as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    /// In a user namespace of its own, where `uid` stands for the caller.
    pub user_namespace: bool,
}

/// Where a container's root folder comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Root {
    /// An empty folder; everything in it is mounted.
    Empty,
    /// An unpacked image below a private writable layer.
    Image(PathBuf),
    /// This machine's root: folders and mount points, below a private writable layer, and what is mounted there.
    Host { skeleton: PathBuf, parts: Vec<HostPart> },
}

/// One part of this machine's root: a folder below a private writable layer, or a read-only file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPart {
    pub path: PathBuf,
    pub is_folder: bool,
}

/// A volume of files that are made in memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FilesVolume {
    pub name: String,
    /// Group of the files, where the container may set it.
    pub group: Option<u32>,
    pub files: Vec<FileSpec>,
}

/// A file to make in memory; `path` is relative to its volume, and cannot lead out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    pub path: PathBuf,
    pub mode: u32,
    pub content: ByteString,
}

/// One bind mount.
#[derive(Debug, Serialize, Deserialize)]
pub struct MountSpec {
    pub source: Source,
    /// Absolute path in the container.
    pub target: PathBuf,
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Serialize, Deserialize)]
pub enum Source {
    /// A file or folder of the machine.
    Path(PathBuf),
    /// The same if it is there; else nothing is mounted.
    PathIfThere(PathBuf),
    /// What `sub_path` names inside a folder, and never outside it; made as a folder if it is not there.
    Within { folder: PathBuf, sub_path: PathBuf },
    /// A folder below the container's `files` folder, or a part of it.
    Files { volume: String, sub_path: PathBuf },
}

/// The container's first process.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Program and arguments; a program without `/` is looked for in the environment's `PATH`.
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Made when it is not there.
    pub working_dir: PathBuf,
    /// Bits of the capabilities that remain.
    pub capabilities: u64,
    pub no_new_privileges: bool,
}

/// One line from the set-up process to the host.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Report {
    /// Something could not be had and was replaced by something lesser.
    Notice(String),
    /// The first process runs the container's program.
    Started,
    /// The container could not be started.
    Failed(String),
    /// The first process ended: its exit code, or 128 and the signal that ended it.
    Exited { code: i32, signal: Option<i32> },
}
