//! Steps: groups one after the other.

use std::sync::Arc;

use crate::boundary::{Boundary, LoopNode, Nodes};
use crate::engine::Engine;
use crate::expr::Var;
use crate::fan::Fan;
use crate::phase::{self, kind};
use crate::run::{Key, Role, State, Task};
use crate::tree::NewNode;

/// A running steps template.
#[derive(Debug)]
pub(crate) struct Steps {
    pub boundary: Boundary,
    /// How many groups were begun.
    begun: usize,
    /// The group that runs, or the last one.
    group: Option<Key>,
}

impl Steps {
    pub(crate) fn new(boundary: Boundary) -> Self {
        Self { boundary, begun: 0, group: None }
    }
}

impl Engine {
    fn steps(&self, key: Key) -> Option<&Steps> {
        match &self.runs.get(key)?.state {
            State::Steps(steps) => Some(steps),
            _ => None,
        }
    }

    /// Takes in the group that has ended and begins the next one.
    pub(crate) fn steps_proceed(&mut self, key: Key) {
        let Some(steps) = self.steps(key) else { return };
        let (begun, total) = (steps.begun, steps.boundary.template.steps.len());
        if let Some(group) = steps.group {
            let Some(id) = self.runs.get(group).map(|run| run.id.clone()) else { return };
            let Some(node) = self.node(&id) else { return };
            if !phase::fulfilled(&node.phase) {
                return;
            }
            if phase::bad(&node.phase) {
                let message = node.message.clone();
                self.set_steps_outbound(key);
                return self.end(key, phase::FAILED, Some(&message));
            }
            self.take_in_group(key, begun - 1, &id);
        }
        if begun == total {
            return self.finish_steps(key);
        }
        self.begin_group(key, begun);
    }

    fn begin_group(&mut self, key: Key, number: usize) {
        let Some(run) = self.runs.get(key) else { return };
        let (parent_name, parent_id, on_exit) = (run.name.clone(), run.id.clone(), run.on_exit);
        let Some(steps) = self.steps(key) else { return };
        let before = steps.group.and_then(|group| self.runs.get(group)).map(|run| run.id.clone());
        let home = steps.boundary.home.clone();
        let name = format!("{parent_name}[{number}]");
        let is_over = phase::fulfilled(self.phase_of(&self.id_of(&name)));
        if before.is_some()
            && self.node(&self.id_of(&name)).is_none()
            && let Some(reason) = self.no_more_starts(None, on_exit)
        {
            self.set_steps_outbound(key);
            return self.end(key, phase::FAILED, Some(&reason));
        }
        let scope = self.scope_text(&home);
        let id = self.create_node(
            &name,
            NewNode {
                r#type: kind::STEP_GROUP,
                phase: phase::RUNNING,
                boundary: Some(key),
                template_scope: scope,
                flag: Some(lighter_api::NodeFlag::default()),
                ..NewNode::default()
            },
        );
        match before {
            None => self.link(&parent_id, &id),
            Some(before) => self.link_after_group(&before, &id),
        }
        let group = self.add_run(name, Some(key), Role::Group, Some(key), on_exit);
        let plans = self.plan_group(key, number);
        if let Some(State::Steps(steps)) = self.runs.get_mut(key).map(|run| &mut run.state) {
            steps.begun = number + 1;
            steps.group = Some(group);
        }
        match plans {
            Err(message) if !is_over => self.end(group, phase::ERROR, Some(&message)),
            Err(_) => self.tasks.push_front(Task::Ended(group)),
            Ok(plans) => {
                for plan in plans.iter().filter(|plan| plan.len() == 0) {
                    let child = format!(
                        "{}.{}",
                        self.runs.get(group).map_or("", |r| &r.name),
                        plan.step.name
                    );
                    let reason = "Skipped, empty params".to_owned();
                    let child =
                        self.create_left_out(&child, Some(key), &plan.step, phase::SKIPPED, reason);
                    self.link(&id, &child);
                }
                self.set_state(group, State::Fan(Box::new(Fan::new(plans, true))));
                self.tasks.push_front(Task::Proceed(group));
            }
        }
    }

