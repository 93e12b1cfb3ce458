//! DAGs: tasks in the order of their dependencies.

use std::collections::{BTreeMap, VecDeque};

use lighter_api::{DagTask, WorkflowStep};

use crate::boundary::Boundary;
use crate::depends::Depends;
use crate::fan::Member;
use crate::plan::Plan;
use crate::vars::Vars;

/// A running DAG template.
#[derive(Debug)]
pub(crate) struct Dag {
    pub boundary: Boundary,
    pub tasks: Vec<DagNode>,
    /// Indices of the tasks that decide about the DAG.
    pub targets: Vec<usize>,
    /// Tasks whose dependencies are done, in depth-first order from the targets.
    pub ready: VecDeque<usize>,
    /// Tasks that were begun and are not done.
    pub open: usize,
}

/// One task of a running DAG.
#[derive(Debug)]
pub(crate) struct DagNode {
    pub step: WorkflowStep,
    /// The tasks named in its condition, as indices.
    pub dependencies: Vec<usize>,
    pub condition: Option<Depends>,
    pub dependents: Vec<usize>,
    /// Dependencies that are not done.
    pub waiting: usize,
    pub done: bool,
    pub member: Member,
    pub plan: Option<Plan>,
    /// What the task gives to those after it.
    pub vars: Vars,
}

impl Dag {
    /// Orders the tasks.
    ///
    /// # Errors
    /// When a condition does not parse, names an unknown task, or tasks depend on each other in a circle.
    pub(crate) fn new(boundary: Boundary) -> Result<Self, String> {
        let template = boundary.template.clone();
        let Some(dag) = &template.dag else { return Err("the template has no dag".to_owned()) };
        let names: BTreeMap<&str, usize> =
            dag.tasks.iter().enumerate().map(|(i, task)| (task.name.as_str(), i)).collect();
        let mut tasks = Vec::with_capacity(dag.tasks.len());
        for task in &dag.tasks {
            tasks.push(dag_node(task, &names)?);
        }
        for index in 0..tasks.len() {
            for dependency in dependencies(&tasks, index) {
                if let Some(task) = tasks.get_mut(dependency) {
                    task.dependents.push(index);
                }
            }
        }
        let targets = targets(&dag.target, &names, &tasks)?;
        let order = order(&tasks, &targets)?;
        let ready = order
            .into_iter()
            .filter(|index| tasks.get(*index).is_some_and(|task| task.waiting == 0))
            .collect();
        // Tasks that no target needs never run.
        let mut dag = Self { boundary, tasks, targets, ready, open: 0 };
        dag.forget_unreachable();
        Ok(dag)
    }

    fn forget_unreachable(&mut self) {
        let mut needed = vec![false; self.tasks.len()];
        let mut stack = self.targets.clone();
        while let Some(index) = stack.pop() {
            if let Some(mark) = needed.get_mut(index)
                && !std::mem::replace(mark, true)
            {
                stack.extend(dependencies(&self.tasks, index));
            }
        }
        for task in &mut self.tasks {
            task.dependents.retain(|index| needed.get(*index) == Some(&true));
        }
    }

    pub(crate) fn member_mut(&mut self, index: usize) -> Option<&mut Member> {
        self.tasks.get_mut(index).map(|task| &mut task.member)
    }

    pub(crate) fn member(&self, index: usize) -> Option<(Member, Plan)> {
        let task = self.tasks.get(index)?;
        Some((task.member.clone(), task.plan.clone()?))
    }

    /// All tasks that this one depends on, directly or not.
    pub(crate) fn ancestors(&self, index: usize) -> Vec<usize> {
        let mut seen = vec![false; self.tasks.len()];
        let mut stack = dependencies(&self.tasks, index);
        let mut found = Vec::new();
        while let Some(next) = stack.pop() {
            let Some(mark) = seen.get_mut(next) else { continue };
            if std::mem::replace(mark, true) {
                continue;
            }
            found.push(next);
            stack.extend(dependencies(&self.tasks, next));
        }
        found.sort_unstable();
        found
    }

