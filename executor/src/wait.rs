//! `wait`: sleeps until the main containers have ended, then saves their outputs and reports them.

mod artifacts;
mod logs;
mod monitor;
pub mod plugins;
mod values;

use jiff::Timestamp;
use nix::sys::stat::{Mode, umask};
use serde_json::{Map, Value};

use crate::cli::Invocation;
use crate::events::Events;
use crate::failure::{Failure, os_text, path_error};
use crate::handover::Handed;
use crate::log;
use crate::paths::Paths;
use crate::report::{self, Reporter, TaskResult};
use crate::settings;
use crate::template::{self, Template};
pub use artifacts::Layers;

/// Errors of one run. The first is the container's last words; none of them stops what can still be saved.
#[derive(Debug, Default)]
pub struct Errors(Vec<String>);

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
pub fn run(asked: &Invocation, paths: &Paths) -> Result<(), Failure> {
    umask(Mode::empty());
    settings::required_of_pod()?;
    let json = template::read_environment_first(paths)?;
    let layers = Layers { mounted: artifacts::mounted_inputs(&json)? };
    // From here on, and in all threads, SIGTERM is only seen where it is looked for.
    let events = Events::new().map_err(|error| {
        Failure::new(format!("failed to listen to signals: {}", os_text(&error)))
    })?;
    let waiter = Waiter::new(asked, &json, layers, paths)?;
    // The JSON may be large, and main may run for long.
    drop(json);
    waiter.run(events, None)
}

/// All that can be wrong before main runs is checked when it is made.
pub struct Waiter<'a> {
    template: Template,
    deadline: Option<Timestamp>,
    reporter: Box<dyn Reporter>,
    result: TaskResult,
    layers: Layers,
    handed: Handed,
    paths: &'a Paths,
}

impl<'a> Waiter<'a> {
    /// From now on main can hand over its outputs. Needs signals to be blocked: it starts a thread.
    pub fn new(
        asked: &Invocation,
        json: &[u8],
        layers: Layers,
        paths: &'a Paths,
    ) -> Result<Self, Failure> {
        let template = Template::parse(json)?;
        if template.resource.is_some() {
            let mark = paths.wait_reports();
            std::fs::write(&mark, "")
                .map_err(|error| Failure::new(path_error("open", &mark, &error)))?;
        }
        Ok(Self {
            deadline: settings::deadline()?,
            reporter: report::reporter(asked)?,
            result: TaskResult::new()?,
            handed: Handed::listen(paths, layers.handed(&template)),
            template,
            layers,
            paths,
        })
    }

    /// `before` is why main could not start; then there are only logs to save.
    pub fn run(mut self, mut events: Events, before: Option<String>) -> Result<(), Failure> {
        let mut errors = Errors::default();
        let prepared = before.is_none();
        before.into_iter().for_each(|text| errors.add(text));
        // Main must be watched meanwhile: a first report that does not arrive is made up for by the later ones.
        if let Err(error) = self.reporter.send(&self.result) {
            log::warn("the first report will come later", &[("error", &error.to_string())]);
        }
        self.await_mains(&mut events, &mut errors)?;
        match self.collect(prepared, &mut errors) {
            Ok(outputs) => self.result.set_outputs(outputs),
            Err(failure) => errors.add(failure.to_string()),
        }
        errors.note(report::send(&mut *self.reporter, &self.result));
        let failed = !errors.0.is_empty();
        plugins::end(self.paths, &mut events, &mut errors);
        self.result.complete();
        errors.note(report::send(&mut *self.reporter, &self.result));
        match errors.0.into_iter().next() {
            Some(text) if failed => Err(Failure::new(text)),
            Some(text) => {
                crate::leave_message(&self.paths.termination_log, &text);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn await_mains(&mut self, events: &mut Events, errors: &mut Errors) -> Result<(), Failure> {
        let mut monitor = monitor::Monitor::new(&self.template, self.deadline, self.paths, events)?;
        let waited = monitor.run(events, |progress| {
            self.result.set_progress(progress);
            self.reporter.send(&self.result).map_err(|error| error.to_string())
        });
        errors.note(
            waited.map_err(|text| format!("failed to wait for main container to complete: {text}")),
        );
        Ok(())
    }

    fn collect(
        &mut self,
        prepared: bool,
        errors: &mut Errors,
    ) -> Result<Map<String, Value>, Failure> {
        let mut values = Map::new();
        let layers = std::mem::take(&mut self.layers);
        let saver = artifacts::Saver::new(&self.template, layers, self.handed.clone(), self.paths)?;
        let mut artifacts = Vec::new();
        if prepared && self.template.resource.is_none() {
            if let Some(Some(text)) = errors.note(values::result(&self.template, self.paths)) {
                values.insert("result".into(), text.into());
            }
            let parameters = values::parameters(&self.template, self.paths, &saver, errors);
            values.insert("parameters".into(), parameters.into());
            artifacts.extend(saver.save_all(errors));
        }
        artifacts.extend(logs::save(&saver, errors));
        values.insert("artifacts".into(), artifacts.into());
        Ok(values)
    }
}