    fn plan_group(&self, key: Key, number: usize) -> Result<Vec<crate::plan::Plan>, String> {
        let Some(steps) = self.steps(key) else { return Ok(Vec::new()) };
        let scope = Arc::new(self.under_globals(&steps.boundary.scope));
        let group = steps.boundary.template.steps.get(number);
        let group = group.map(|group| group.0.as_slice()).unwrap_or_default();
        group.iter().map(|step| self.plan(key, step, Arc::clone(&scope))).collect()
    }

    /// Hangs a group under the ends of the group before it.
    fn link_after_group(&mut self, before: &str, group: &str) {
        let children = self.node(before).map(|node| node.children.clone()).unwrap_or_default();
        if children.is_empty() {
            return self.link(before, group);
        }
        for child in children {
            for end in self.outbound(&child) {
                self.link(&end, group);
            }
        }
    }

    /// Adds the outputs of a group's steps to the scope.
    fn take_in_group(&mut self, key: Key, number: usize, group: &str) {
        let Some(steps) = self.steps(key) else { return };
        let template = Arc::clone(&steps.boundary.template);
        let Some(members) = template.steps.get(number) else { return };
        let mut vars = Vec::new();
        for step in &members.0 {
            let result = self.boundary(key).and_then(|b| b.results.get(&step.name)).cloned();
            match result {
                Some(Nodes::One(id)) => {
                    vars.extend(self.node_vars("steps", &step.name, &id));
                    if self.phase_of(&id) == phase::SKIPPED {
                        vars.extend(self.left_out_vars(key, step));
                    }
                }
                Some(Nodes::Loop(nodes)) => {
                    vars.extend(self.node_vars("steps", &step.name, group));
                    vars.extend(self.all_loop_vars(key, step, &nodes));
                }
                None => {}
            }
        }
        if let Some(boundary) = self.boundary_mut(key) {
            Arc::make_mut(&mut boundary.scope).extend(vars);
        }
    }

    /// A loop's lists; those of parameters that no item gave are empty lists.
    pub(crate) fn all_loop_vars(
        &mut self,
        key: Key,
        step: &lighter_api::WorkflowStep,
        nodes: &[LoopNode],
    ) -> crate::vars::Vars {
        let Some(prefix) = self.boundary(key).map(|boundary| boundary.prefix) else {
            return Vec::new();
        };
        let mut vars = self.left_out_vars(key, step);
        vars.retain(|(name, _)| name.contains(".outputs.parameters."));
        for (_, var) in &mut vars {
            *var = Var::from("[]");
        }
        vars.extend(self.loop_vars(prefix, &step.name, nodes));
        vars
    }

    /// The outputs that a step would have had.
    pub(crate) fn left_out_vars(
        &mut self,
        key: Key,
        step: &lighter_api::WorkflowStep,
    ) -> crate::vars::Vars {
        let Some(boundary) = self.boundary(key) else { return Vec::new() };
        let (home, prefix) = (boundary.home.clone(), boundary.prefix);
        match self.resolve(&crate::plan::target_of(step), &home) {
            Ok((template, _)) => self.absent_vars(prefix, &step.name, &template),
            Err(_) => Vec::new(),
        }
    }

    fn finish_steps(&mut self, key: Key) {
        self.set_steps_outbound(key);
        let Some(scope) = self.steps(key).map(|s| self.under_globals(&s.boundary.scope)) else {
            return;
        };
        match self.template_outputs(key, &scope) {
            Ok(outputs) => {
                let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
                if let (Some(outputs), Some(node)) = (outputs, self.node_mut(&id)) {
                    node.outputs = Some(outputs);
                }
                self.end(key, phase::SUCCEEDED, None);
            }
            Err(message) => self.end(key, phase::ERROR, Some(&message)),
        }
    }

    /// What follows the steps hangs under the ends of the last group that was begun.
    fn set_steps_outbound(&mut self, key: Key) {
        let Some(group) = self.steps(key).and_then(|steps| steps.group) else { return };
        let Some(group_id) = self.runs.get(group).map(|run| run.id.clone()) else { return };
        let children = self.node(&group_id).map(|node| node.children.clone()).unwrap_or_default();
        let ends: Vec<String> = children.iter().flat_map(|child| self.outbound(child)).collect();
        let id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
        if let Some(node) = self.node_mut(&id) {
            node.outbound_nodes = ends;
        }
    }
}
