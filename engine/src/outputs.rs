//! Outputs of steps and DAG templates, and outputs that the whole workflow sees.

use lighter_api::{Artifact, Outputs, Parameter};

use crate::engine::Engine;
use crate::expr::{Scope, Var, evaluate};
use crate::loops::plain;
use crate::run::Key;

impl Engine {
    /// What a steps or DAG template gives, read from its steps.
    ///
    /// # Errors
    /// When an output that is not optional leads nowhere.
    pub(crate) fn template_outputs(
        &self,
        key: Key,
        scope: &Scope,
    ) -> Result<Option<Outputs>, String> {
        let declared = self.boundary(key).and_then(|boundary| boundary.template.outputs.clone());
        let Some(declared) = declared else { return Ok(None) };
        if declared.parameters.is_empty() && declared.artifacts.is_empty() {
            return Ok(None);
        }
        let mut outputs = Outputs::default();
        for parameter in declared.parameters {
            outputs.parameters.push(self.output_parameter(scope, parameter)?);
        }
        for artifact in declared.artifacts {
            if let Some(found) = self.output_artifact(key, scope, &artifact)? {
                outputs.artifacts.push(found);
            }
        }
        Ok(Some(outputs))
    }

    fn output_parameter(
        &self,
        scope: &Scope,
        mut parameter: Parameter,
    ) -> Result<Parameter, String> {
        let Some(from) = parameter.value_from.take() else {
            return match parameter.value {
                Some(_) => Ok(parameter),
                None => Err(format!("output parameter '{}' must have a valueFrom", parameter.name)),
            };
        };
        let found = if from.expression.is_empty() {
            named(scope, &from.parameter)
        } else {
            let cx = self.context(scope, &parameter.name);
            match evaluate(&from.expression, &cx) {
                Ok(serde_json::Value::Null) => Ok(None),
                Ok(value) => Ok(Some(plain(&value))),
                Err(error) => Err(error.to_string()),
            }
        };
        let fallback = from.r#default.map(|value| value.0);
        let value = match (found, fallback) {
            (Ok(Some(value)), _) | (Err(_) | Ok(None), Some(value)) => value,
            (Err(error), None) => {
                return Err(format!("output parameter '{}': {error}", parameter.name));
            }
            (Ok(None), None) => {
                return Err(format!(
                    "output parameter \"{}\": \"{}\" is an absent optional (skipped/omitted node output with no default)",
                    parameter.name, from.parameter
                ));
            }
        };
        parameter.value = Some(value.into());
        Ok(parameter)
    }

    fn output_artifact(
        &self,
        key: Key,
        scope: &Scope,
        artifact: &Artifact,
    ) -> Result<Option<Artifact>, String> {
        let optional = artifact.optional == Some(true);
        match self.resolve_artifact(key, scope, artifact) {
            Ok(Some((mut found, missing))) => {
                let skips = artifact.collect.as_ref().and_then(|c| c.missing)
                    == Some(lighter_api::Missing::Skip);
                if !missing.is_empty() && !skips {
                    return Err(format!(
                        "outputs.artifacts.{}: {} item(s) gave no artifact: {}; with `collect: {{missing: skip}}` they are left out",
                        artifact.name,
                        missing.len(),
                        missing.join(", ")
                    ));
                }
                found.global_name.clone_from(&artifact.global_name);
                Ok(Some(found))
            }
            Ok(None) => Ok(None),
            Err(_) if optional => Ok(None),
            Err(error) => Err(format!("unable to resolve outputs from scope: {error}")),
        }
    }

    /// Makes a node's outputs with a `globalName` those of the workflow.
    pub(crate) fn export_outputs(&mut self, id: &str) {
        let Some(outputs) = self.node(id).and_then(|node| node.outputs.as_ref()) else { return };
        let named = |p: &&Parameter| !p.global_name.is_empty() && p.value.is_some();
        let parameters: Vec<Parameter> = outputs.parameters.iter().filter(named).cloned().collect();
        let artifacts: Vec<Artifact> =
            outputs.artifacts.iter().filter(|a| !a.global_name.is_empty()).cloned().collect();
        for mut parameter in parameters {
            parameter.name = std::mem::take(&mut parameter.global_name);
            parameter.value_from = None;
            let value = parameter.value.as_ref().map(|v| v.0.clone()).unwrap_or_default();
            self.set_global(&format!("workflow.outputs.parameters.{}", parameter.name), value);
            let all = &mut self.status_mut().outputs.get_or_insert_default().parameters;
            all.retain(|other| other.name != parameter.name);
            all.push(parameter);
        }
        for mut artifact in artifacts {
            artifact.name = std::mem::take(&mut artifact.global_name);
            artifact.path.clear();
            if artifact.collection.is_none() {
                let value = serde_json::to_value(&artifact).unwrap_or_default();
                let key = format!("workflow.outputs.artifacts.{}", artifact.name);
                self.set_global(&key, value);
            }
            let all = &mut self.status_mut().outputs.get_or_insert_default().artifacts;
            all.retain(|other| other.name != artifact.name);
            all.push(artifact);
        }
    }
}

/// The variable that `{{name}}` or `name` stands for; `None` if its node was left out.
fn named(scope: &Scope, reference: &str) -> Result<Option<String>, String> {
    let name = reference.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    match scope.get(name) {
        Some(Var::Text(text)) => Ok(Some(text.clone())),
        Some(Var::Json(value)) => Ok(Some(plain(value))),
        Some(Var::Absent) => Ok(None),
        None => Err(format!("unable to resolve '{name}'")),
    }
}
