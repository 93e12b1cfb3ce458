//! Plans: a step or task with its references resolved and its loop's items listed, before any item is started.

use std::sync::Arc;

use lighter_api::{Arguments, Item, WorkflowStep};
use serde_json::Value;

use crate::engine::Engine;
use crate::expr::{self, Mode, Scope, Tag, Var, has_tags, substitute, substitute_json};
use crate::loops;
use crate::run::{Call, Key, Target};

/// Where a missing variable is an error and not a tag for later.
const STRICT: Mode = Mode::StrictOn(&["steps", "tasks"]);

/// A step or task that is ready to be started, once or for each item.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub step: Arc<WorkflowStep>,
    /// Absent for a step without a loop.
    pub items: Option<Arc<Vec<Value>>>,
    /// What the step sees.
    pub scope: Arc<Scope>,
    /// By artifact argument: the items of another loop that gave no artifact.
    pub missing: Vec<(String, Vec<String>)>,
}

impl Plan {
    /// How many nodes come of it.
    pub(crate) fn len(&self) -> usize {
        self.items.as_ref().map_or(1, |items| items.len())
    }

    pub(crate) fn item(&self, index: usize) -> Option<&Value> {
        self.items.as_ref()?.get(index)
    }

    /// The scope of one item, and the name of its step.
    pub(crate) fn item_scope(&self, index: usize) -> (Scope, String) {
        let mut scope = Scope::child(&self.scope);
        match self.item(index) {
            Some(item) => {
                loops::set_item(&mut scope, item);
                (scope, loops::item_name(&self.step.name, index, item))
            }
            None => (scope, self.step.name.clone()),
        }
    }
}

impl Engine {
    /// Resolves what a step refers to. Hooks are left for later.
    ///
    /// # Errors
    /// When a reference leads nowhere or the loop's list is none.
    pub(crate) fn plan(
        &self,
        boundary: Key,
        step: &WorkflowStep,
        scope: Arc<Scope>,
    ) -> Result<Plan, String> {
        let seed = format!("{}.{}", self.runs.get(boundary).map_or("", |run| &run.id), step.name);
        let cx = self.context(&scope, &seed);
        let is_loop = loops::is_loop(step);
        let when = substitute(&step.when, &cx, STRICT).map_err(unresolved)?;
        let runs = match expr::when(&when) {
            Ok(runs) => Some(runs),
            Err(_) if is_loop => None,
            Err(error) => return Err(unresolved(error)),
        };
        let off = runs == Some(false);
        let mut step = step.clone();
        let mut missing = Vec::new();
        if off {
            step.when = when;
        } else {
            let hooks = std::mem::take(&mut step.hooks);
            let items = step.with_items.take();
            drop_absent(&mut step.arguments, &scope);
            let mut filled = substitute_json(&step, &cx, STRICT).map_err(unresolved)?;
            filled.hooks = hooks;
            filled.with_items = match items {
                Some(items) if items.iter().any(|Item(item)| holds_tags(item)) => {
                    Some(substitute_json(&items, &cx, STRICT).map_err(unresolved)?)
                }
                items => items,
            };
            missing = self.resolve_arguments(boundary, &scope, &mut filled.arguments)?;
            step = filled;
        }
        let items = match (is_loop, loops::items(&step)) {
            (false, _) => None,
            (true, Ok(items)) => Some(Arc::new(items)),
            (true, Err(_)) if off => Some(Arc::default()),
            (true, Err(error)) => return Err(error),
        };
        step.with_items = None;
        step.with_param.clear();
        step.with_sequence = None;
        Ok(Plan { step: Arc::new(step), items, scope, missing })
    }

