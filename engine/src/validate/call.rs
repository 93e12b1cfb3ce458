//! Calls: what steps and tasks have in common.

use std::collections::{BTreeMap, BTreeSet};

use lighter_api::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use lighter_api::{
    Arguments, DagTask, Item, LifecycleHook, Sequence, Template, TemplateRef, WorkflowStep,
};
use serde::Serialize;
use serde_json::Value;

use super::finding::Report;
use super::scope::Scope;
use super::workflow::Spec;
use super::{arguments, tags, template};
use crate::expr::{self, has_tags};

/// A step or task.
pub(super) struct Call<'a> {
    pub path: String,
    pub name: &'a str,
    pub template: &'a str,
    pub template_ref: Option<&'a TemplateRef>,
    pub inline: Option<&'a Template>,
    pub arguments: Option<&'a Arguments>,
    pub hooks: &'a BTreeMap<String, LifecycleHook>,
    pub on_exit: &'a str,
    pub when: &'a str,
    pub with_items: Option<&'a [Item]>,
    pub with_param: &'a str,
    pub with_sequence: Option<&'a Sequence>,
    whole: Whole<'a>,
}

/// The step or task itself.
#[derive(Serialize)]
#[serde(untagged)]
enum Whole<'a> {
    Step(&'a WorkflowStep),
    Task(&'a DagTask),
}

macro_rules! call {
    ($from:expr, $path:expr, $whole:expr) => {
        Call {
            path: $path,
            name: &$from.name,
            template: &$from.template,
            template_ref: $from.template_ref.as_ref(),
            inline: $from.inline.as_deref(),
            arguments: $from.arguments.as_ref(),
            hooks: &$from.hooks,
            on_exit: &$from.on_exit,
            when: &$from.when,
            with_items: $from.with_items.as_deref(),
            with_param: &$from.with_param,
            with_sequence: $from.with_sequence.as_ref(),
            whole: $whole,
        }
    };
}

impl<'a> Call<'a> {
    pub fn of_step(step: &'a WorkflowStep, path: String) -> Self {
        call!(step, path, Whole::Step(step))
    }

    pub fn of_task(task: &'a DagTask, path: String) -> Self {
        call!(task, path, Whole::Task(task))
    }

    pub fn is_loop(&self) -> bool {
        self.with_items.is_some() || !self.with_param.is_empty() || self.with_sequence.is_some()
    }

    /// Whether the call is made at least once.
    fn is_certain(&self) -> bool {
        let items = self.with_items.is_some_and(|items| !items.is_empty());
        self.when.is_empty() && (items || !self.is_loop())
    }

    /// Checks the call. `word` is `steps` or `tasks`, `scope` what the call may use.
    pub fn check(&self, word: &str, spec: &Spec<'_>, scope: &Scope<'_>, report: &mut Report) {
        self.check_loop(report);
        let mut scope = scope.clone();
        self.add_items(&mut scope);
        let mut json = serde_json::to_value(&self.whole).unwrap_or_default();
        if let Some(map) = json.as_object_mut() {
            for field in ["hooks", "inline"] {
                map.remove(field);
            }
        }
        tags::check(&self.path, &json, &scope, report);
        self.check_when(report);
        let place = format!("{}.arguments", self.path);
        if let Some(given) = self.arguments {
            arguments::check(&place, given, true, report);
        }
        if let Some(inline) = self.inline {
            template::check(&format!("{}.inline", self.path), inline, spec, &scope, report);
        }
        if let Some(callee) = spec.callee(self) {
            arguments::check_call(&place, self.arguments, callee, report);
        }
        self.check_hooks(word, spec, &scope, report);
    }

    fn check_hooks(&self, word: &str, spec: &Spec<'_>, scope: &Scope<'_>, report: &mut Report) {
        let mut scope = scope.clone();
        scope.open(format!("{word}.{}.", self.name));
        scope.open(format!("{word}.self."));
        if !self.on_exit.is_empty() {
            let path = format!("{}.onExit", self.path);
            if let Some(callee) = spec.check_target(&path, self.on_exit, None, report) {
                arguments::check_call(&path, None, callee, report);
            }
        }
        for (name, hook) in self.hooks {
            let path = tags::join(&format!("{}.hooks", self.path), name);
            check_hook(&path, name, hook, spec, &scope, report);
            let callee = spec.find(&hook.template, hook.template_ref.as_ref());
            if let Some(callee) = callee {
                let place = format!("{path}.arguments");
                arguments::check_call(&place, hook.arguments.as_ref(), callee, report);
            }
        }
    }

    fn check_loop(&self, report: &mut Report) {
        let kinds = [
            self.with_items.is_some_and(|items| !items.is_empty()),
            !self.with_param.is_empty(),
            self.with_sequence.is_some(),
        ];
        if kinds.iter().filter(|given| **given).count() > 1 {
            let message = "only one of withItems, withParam, withSequence can be specified";
            report.error(self.path.clone(), message);
        }
        if !self.with_param.is_empty()
            && !has_tags(self.with_param)
            && let Err(error) = serde_json::from_str::<Vec<Value>>(self.with_param)
        {
            let message = format!("withParam value could not be parsed as a JSON list: {error}");
            report.error(format!("{}.withParam", self.path), message);
        }
        if let Some(sequence) = self.with_sequence {
            check_sequence(&format!("{}.withSequence", self.path), sequence, report);
        }
    }

    /// Adds `item` and its keys.
    fn add_items(&self, scope: &mut Scope<'_>) {
        if !self.is_loop() {
            return;
        }
        scope.add("item");
        if !self.with_param.is_empty() {
            scope.open("item.");
        }
        for Item(item) in self.with_items.unwrap_or_default() {
            match item {
                Value::Object(map) => {
                    for key in map.keys() {
                        scope.add(format!("item.{key}"));
                    }
                }
                // May become a map.
                Value::String(text) if has_tags(text) => scope.open("item."),
                _ => {}
            }
        }
    }

    /// Checks a condition without tags.
    fn check_when(&self, report: &mut Report) {
        if !self.when.is_empty()
            && !has_tags(self.when)
            && let Err(error) = expr::when(self.when)
        {
            report.error(format!("{}.when", self.path), error.to_string());
        }
    }
}

/// Checks a hook of a call or of the workflow, but not whether its arguments suffice.
pub(super) fn check_hook(
    path: &str,
    name: &str,
    hook: &LifecycleHook,
    spec: &Spec<'_>,
    scope: &Scope<'_>,
    report: &mut Report,
) {
    if name != "exit" && hook.expression.is_empty() {
        let hint = "say when it is to run, e.g. `steps.NAME.status == \"Running\"`".to_owned();
        report.error_with(path, "Expression required", Some(hint));
    }
    if !hook.expression.is_empty() {
        tags::check_expression(&format!("{path}.expression"), &hook.expression, report);
    }
    let json = serde_json::to_value(&hook.arguments).unwrap_or_default();
    let place = format!("{path}.arguments");
    tags::check(&place, &json, scope, report);
    let target = format!("{path}.template");
    spec.check_target(&target, &hook.template, hook.template_ref.as_ref(), report);
    if let Some(given) = &hook.arguments {
        arguments::check(&place, given, true, report);
    }
}

fn check_sequence(path: &str, sequence: &Sequence, report: &mut Report) {
    match (&sequence.count, &sequence.end) {
        (Some(_), Some(_)) => {
            report.error(path, "only one of count or end can be defined in withSequence");
        }
        (None, None) => {
            report.error(path, "neither end nor count was specified in withSequence");
        }
        _ => {}
    }
    let fields = [("count", &sequence.count), ("end", &sequence.end), ("start", &sequence.start)];
    for (field, value) in fields {
        if let Some(IntOrString::String(text)) = value
            && !has_tags(text)
            && text.trim().parse::<i64>().is_err()
        {
            report.error(format!("{path}.{field}"), format!("`{text}` is no whole number"));
        }
    }
}

/// The templates of this spec that a template calls whatever happens: by calls that nothing can leave out.
pub(super) fn certain_callees<'a>(template: &'a Template, found: &mut BTreeSet<&'a str>) {
    let steps = template.steps.iter().flat_map(|group| &group.0);
    let steps = steps.map(|step| Call::of_step(step, String::new()));
    let dag = template.dag.as_ref().filter(|dag| dag.target.is_empty());
    let tasks = dag.into_iter().flat_map(|dag| &dag.tasks);
    // A condition on a result may not come true.
    let tasks = tasks.filter(|task| !task.depends.contains('.'));
    let tasks = tasks.map(|task| Call::of_task(task, String::new()));
    for call in steps.chain(tasks).filter(Call::is_certain) {
        match call.inline {
            Some(inline) => certain_callees(inline, found),
            None if call.template_ref.is_none() => {
                found.insert(call.template);
            }
            None => {}
        }
    }
}
