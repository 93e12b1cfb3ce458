//! The node tree in the workflow's status: creating nodes, their phases, children and outbound nodes.

use jiff::Timestamp;
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use lighter_api::{Inputs, NodeFlag, NodeStatus, TemplateRef, WorkflowStatus};

use crate::engine::Engine;
use crate::phase::{self, kind};
use crate::pod::{node_id, pod_name};
use crate::run::{Home, Key};

/// What a new node is made of, beside its name.
#[derive(Debug, Default)]
pub(crate) struct NewNode {
    pub r#type: &'static str,
    pub phase: &'static str,
    pub message: String,
    pub boundary: Option<Key>,
    pub template_name: String,
    pub template_ref: Option<TemplateRef>,
    pub template_scope: String,
    pub flag: Option<NodeFlag>,
    pub inputs: Option<Inputs>,
}

impl Engine {
    /// The workflow's name.
    pub(crate) fn name(&self) -> &str {
        self.workflow.metadata.as_ref().and_then(|m| m.name.as_deref()).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> &WorkflowStatus {
        self.workflow.status.as_ref().expect("Engine::new sets the status")
    }

    pub(crate) fn status_mut(&mut self) -> &mut WorkflowStatus {
        self.workflow.status.get_or_insert_default()
    }

    /// The id of a node. Argo's ids are short hashes: where another node has this one already, a number is added.
    pub(crate) fn id_of(&self, node_name: &str) -> String {
        let id = node_id(self.name(), node_name);
        let taken = |id: &str| self.node(id).is_some_and(|node| node.name != node_name);
        if !taken(&id) {
            return id;
        }
        let numbered = (2..).map(|n: u32| format!("{id}-{n}")).find(|id| !taken(id));
        numbered.unwrap_or(id)
    }

    /// The name of a node's pod; numbered as its id is.
    pub(crate) fn pod_name_of(&self, template: &str, node_name: &str, id: &str) -> String {
        let name = pod_name(self.name(), template, node_name);
        let number = id.strip_prefix(&node_id(self.name(), node_name)).unwrap_or_default();
        format!("{name}{number}")
    }

    pub(crate) fn node(&self, id: &str) -> Option<&NodeStatus> {
        self.status().nodes.get(id)
    }

    /// A node to be changed; it counts as changed.
    pub(crate) fn node_mut(&mut self, id: &str) -> Option<&mut NodeStatus> {
        let node = self.workflow.status.as_mut()?.nodes.get_mut(id)?;
        if !self.changed.contains(id) {
            self.changed.insert(id.to_owned());
        }
        Some(node)
    }

    /// The phase of a node; empty if there is none.
    pub(crate) fn phase_of(&self, id: &str) -> &str {
        self.node(id).map_or("", |node| node.phase.as_str())
    }

    /// Now, in whole seconds as all times of a status.
    pub(crate) fn second(&self) -> Time {
        Time(Timestamp::from_second(self.now.as_second()).unwrap_or(self.now))
    }

    /// As in `templateScope`.
    pub(crate) fn scope_text(&self, home: &Home) -> String {
        match home {
            Home::Local => format!("local/{}", self.name()),
            Home::Namespaced(name) => format!("namespaced/{name}"),
            Home::Cluster(name) => format!("cluster/{name}"),
        }
    }

    /// Adds a node, unless there is one of this name already. Returns its id.
    pub(crate) fn create_node(&mut self, name: &str, new: NewNode) -> String {
        let id = self.id_of(name);
        if self.node(&id).is_some() {
            return id;
        }
        let boundary = new.boundary.and_then(|key| self.runs.get(key));
        let display_name = match boundary {
            Some(boundary) => display_name(name, &boundary.name),
            None => name.to_owned(),
        };
        let boundary_id = boundary.map(|run| run.id.clone()).unwrap_or_default();
        let now = self.second();
        let node = NodeStatus {
            id: id.clone(),
            name: name.to_owned(),
            display_name,
            boundary_id,
            r#type: new.r#type.to_owned(),
            phase: new.phase.to_owned(),
            message: new.message,
            template_name: new.template_name,
            template_ref: new.template_ref,
            template_scope: new.template_scope,
            node_flag: new.flag,
            inputs: new.inputs,
            started_at: Some(now.clone()),
            finished_at: phase::fulfilled(new.phase).then_some(now),
            progress: if matches!(new.r#type, kind::POD | kind::SUSPEND) {
                "0/1".to_owned()
            } else {
                String::new()
            },
            task_result_synced: (new.r#type == kind::POD).then_some(true),
            ..NodeStatus::default()
        };
        self.status_mut().nodes.insert(id.clone(), node);
        self.changed.insert(id.clone());
        id
    }

    /// Draws an edge, once.
    pub(crate) fn link(&mut self, parent: &str, child: &str) {
        if self.restored_edges.contains(&(parent.to_owned(), child.to_owned())) {
            return;
        }
        let Some(node) = self.workflow.status.as_mut().and_then(|s| s.nodes.get_mut(parent)) else {
            return;
        };
        if node.children.len() < 32 && node.children.iter().any(|c| c == child) {
            return;
        }
        node.children.push(child.to_owned());
        // A node with many children is not saved again for each of them: they are found again after a restart.
        if node.children.len().is_multiple_of(save_step(node.children.len())) {
            self.changed.insert(parent.to_owned());
        }
    }

    /// Sets the phase and, if there is one, the message; the first end of a node is the time at which it finished.
    pub(crate) fn set_phase(&mut self, id: &str, phase: &str, message: Option<&str>) {
        let now = self.second();
        let Some(node) = self.node(id) else { return };
        let same = node.phase == phase && message.is_none_or(|text| text == node.message);
        if same && (!phase::fulfilled(phase) || node.finished_at.is_some()) {
            return;
        }
        let Some(node) = self.node_mut(id) else { return };
        node.phase = phase.to_owned();
        if let Some(message) = message {
            node.message = message.to_owned();
        }
        if phase::fulfilled(phase) && node.finished_at.is_none() {
            node.finished_at = Some(now);
        }
    }

    /// The nodes that what follows `id` hangs under.
    pub(crate) fn outbound(&self, id: &str) -> Vec<String> {
        let Some(node) = self.node(id) else { return Vec::new() };
        match node.r#type.as_str() {
            kind::TASK_GROUP if node.children.is_empty() => vec![id.to_owned()],
            kind::TASK_GROUP => node.children.iter().flat_map(|c| self.outbound(c)).collect(),
            kind::RETRY => self.last_attempt(node).into_iter().collect(),
            kind::STEPS | kind::DAG => {
                node.outbound_nodes.iter().flat_map(|c| self.outbound(c)).collect()
            }
            _ => vec![id.to_owned()],
        }
    }

    /// The last attempt of a Retry node.
    pub(crate) fn last_attempt(&self, retry: &NodeStatus) -> Option<String> {
        retry.children.iter().rev().find(|id| self.node(id).is_some_and(is_attempt)).cloned()
    }
}

/// True for the attempts of a Retry node.
pub(crate) fn is_attempt(node: &NodeStatus) -> bool {
    node.node_flag.as_ref().is_some_and(|flag| flag.retried == Some(true))
}

/// The name inside its boundary: `wf[0].a` in `wf` is `a`, `wf[0]` is `[0]`.
fn display_name(name: &str, boundary: &str) -> String {
    let rest = name.strip_prefix(boundary).unwrap_or(name);
    if let Some(plain) = rest.strip_prefix('.') {
        return plain.to_owned();
    }
    let group = rest.strip_prefix('[').and_then(|r| r.split_once("]."));
    match group {
        Some((digits, plain)) if digits.bytes().all(|b| b.is_ascii_digit()) => plain.to_owned(),
        _ => rest.to_owned(),
    }
}

/// How many children are added between two times that their parent counts as changed: about a tenth of them.
fn save_step(children: usize) -> usize {
    let mut step = 1;
    while step * 100 <= children {
        step *= 10;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_are_cut_at_the_boundary() {
        assert_eq!(display_name("wf[0]", "wf"), "[0]");
        assert_eq!(display_name("wf[0].a", "wf"), "a");
        assert_eq!(display_name("wf[0].a(0:x)(1)", "wf"), "a(0:x)(1)");
        assert_eq!(display_name("wf.t", "wf"), "t");
        assert_eq!(display_name("wf.t.onExit", "wf"), "t.onExit");
        assert_eq!(display_name("wf[0].d[1]", "wf[0].d"), "[1]");
    }

    #[test]
    fn large_parents_are_saved_now_and_then() {
        assert_eq!([1, 99, 100, 999, 1000, 10_000].map(save_step), [1, 1, 10, 10, 100, 1000]);
    }
}
