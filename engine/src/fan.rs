//! Fans: step groups and task groups, whose children all run at once as far as there are places.

use std::sync::Arc;

use crate::boundary::{LoopNode, Nodes};
use crate::engine::Engine;
use crate::limits::FAIL_FAST;
use crate::phase::{self, kind};
use crate::plan::Plan;
use crate::run::{Key, Role, State, Task};
use crate::tree::NewNode;

/// A group of children in the making.
#[derive(Debug)]
pub(crate) struct Fan {
    pub plans: Vec<Plan>,
    /// The next plan and item to start.
    cursor: (usize, usize),
    pub members: Vec<Member>,
    /// Members that are not closed.
    pub open: usize,
    /// Why no more members are started.
    stopped: Option<String>,
    /// True for a step group, where the steps' `continueOn` counts here.
    is_group: bool,
}

/// One child of a fan, or one task of a DAG.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub plan: usize,
    pub item: usize,
    pub id: String,
    /// Its call and those of its hooks that have not ended.
    pub open: usize,
}

impl Fan {
    pub(crate) fn new(plans: Vec<Plan>, is_group: bool) -> Self {
        Self { plans, cursor: (0, 0), members: Vec::new(), open: 0, stopped: None, is_group }
    }

    /// The next plan and item, empty loops left out.
    fn next(&mut self) -> Option<(usize, usize)> {
        loop {
            let (plan, item) = self.cursor;
            if item < self.plans.get(plan)?.len() {
                return Some(self.cursor);
            }
            self.cursor = (plan + 1, 0);
        }
    }

    /// What each step came to.
    pub(crate) fn results(&self) -> Vec<(String, Nodes)> {
        let mut results = Vec::new();
        for (index, plan) in self.plans.iter().enumerate() {
            let members = self.members.iter().filter(|member| member.plan == index);
            let nodes = match &plan.items {
                None => match members.clone().next_back() {
                    Some(member) => Nodes::One(member.id.clone()),
                    None => continue,
                },
                Some(items) => Nodes::Loop(Arc::new(
                    members
                        .map(|member| LoopNode {
                            index: member.item,
                            item: items.get(member.item).cloned().unwrap_or_default(),
                            id: member.id.clone(),
                        })
                        .collect(),
                )),
            };
            results.push((plan.step.name.clone(), nodes));
        }
        results
    }
}

impl Engine {
    pub(crate) fn fan(&self, key: Key) -> Option<&Fan> {
        match &self.runs.get(key)?.state {
            State::Fan(fan) => Some(fan),
            _ => None,
        }
    }

    fn fan_mut(&mut self, key: Key) -> Option<&mut Fan> {
        match &mut self.runs.get_mut(key)?.state {
            State::Fan(fan) => Some(fan),
            _ => None,
        }
    }

    /// Starts the next member, if there is a place for it, and comes back for the one after it.
    pub(crate) fn fan_proceed(&mut self, key: Key) {
        let Some(run) = self.runs.get(key) else { return };
        let (boundary, on_exit, prefix) = (run.boundary, run.on_exit, run.name.clone());
        let is_group = self.fan(key).is_some_and(|fan| fan.is_group);
        let Some((plan_index, item)) = self.fan_mut(key).and_then(Fan::next) else {
            return self.fan_close(key);
        };
        let Some(plan) = self.fan(key).and_then(|fan| fan.plans.get(plan_index).cloned()) else {
            return;
        };
        let (scope, step_name) = plan.item_scope(item);
        let name = if is_group {
            format!("{prefix}.{step_name}")
        } else {
            // The task group is named as the task already.
            let enclosing = boundary.and_then(|b| self.runs.get(b)).map_or("", |run| &run.name);
            format!("{enclosing}.{step_name}")
        };
        if self.node(&self.id_of(&name)).is_none() {
            if let Some(reason) = self.no_more_starts(boundary, on_exit) {
                if let Some(fan) = self.fan_mut(key) {
                    fan.cursor = (usize::MAX, 0);
                    fan.stopped = Some(reason);
                }
                return self.fan_close(key);
            }
            if !self.may_start(key, boundary) {
                return;
            }
        }
        let id = self.id_of(&name);
        let Some(fan) = self.fan_mut(key) else { return };
        let member = fan.members.len();
        fan.cursor = (plan_index, item + 1);
        fan.members.push(Member { plan: plan_index, item, id, open: 0 });
        fan.open += 1;
        self.tasks.push_front(Task::Proceed(key));
        self.launch(key, member, name, &plan, &scope);
    }