    /// True when every target is done and nothing runs.
    pub(crate) fn is_over(&self) -> bool {
        self.open == 0 && self.ready.is_empty()
    }
}

fn dependencies(tasks: &[DagNode], index: usize) -> Vec<usize> {
    tasks.get(index).map(|task| task.dependencies.clone()).unwrap_or_default()
}

fn dag_node(task: &DagTask, names: &BTreeMap<&str, usize>) -> Result<DagNode, String> {
    let condition = if task.depends.is_empty() {
        Depends::all(&task.dependencies)
    } else {
        Some(Depends::parse(&task.depends).map_err(|e| format!("task '{}': {e}", task.name))?)
    };
    let named = condition.as_ref().map(Depends::tasks).unwrap_or_default();
    let mut dependencies = Vec::with_capacity(named.len());
    for name in named {
        let index = names.get(name.as_str()).ok_or_else(|| {
            format!("task '{}' depends on '{name}', which is not a task of this dag", task.name)
        })?;
        dependencies.push(*index);
    }
    Ok(DagNode {
        step: as_step(task),
        waiting: dependencies.len(),
        dependencies,
        condition,
        dependents: Vec::new(),
        done: false,
        member: Member::default(),
        plan: None,
        vars: Vec::new(),
    })
}

/// A task as a step: they differ in their dependencies only.
fn as_step(task: &DagTask) -> WorkflowStep {
    WorkflowStep {
        name: task.name.clone(),
        template: task.template.clone(),
        arguments: task.arguments.clone(),
        continue_on: task.continue_on.clone(),
        hooks: task.hooks.clone(),
        inline: task.inline.clone(),
        on_exit: task.on_exit.clone(),
        template_ref: task.template_ref.clone(),
        when: task.when.clone(),
        with_items: task.with_items.clone(),
        with_param: task.with_param.clone(),
        with_sequence: task.with_sequence.clone(),
    }
}

fn targets(
    given: &str,
    names: &BTreeMap<&str, usize>,
    tasks: &[DagNode],
) -> Result<Vec<usize>, String> {
    if given.trim().is_empty() {
        // Sorted by name: the map is.
        let last = |index: &&usize| tasks.get(**index).is_some_and(|t| t.dependents.is_empty());
        return Ok(names.values().filter(last).copied().collect());
    }
    given
        .split_whitespace()
        .map(|name| {
            let index = names.get(name).copied();
            index.ok_or_else(|| format!("dag.target '{name}' is not a task of this dag"))
        })
        .collect()
}

/// Tasks in depth-first order from the targets, dependencies first.
fn order(tasks: &[DagNode], targets: &[usize]) -> Result<Vec<usize>, String> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; tasks.len()];
    let mut order = Vec::with_capacity(tasks.len());
    let all = (0..tasks.len()).filter(|index| !targets.contains(index));
    for (start, wanted) in targets.iter().copied().map(|t| (t, true)).chain(all.map(|t| (t, false)))
    {
        let mut stack = vec![(start, 0)];
        while let Some((index, next)) = stack.pop() {
            let (Some(mark), Some(task)) = (marks.get_mut(index), tasks.get(index)) else {
                continue;
            };
            if next == 0 {
                match *mark {
                    Mark::Done => continue,
                    Mark::Open => {
                        return Err(format!(
                            "the dag's tasks depend on each other in a circle at '{}'",
                            task.step.name
                        ));
                    }
                    Mark::New => *mark = Mark::Open,
                }
            }
            match task.dependencies.get(next) {
                Some(dependency) => {
                    stack.push((index, next + 1));
                    if marks.get(*dependency) != Some(&Mark::Done) {
                        stack.push((*dependency, 0));
                    }
                }
                None => {
                    if let Some(mark) = marks.get_mut(index) {
                        *mark = Mark::Done;
                    }
                    if wanted {
                        order.push(index);
                    }
                }
            }
        }
    }
    Ok(order)
}