    /// Replaces `from` by what it leads to. Returns, by artifact, the items that gave none.
    pub(crate) fn resolve_arguments(
        &self,
        boundary: Key,
        scope: &Scope,
        arguments: &mut Option<Arguments>,
    ) -> Result<Vec<(String, Vec<String>)>, String> {
        let Some(arguments) = arguments else { return Ok(Vec::new()) };
        let mut missing = Vec::new();
        for artifact in std::mem::take(&mut arguments.artifacts) {
            match self.resolve_artifact(boundary, scope, &artifact) {
                Ok(None) => {}
                Ok(Some((resolved, lost))) => {
                    if !lost.is_empty() {
                        missing.push((resolved.name.clone(), lost));
                    }
                    arguments.artifacts.push(resolved);
                }
                Err(_) if artifact.optional == Some(true) => {}
                Err(error) => {
                    return Err(format!(
                        "failed to resolve references: unable to resolve references: {error}"
                    ));
                }
            }
        }
        Ok(missing)
    }

    /// The step of one item: `item` replaced, and whether it is to run.
    ///
    /// # Errors
    /// When a tag or the condition fails.
    pub(crate) fn expand(
        &self,
        plan: &Plan,
        scope: &Scope,
        name: &str,
    ) -> Result<(WorkflowStep, bool), String> {
        let step = if plan.items.is_some() {
            let mut bare = plan.step.as_ref().clone();
            let hooks = std::mem::take(&mut bare.hooks);
            let artifacts = bare.arguments.as_mut().map(|a| std::mem::take(&mut a.artifacts));
            let cx = self.context(scope, name);
            let mut step = substitute_json(&bare, &cx, Mode::AllowUnresolved)
                .map_err(|error| error.to_string())?;
            step.hooks = hooks;
            if let Some(artifacts) = artifacts.filter(|a| !a.is_empty()) {
                step.arguments.get_or_insert_default().artifacts =
                    self.item_artifacts(artifacts, scope, name)?;
            }
            step
        } else {
            plan.step.as_ref().clone()
        };
        let runs = expr::when(&step.when).map_err(|error| error.to_string())?;
        Ok((step, runs))
    }

    /// Replaces `item` in artifact arguments, but not in the parts of collections.
    fn item_artifacts(
        &self,
        artifacts: Vec<lighter_api::Artifact>,
        scope: &Scope,
        name: &str,
    ) -> Result<Vec<lighter_api::Artifact>, String> {
        let cx = self.context(scope, name);
        let fill = |mut artifact: lighter_api::Artifact| {
            let collection = artifact.collection.take();
            let mut filled = substitute_json(&artifact, &cx, Mode::AllowUnresolved)
                .map_err(|error| error.to_string())?;
            filled.collection = collection;
            Ok(filled)
        };
        artifacts.into_iter().map(fill).collect()
    }

    /// The call that a step makes.
    pub(crate) fn call_of(&self, boundary: Key, plan: &Plan, step: WorkflowStep) -> Option<Call> {
        let enclosing = self.boundary(boundary)?;
        Some(Call {
            target: target_of(&step),
            home: enclosing.home.clone(),
            arguments: step.arguments.unwrap_or_default(),
            missing: plan.missing.clone(),
            caller: Some((enclosing.prefix, plan.step.name.clone())),
            hooked: false,
        })
    }
}

pub(crate) fn target_of(step: &WorkflowStep) -> Target {
    Target {
        template: step.template.clone(),
        template_ref: step.template_ref.clone(),
        inline: step.inline.as_ref().map(|template| Arc::new(template.as_ref().clone())),
    }
}

fn unresolved(error: expr::ExprError) -> String {
    format!("failed to resolve references: {error}")
}

fn holds_tags(value: &Value) -> bool {
    match value {
        Value::String(text) => has_tags(text),
        Value::Array(list) => list.iter().any(holds_tags),
        Value::Object(map) => map.iter().any(|(key, value)| has_tags(key) || holds_tags(value)),
        _ => false,
    }
}

/// Leaves out arguments that are nothing but the output of a node that was left out: the input's default holds then.
fn drop_absent(arguments: &mut Option<Arguments>, scope: &Scope) {
    let Some(arguments) = arguments else { return };
    arguments.parameters.retain(|parameter| {
        let Some(value) = &parameter.value else { return true };
        let text = value.as_str().trim();
        let alone = text.starts_with("{{") && text.ends_with("}}");
        let absent = match expr::tags(text).as_slice() {
            [Tag::Simple(name)] => scope.get(name) == Some(&Var::Absent),
            _ => false,
        };
        !(alone && absent)
    });
}