    /// Creates the node of a member and links it to its owner's node.
    pub(crate) fn launch(
        &mut self,
        owner: Key,
        member: usize,
        name: String,
        plan: &Plan,
        scope: &crate::expr::Scope,
    ) {
        let Some(run) = self.runs.get(owner) else { return };
        let (owner_id, on_exit) = (run.id.clone(), run.on_exit);
        let is_fan = matches!(run.state, State::Fan(_));
        let boundary = if is_fan { run.boundary } else { Some(owner) };
        let Some(enclosing) = boundary else { return };
        let started = self.expand(plan, scope, &name);
        let id = match started {
            Ok((step, true)) => {
                let Some(call) = self.call_of(enclosing, plan, step) else { return };
                if let Some(member) = self.member_mut(owner, member) {
                    member.open = 1;
                }
                let role = Role::Member(member);
                let key = self.start_call(name, Some(owner), role, boundary, on_exit, call);
                let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
                if is_fan {
                    self.link(&owner_id, &id);
                }
                self.fire_hooks(owner, member);
                return;
            }
            Ok((step, false)) => {
                let reason = format!("when '{}' evaluated false", step.when);
                self.create_left_out(&name, boundary, &plan.step, phase::SKIPPED, reason)
            }
            Err(error) => self.create_left_out(&name, boundary, &plan.step, phase::ERROR, error),
        };
        if is_fan {
            self.link(&owner_id, &id);
        }
        self.member_closed(owner, member);
    }

    /// The node of a step that does not run.
    pub(crate) fn create_left_out(
        &mut self,
        name: &str,
        boundary: Option<Key>,
        step: &lighter_api::WorkflowStep,
        phase: &'static str,
        message: String,
    ) -> String {
        let home = boundary.and_then(|b| self.boundary(b)).map(|b| b.home.clone());
        let template_scope = home.map(|home| self.scope_text(&home)).unwrap_or_default();
        self.create_node(
            name,
            NewNode {
                r#type: kind::SKIPPED,
                phase,
                message,
                boundary,
                template_name: step.template.clone(),
                template_ref: step.template_ref.clone(),
                template_scope,
                flag: Some(lighter_api::NodeFlag::default()),
                ..NewNode::default()
            },
        )
    }

    /// Ends the fan when all its members are closed.
    pub(crate) fn fan_close(&mut self, key: Key) {
        let Some(fan) = self.fan_mut(key) else { return };
        if fan.open > 0 || fan.next().is_some() {
            return;
        }
        let Some(fan) = self.fan(key) else { return };
        let (stopped, is_group) = (fan.stopped.clone(), fan.is_group);
        let boundary = self.runs.get(key).and_then(|run| run.boundary);
        let tripped = boundary.and_then(|b| self.boundary(b)).is_some_and(|b| b.places.failed);
        let (phase, message) = if is_group && tripped {
            (phase::FAILED, Some(FAIL_FAST.to_owned()))
        } else if is_group {
            self.group_outcome(key)
        } else {
            self.task_group_outcome(key)
        };
        let (phase, message) = match stopped {
            Some(reason) if !phase::bad(phase) => (phase::FAILED, Some(reason)),
            _ => (phase, message),
        };
        self.keep_results(key);
        self.end(key, phase, message.as_deref());
    }

    /// Hands what the steps came to over to the enclosing boundary.
    fn keep_results(&mut self, key: Key) {
        let results = self.fan(key).map(Fan::results).unwrap_or_default();
        let boundary = self.runs.get(key).and_then(|run| run.boundary);
        if let Some(boundary) = boundary.and_then(|b| self.boundary_mut(b)) {
            boundary.results.extend(results);
        }
    }

    /// The first child that fails the group decides.
    fn group_outcome(&self, key: Key) -> (&'static str, Option<String>) {
        let Some(fan) = self.fan(key) else { return (phase::SUCCEEDED, None) };
        for member in &fan.members {
            let Some(node) = self.node(&member.id) else { continue };
            let covered = fan.plans.get(member.plan).and_then(|p| p.step.continue_on.as_ref());
            let covered = covered.is_some_and(|c| match node.phase.as_str() {
                phase::FAILED => c.failed == Some(true),
                _ => c.error == Some(true),
            });
            if !phase::bad(&node.phase) || covered {
                continue;
            }
            if node.r#type == kind::SKIPPED {
                let text = format!(
                    "step group deemed errored due to child {} error: {}",
                    node.name, node.message
                );
                return (phase::ERROR, Some(text));
            }
            return (phase::FAILED, Some(format!("child '{}' failed", member.id)));
        }
        (phase::SUCCEEDED, None)
    }

    /// The last child that failed decides.
    fn task_group_outcome(&self, key: Key) -> (&'static str, Option<String>) {
        let members = self.fan(key).map(|fan| fan.members.as_slice()).unwrap_or_default();
        let bad = members.iter().rev().map(|m| self.phase_of(&m.id)).find(|p| phase::bad(p));
        match bad {
            Some(phase::ERROR) => (phase::ERROR, None),
            Some(_) => (phase::FAILED, None),
            None => (phase::SUCCEEDED, None),
        }
    }
}
