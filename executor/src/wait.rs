//! `wait`: sleeps until the main containers have ended, then saves their outputs and reports them.

mod artifacts;
mod logs;
mod monitor;
mod values;

use nix::sys::stat::{Mode, umask};
use serde_json::Map;

use crate::events::Events;
use crate::failure::{Failure, os_text};
use crate::log;
use crate::paths::Paths;
use crate::report::{self, TaskResult};
use crate::settings;
use crate::template::{self, Template};

/// Errors of one run. The first is the container's last words; none of them stops what can still be saved.
#[derive(Debug, Default)]
struct Errors(Vec<String>);

impl Errors {
    fn add(&mut self, text: impl Into<String>) {
        let text = text.into();
        log::error("something of this step could not be saved", &[("error", &text)]);
        self.0.push(text);
    }

    fn note<T>(&mut self, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|text| self.add(text)).ok()
    }
}

/// Waits, saves, reports. SIGTERM only shortens the waiting.
pub fn run(paths: &Paths) -> Result<(), Failure> {
    umask(Mode::empty());
    settings::required_of_pod()?;
    let json = template::read_environment_first(paths)?;
    let deadline = settings::deadline()?;
    let template = Template::parse(&json)?;
    let mounted = artifacts::mounted_inputs(&json)?;
    // The JSON may be large, and main may run for long.
    drop(json);
    let reporter = report::reporter()?;
    let mut result = TaskResult::new()?;
    // From here on SIGTERM is only seen where it is looked for.
    let mut events = Events::new().map_err(|error| {
        Failure::new(format!("failed to listen to signals: {}", os_text(&error)))
    })?;

    let mut errors = Errors::default();
    errors.note(report::send(&*reporter, &result));
    let mut monitor = monitor::Monitor::new(&template, deadline, paths, &mut events)?;
    let waited = monitor.run(&mut events, |progress| {
        result.set_progress(progress);
        report::send(&*reporter, &result)
    });
    errors.note(
        waited.map_err(|text| format!("failed to wait for main container to complete: {text}")),
    );
    if let Some(outputs) =
        errors.note(collect(&template, mounted, paths).map_err(|failure| failure.to_string()))
    {
        outputs.errors.0.into_iter().for_each(|text| errors.0.push(text));
        result.set_outputs(outputs.values);
        errors.note(report::send(&*reporter, &result));
    }
    let failed = !errors.0.is_empty();
    result.complete();
    errors.note(report::send(&*reporter, &result));
    match errors.0.into_iter().next() {
        Some(text) if failed => Err(Failure::new(text)),
        Some(text) => {
            crate::leave_message(&paths.termination_log, &text);
            Ok(())
        }
        None => Ok(()),
    }
}

/// What could be saved, and what could not.
struct Outputs {
    values: Map<String, serde_json::Value>,
    errors: Errors,
}

fn collect(template: &Template, mounted: Vec<String>, paths: &Paths) -> Result<Outputs, Failure> {
    let mut errors = Errors::default();
    let mut values = Map::new();
    let saver = artifacts::Saver::new(template, mounted, paths)?;
    let mut artifacts = Vec::new();
    if template.resource.is_none() {
        if let Some(Some(text)) = errors.note(values::result(template, paths)) {
            values.insert("result".into(), text.into());
        }
        let parameters = values::parameters(template, paths, &saver, &mut errors);
        values.insert("parameters".into(), parameters.into());
        artifacts.extend(saver.save_all(&mut errors));
    }
    artifacts.extend(logs::save(&saver, &mut errors));
    values.insert("artifacts".into(), artifacts.into());
    Ok(Outputs { values, errors })
}
