//! `init`: prepares a pod before its containers start. Binary, template, script, input artifacts.

mod binary;
pub mod inputs;

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;

use nix::sys::stat::{Mode, umask};

use crate::events::{Events, is_term};
use crate::failure::{Failure, os_text, path_error};
use crate::paths::Paths;
use crate::settings;
use crate::template::{self, Template};

pub const UNPREPARED: &str = "terminated before the pod was prepared";

/// Does all of it, in the order in which later containers rely on it.
pub fn run(paths: &Paths) -> Result<(), Failure> {
    umask(Mode::empty());
    settings::required_of_pod()?;
    end_on_sigterm(paths, UNPREPARED)?;
    let json = template::read_environment_first(paths)?;
    let template = Template::parse(&json)?;
    settings::deadline()?;
    binary::install(paths)?;
    stage(&json, &template, paths)?;
    inputs::load_all(&json, &template, inputs::Which::WithoutPlugin, paths)
}

/// What `init` does, for a supervisor, whose pod has the binary already.
pub fn prepare(json: &[u8], paths: &Paths) -> Result<(), Failure> {
    let template = Template::parse(json)?;
    stage(json, &template, paths)?;
    inputs::load_all(json, &template, inputs::Which::All, paths)
        .map_err(|failure| Failure::new(format!("failed to load input artifacts: {failure}")))
}

/// Leaves the template and the script for the other containers.
fn stage(json: &[u8], template: &Template, paths: &Paths) -> Result<(), Failure> {
    write_new(&paths.template(), json, 0o444)
        .map_err(|text| Failure::new(format!("failed to write template: {text}")))?;
    stage_files(template, paths)
        .map_err(|text| Failure::new(format!("failed to stage files: {text}")))
}

/// Process 1 has no default actions: without a listener SIGTERM would do nothing.
pub fn end_on_sigterm(paths: &Paths, last_words: &'static str) -> Result<(), Failure> {
    let mut events = Events::new().map_err(|error| {
        Failure::new(format!("failed to listen to signals: {}", os_text(&error)))
    })?;
    let termination_log = paths.termination_log.clone();
    let listen = move || {
        while let Ok(signals) = events.wait(None) {
            if signals
                .into_iter()
                .any(|signal| is_term(signal) || signal == nix::sys::signal::Signal::SIGINT as i32)
            {
                crate::end_now(&termination_log, &Failure::new(last_words));
            }
        }
    };
    thread::Builder::new().stack_size(64 * 1024).spawn(listen).map_err(|error| {
        Failure::new(format!("failed to listen to signals: {}", os_text(&error)))
    })?;
    Ok(())
}

fn stage_files(template: &Template, paths: &Paths) -> Result<(), String> {
    if let Some(script) = &template.script {
        return write_new(&paths.staging.join("script"), script.source.as_bytes(), 0o755);
    }
    match &template.resource {
        Some(resource) if !resource.manifest.is_empty() => {
            write_new(&paths.tmp.join("manifest.yaml"), resource.manifest.as_bytes(), 0o644)
        }
        _ => Ok(()),
    }
}

/// Writes a file that appears whole, with exactly this mode.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode | 0o200)
        .open(temporary)
        .and_then(|mut file| {
            file.write_all(bytes).and_then(|()| file.set_permissions(Permissions::from_mode(mode)))
        })
        .and_then(|()| fs::rename(temporary, path));
    written.map_err(|error| {
        let _ = fs::remove_file(temporary);
        path_error("open", path, &error)
    })
}
