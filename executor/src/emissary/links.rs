//! In pods without an init container input artifacts are not mounted: main finds them by links at their paths.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::ready::unprepared;
use crate::failure::{Failure, path_error};
use crate::paths::{Paths, below, clean};
use crate::template::{Template, lies_below};

/// Makes a link for every input artifact that was loaded, in the template's order. What is at its path is replaced.
pub(super) fn make(json: &[u8], template: &Template, paths: &Paths) -> Result<(), Failure> {
    let directory = std::env::current_dir();
    // It may be what an artifact replaces.
    enter(Path::new("/"))?;
    for input in Template::inputs(json)? {
        let name = input["name"].as_str().unwrap_or_default();
        let source = paths.input(name);
        if source.symlink_metadata().is_ok() {
            let path = clean(input["path"].as_str().unwrap_or_default());
            link(name, &source, &below(Path::new("/"), &path), template)?;
        }
    }
    directory.map_or(Ok(()), |directory| enter(&directory))
}

fn enter(directory: &Path) -> Result<(), Failure> {
    std::env::set_current_dir(directory)
        .map_err(|error| unprepared(path_error("chdir", directory, &error)))
}

fn link(name: &str, source: &Path, path: &Path, template: &Template) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        unprepared(format!(
            "failed to stage input artifact {name}: {}",
            path_error("symlink", path, &error)
        ))
    };
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(failed)?;
    if let Ok(metadata) = path.symlink_metadata() {
        let real = fs::canonicalize(parent).map_err(failed)?;
        let real = real.join(path.file_name().unwrap_or_default());
        refuse_volumes(name, &real, template)?;
        if metadata.is_dir() { fs::remove_dir_all(&real) } else { fs::remove_file(&real) }
            .map_err(failed)?;
    }
    symlink(source, path).map_err(failed)
}

/// Links of the image may lead to a user's volume, whose files are not ours to remove.
fn refuse_volumes(name: &str, real: &Path, template: &Template) -> Result<(), Failure> {
    let shown = real.to_string_lossy();
    let holds = |mount: &str| lies_below(&shown, mount) || lies_below(mount, &shown);
    match template.volume_mounts().iter().find(|mount| holds(&mount.mount_path)) {
        None => Ok(()),
        Some(mount) => Err(unprepared(format!(
            "refusing to stage input artifact {name}: {shown} overlaps the volume mounted at {}",
            mount.mount_path
        ))),
    }
}
