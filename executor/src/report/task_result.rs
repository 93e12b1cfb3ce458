//! Reports by a WorkflowTaskResult object: created once, then changed by merge patches with what is new.

use serde_json::{Map, Value, json};

use super::{COMPLETED, ReportError, Reporter, TaskResult};
use crate::kube::{Client, Error};
use crate::log;

const VERSION: &str = "argoproj.io/v1alpha1";
const PLURAL: &str = "workflowtaskresults";

/// Keeps what the server has, as far as we know.
pub(super) struct KubeReporter {
    client: Client,
    sent: Option<Value>,
    /// The pod, where the controller may be a v3.5 that reads its annotations if the service account may not do better.
    annotated_pod: Option<String>,
}

impl KubeReporter {
    pub fn new(client: Client, annotated_pod: Option<String>) -> Self {
        Self { client, sent: None, annotated_pod }
    }

    fn report(&mut self, result: &TaskResult) -> Result<(), Error> {
        let path = self.client.objects(VERSION, PLURAL);
        if self.sent.is_none() {
            match self.client.create(&path, &result.object) {
                Ok(_) => {
                    self.sent = Some(result.object.clone());
                    return Ok(());
                }
                // The answer to an earlier try was lost, or the other container of a resource template was first.
                Err(Error::Exists(_)) => self.sent = Some(result.skeleton()),
                Err(error) => return Err(error),
            }
        }
        let sent = self.sent.as_ref().unwrap_or(&Value::Null);
        let Some(patch) = difference(sent, &result.object) else { return Ok(()) };
        let name = result.object["metadata"]["name"].as_str().unwrap_or_default();
        match self.client.merge(&path, name, &patch) {
            Ok(_) => {}
            Err(Error::NotFound(_)) => drop(self.client.create(&path, &result.object)?),
            Err(error) => return Err(error),
        }
        self.sent = Some(result.object.clone());
        Ok(())
    }

    fn annotate(&self, pod: &str, result: &TaskResult) -> Result<(), Error> {
        let mut annotations = Map::new();
        if let Some(outputs) = result.object.get("outputs") {
            annotations.insert("workflows.argoproj.io/outputs".into(), outputs.to_string().into());
        }
        if let Some(progress) = result.object.get("progress") {
            annotations.insert("workflows.argoproj.io/progress".into(), progress.clone());
        }
        annotations
            .insert(COMPLETED.into(), result.object["metadata"]["labels"][COMPLETED].clone());
        let patch = json!({"metadata": {"annotations": annotations}});
        self.client.merge(&self.client.objects("v1", "pods"), pod, &patch).map(drop)
    }
}

impl Reporter for KubeReporter {
    fn send(&mut self, result: &TaskResult) -> Result<(), ReportError> {
        let error = match (self.report(result), &self.annotated_pod) {
            (Ok(()), _) => return Ok(()),
            (Err(denied @ Error::Denied(_)), Some(pod)) => {
                log::warn("the result goes to the pod", &[("reason", &denied.to_string())]);
                match self.annotate(pod, result) {
                    Ok(()) => return Ok(()),
                    Err(error) if error.retryable() => error,
                    Err(_) => denied,
                }
            }
            (Err(error), _) => error,
        };
        Err(ReportError { retryable: error.retryable(), text: error.to_string() })
    }
}

/// The merge patch from one report to a later one; `None` if there is nothing new. Reports only grow.
fn difference(sent: &Value, now: &Value) -> Option<Value> {
    let mut patch = Map::new();
    for field in ["outputs", "progress"] {
        if let Some(value) = now.get(field).filter(|value| sent.get(field) != Some(value)) {
            patch.insert(field.into(), value.clone());
        }
    }
    let completed = &now["metadata"]["labels"][COMPLETED];
    let labels = (*completed != sent["metadata"]["labels"][COMPLETED])
        .then(|| json!({"labels": {COMPLETED: completed}}));
    if patch.is_empty() && labels.is_none() {
        return None;
    }
    patch.insert("metadata".into(), labels.unwrap_or_else(|| json!({})));
    Some(patch.into())
}
