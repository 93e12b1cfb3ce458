//! Finished and unfinished workflows in print: the tree of `get`, the table of `list`, the end of `run`.

use std::path::Path;

use jiff::Timestamp;
use lighter_api::{Artifact, NodeStatus, Outputs, Workflow, WorkflowStatus};
use lighter_local::state::{Summary, WorkflowLock};

use crate::args::Form;
use crate::failure::Failure;
use crate::nodes::{all, workflow_name};
use crate::text::{Paint, one_line, symbol, table, whole_seconds};
use crate::tree::{Fold, Row, counted, rows};

/// How much of a wide loop is printed when there is no screen to fit.
pub const FOLD: Fold = Fold { items: 24, hide_done: false };

/// A workflow in one of the forms of `-o`.
pub fn workflow(workflow: &Workflow, form: Form, paint: Paint) -> Result<String, Failure> {
    let failed = |e: serde_json::Error| Failure::failed(format!("cannot print the workflow: {e}"));
    match form {
        Form::Json => serde_json::to_string_pretty(workflow).map(|t| t + "\n").map_err(failed),
        Form::Yaml => lighter_api::to_yaml(workflow).map_err(failed),
        Form::Tree => Ok(tree(workflow, paint)),
    }
}

/// The head of a workflow and its steps.
fn tree(workflow: &Workflow, paint: Paint) -> String {
    let now = Timestamp::now();
    let mut text = head(workflow, now, paint);
    text.push('\n');
    for row in rows(workflow, FOLD) {
        text.push_str(&self::row(&row, now, paint));
        text.push('\n');
    }
    text.push_str(&outputs(workflow));
    text
}

fn head(workflow: &Workflow, now: Timestamp, paint: Paint) -> String {
    let mut lines = vec![vec!["Name:".to_string(), workflow_name(workflow).to_string()]];
    let mut add = |key: &str, value: String| {
        if !value.is_empty() {
            lines.push(vec![format!("{key}:"), value]);
        }
    };
    let unborn = WorkflowStatus::default();
    let status = workflow.status.as_ref().unwrap_or(&unborn);
    let phase = if status.phase.is_empty() { "Pending" } else { &status.phase };
    add("Status", paint.phase(phase, phase));
    add("Message", one_line(&status.message, 500));
    let time = |time: &Option<
        lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time,
    >| { time.as_ref().map(|t| t.0.to_string()).unwrap_or_default() };
    add("Started", time(&status.started_at));
    add("Finished", time(&status.finished_at));
    add("Duration", span(&status.started_at, &status.finished_at, now));
    add("Progress", status.progress.clone());
    let mut text = table(&lines);
    text.push_str(&arguments(workflow));
    text
}

fn arguments(workflow: &Workflow) -> String {
    let arguments = workflow.spec.as_ref().and_then(|spec| spec.arguments.as_ref());
    let Some(arguments) = arguments.filter(|a| !a.parameters.is_empty()) else {
        return String::new();
    };
    let mut lines = Vec::new();
    for parameter in &arguments.parameters {
        let value = parameter.value.as_ref().map(ToString::to_string).unwrap_or_default();
        lines.push(vec![format!("  {}:", parameter.name), one_line(&value, 200)]);
    }
    format!("Parameters:\n{}", table(&lines))
}

/// What a workflow gives: output parameters and artifacts of its entrypoint, and global ones.
pub fn outputs(workflow: &Workflow) -> String {
    let root = all(workflow).get(workflow_name(workflow)).and_then(|node| node.outputs.as_ref());
    let global = workflow.status.as_ref().and_then(|status| status.outputs.as_ref());
    let mut parameters = Vec::new();
    let mut artifacts = Vec::new();
    let mut add = |outputs: &Outputs, prefix: &str| {
        for parameter in &outputs.parameters {
            let value = parameter.value.as_ref().map(ToString::to_string).unwrap_or_default();
            parameters.push(vec![format!("  {}:", parameter.name), one_line(&value, 300)]);
        }
        for artifact in outputs.artifacts.iter().filter(|a| !is_log(a)) {
            artifacts.push(format!("  {prefix}{}\n", artifact.name));
        }
    };
    if let Some(root) = root {
        add(root, &format!("{}/", workflow_name(workflow)));
    }
    if let Some(global) = global {
        add(global, "");
    }
    let mut text = String::new();
    if !parameters.is_empty() {
        text.push_str("Output parameters:\n");
        text.push_str(&table(&parameters));
    }
    if !artifacts.is_empty() {
        let name = workflow_name(workflow);
        text.push_str(&format!(
            "Output artifacts (`lighter artifacts cat {name} …`, `cp`, `ls`):\n"
        ));
        text.extend(artifacts);
    }
    text
}

/// Kept logs are listed by `artifacts ls`, not as a result.
fn is_log(artifact: &Artifact) -> bool {
    artifact.name.ends_with("-logs")
}

/// One line of a tree.
pub fn row(row: &Row<'_>, now: Timestamp, paint: Paint) -> String {
    match row {
        Row::Folded { branch, name, counts } => {
            let text = format!("… {}: {}", one_line(name, 80), counted(counts));
            format!(" {} {}", paint.dim(branch), paint.dim(&text))
        }
        Row::Node { branch, node } => {
            let name = one_line(&node.display_name, 80);
            let mut line = format!(" {}{} {name}", paint.dim(branch), paint.symbol(&node.phase));
            let time = span(&node.started_at, &node.finished_at, now);
            let details = [time, group_progress(node), one_line(&node.message, 300)];
            for part in details.into_iter().filter(|part| !part.is_empty()) {
                line.push_str("  ");
                line.push_str(&paint.dim(&part));
            }
            line
        }
    }
}

/// How many steps below a group are done; steps alone are done or not.
fn group_progress(node: &NodeStatus) -> String {
    match node.r#type.as_str() {
        "Steps" | "DAG" | "TaskGroup" => node.progress.clone(),
        _ => String::new(),
    }
}

type Time = Option<lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>;

fn span(from: &Time, to: &Time, now: Timestamp) -> String {
    let Some(from) = from else { return String::new() };
    let to = to.as_ref().map_or(now, |time| time.0);
    whole_seconds(to.as_second() - from.0.as_second())
}

/// The table of `list`.
pub fn list(state: &Path, summaries: &[Summary], now: Timestamp, paint: Paint) -> String {
    let head = ["NAME", "STATUS", "AGE", "DURATION", "PROGRESS", "MESSAGE"];
    let mut lines = vec![head.iter().map(ToString::to_string).collect::<Vec<_>>()];
    for summary in summaries {
        let now = now.as_millisecond();
        // Ends are known to the second.
        let age = |from: i64, to: i64| whole_seconds(to / 1000 - from / 1000);
        let end = summary.finished.unwrap_or(now);
        lines.push(vec![
            summary.name.clone(),
            standing(state, summary, paint),
            age(summary.created, now),
            age(summary.created, end),
            summary.progress.clone(),
            one_line(&summary.message, 80),
        ]);
    }
    table(&lines)
}

/// The phase, and whether anybody works on it.
fn standing(state: &Path, summary: &Summary, paint: Paint) -> String {
    let phase = if summary.phase.is_empty() { "Pending" } else { &summary.phase };
    let shown = format!("{} {}", paint.symbol(phase), paint.phase(phase, phase));
    match summary.is_finished() || WorkflowLock::holder(state, summary).is_some() {
        true => shown,
        false => format!("{} {}", symbol(""), "Interrupted"),
    }
}
