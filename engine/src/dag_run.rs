//! Running a DAG: starting what is ready, and the phase at the end.

use std::sync::Arc;

use lighter_api::WorkflowStep;

use crate::boundary::Nodes;
use crate::dag::Dag;
use crate::depends::TaskResult;
use crate::engine::Engine;
use crate::fan::{Fan, Member};
use crate::limits::FAIL_FAST;
use crate::phase::{self, kind};
use crate::plan::Plan;
use crate::run::{Key, Role, State, Task};
use crate::tree::NewNode;

impl Engine {
    pub(crate) fn dag(&self, key: Key) -> Option<&Dag> {
        match &self.runs.get(key)?.state {
            State::Dag(dag) => Some(dag),
            _ => None,
        }
    }

    fn dag_mut(&mut self, key: Key) -> Option<&mut Dag> {
        match &mut self.runs.get_mut(key)?.state {
            State::Dag(dag) => Some(dag),
            _ => None,
        }
    }

    /// Starts the next task that is ready, if there is a place for it, and comes back for the one after it.
    pub(crate) fn dag_proceed(&mut self, key: Key) {
        let Some(run) = self.runs.get(key) else { return };
        let (dag_name, on_exit) = (run.name.clone(), run.on_exit);
        let Some(index) = self.dag(key).and_then(|dag| dag.ready.front().copied()) else {
            return self.dag_close(key);
        };
        let task_name =
            self.task_step(key, index).map(|step| step.name.clone()).unwrap_or_default();
        let name = format!("{dag_name}.{task_name}");
        if self.node(&self.id_of(&name)).is_none() {
            if self.no_more_starts(Some(key), on_exit).is_some() {
                if let Some(dag) = self.dag_mut(key) {
                    dag.ready.clear();
                }
                return self.dag_close(key);
            }
            if !self.may_start(key, Some(key)) {
                return;
            }
        }
        let id = self.id_of(&name);
        let Some(dag) = self.dag_mut(key) else { return };
        dag.ready.pop_front();
        dag.open += 1;
        if let Some(task) = dag.tasks.get_mut(index) {
            task.member = Member { plan: index, item: 0, id, open: 0 };
        }
        self.tasks.push_front(Task::Proceed(key));
        self.start_task(key, index, name);
    }

    fn task_step(&self, key: Key, index: usize) -> Option<&WorkflowStep> {
        Some(&self.dag(key)?.tasks.get(index)?.step)
    }

    fn start_task(&mut self, key: Key, index: usize, name: String) {
        let Some(step) = self.task_step(key, index).cloned() else { return };
        if !self.depends_hold(key, index) {
            let reason = "omitted: depends condition not met".to_owned();
            return self.leave_out(key, index, &name, &step, phase::OMITTED, reason);
        }
        let plan = match self.plan_task(key, index, &step) {
            Ok(plan) => plan,
            Err(message) => {
                return self.leave_out(key, index, &name, &step, phase::ERROR, message);
            }
        };
        if let Some(task) = self.dag_mut(key).and_then(|dag| dag.tasks.get_mut(index)) {
            task.plan = Some(plan.clone());
        }
        if plan.items.is_none() {
            let (scope, _) = plan.item_scope(0);
            let id = self.id_of(&name);
            self.launch(key, index, name, &plan, &scope);
            return self.link_task(key, index, &id);
        }
        if plan.len() == 0 {
            let reason = "Skipped, empty params".to_owned();
            return self.leave_out(key, index, &name, &step, phase::SKIPPED, reason);
        }
        self.start_task_group(key, index, name, &step, plan);
    }

    fn start_task_group(
        &mut self,
        key: Key,
        index: usize,
        name: String,
        step: &WorkflowStep,
        plan: Plan,
    ) {
        let on_exit = self.runs.get(key).is_some_and(|run| run.on_exit);
        let home = self.boundary(key).map(|boundary| boundary.home.clone());
        let template_scope = home.map(|home| self.scope_text(&home)).unwrap_or_default();
        let id = self.create_node(
            &name,
            NewNode {
                r#type: kind::TASK_GROUP,
                phase: phase::RUNNING,
                boundary: Some(key),
                template_name: step.template.clone(),
                template_ref: step.template_ref.clone(),
                template_scope,
                flag: Some(lighter_api::NodeFlag::default()),
                ..NewNode::default()
            },
        );
        self.link_task(key, index, &id);
        let group = self.add_run(name, Some(key), Role::Member(index), Some(key), on_exit);
        if let Some(member) = self.member_mut(key, index) {
            member.open = 1;
        }
        self.set_state(group, State::Fan(Box::new(Fan::new(vec![plan], false))));
        self.tasks.push_front(Task::Proceed(group));
    }

