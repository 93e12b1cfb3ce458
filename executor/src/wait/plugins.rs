//! The end of the pod's artifact plugins, which live until all outputs are saved.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Errors;
use crate::control::Control;
use crate::events::Events;
use crate::failure::os_text;
use crate::paths::Paths;
use crate::settings;

/// How long a plugin that was killed may take to be gone.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// Ends the plugins that the environment names: SIGTERM, and SIGKILL after the grace period.
pub fn end(paths: &Paths, events: &mut Events, errors: &mut Errors) {
    let names = settings::text("ARGO_ARTIFACT_PLUGIN_NAMES").unwrap_or_default();
    let mut plugins = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let opened = Control::open(paths, name)
            .map_err(|error| format!("failed to end artifact plugin {name}: {}", os_text(&error)));
        if let Some(control) = errors.note(opened) {
            events.watch(control.directory());
            plugins.push(control);
        }
    }
    for (signal, patience) in
        [(Signal::SIGTERM, settings::grace_period()), (Signal::SIGKILL, AFTER_KILL)]
    {
        plugins.retain(|plugin| !has_ended(plugin));
        for plugin in &plugins {
            errors.note(plugin.write_signal(signal as i32).map_err(|error| os_text(&error)));
        }
        let until = Instant::now() + patience;
        while plugins.iter().any(|plugin| !has_ended(plugin)) && Instant::now() < until {
            if let Err(error) = events.wait(Some(until)) {
                errors.add(format!("failed to wait for artifact plugins: {}", os_text(&error)));
                return;
            }
        }
    }
}

fn has_ended(plugin: &Control) -> bool {
    plugin.is_done() || plugin.is_alive() == Some(false)
}
