//! Progress and resource seconds, summed up from the pods to the workflow.

use std::collections::{BTreeMap, HashMap};

use lighter_api::NodeStatus;

use crate::engine::Engine;
use crate::phase::{self, kind};
use crate::pod_status::Verdict;
use crate::run::Key;

/// Sums over the pods below a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    done: i64,
    total: i64,
    resources: BTreeMap<String, i64>,
}

impl Engine {
    /// A node that counts was created.
    pub(crate) fn count_new_pod(&mut self, key: Key) {
        self.add_up(key, 0, 1, &BTreeMap::new());
    }

    pub(crate) fn count_suspend_end(&mut self, key: Key) {
        self.complete_progress(key);
    }

    pub(crate) fn count_pod_end(&mut self, key: Key, verdict: &Verdict) {
        let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
        if let Some(node) = self.node_mut(&id) {
            node.resources_duration.clone_from(&verdict.resources);
        }
        self.add_up(key, 0, 0, &verdict.resources);
        if verdict.phase == phase::SUCCEEDED {
            self.complete_progress(key);
        }
    }

    fn complete_progress(&mut self, key: Key) {
        let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
        let Some((_, total)) = self.node(&id).and_then(|node| parse(&node.progress)) else {
            return;
        };
        self.set_progress(key, &format!("{total}/{total}"));
    }

    /// Takes over what a pod says about its progress.
    pub(crate) fn set_progress(&mut self, key: Key, text: &str) {
        let Some((done, total)) = parse(text) else { return };
        let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
        let Some(node) = self.node_mut(&id) else { return };
        let (old_done, old_total) = parse(&node.progress).unwrap_or((0, 0));
        text.clone_into(&mut node.progress);
        self.add_up(key, done - old_done, total - old_total, &BTreeMap::new());
    }

    /// Adds to everything that encloses a run. Such nodes do not count as changed: their sums are found again.
    fn add_up(&mut self, key: Key, done: i64, total: i64, resources: &BTreeMap<String, i64>) {
        let mut next = self.runs.get(key).and_then(|run| run.parent);
        while let Some(run) = next.and_then(|key| self.runs.get(key)) {
            next = run.parent;
            let id = run.id.clone();
            self.add_to(&id, done, total, resources);
        }
        self.add_to("", done, total, resources);
    }

    /// Adds to one node, or to the workflow if the id is empty.
    fn add_to(&mut self, id: &str, done: i64, total: i64, resources: &BTreeMap<String, i64>) {
        if !self.tallies.contains_key(id) {
            self.tallies.insert(id.to_owned(), Tally::default());
        }
        let Some(tally) = self.tallies.get_mut(id) else { return };
        tally.done += done;
        tally.total += total;
        for (name, seconds) in resources {
            *tally.resources.entry(name.clone()).or_insert(0) += seconds;
        }
        let progress = format!("{}/{}", tally.done, tally.total);
        let Some(status) = self.workflow.status.as_mut() else { return };
        if id.is_empty() {
            status.progress = progress;
            status.resources_duration.clone_from(&tally.resources);
        } else if let Some(node) = status.nodes.get_mut(id) {
            node.progress = progress;
            if !resources.is_empty() {
                node.resources_duration.clone_from(&tally.resources);
            }
        }
    }

    /// Sums everything up anew, after a restart.
    pub(crate) fn restore_progress(&mut self) {
        self.tallies.clear();
        let nodes = &self.status().nodes;
        let groups = [kind::STEP_GROUP, kind::TASK_GROUP, kind::RETRY];
        let mut enclosing: HashMap<&str, &str> = HashMap::new();
        // Hooks hang under the node that they belong to, but lie beside it.
        let mut beside: HashMap<&str, &str> = HashMap::new();
        for node in nodes.values() {
            let is_group = groups.contains(&node.r#type.as_str());
            for child in node.children.iter().filter_map(|child| nodes.get(child)) {
                if is_hook(child) {
                    beside.insert(&child.id, &node.id);
                } else if is_group {
                    enclosing.insert(&child.id, &node.id);
                }
            }
        }
        let mut sums: HashMap<String, Tally> = HashMap::new();
        for pod in nodes.values().filter(|n| matches!(n.r#type.as_str(), kind::POD | kind::SUSPEND))
        {
            let (done, total) = parse(&pod.progress).unwrap_or((0, 0));
            let mut id = pod.id.as_str();
            loop {
                id = beside.get(id).copied().unwrap_or(id);
                let above = enclosing.get(id).copied();
                let above = above.or_else(|| nodes.get(id).map(|node| node.boundary_id.as_str()));
                id = above.unwrap_or_default();
                let tally = sums.entry(id.to_owned()).or_default();
                tally.done += done;
                tally.total += total;
                for (name, seconds) in &pod.resources_duration {
                    *tally.resources.entry(name.clone()).or_insert(0) += seconds;
                }
                if id.is_empty() {
                    break;
                }
            }
        }
        self.tallies = sums;
        for id in self.tallies.keys().cloned().collect::<Vec<_>>() {
            self.add_to(&id, 0, 0, &BTreeMap::new());
        }
    }
}

/// True for the nodes of hooks and exit handlers; an attempt of one lies in its Retry node.
fn is_hook(node: &NodeStatus) -> bool {
    let flag = node.node_flag.clone().unwrap_or_default();
    flag.hooked == Some(true) && flag.retried != Some(true)
}

/// `N/M` with 0 ≤ N ≤ M and M > 0.
fn parse(text: &str) -> Option<(i64, i64)> {
    let (done, total) = text.split_once('/')?;
    let (done, total) = (done.parse().ok()?, total.parse().ok()?);
    (0 <= done && done <= total && total > 0).then_some((done, total))
}