    fn leave_out(
        &mut self,
        key: Key,
        index: usize,
        name: &str,
        step: &WorkflowStep,
        phase: &'static str,
        message: String,
    ) {
        let id = self.create_left_out(name, Some(key), step, phase, message);
        self.link_task(key, index, &id);
        self.task_closed(key, index);
    }

    /// Hangs a task under the ends of those it depends on, or under the DAG.
    fn link_task(&mut self, key: Key, index: usize, id: &str) {
        let Some(dag) = self.dag(key) else { return };
        let Some(task) = dag.tasks.get(index) else { return };
        let before: Vec<String> = task
            .dependencies
            .iter()
            .filter_map(|i| dag.tasks.get(*i))
            .flat_map(|task| self.outbound(&task.member.id))
            .collect();
        let dag_id = self.runs.get(key).map(|run| run.id.clone()).unwrap_or_default();
        if task.dependencies.is_empty() {
            return self.link(&dag_id, id);
        }
        for end in before {
            self.link(&end, id);
        }
    }

    fn plan_task(&mut self, key: Key, index: usize, step: &WorkflowStep) -> Result<Plan, String> {
        let Some(dag) = self.dag(key) else { return Err("the dag is gone".to_owned()) };
        let mut scope = self.under_globals(&dag.boundary.scope);
        for ancestor in dag.ancestors(index) {
            if let Some(task) = dag.tasks.get(ancestor) {
                scope.extend(task.vars.iter().cloned());
            }
        }
        self.plan(key, step, Arc::new(scope))
    }

    fn depends_hold(&self, key: Key, index: usize) -> bool {
        let Some(dag) = self.dag(key) else { return false };
        let Some(condition) = dag.tasks.get(index).and_then(|task| task.condition.as_ref()) else {
            return true;
        };
        condition.holds(&|name, result| {
            let task = dag.tasks.iter().find(|task| task.step.name == name);
            task.is_some_and(|task| self.ask_task(&task.step, &task.member.id, result))
        })
    }

    fn ask_task(&self, step: &WorkflowStep, id: &str, result: Option<TaskResult>) -> bool {
        let ended = self.phase_of(id);
        let continues = step.continue_on.as_ref();
        match result {
            None => match ended {
                phase::SUCCEEDED | phase::SKIPPED => true,
                phase::FAILED => continues.is_some_and(|c| c.failed == Some(true)),
                phase::ERROR => continues.is_some_and(|c| c.error == Some(true)),
                _ => false,
            },
            Some(TaskResult::Succeeded) => ended == phase::SUCCEEDED,
            Some(TaskResult::Failed) => ended == phase::FAILED,
            Some(TaskResult::Errored) => ended == phase::ERROR,
            Some(TaskResult::Skipped) => ended == phase::SKIPPED,
            Some(TaskResult::Omitted) => ended == phase::OMITTED,
            Some(TaskResult::Daemoned) => false,
            Some(TaskResult::AnySucceeded) => self.items_of(id).any(|p| p == phase::SUCCEEDED),
            Some(TaskResult::AllFailed) => {
                self.items_of(id).next().is_some() && self.items_of(id).all(|p| p == phase::FAILED)
            }
        }
    }

