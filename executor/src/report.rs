//! What the executor tells the controller: a WorkflowTaskResult, and the ways to send it.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::failure::{Failure, path_error};
use crate::retry::Backoff;
use crate::settings;

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

    /// Says that nothing more will follow.
    pub fn complete(&mut self) {
        self.object["metadata"]["labels"][COMPLETED] = "true".into();
    }
}

/// A way to the controller.
pub trait Reporter {
    /// Sends the whole result; what was sent before is replaced.
    fn send(&self, result: &TaskResult) -> Result<(), ReportError>;
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
        f.write_str(&self.text)
    }
}

/// The reporter that the environment asks for.
pub fn reporter() -> Result<Box<dyn Reporter>, Failure> {
    match std::env::var_os("LIGHTER_TASK_RESULT") {
        Some(path) if !path.is_empty() => Ok(Box::new(FileReporter { path: path.into() })),
        _ => Err(Failure::new(
            "LIGHTER_TASK_RESULT is not set: this version of Lighter reports to a file only, which `lighter run` names; it cannot report to a Kubernetes API server yet",
        )),
    }
}

/// Sends with retries.
pub fn send(reporter: &dyn Reporter, result: &TaskResult) -> Result<(), String> {
    Backoff::for_reports()
        .run(|| reporter.send(result), |error| error.retryable)
        .map_err(|error| format!("failed to report the task result: {error}"))
}

/// Reports by a file that the local runner watches.
struct FileReporter {
    path: PathBuf,
}

impl Reporter for FileReporter {
    fn send(&self, result: &TaskResult) -> Result<(), ReportError> {
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(".tmp");
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(result.object.to_string().as_bytes()).and_then(|()| file.sync_data())
            })
            .and_then(|()| fs::rename(&temporary, &self.path));
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            let retryable = matches!(
                error.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::Interrupted
            );
            ReportError { text: path_error("write", &self.path, &error), retryable }
        })
    }
}
