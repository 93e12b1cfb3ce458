//! Builds the root folder of a container and makes it the only one.

use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountAttrFlags, MountFlags, MountPropagationFlags, UnmountFlags};

use super::mounts::{self, Detached};
use super::spec::{FileSpec, FilesVolume, HostPart, Root, Spec};
use crate::pod::folder::folder_of_mode;
use crate::sys;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// Makes the container's root the only one that this process sees. `notice` is told what had to be left out.
pub fn set_up(spec: &Spec, notice: &dyn Fn(String)) -> Result<(), String> {
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(|e| format!("cannot make mounts private: {e}"))?;
    let scratch = spec.scratch.as_path();
    rustix::mount::mount("tmpfs", scratch, "tmpfs", MountFlags::NODEV, Some(c"mode=755"))
        .map_err(|e| format!("cannot mount memory at {}: {e}", scratch.display()))?;
    let files = scratch.join("files");
    write_files(&files, &spec.files)
        .map_err(|e| format!("cannot write the files of volumes: {e}"))?;
    let root = make_root(spec, notice)?;
    let mut detached = kernel_mounts(spec, notice)?;
    for mount in &spec.mounts {
        detached.extend(mounts::open(mount, &files)?);
    }
    enter(&root).map_err(|e| format!("cannot enter the root folder {}: {e}", root.display()))?;
    detached.into_iter().try_for_each(Detached::attach)?;
    device_links(spec).map_err(|e| format!("cannot make /dev: {e}"))?;
    if spec.read_only_root {
        read_only_root().map_err(|e| format!("cannot make the root folder read-only: {e}"))?;
    }
    Ok(())
}

/// Volumes of contents live in the container's own memory only.
fn write_files(folder: &Path, volumes: &[FilesVolume]) -> io::Result<()> {
    for volume in volumes {
        let base = folder.join(&volume.name);
        fs::create_dir_all(&base)?;
        for file in &volume.files {
            write_file(&base.join(&file.path), file, volume.group)?;
        }
    }
    Ok(())
}

fn write_file(path: &Path, file: &FileSpec, group: Option<u32>) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut new = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    new.write_all(&file.content.0)?;
    let mut mode = file.mode & 0o777;
    if let Some(group) = group {
        rustix::fs::fchown(&new, None, Some(rustix::fs::Gid::from_raw(group)))?;
        mode |= 0o440;
    }
    Ok(rustix::fs::fchmod(&new, Mode::from_raw_mode(mode))?)
}

/// Mounts the container's root folder at `<scratch>/root`. The current folder becomes the scratch folder.
fn make_root(spec: &Spec, notice: &dyn Fn(String)) -> Result<PathBuf, String> {
    let root = spec.scratch.join("root");
    fs::create_dir(&root).map_err(|e| format!("cannot make {}: {e}", root.display()))?;
    // Overlay options have a limited length and their own escapes: short relative names need neither.
    std::env::set_current_dir(&spec.scratch)
        .map_err(|e| format!("cannot enter {}: {e}", spec.scratch.display()))?;
    let on_itself = || {
        rustix::mount::mount_bind(&root, &root)
            .map_err(|e| format!("cannot mount the root folder: {e}"))
    };
    match &spec.root {
        Root::Empty => on_itself()?,
        Root::Image(lower) => root_layer(spec, lower).map_err(|e| {
            format!(
                "cannot mount the image {} below a writable layer (overlay): {e}",
                lower.display()
            )
        })?,
        Root::Host { skeleton, parts } => {
            if let Err(error) = root_layer(spec, skeleton) {
                notice(format!(
                    "containers have their root folder in memory: it cannot be laid over the disk ({error})"
                ));
                on_itself()?;
                copy_tree(skeleton, &root)
                    .map_err(|e| format!("cannot make the root folder: {e}"))?;
            }
            for (number, part) in parts.iter().enumerate() {
                host_part(&root, part, number, spec.identity.user_namespace, notice).map_err(
                    |e| {
                        format!(
                            "cannot show this machine's {} in the container: {e}",
                            part.path.display()
                        )
                    },
                )?;
            }
        }
    }
    for (folder, mode) in [("proc", 0o755), ("dev", 0o755), ("tmp", 0o1777)] {
        let path = root.join(folder);
        if path.symlink_metadata().is_err() {
            folder_of_mode(&path, mode).map_err(|e| format!("cannot make /{folder}: {e}"))?;
        }
    }
    Ok(root)
}

/// Mounts `lower` as root folder, below a writable layer on the disk, or in memory where the disk does not serve.
fn root_layer(spec: &Spec, lower: &Path) -> io::Result<()> {
    let user_namespace = spec.identity.user_namespace;
    let named = |end: &str| {
        let mut name = spec.layer.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    };
    overlay(lower, &named(".upper"), &named(".work"), Path::new("root"), user_namespace).or_else(
        |first| {
            overlay(lower, Path::new("upper"), Path::new("work"), Path::new("root"), user_namespace)
                .map_err(|_| first)
        },
    )
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let (path, target) = (
            entry.as_ref().map(fs::DirEntry::path),
            entry.as_ref().map(|e| to.join(e.file_name())),
        );
        let (Ok(path), Ok(target)) = (path, target) else { continue };
        let meta = path.symlink_metadata()?;
        if meta.is_dir() {
            folder_of_mode(&target, meta.permissions().mode() & 0o7777)?;
            copy_tree(&path, &target)?;
        } else if meta.is_symlink() {
            symlink(fs::read_link(&path)?, &target)?;
        } else {
            fs::File::create(&target)?;
        }
    }
    Ok(())
}

