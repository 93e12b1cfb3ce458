//! The steps of a workflow as the lines of a tree, with wide loops folded to counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use lighter_api::{NodeStatus, Workflow};

use crate::nodes::{all, begun, is_inside, pieces, workflow_name};

/// What is left out.
#[derive(Clone, Copy, Debug)]
pub struct Fold {
    /// Loops with more items than this show only those that did not succeed, and counts.
    pub items: usize,
    /// Nodes that succeeded do not show what is below them.
    pub hide_done: bool,
}

/// One line.
#[derive(Clone, Debug)]
pub enum Row<'a> {
    Node {
        /// The tree's branches, e.g. ` │ └─`.
        branch: String,
        node: &'a NodeStatus,
    },
    /// Items of a loop that have no line of their own: how many are in which phase.
    Folded {
        branch: String,
        /// The loop's name.
        name: &'a str,
        counts: BTreeMap<&'a str, usize>,
    },
}

/// The lines of a workflow: its root first.
pub fn rows(workflow: &Workflow, fold: Fold) -> Vec<Row<'_>> {
    let name = workflow_name(workflow);
    let nodes = all(workflow);
    let mut members: HashMap<&str, Vec<&NodeStatus>> = HashMap::new();
    for node in nodes.values() {
        members.entry(node.boundary_id.as_str()).or_default().push(node);
    }
    let mut drawing = Drawing { nodes, members, fold, rows: Vec::new() };
    let exit = format!("{name}.onExit");
    if let Some(root) = nodes.get(name) {
        drawing.draw(root, String::new(), String::new(), 0);
    }
    if let Some(handler) = nodes.values().find(|node| node.name == exit) {
        drawing.draw(handler, String::new(), String::new(), 0);
    }
    drawing.rows
}

struct Drawing<'a> {
    nodes: &'a BTreeMap<String, NodeStatus>,
    members: HashMap<&'a str, Vec<&'a NodeStatus>>,
    fold: Fold,
    rows: Vec<Row<'a>>,
}

