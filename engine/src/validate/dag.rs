//! DAG templates: tasks after the tasks that they depend on.

use std::cell::RefCell;
use std::collections::BTreeMap;

use lighter_api::{DagTask, DagTemplate, Template};

use super::call::Call;
use super::finding::Report;
use super::names::{self, Kind, shown, suggest};
use super::scope::{Given, Others, Scope, Siblings};
use super::workflow::Spec;
use super::{cycles, tags};
use crate::depends::Depends;
use crate::expr::has_tags;

/// The tasks by name, and what each depends on.
struct Graph<'a> {
    index: BTreeMap<&'a str, usize>,
    edges: Vec<Vec<usize>>,
    /// Of the task asked about last: all it comes after.
    ancestors: RefCell<Option<(usize, Vec<bool>)>>,
}

impl Siblings for Graph<'_> {
    fn sees(&self, from: Option<&str>, name: &str) -> bool {
        let Some(from) = from else { return true };
        let (Some(from), Some(name)) = (self.index.get(from), self.index.get(name)) else {
            return true;
        };
        let mut cache = self.ancestors.borrow_mut();
        if let Some((task, ancestors)) = cache.as_ref()
            && task == from
        {
            return ancestors.get(*name) == Some(&true);
        }
        let ancestors = self.ancestors_of(*from);
        let sees = ancestors.get(*name) == Some(&true);
        *cache = Some((*from, ancestors));
        sees
    }

    fn advice(&self, name: &str) -> String {
        format!("missing dependency: add `{name}` to the task's `depends` or `dependencies`")
    }
}

impl Graph<'_> {
    /// For every task, whether `task` comes after it.
    fn ancestors_of(&self, task: usize) -> Vec<bool> {
        let mut found = vec![false; self.edges.len()];
        let mut open = vec![task];
        while let Some(task) = open.pop() {
            for before in self.edges.get(task).into_iter().flatten() {
                if let Some(known) = found.get_mut(*before)
                    && !std::mem::replace(known, true)
                {
                    open.push(*before);
                }
            }
        }
        found
    }
}

/// Checks the tasks of the template at `path`, and its outputs.
pub(super) fn check(
    path: &str,
    template: &Template,
    dag: &DagTemplate,
    spec: &Spec<'_>,
    scope: &Scope<'_>,
    report: &mut Report,
) {
    let place = format!("{path}.dag");
    if dag.tasks.is_empty() {
        report.error(format!("{place}.tasks"), "must have at least one task");
    }
    let names = dag.tasks.iter().map(|task| task.name.as_str());
    names::check_list(&format!("{place}.tasks"), names.clone(), Kind::Field, report);
    check_styles(&place, dag, report);
    let index: BTreeMap<&str, usize> =
        names.enumerate().map(|(index, name)| (name, index)).collect();
    let edges = dag.tasks.iter().enumerate();
    let edges = edges
        .map(|(number, task)| {
            dependencies(&format!("{place}.tasks[{number}]"), task, &index, dag, report)
        })
        .collect();
    let graph = Graph { index, edges, ancestors: RefCell::default() };
    check_cycles(&place, dag, &graph, report);
    check_target(&place, dag, &graph, report);
    let calls: Vec<Call<'_>> = (dag.tasks.iter().enumerate())
        .map(|(number, task)| Call::of_task(task, format!("{place}.tasks[{number}]")))
        .collect();
    let mut outputs = BTreeMap::new();
    for call in &calls {
        spec.check_callee(call, report);
        outputs.insert(call.name, Given::of(spec.callee(call), call.is_loop()));
    }
    let others = Others { outputs, order: &graph };
    let inside = scope.among("tasks", &others);
    for call in &calls {
        call.check("tasks", spec, &inside.of_member(call.name), report);
    }
    tags::check(&format!("{place}.target"), &dag.target.as_str().into(), scope, report);
    let json = serde_json::to_value(&template.outputs).unwrap_or_default();
    tags::check(&format!("{path}.outputs"), &json, &inside, report);
}

