//! `resource ACTION`: does one thing to one Kubernetes object, waits for its conditions, reports values out of it.

mod action;
mod condition;
mod json_path;

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::cli::Invocation;
use crate::events::{Events, is_term};
use crate::failure::{Failure, os_text};
use crate::kube::{Client, Config, Error};
use crate::log;
use crate::paths::Paths;
use crate::report::{self, TaskResult};
use crate::settings;
use crate::template::{self, Template};
use action::{Action, Object};
use condition::{Requirement, Verdict};

/// The first pause between two looks at an object; later ones grow up to the interval that the environment sets.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Does what the template asks. The result is complete afterwards, unless `wait` has logs to add.
pub fn run(asked: &Invocation, paths: &Paths) -> Result<(), Failure> {
    settings::required_of_pod()?;
    let json = template::read_environment_first(paths)?;
    let template = Template::parse(&json)?;
    settings::deadline()?;
    let mut reporter = report::reporter(asked)?;
    let mut result = TaskResult::new()?;
    if let Err(error) = reporter.send(&result) {
        log::warn("the first report will come later", &[("error", &error.to_string())]);
    }
    let ended = attempt(asked, &json, &template);
    let ended = ended.and_then(|outputs| {
        result.set_outputs(outputs);
        report::send(&mut *reporter, &result).map_err(Failure::new)
    });
    if paths.wait_reports().exists() {
        return ended;
    }
    result.complete();
    let completed = report::send(&mut *reporter, &result).map_err(Failure::new);
    ended.and(completed)
}

fn attempt(
    asked: &Invocation,
    json: &[u8],
    template: &Template,
) -> Result<Map<String, Value>, Failure> {
    let mut events = Events::new().map_err(|error| {
        Failure::new(format!("failed to listen to signals: {}", os_text(&error)))
    })?;
    let resource = template
        .resource
        .as_ref()
        .ok_or_else(|| Failure::new("the template is no resource template"))?;
    let action = Action::parse(asked.words.first())?;
    let success = conditions("success", &resource.success_condition)?;
    let failure = conditions("fail", &resource.failure_condition)?;
    let waits = !success.is_empty() || !failure.is_empty();
    if action == Action::Delete && (waits || !template.outputs.parameters.is_empty()) {
        return Err(Failure::new(
            "successCondition, failureCondition and outputs are not supported for delete action",
        ));
    }
    let client = Client::new(Config::load(asked)?)?;
    let manifest = action::manifest(resource, json)?;
    let mut waiter = Waiter::new(&client, &mut events)?;
    let Some(object) = action::perform(action, resource, &manifest, &mut waiter)? else {
        return Ok(Map::new());
    };
    let object =
        if waits { waiter.until(&object, &success, &failure)? } else { waiter.get(&object)? };
    outputs(template, &object)
}

fn conditions(which: &str, text: &str) -> Result<Vec<Requirement>, Failure> {
    condition::parse(text)
        .map_err(|why| Failure::new(format!("{which} condition '{text}' failed to parse: {why}")))
}

/// The template's parameters with what the object says.
fn outputs(template: &Template, object: &Value) -> Result<Map<String, Value>, Failure> {
    let mut parameters = template.outputs.parameters.clone();
    for parameter in &mut parameters {
        let from = &parameter["valueFrom"];
        let path = from["jsonPath"].as_str().filter(|text| !text.is_empty());
        let filter = from["jqFilter"].as_str().filter(|text| !text.is_empty());
        let value = match (path, filter) {
            (Some(path), _) => json_path::render(path, object),
            (None, Some(filter)) => jq(filter, object),
            (None, None) => continue,
        };
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        parameter["value"] = value
            .map_err(|why| Failure::new(format!("failed to get output parameter {name}: {why}")))?
            .into();
    }
    Ok(Map::from_iter([("parameters".to_owned(), parameters.into())]))
}

/// Every result on a line: texts as they are, all else as compact JSON.
fn jq(filter: &str, object: &Value) -> Result<String, String> {
    let printed = lighter_artifacts::collect::filter(filter, object.to_string().into_bytes())
        .map_err(|error| error.to_string())?;
    let results = serde_json::Deserializer::from_slice(&printed).into_iter::<Value>();
    let lines = results.map(|value| match value {
        Ok(Value::String(text)) => Ok(text),
        Ok(other) => Ok(other.to_string()),
        Err(error) => Err(format!("jq printed what is no JSON: {error}")),
    });
    Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n").trim().to_owned())
}

/// Looks at objects again and again, without missing SIGTERM. A watch would need rights that the stock executor does not.
struct Waiter<'a> {
    client: &'a Client,
    events: &'a mut Events,
    longest: Duration,
}

impl<'a> Waiter<'a> {
    fn new(client: &'a Client, events: &'a mut Events) -> Result<Self, Failure> {
        let longest = match settings::duration("RESOURCE_STATE_CHECK_INTERVAL")? {
            Duration::ZERO => LONGEST_PAUSE,
            longest => longest,
        };
        Ok(Self { client, events, longest })
    }

    /// The object as it is now.
    fn get(&mut self, object: &Object) -> Result<Value, Failure> {
        action::retried(|| self.client.get(&object.path, &object.name))
    }

    /// The object when its conditions are met.
    fn until(
        &mut self,
        object: &Object,
        success: &[Requirement],
        failure: &[Requirement],
    ) -> Result<Value, Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.client.get(&object.path, &object.name) {
                Ok(now) => match condition::judge(success, failure, &now) {
                    Verdict::Met => return Ok(now),
                    Verdict::NotYet => {}
                    Verdict::Failed(text) => {
                        return Err(Failure::new(format!(
                            "failure condition '{text}' evaluated true"
                        )));
                    }
                },
                Err(Error::NotFound(text)) => {
                    return Err(Failure::new(format!(
                        "The resource has been deleted while its status was still being checked. Will not be retried: {text}"
                    )));
                }
                Err(error) if error.retryable() => {
                    log::warn("the object cannot be read now", &[("error", &error.to_string())]);
                }
                Err(error) => return Err(Failure::new(error.to_string())),
            }
            self.sleep(pause)?;
            pause = pause.mul_f64(1.5).min(self.longest);
        }
    }

    /// Returns when the object is gone, or another has taken its name.
    fn until_gone(&mut self, object: &Object, uid: &Value) -> Result<(), Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.client.get(&object.path, &object.name) {
                Ok(now) if now["metadata"]["uid"] == *uid => {}
                Ok(_) | Err(Error::NotFound(_)) => return Ok(()),
                Err(error) if error.retryable() => {}
                Err(error) => return Err(Failure::new(error.to_string())),
            }
            self.sleep(pause)?;
            pause = pause.mul_f64(1.5).min(self.longest);
        }
    }

    fn sleep(&mut self, pause: Duration) -> Result<(), Failure> {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            let signals = self.events.wait(Some(until)).map_err(|error| {
                Failure::new(format!("failed to wait for signals: {}", os_text(&error)))
            })?;
            if signals.into_iter().any(is_term) {
                return Err(Failure::new("terminated while waiting for the resource"));
            }
        }
        Ok(())
    }
}