fn host_part(
    root: &Path,
    part: &HostPart,
    number: usize,
    user_namespace: bool,
    notice: &dyn Fn(String),
) -> io::Result<()> {
    let target = root.join(part.path.strip_prefix("/").unwrap_or(&part.path));
    if !part.is_folder {
        return bind_read_only(&part.path, &target);
    }
    let (upper, work) =
        (PathBuf::from(format!("upper{number}")), PathBuf::from(format!("work{number}")));
    overlay(&part.path, &upper, &work, &target, user_namespace).or_else(|error| {
        notice(format!(
            "{} is read-only in containers: this machine cannot lay a writable layer over it ({error})",
            part.path.display()
        ));
        bind_read_only(&part.path, &target)
    })
}

fn bind_read_only(source: &Path, target: &Path) -> io::Result<()> {
    rustix::mount::mount_bind_recursive(source, target)?;
    let handle = rustix::fs::open(target, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    sys::make_read_only(handle.as_fd(), true)
}

/// Mounts `lower` below a new writable layer. Nothing of the layer is ever flushed to the disk: it does not outlive
/// the container.
fn overlay(
    lower: &Path,
    upper: &Path,
    work: &Path,
    target: &Path,
    user_namespace: bool,
) -> io::Result<()> {
    folder_of_mode(upper, fs::metadata(lower)?.permissions().mode() & 0o7777)?;
    fs::create_dir(work)?;
    let options = format!(
        "lowerdir={},upperdir={},workdir={},volatile{}",
        escape(lower)?,
        escape(upper)?,
        escape(work)?,
        if user_namespace { ",userxattr" } else { "" }
    );
    let options = std::ffi::CString::new(options)?;
    Ok(rustix::mount::mount("overlay", target, "overlay", MountFlags::NODEV, options.as_c_str())?)
}

/// A path as overlay's options want it.
fn escape(path: &Path) -> io::Result<String> {
    let text = path
        .to_str()
        .ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))?;
    Ok(text
        .chars()
        .flat_map(|c| ['\\'].into_iter().filter(move |_| matches!(c, '\\' | ':' | ',')).chain([c]))
        .collect())
}

/// `/proc`, `/sys` and `/dev`.
fn kernel_mounts(spec: &Spec, notice: &dyn Fn(String)) -> Result<Vec<Detached>, String> {
    let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let no_devices = quiet | MountAttrFlags::MOUNT_ATTR_NODEV;
    let proc = Detached::new("proc", &[], no_devices, "/proc").or_else(|error| {
        notice(format!("/proc in containers shows this machine's processes: a new one is refused here ({error})"));
        Detached::of_path(Path::new("/proc"), Path::new("/proc"), false)
    });
    let mut made = vec![proc.map_err(|e| format!("cannot make /proc: {e}"))?];
    let dev = Detached::new("tmpfs", &[("mode", "755"), ("size", "64k")], quiet, "/dev");
    made.push(dev.map_err(|e| format!("cannot make /dev: {e}"))?);
    for name in DEVICES {
        let path = Path::new("/dev").join(name);
        made.push(
            Detached::of_path(&path, &path, false)
                .map_err(|e| format!("cannot open {}: {e}", path.display()))?,
        );
    }
    if spec.minimal {
        return Ok(made);
    }
    let shm = Detached::new("tmpfs", &[("mode", "1777")], no_devices, "/dev/shm");
    made.push(shm.map_err(|e| format!("cannot make /dev/shm: {e}"))?);
    match Detached::new(
        "devpts",
        &[("newinstance", ""), ("ptmxmode", "0666"), ("mode", "620")],
        quiet,
        "/dev/pts",
    ) {
        Ok(pts) => made.push(pts),
        Err(error) => notice(format!("containers have no /dev/pts: {error}")),
    }
    match Detached::of_path(Path::new("/sys"), Path::new("/sys"), true) {
        Ok(sys) => made.push(sys),
        Err(error) => notice(format!("containers have no /sys: {error}")),
    }
    Ok(made)
}

fn device_links(spec: &Spec) -> io::Result<()> {
    let links = if spec.minimal { &DEVICE_LINKS[..4] } else { &DEVICE_LINKS[..] };
    links.iter().try_for_each(|(to, path)| symlink(to, path))
}

/// Makes `root` the root folder, and the machine's own tree unreachable.
fn enter(root: &Path) -> io::Result<()> {
    std::env::set_current_dir(root)?;
    rustix::process::pivot_root(".", ".")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}

fn read_only_root() -> io::Result<()> {
    let root = rustix::fs::openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    sys::make_read_only(root.as_fd(), false)
}