/// Checks that `depends` is not mixed with what it replaces.
fn check_styles(place: &str, dag: &DagTemplate, report: &mut Report) {
    let using_depends = dag.tasks.iter().any(|task| !task.depends.is_empty());
    for (number, task) in dag.tasks.iter().enumerate() {
        let path = format!("{place}.tasks[{number}]");
        if using_depends && !task.dependencies.is_empty() {
            let message = "cannot use both 'depends' and 'dependencies' in the same DAG template";
            report.error(format!("{path}.dependencies"), message);
        }
        if using_depends && task.continue_on.is_some() {
            let message = "cannot use 'continueOn' when using 'depends'";
            let hint = "instead use 'dep-task.Failed'/'dep-task.Errored'".to_owned();
            report.error_with(format!("{path}.continueOn"), message, Some(hint));
        }
        let ordered = using_depends || !task.dependencies.is_empty();
        if ordered && task.name.starts_with(|c: char| c.is_ascii_digit()) {
            let message =
                "name cannot begin with a digit when using either 'depends' or 'dependencies'";
            report.error(format!("{path}.name"), message);
        }
    }
}

/// The tasks that a task depends on.
fn dependencies(
    path: &str,
    task: &DagTask,
    index: &BTreeMap<&str, usize>,
    dag: &DagTemplate,
    report: &mut Report,
) -> Vec<usize> {
    let mut found = Vec::new();
    let mut add = |path: String, name: &str, report: &mut Report| match index.get(name) {
        Some(number) => found.push(*number),
        None if has_tags(name) => {}
        None => {
            let hint = suggest(name, index.keys().copied());
            report.error_with(path, format!("dependency {} not defined", shown(name)), hint);
        }
    };
    for (number, name) in task.dependencies.iter().enumerate() {
        add(format!("{path}.dependencies[{number}]"), name, report);
    }
    if task.depends.is_empty() || has_tags(&task.depends) {
        return found;
    }
    let path = format!("{path}.depends");
    let condition = match Depends::parse(&task.depends) {
        Ok(condition) => condition,
        Err(message) => {
            let hint = "join task names and e.g. `NAME.Succeeded` with &&, ||, ! and parentheses"
                .to_owned();
            report.error_with(path, message, Some(hint));
            return found;
        }
    };
    for name in condition.tasks() {
        add(path.clone(), &name, report);
        let other = index.get(name.as_str()).and_then(|number| dag.tasks.get(*number));
        let is_loop = other.is_none_or(|task| Call::of_task(task, String::new()).is_loop());
        let asks = ["AnySucceeded", "AllFailed"]
            .iter()
            .any(|result| task.depends.contains(&format!("{name}.{result}")));
        if asks && !is_loop {
            let message = format!(
                "dependency {} uses an items-based condition such as .AnySucceeded or .AllFailed but does not contain any items",
                shown(&name)
            );
            report.error(path.clone(), message);
        }
    }
    found
}

fn check_cycles(place: &str, dag: &DagTemplate, graph: &Graph<'_>, report: &mut Report) {
    let Some(cycle) = cycles::find(&graph.edges) else { return };
    let names: Vec<&str> = (cycle.iter())
        .filter_map(|number| dag.tasks.get(*number))
        .map(|task| task.name.as_str())
        .collect();
    let message = format!("tasks dependency cycle detected: {}", names.join("->"));
    report.error(format!("{place}.tasks"), message);
}

fn check_target(place: &str, dag: &DagTemplate, graph: &Graph<'_>, report: &mut Report) {
    if has_tags(&dag.target) {
        return;
    }
    for target in dag.target.split_whitespace() {
        if !graph.index.contains_key(target) {
            let hint = suggest(target, graph.index.keys().copied());
            let message = format!("target {} is not defined", shown(target));
            report.error_with(format!("{place}.target"), message, hint);
        }
    }
}
