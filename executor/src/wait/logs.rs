//! The main containers' logs as artifacts.

use serde_json::{Value, json};

use super::Errors;
use super::artifacts::Saver;
use crate::log;

/// Saves each main container's log, if the repository keeps logs; returns what to report.
pub(super) fn save(saver: &Saver<'_>, errors: &mut Errors) -> Vec<Value> {
    if !saver.template.archives_logs() {
        return Vec::new();
    }
    let mut saved = Vec::new();
    for container in saver.template.main_containers() {
        let file = saver.paths.container(container).join("combined");
        if !file.exists() {
            log::warn("the container has no log", &[("container", container)]);
            continue;
        }
        let artifact = json!({"name": format!("{container}-logs")});
        saved.extend(errors.note(saver.save_file(artifact, &file, &format!("{container}.log"))));
    }
    saved
}
