//! Nodes of a workflow: finding them by what people call them, and what lies below them.

use std::collections::BTreeMap;

use lighter_api::{NodeStatus, Workflow};

use crate::failure::Failure;

/// The nodes by id; none before the workflow has begun.
pub fn all(workflow: &Workflow) -> &BTreeMap<String, NodeStatus> {
    static NONE: BTreeMap<String, NodeStatus> = BTreeMap::new();
    workflow.status.as_ref().map_or(&NONE, |status| &status.nodes)
}

/// The workflow's name.
pub fn workflow_name(workflow: &Workflow) -> &str {
    workflow.metadata.as_ref().and_then(|m| m.name.as_deref()).unwrap_or_default()
}

/// Whether nothing more happens to a node.
pub fn is_over(node: &NodeStatus) -> bool {
    matches!(node.phase.as_str(), "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted")
}

/// Whether a node, or the workflow, did not do what it should.
pub fn is_bad(phase: &str) -> bool {
    matches!(phase, "Failed" | "Error")
}

/// Whether a node stands for others and does nothing itself.
pub fn is_group(node: &NodeStatus) -> bool {
    matches!(node.r#type.as_str(), "Steps" | "StepGroup" | "DAG" | "TaskGroup" | "Retry")
}

/// The nodes with this id, full name or display name, in the order they began.
pub fn find<'a>(workflow: &'a Workflow, name: &str) -> Result<Vec<&'a NodeStatus>, Failure> {
    let nodes = all(workflow);
    if let Some(node) = nodes.get(name) {
        return Ok(vec![node]);
    }
    if let Some(node) = nodes.values().find(|node| node.name == name) {
        return Ok(vec![node]);
    }
    let mut found: Vec<_> = nodes.values().filter(|node| node.display_name == name).collect();
    found.sort_by_cached_key(|node| begun(node));
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<&str> = nodes.values().map(|node| node.display_name.as_str()).collect();
    let hint = match lighter_api::nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`lighter get {}` shows its nodes", workflow_name(workflow)),
    };
    Err(Failure::invalid(format!(
        "workflow `{}` has no node `{name}`; {hint}",
        workflow_name(workflow)
    )))
}

/// The pods of nodes and of all nodes below them, in the order they began.
pub fn pods_below<'a>(workflow: &'a Workflow, roots: &[&NodeStatus]) -> Vec<&'a NodeStatus> {
    let below =
        |node: &&NodeStatus| roots.iter().any(|root| root.id == node.id || is_inside(node, root));
    let pods = all(workflow).values().filter(|node| node.r#type == "Pod");
    let mut pods: Vec<_> = pods.filter(below).collect();
    pods.sort_by_cached_key(|node| begun(node));
    pods
}

/// Children of a node are also those that come next; the ones that belong to it carry its name before theirs.
pub fn is_inside(child: &NodeStatus, node: &NodeStatus) -> bool {
    let rest = child.name.strip_prefix(node.name.as_str());
    rest.is_some_and(|rest| rest.starts_with(['(', '[', '.']))
}

/// The order of nodes in time; names count up where times are equal.
pub fn begun(node: &NodeStatus) -> (Option<i64>, Vec<Piece>) {
    let time = node.started_at.as_ref().map(|time| time.0.as_second());
    (time, pieces(&node.name))
}

/// A part of a name: a number or anything else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    Number(u64),
    Text(String),
}

/// Cuts a name so that `x(2:b)` comes before `x(10:a)`.
pub fn pieces(name: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let numeric = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != numeric).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        found.push(match piece.parse() {
            Ok(number) if numeric => Piece::Number(number),
            _ => Piece::Text(piece.to_string()),
        });
        rest = after;
    }
    found
}

/// A node's place in the workflow in words: the display names from the entrypoint's steps down, `generate.b(3:x)`.
pub fn path(workflow: &Workflow, node: &NodeStatus) -> String {
    let nodes = all(workflow);
    let mut names = vec![node.display_name.as_str()];
    let mut at = node;
    // A status that was tampered with could go round in circles.
    for _ in 0..200 {
        let Some(boundary) = nodes.get(&at.boundary_id) else { break };
        if boundary.boundary_id.is_empty() {
            break;
        }
        names.push(&boundary.display_name);
        at = boundary;
    }
    names.reverse();
    names.join(".")
}

/// The name of a node's pod.
pub fn pod_name(workflow: &Workflow, node: &NodeStatus) -> String {
    let template = match &node.template_ref {
        Some(reference) => &reference.template,
        None => &node.template_name,
    };
    lighter_engine::pod::pod_name(workflow_name(workflow), template, &node.name)
}
