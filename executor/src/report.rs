//! What the executor tells the controller: a WorkflowTaskResult, and the ways to send it.

mod file;
mod task_result;

use std::fmt;

use serde_json::{Map, Value, json};

use crate::cli::Invocation;
use crate::failure::Failure;
use crate::kube::{Client, Config};
use crate::retry::Backoff;
use crate::settings;
use file::FileReporter;
use task_result::KubeReporter;

const COMPLETED: &str = "workflows.argoproj.io/report-outputs-completed";

/// A pod's task result as it stands now.
#[derive(Debug)]
pub struct TaskResult {
    object: Value,
}

impl TaskResult {
    /// The first report: named as the node, owned by the workflow, not complete.
    pub fn new() -> Result<Self, Failure> {
        let workflow = settings::text("ARGO_WORKFLOW_NAME").unwrap_or_default();
        let mut labels = Map::new();
        labels.insert("workflows.argoproj.io/workflow".into(), workflow.clone().into());
        labels.insert(COMPLETED.into(), "false".into());
        if let Some(id) = settings::text("ARGO_INSTANCE_ID") {
            labels.insert("workflows.argoproj.io/controller-instanceid".into(), id.into());
        }
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTaskResult",
            "metadata": {
                "name": settings::required("ARGO_NODE_ID")?,
                "labels": labels,
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Workflow",
                    "name": workflow,
                    "uid": settings::text("ARGO_WORKFLOW_UID").unwrap_or_default(),
                }],
            },
        });
        Ok(Self { object })
    }

    /// Sets what the step gave. Empty lists are left out.
    pub fn set_outputs(&mut self, outputs: Map<String, Value>) {
        let outputs: Map<_, _> = outputs
            .into_iter()
            .filter(|(_, value)| value.as_array().is_none_or(|list| !list.is_empty()))
            .collect();
        if !outputs.is_empty() {
            self.object["outputs"] = outputs.into();
        }
    }

    /// Sets the progress, `N/M`.
    pub fn set_progress(&mut self, progress: &str) {
        self.object["progress"] = progress.into();
    }

    /// What the first report said.
    fn skeleton(&self) -> Value {
        let mut object = self.object.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.remove("outputs");
            fields.remove("progress");
        }
        object["metadata"]["labels"][COMPLETED] = "false".into();
        object
    }

    /// Says that nothing more will follow.
    pub fn complete(&mut self) {
        self.object["metadata"]["labels"][COMPLETED] = "true".into();
    }
}

/// A way to the controller.
pub trait Reporter {
    /// Sends the whole result, or what is new in it since the last report that arrived. One try.
    fn send(&mut self, result: &TaskResult) -> Result<(), ReportError>;
}

/// Why a report did not arrive.
#[derive(Debug)]
pub struct ReportError {
    pub text: String,
    /// Whether it may arrive a little later.
    pub retryable: bool,
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to report the task result: {}", self.text)
    }
}

/// The reporter that the environment asks for: a file that the local runner has named, else the API server.
pub fn reporter(asked: &Invocation) -> Result<Box<dyn Reporter>, Failure> {
    if let Some(path) = std::env::var_os("LIGHTER_TASK_RESULT").filter(|path| !path.is_empty()) {
        return Ok(Box::new(FileReporter { path: path.into() }));
    }
    let client = Client::new(Config::load(asked)?)?;
    // Only a v3.5 controller gives the template to `wait` in the environment.
    let legacy = asked.role.as_deref() == Some("wait") && settings::text("ARGO_TEMPLATE").is_some();
    let pod = settings::text("ARGO_POD_NAME").filter(|_| legacy);
    Ok(Box::new(KubeReporter::new(client, pod)))
}

/// Sends with retries.
pub fn send(reporter: &mut dyn Reporter, result: &TaskResult) -> Result<(), String> {
    Backoff::for_reports()
        .run(|| reporter.send(result), |error| error.retryable)
        .map_err(|error| error.to_string())
}
