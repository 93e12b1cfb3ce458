//! What main gives to `wait`: output files that lie on no shared volume.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use lighter_artifacts::archive::{Archive, pack};
use lighter_artifacts::place::{Pending, Policy};
use lighter_artifacts::{Error, Source, Target};
use serde_json::Value;

use crate::failure::{Failure, os_text, path_error};
use crate::handover;
use crate::log;
use crate::paths::{Paths, clean};
use crate::template::Template;

/// Hands output artifacts over to `wait`, and leaves copies of output parameters and of what it cannot take.
/// A missing file is only a warning here: `wait` decides.
pub fn stage(template: &Template, paths: &Paths) -> Result<(), Failure> {
    for parameter in &template.outputs.parameters {
        if let Some(path) = parameter["valueFrom"]["path"].as_str().filter(|path| !path.is_empty())
            && !template.on_user_volume(path)
        {
            stage_parameter(path, paths)?;
        }
    }
    let mut strategies = Vec::new();
    let mut sources = Vec::new();
    let mut ended = Ok(());
    for artifact in &template.outputs.artifacts {
        let path = artifact["path"].as_str().unwrap_or_default();
        if path.is_empty() || template.on_user_volume(path) {
            continue;
        }
        match open(path, paths) {
            Ok(Some(source)) => {
                sources.push((clean(path), source));
                strategies.push(level(artifact));
            }
            Ok(None) => {}
            Err(failure) => {
                ended = Err(failure);
                break;
            }
        }
    }
    let taken = handover::offer(paths, &sources);
    for (((path, source), archive), _) in
        sources.iter().zip(strategies).zip(taken).filter(|(_, taken)| !taken)
    {
        let staged = paths.staged_artifact(path);
        create_parent(&staged)?;
        pack_to(source, archive, &staged).map_err(|error| not_packed(path, &staged, &error))?;
    }
    ended
}

fn stage_parameter(path: &str, paths: &Paths) -> Result<(), Failure> {
    let mut source = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            log::warn("cannot save parameter", &[("path", path), ("error", &os_text(&error))]);
            return Ok(());
        }
    };
    let staged = paths.staged_parameter(path);
    create_parent(&staged)?;
    let mut target = create(&staged)?;
    io::copy(&mut source, &mut target).map_err(|error| {
        Failure::new(path_error(&format!("failed to copy {path} to"), &staged, &error))
    })?;
    Ok(())
}

/// `None` if there is nothing at the path.
fn open(path: &str, paths: &Paths) -> Result<Option<Source>, Failure> {
    match Source::open(Path::new(&clean(path))) {
        Ok(source) => Ok(Some(source)),
        Err(Error::NotFound(_)) => {
            log::warn(
                "cannot save artifact",
                &[("path", path), ("error", "no such file or directory")],
            );
            Ok(None)
        }
        Err(error) => Err(not_packed(path, &paths.staged_artifact(path), &error)),
    }
}

/// `wait` sees the archive whole or not at all, even if it is told to hurry.
fn pack_to(source: &Source, archive: Archive, staged: &Path) -> Result<(), Error> {
    let (pending, mut file) = Pending::file(&Target::at(staged)?, 0o644)?;
    pack(source, archive, &mut file)?;
    pending.commit(Policy::Replace)?;
    Ok(())
}

/// An archive that `wait` takes apart again is not worth compressing.
fn level(artifact: &Value) -> Archive {
    let strategy = serde_json::from_value(artifact["archive"].clone()).unwrap_or_default();
    match Archive::for_saving(Some(&strategy)) {
        Ok(Some(tar @ (Archive::TarGz { .. } | Archive::TarZstd { .. }))) => tar,
        // A strategy that makes no sense is reported by `wait`.
        _ => Archive::TarGz { level: 0 },
    }
}

fn not_packed(path: &str, staged: &Path, error: &Error) -> Failure {
    Failure::new(format!("failed to tarball the output {path} to {}: {error}", staged.display()))
}

fn create_parent(staged: &Path) -> Result<(), Failure> {
    let parent = staged.parent().unwrap_or(staged);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(parent)
        .map_err(|error| Failure::new(path_error("failed to create directory", parent, &error)))
}

fn create(path: &Path) -> Result<File, Failure> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(path)
        .map_err(|error| Failure::new(path_error("open", path, &error)))
}