    /// The phases of a task group's items; none for a task without a loop.
    fn items_of(&self, id: &str) -> impl Iterator<Item = &str> {
        let node = self.node(id).filter(|node| node.r#type == kind::TASK_GROUP);
        node.into_iter().flat_map(|node| &node.children).map(|child| self.phase_of(child))
    }

    /// A task and its hooks are done: those that wait for it may be ready.
    pub(crate) fn task_closed(&mut self, key: Key, index: usize) {
        self.keep_task_result(key, index);
        let vars = self.task_vars(key, index);
        let Some(dag) = self.dag_mut(key) else { return };
        let Some(task) = dag.tasks.get_mut(index) else { return };
        if std::mem::replace(&mut task.done, true) {
            return;
        }
        task.vars = vars;
        dag.open = dag.open.saturating_sub(1);
        for next in task.dependents.clone() {
            let Some(task) = dag.tasks.get_mut(next) else { continue };
            task.waiting = task.waiting.saturating_sub(1);
            if task.waiting == 0 {
                dag.ready.push_back(next);
            }
        }
        self.tasks.push_front(Task::Proceed(key));
    }

    /// What a task without a loop came to; task groups say so themselves.
    fn keep_task_result(&mut self, key: Key, index: usize) {
        let Some(task) = self.dag(key).and_then(|dag| dag.tasks.get(index)) else { return };
        let is_loop = task.plan.as_ref().is_some_and(|plan| plan.items.is_some());
        let id = task.member.id.clone();
        let name = task.step.name.clone();
        let nodes = match &task.plan {
            Some(plan) if is_loop && plan.len() > 0 => return,
            _ if is_loop => Nodes::Loop(Arc::default()),
            _ => Nodes::One(id),
        };
        if let Some(boundary) = self.boundary_mut(key) {
            boundary.results.insert(name, nodes);
        }
    }

    fn task_vars(&mut self, key: Key, index: usize) -> crate::vars::Vars {
        let Some(task) = self.dag(key).and_then(|dag| dag.tasks.get(index)) else {
            return Vec::new();
        };
        let (step, id) = (task.step.clone(), task.member.id.clone());
        let result = self.boundary(key).and_then(|b| b.results.get(&step.name)).cloned();
        let mut vars = self.node_vars("tasks", &step.name, &id);
        match result {
            Some(Nodes::Loop(nodes)) => vars.extend(self.all_loop_vars(key, &step, &nodes)),
            _ if matches!(self.phase_of(&id), phase::SKIPPED | phase::OMITTED) => {
                vars.extend(self.left_out_vars(key, &step));
            }
            _ => {}
        }
        vars
    }

    /// Ends the DAG when nothing runs and nothing is ready.
    fn dag_close(&mut self, key: Key) {
        if !self.dag(key).is_some_and(Dag::is_over) {
            return;
        }
        let Some(run) = self.runs.get(key) else { return };
        let (id, on_exit) = (run.id.clone(), run.on_exit);
        let Some(dag) = self.dag(key) else { return };
        let tripped = dag.boundary.places.failed;
        let ends: Vec<String> = dag
            .targets
            .iter()
            .filter_map(|index| dag.tasks.get(*index))
            .flat_map(|task| self.outbound(&task.member.id))
            .collect();
        let unreached = dag.targets.iter().any(|i| dag.tasks.get(*i).is_none_or(|task| !task.done));
        let phase = self.dag_phase(key);
        if let Some(node) = self.node_mut(&id) {
            node.outbound_nodes = ends;
        }
        if tripped {
            return self.end(key, phase::FAILED, Some(FAIL_FAST));
        }
        if unreached {
            let reason = self.no_more_starts(None, on_exit).unwrap_or_default();
            return self.end(key, phase::FAILED, Some(&reason));
        }
        if phase != phase::SUCCEEDED {
            return self.end(key, phase, None);
        }
        let scope = self.dag_scope(key);
        match self.template_outputs(key, &scope) {
            Ok(outputs) => {
                if let (Some(outputs), Some(node)) = (outputs, self.node_mut(&id)) {
                    node.outputs = Some(outputs);
                }
                self.end(key, phase::SUCCEEDED, None);
            }
            Err(message) => self.end(key, phase::ERROR, Some(&message)),
        }
    }

    fn dag_scope(&self, key: Key) -> crate::expr::Scope {
        let Some(dag) = self.dag(key) else { return crate::expr::Scope::new() };
        let mut scope = self.under_globals(&dag.boundary.scope);
        for task in &dag.tasks {
            scope.extend(task.vars.iter().cloned());
        }
        scope
    }

    /// A target that was left out takes the phases of those it depends on; a bad phase wins.
    fn dag_phase(&self, key: Key) -> &'static str {
        let Some(dag) = self.dag(key) else { return phase::SUCCEEDED };
        let mut answer = phase::SUCCEEDED;
        for target in &dag.targets {
            let bad = self.branch_phase(dag, *target);
            let Some(task) = dag.tasks.get(*target) else { continue };
            let covered = task.step.continue_on.as_ref().is_some_and(|c| match bad {
                Some(phase::FAILED) => c.failed == Some(true),
                _ => c.error == Some(true),
            });
            if let Some(bad) = bad.filter(|_| !covered) {
                answer = bad;
                if dag.boundary.template.dag.as_ref().and_then(|d| d.fail_fast) != Some(false) {
                    break;
                }
            }
        }
        answer
    }

    /// The bad phase that a task ended in or inherits, if any.
    fn branch_phase(&self, dag: &Dag, start: usize) -> Option<&'static str> {
        let mut seen = vec![false; dag.tasks.len()];
        let mut stack = vec![start];
        let mut found = None;
        while let Some(index) = stack.pop() {
            let (Some(mark), Some(task)) = (seen.get_mut(index), dag.tasks.get(index)) else {
                continue;
            };
            if std::mem::replace(mark, true) {
                continue;
            }
            match self.phase_of(&task.member.id) {
                phase::ERROR => return Some(phase::ERROR),
                phase::FAILED => found = Some(phase::FAILED),
                phase::SUCCEEDED => {}
                _ => stack.extend(&task.dependencies),
            }
        }
        found
    }
}
