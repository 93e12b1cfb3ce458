//! The variables that hold everywhere: `workflow.…`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lighter_api::{Arguments, Parameter, WorkflowSpec};
use serde_json::json;

use crate::config::Config;
use crate::engine::Engine;
use crate::expr::{Context, Scope, Var, evaluate};

/// Argo's letters for parts of the creation time; `L` and `s` are made by hand.
const TIME_LETTERS: &str = "BbmAadHIMSYypZz";

/// The variables known when a workflow starts.
///
/// # Errors
/// When a parameter of the workflow has no value.
pub(crate) fn globals(
    meta: &ObjectMeta,
    spec: &WorkflowSpec,
    config: &Config,
) -> Result<Scope, String> {
    let mut scope = Scope::new();
    scope.set("workflow.name", meta.name.clone().unwrap_or_default());
    scope.set("workflow.namespace", meta.namespace.clone().unwrap_or_default());
    scope.set("workflow.uid", meta.uid.clone().unwrap_or_default());
    scope.set("workflow.mainEntrypoint", spec.entrypoint.clone());
    scope.set("workflow.serviceAccountName", spec.service_account_name.clone());
    if let Some(priority) = spec.priority {
        scope.set("workflow.priority", priority.to_string());
    }
    if let Some(created) = &meta.creation_timestamp {
        times(&mut scope, created.0);
    }
    maps(&mut scope, "labels", meta.labels.as_ref());
    maps(&mut scope, "annotations", meta.annotations.as_ref());
    if let Some(scheduled) =
        meta.annotations.as_ref().and_then(|a| a.get("workflows.argoproj.io/scheduled-time"))
    {
        scope.set("workflow.scheduledTime", scheduled.clone());
    }
    let parameters = workflow_parameters(spec.arguments.as_ref(), config)?;
    for parameter in &parameters {
        let value = parameter.value.as_ref().map(|v| v.0.clone()).unwrap_or_default();
        scope.set(format!("workflow.parameters.{}", parameter.name), value);
    }
    let list = serde_json::to_string(&parameters).unwrap_or_default();
    scope.set("workflow.parameters", list.clone());
    scope.set("workflow.parameters.json", list);
    Ok(scope)
}

fn times(scope: &mut Scope, created: Timestamp) {
    let zoned = created.to_zoned(jiff::tz::TimeZone::UTC);
    let base = "workflow.creationTimestamp";
    let text = zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    scope.set(format!("{base}.RFC3339"), text.clone());
    scope.set(base, text);
    scope.set(format!("{base}.s"), created.as_second().to_string());
    scope.set(format!("{base}.L"), format!(".{:03}", zoned.millisecond()));
    for letter in TIME_LETTERS.chars() {
        scope.set(format!("{base}.{letter}"), zoned.strftime(&format!("%{letter}")).to_string());
    }
}

fn maps(scope: &mut Scope, what: &str, map: Option<&BTreeMap<String, String>>) {
    let empty = BTreeMap::new();
    let map = map.unwrap_or(&empty);
    for (key, value) in map {
        scope.set(format!("workflow.{what}.{key}"), value.clone());
    }
    let text = json!(map).to_string();
    scope.set(format!("workflow.{what}.json"), text.clone());
    scope.set(format!("workflow.{what}"), text);
}

/// The workflow's parameters, each with a value.
fn workflow_parameters(
    arguments: Option<&Arguments>,
    config: &Config,
) -> Result<Vec<Parameter>, String> {
    let mut parameters = arguments.map(|a| a.parameters.clone()).unwrap_or_default();
    for parameter in &mut parameters {
        if parameter.value.is_some() {
            continue;
        }
        let from = parameter.value_from.as_ref();
        let mapped = from.and_then(|from| {
            let key = from.config_map_key_ref.as_ref()?;
            Some((key.name.clone(), key.key.clone(), from.r#default.clone()))
        });
        let value = match mapped {
            Some((name, key, fallback)) => {
                Some(config_map_value(config, &name, &key, fallback.map(|f| f.0))?.into())
            }
            None => from.and_then(|from| from.r#default.clone()),
        };
        let Some(value) = value.or_else(|| parameter.r#default.clone()) else {
            return Err(format!(
                "failed to set global parameters: workflow.parameters.{} has no value; give it one with -p {}=…",
                parameter.name, parameter.name
            ));
        };
        parameter.value = Some(value);
        parameter.value_from = None;
    }
    Ok(parameters)
}

/// The value under a key of a ConfigMap, or the default.
///
/// # Errors
/// When there is neither.
pub(crate) fn config_map_value(
    config: &Config,
    name: &str,
    key: &str,
    fallback: Option<String>,
) -> Result<String, String> {
    let map = config.config_maps.get(name);
    let found = map.and_then(|map| map.get(key)).cloned().or(fallback);
    found.ok_or_else(|| match map {
        None => format!("configmap '{name}' was not found (key '{key}' is wanted)"),
        Some(_) => format!("configmap '{name}' does not have the key '{key}'"),
    })
}

/// Labels and annotations from `workflowMetadata`, set once when the workflow starts.
///
/// # Errors
/// When an expression of `labelsFrom` fails or does not give a string.
pub(crate) fn apply_metadata(
    meta: &mut ObjectMeta,
    spec: &WorkflowSpec,
    cx: &Context<'_>,
) -> Result<(), String> {
    let Some(wanted) = &spec.workflow_metadata else { return Ok(()) };
    let labels = meta.labels.get_or_insert_default();
    labels.extend(wanted.labels.clone());
    for (key, from) in &wanted.labels_from {
        let value = evaluate(&from.expression, cx)
            .map_err(|error| format!("workflowMetadata.labelsFrom.{key}: {error}"))?;
        let Some(text) = value.as_str() else {
            return Err(format!(
                "workflowMetadata.labelsFrom.{key}: the expression gives no string"
            ));
        };
        labels.insert(key.clone(), text.to_owned());
    }
    meta.annotations.get_or_insert_default().extend(wanted.annotations.clone());
    Ok(())
}

impl Engine {
    /// Sets a variable that holds everywhere.
    pub(crate) fn set_global(&mut self, key: &str, var: impl Into<Var>) {
        Arc::make_mut(&mut self.globals).set(key, var);
    }

    /// The global variables over those of `inner`.
    pub(crate) fn under_globals(&self, inner: &Arc<Scope>) -> Scope {
        let mut scope = Scope::child(inner);
        for key in self.globals.keys() {
            if let Some(var) = self.globals.get(key) {
                scope.set(key, var.clone());
            }
        }
        scope
    }
}