/// What hangs below a node: one thing, or several side by side.
enum Branch<'a> {
    One(&'a NodeStatus),
    Side(Vec<&'a NodeStatus>),
}

/// Deeper trees are cut: the engine allows a recursion of 100.
const DEEPEST: usize = 250;

impl<'a> Drawing<'a> {
    /// `branch` leads to the node's own line, `below` to those of its children.
    fn draw(&mut self, node: &'a NodeStatus, branch: String, below: String, depth: usize) {
        self.rows.push(Row::Node { branch, node });
        if depth > DEEPEST || self.fold.hide_done && node.phase == "Succeeded" {
            return;
        }
        let branches = self.branches(node);
        let last = branches.len().saturating_sub(1);
        for (position, branch) in branches.into_iter().enumerate() {
            let (tip, rest) = if position == last { ("└─", "  ") } else { ("├─", "│ ") };
            match branch {
                Branch::One(child) => {
                    self.draw(child, format!("{below}{tip}"), format!("{below}{rest}"), depth + 1);
                }
                Branch::Side(children) => self.draw_side(children, &below, (tip, rest), depth),
            }
        }
    }

    fn draw_side(
        &mut self,
        children: Vec<&'a NodeStatus>,
        below: &str,
        (tip, rest): (&str, &str),
        depth: usize,
    ) {
        let name = children.first().map(|child| loop_name(&child.display_name)).unwrap_or_default();
        let (shown, counts) = self.folded(children);
        let folded = !counts.is_empty();
        let last = shown.len().saturating_sub(1);
        for (position, child) in shown.iter().enumerate() {
            let is_last = position == last && !folded;
            let (lead, after) = match (position, is_last) {
                (0, true) => (format!("{tip}──"), "  "),
                (0, false) => (format!("{tip}┬─"), "│ "),
                (_, true) => (format!("{rest}└─"), "  "),
                (_, false) => (format!("{rest}├─"), "│ "),
            };
            self.draw(child, format!("{below}{lead}"), format!("{below}{rest}{after}"), depth + 1);
        }
        if folded {
            let lead = if shown.is_empty() { tip.to_string() } else { format!("{rest}└─") };
            self.rows.push(Row::Folded { branch: format!("{below}{lead}"), name, counts });
        }
    }

    /// Which children of a wide loop are shown, and the counts of the others.
    fn folded(
        &self,
        children: Vec<&'a NodeStatus>,
    ) -> (Vec<&'a NodeStatus>, BTreeMap<&'a str, usize>) {
        let mut counts = BTreeMap::new();
        if children.len() <= self.fold.items {
            return (children, counts);
        }
        let mut shown = Vec::new();
        // What went wrong first, then what is going on.
        let rank = |node: &&&NodeStatus| match node.phase.as_str() {
            "Failed" | "Error" => 0,
            "Running" => 1,
            _ => 2,
        };
        let mut ranked: Vec<&&NodeStatus> = children.iter().filter(|node| rank(node) < 2).collect();
        ranked.sort_by_key(rank);
        ranked.truncate(self.fold.items);
        let kept: HashSet<&str> = ranked.into_iter().map(|node| node.id.as_str()).collect();
        for child in children {
            match kept.contains(child.id.as_str()) {
                true => shown.push(child),
                false => *counts.entry(child.phase.as_str()).or_default() += 1,
            }
        }
        (shown, counts)
    }

    fn branches(&self, node: &'a NodeStatus) -> Vec<Branch<'a>> {
        let mut branches = match node.r#type.as_str() {
            "Steps" => self.groups(node),
            "DAG" => self.tasks(node),
            "TaskGroup" => vec![Branch::Side(self.inside(node))],
            _ => self.inside(node).into_iter().map(Branch::One).collect(),
        };
        branches.retain(|branch| !matches!(branch, Branch::Side(nodes) if nodes.is_empty()));
        branches
    }

    /// The step groups of a steps node; the steps of one group are side by side.
    fn groups(&self, node: &'a NodeStatus) -> Vec<Branch<'a>> {
        let members = self.members.get(node.id.as_str()).into_iter().flatten();
        let mut groups: Vec<_> = members.filter(|n| n.r#type == "StepGroup").collect();
        groups.sort_by_cached_key(|group| pieces(&group.name));
        let mut branches = Vec::new();
        for group in groups {
            let mut steps = self.inside(group);
            match steps.len() {
                1 => branches.extend(steps.pop().map(Branch::One)),
                _ => branches.push(Branch::Side(steps)),
            }
        }
        branches.extend(self.hooks(node));
        branches
    }

    /// The tasks of a DAG, without those that are drawn below a loop or a retry.
    fn tasks(&self, node: &'a NodeStatus) -> Vec<Branch<'a>> {
        let members = self.members.get(node.id.as_str()).into_iter().flatten();
        let mut inner = HashSet::new();
        for member in members.clone() {
            inner.extend(self.inside(member).iter().map(|child| child.id.as_str()));
        }
        let outer = members.copied().filter(|member| !inner.contains(member.id.as_str()));
        let mut tasks: Vec<&NodeStatus> = outer.collect();
        tasks.sort_by_cached_key(|task| begun(task));
        tasks.into_iter().map(Branch::One).collect()
    }

    /// Hooks of a node that is a boundary.
    fn hooks(&self, node: &'a NodeStatus) -> Vec<Branch<'a>> {
        let is_hook = |child: &&NodeStatus| {
            child.node_flag.as_ref().and_then(|flag| flag.hooked) == Some(true)
                && is_inside(child, node)
        };
        let children = node.children.iter().filter_map(|id| self.nodes.get(id));
        children.filter(is_hook).map(Branch::One).collect()
    }

    /// Items, attempts and hooks of a node.
    fn inside(&self, node: &'a NodeStatus) -> Vec<&'a NodeStatus> {
        let children = node.children.iter().filter_map(|id| self.nodes.get(id));
        let mut found: Vec<_> = children.filter(|child| is_inside(child, node)).collect();
        found.sort_by_cached_key(|child| pieces(&child.name));
        found
    }
}

/// `map` of the item `map(3:x)`.
fn loop_name(item: &str) -> &str {
    item.split_once('(').map_or(item, |(name, _)| name)
}

/// `3 running, 5 pending`.
pub fn counted(counts: &BTreeMap<&str, usize>) -> String {
    let words = [
        ("Succeeded", "succeeded"),
        ("Running", "running"),
        ("Pending", "pending"),
        ("Failed", "failed"),
        ("Error", "in error"),
        ("Skipped", "skipped"),
        ("Omitted", "omitted"),
    ];
    let parts = words
        .iter()
        .filter_map(|(phase, word)| counts.get(phase).map(|count| format!("{count} {word}")));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
