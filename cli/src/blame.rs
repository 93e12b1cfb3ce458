//! Why a workflow failed: the step, the last lines of its log, and how to see more.

use std::path::Path;

use lighter_api::{NodeStatus, Workflow};

use crate::logs;
use crate::nodes::{self, all, is_bad, workflow_name};
use crate::text::Paint;

/// What went wrong, with the last lines of its log, and how to see more.
pub fn failure(state: &Path, workflow: &Workflow, paint: Paint) -> String {
    let Some(status) = workflow.status.as_ref().filter(|status| is_bad(&status.phase)) else {
        return String::new();
    };
    let root = workflow_name(workflow);
    let stopped = workflow.spec.as_ref().is_some_and(|spec| !spec.shutdown.is_empty());
    // A workflow of one step is to blame itself; one of many is only when no step is.
    let step = culprit(workflow).filter(|node| node.id != root || !nodes::is_group(node));
    let step = step.filter(|_| !stopped);
    let Some(node) = step else {
        return match status.message.is_empty() {
            true => String::new(),
            false => format!("{} {}\n", paint.red("error:"), status.message),
        };
    };
    let mut text = String::new();
    let path = nodes::path(workflow, node);
    let template = match node.template_name.is_empty() {
        true => String::new(),
        false => format!(" (template `{}`)", node.template_name),
    };
    text.push_str(&format!(
        "{} step `{path}`{template}: {}\n",
        paint.red("error:"),
        if node.message.is_empty() { &node.phase } else { &node.message },
    ));
    if node.r#type == "Pod" {
        let container = failed_container(&node.message);
        let pod = nodes::pod_name(workflow, node);
        for line in logs::last_lines(state, &pod, container, LAST_LINES) {
            text.push_str(&format!("{} {line}\n", paint.dim("  |")));
        }
        let option = match container {
            "main" => String::new(),
            other => format!("-c {other} "),
        };
        let name = workflow_name(workflow);
        let step = quoted(&node.display_name);
        text.push_str(&format!("the whole log: `lighter logs {option}{name} {step}`\n"));
    }
    text
}

/// Lines of a failed step's log that are shown.
const LAST_LINES: usize = 10;

/// The container that a failed node's message begins with, if it is the executor's.
fn failed_container(message: &str) -> &str {
    match message.split_once(':') {
        Some((name @ ("init" | "wait" | "supervisor"), _)) => name,
        _ => "main",
    }
}

/// The node whose failure was the workflow's: where the messages of failed groups lead, then the last that failed there.
fn culprit(workflow: &Workflow) -> Option<&NodeStatus> {
    let nodes = all(workflow);
    let mut at = nodes.get(workflow_name(workflow))?;
    // Bounded: a status that was tampered with could go round in circles.
    for _ in 0..200 {
        let mut named = at.message.rsplit('\'').filter_map(|word| nodes.get(word));
        let Some(next) = named.find(|node| is_bad(&node.phase) && node.id != at.id) else {
            break;
        };
        at = next;
    }
    let below = nodes.values().filter(|node| is_bad(&node.phase) && nodes::is_inside(node, at));
    let work = below.filter(|node| !nodes::is_group(node));
    let last = work.max_by_key(|node| (node.finished_at.as_ref().map(|time| time.0), &node.name));
    last.or(Some(at).filter(|node| is_bad(&node.phase)))
}

/// A name as a shell takes it.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    match !name.is_empty() && name.chars().all(plain) {
        true => name.to_string(),
        false => format!("'{}'", name.replace('\'', r"'\''")),
    }
}
