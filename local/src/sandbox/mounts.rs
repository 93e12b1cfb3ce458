//! Mounts that are made outside the new root and attached inside it.
//!
//! What is mounted is opened while the machine's own tree is still there; where it goes is looked up when the
//! container's root is the only one. So no symbolic link of an image or a volume can point a mount elsewhere.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat2};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags};

use super::spec::{MountSpec, Source};
use crate::sys;

/// A mount that is attached nowhere yet.
pub struct Detached {
    mount: OwnedFd,
    is_folder: bool,
    pub target: PathBuf,
}

impl Detached {
    /// A new file system in memory or of the kernel: `tmpfs`, `proc`, `devpts`.
    pub fn new(
        kind: &str,
        options: &[(&str, &str)],
        attributes: MountAttrFlags,
        target: &str,
    ) -> io::Result<Self> {
        let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (key, value) in options {
            if value.is_empty() {
                rustix::mount::fsconfig_set_flag(&context, *key)?;
            } else {
                rustix::mount::fsconfig_set_string(&context, *key, *value)?;
            }
        }
        rustix::mount::fsconfig_create(&context)?;
        let mount = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        Ok(Self { mount, is_folder: true, target: PathBuf::from(target) })
    }

    /// A file or folder of the machine, with the mounts below it.
    pub fn of_path(path: &Path, target: &Path, read_only: bool) -> io::Result<Self> {
        let handle = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Self::of_handle(&handle, target, read_only)
    }

    fn of_handle(handle: &OwnedFd, target: &Path, read_only: bool) -> io::Result<Self> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | OpenTreeFlags::AT_RECURSIVE;
        let mount = rustix::mount::open_tree(handle, "", flags)?;
        if read_only {
            sys::make_read_only(mount.as_fd(), true)?;
        }
        let is_folder = FileType::from_raw_mode(fstat(handle)?.st_mode) == FileType::Directory;
        Ok(Self { mount, is_folder, target: target.to_owned() })
    }

    /// Attaches the mount at its target, which is made if it is not there.
    pub fn attach(self) -> Result<(), String> {
        let attached = make_target(&self.target, self.is_folder).and_then(|()| {
            let flags =
                MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
            Ok(rustix::mount::move_mount(&self.mount, "", CWD, &self.target, flags)?)
        });
        attached.map_err(|e| format!("cannot mount at {}: {e}", self.target.display()))
    }
}

fn make_target(target: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        return fs::create_dir_all(target);
    }
    if target.exists() {
        return Ok(());
    }
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create(target).map(drop)
}

/// Opens what a volume mount shows; `files` is the folder of the volumes that are kept in memory.
pub fn open(spec: &MountSpec, files: &Path) -> Result<Option<Detached>, String> {
    let target = spec.target.as_path();
    let opened = match &spec.source {
        Source::Path(path) => Detached::of_path(path, target, spec.read_only),
        Source::PathIfThere(path) => match Detached::of_path(path, target, spec.read_only) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other,
        },
        Source::Within { folder, sub_path } => open_within(folder, sub_path)
            .and_then(|handle| Detached::of_handle(&handle, target, spec.read_only)),
        Source::Files { volume, sub_path } => open_within(&files.join(volume), sub_path)
            .and_then(|handle| Detached::of_handle(&handle, target, spec.read_only)),
    };
    opened.map(Some).map_err(|error| {
        let what = match &spec.source {
            Source::Path(path) | Source::PathIfThere(path) => path.display().to_string(),
            Source::Within { sub_path, .. } => {
                format!("subPath {:?}", sub_path.display().to_string())
            }
            Source::Files { volume, sub_path } => {
                format!("volume {volume} subPath {:?}", sub_path.display().to_string())
            }
        };
        let hint = match error.raw_os_error() {
            Some(libc::EXDEV) => " (it leads out of the volume)",
            Some(libc::ENOSYS) => " (Linux 5.12 or later is needed)",
            _ => "",
        };
        format!("cannot mount {what} at {}: {error}{hint}", target.display())
    })
}

/// Opens `sub_path` inside `folder`. Links are followed while they stay inside. What is not there becomes a folder.
fn open_within(folder: &Path, sub_path: &Path) -> io::Result<OwnedFd> {
    let open = |base: &OwnedFd, path: &Path| {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        openat2(base, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
    };
    let base = rustix::fs::open(
        folder,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    if sub_path.as_os_str().is_empty() {
        return Ok(base);
    }
    match open(&base, sub_path) {
        Err(Errno::NOENT) => {}
        other => return Ok(other?),
    }
    let mut done = PathBuf::new();
    let mut parent = base.try_clone()?;
    for part in sub_path.components() {
        let Component::Normal(name) = part else { return Err(Errno::XDEV.into()) };
        match mkdirat(&parent, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        done.push(name);
        parent = open(&base, &done)?;
    }
    Ok(parent)
}
