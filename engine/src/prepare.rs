//! Filling in a template: inputs from arguments, then every tag that is known.

use lighter_api::{Artifact, Collection, Inputs, Parameter, Template};
use serde_json::Value;

use crate::call::Extra;
use crate::engine::Engine;
use crate::expr::{Mode, Scope, Var, has_tags, substitute, substitute_json};
use crate::globals::config_map_value;
use crate::location;
use crate::run::{Call, Key};

/// How many missing items an error names.
const NAMED_ITEMS: usize = 10;

/// A template that is ready to run.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub template: Template,
    /// The variables `inputs.…`.
    pub inputs: Vec<(String, Var)>,
}

impl Engine {
    /// Fills in a template for the run.
    ///
    /// # Errors
    /// When an input has no value, or a tag fails.
    pub(crate) fn prepare(
        &self,
        key: Key,
        template: &Template,
        call: &Call,
        extra: &Extra,
    ) -> Result<Prepared, String> {
        let Some(run) = self.runs.get(key) else { return Err("the run is gone".to_owned()) };
        let mut scope = Scope::child(&self.globals);
        scope.set("node.name", run.name.clone());
        if template.container.is_some() || template.script.is_some() {
            scope.set("pod.name", self.pod_name_of(&template.name, &run.name, &run.id));
        }
        if let Some((prefix, name)) = &call.caller {
            scope.set(format!("{prefix}.name"), name.clone());
        }
        scope.extend(extra.locals.iter().cloned());

        let given = template.inputs.clone().unwrap_or_default();
        let parameters = self.input_parameters(&given.parameters, call, &scope, &run.id)?;
        let artifacts = self.input_artifacts(&given.artifacts, call, template)?;
        scope.extend(input_vars(&parameters, &artifacts));
        // Paths come first, once: what is random in them has to be the same wherever they are named.
        let template = &self.with_output_paths(template, &scope, &run.id)?;
        let mut inputs = input_vars(&parameters, &artifacts);
        inputs.extend(output_path_vars(template));
        scope.extend(output_path_vars(template));

        // Values and parts are data: their text is not looked at again.
        let mut body = template.clone();
        let (mut artifacts, collections) = without_collections(artifacts);
        body.inputs = (!artifacts.is_empty())
            .then(|| Inputs { artifacts: std::mem::take(&mut artifacts), parameters: Vec::new() });
        let cx = self.context(&scope, &run.id);
        let mut filled =
            substitute_json(&body, &cx, Mode::AllowUnresolved).map_err(|e| e.to_string())?;
        if !parameters.is_empty() || filled.inputs.is_some() {
            let inputs = filled.inputs.get_or_insert_default();
            inputs.parameters = parameters;
            for (artifact, collection) in inputs.artifacts.iter_mut().zip(collections) {
                artifact.collection = collection;
            }
        }
        Ok(Prepared { template: filled, inputs })
    }

    /// The template with the tags in its outputs' paths replaced.
    fn with_output_paths(
        &self,
        template: &Template,
        scope: &Scope,
        id: &str,
    ) -> Result<Template, String> {
        let mut filled = template.clone();
        let Some(outputs) = &mut filled.outputs else { return Ok(filled) };
        let artifacts = outputs.artifacts.iter_mut().map(|artifact| &mut artifact.path);
        let parameters = outputs.parameters.iter_mut().filter_map(|p| p.value_from.as_mut());
        for path in artifacts.chain(parameters.map(|from| &mut from.path)) {
            if has_tags(path) {
                let cx = self.context(scope, &format!("{id} {path}"));
                *path = substitute(path, &cx, Mode::AllowUnresolved).map_err(|e| e.to_string())?;
            }
        }
        Ok(filled)
    }

    fn input_parameters(
        &self,
        wanted: &[Parameter],
        call: &Call,
        scope: &Scope,
        id: &str,
    ) -> Result<Vec<Parameter>, String> {
        let cx = self.context(scope, id);
        let text = |value: &str| {
            if !has_tags(value) {
                return Ok(value.to_owned());
            }
            substitute(value, &cx, Mode::AllowUnresolved).map_err(|e| e.to_string())
        };
        let mut filled = Vec::with_capacity(wanted.len());
        for input in wanted {
            let argument = call.arguments.parameters.iter().find(|a| a.name == input.name);
            let from = argument.and_then(|a| a.value_from.as_ref()).or_else(|| {
                let own = input.value_from.as_ref();
                own.filter(|_| argument.is_none_or(|a| a.value.is_none()))
            });
            let mut value = argument
                .and_then(|a| a.value.clone())
                .or_else(|| input.value.clone())
                .or_else(|| input.r#default.clone())
                .map(|v| v.0);
            if let Some(reference) = from.and_then(|from| from.config_map_key_ref.as_ref()) {
                let fallback = from.and_then(|from| from.r#default.clone()).map(|d| d.0);
                let (name, key) = (text(&reference.name)?, text(&reference.key)?);
                value = Some(
                    config_map_value(&self.config, &name, &key, fallback)
                        .map_err(|e| format!("inputs.parameters.{}: {e}", input.name))?,
                );
            } else if value.is_none() {
                value = from.and_then(|from| from.r#default.clone()).map(|d| d.0);
            }
            let Some(value) = value else {
                return Err(format!("inputs.parameters.{} was not supplied", input.name));
            };
            let value = text(&value)?;
            if !input.r#enum.is_empty() && !input.r#enum.iter().any(|v| v.0 == value) {
                return Err(format!(
                    "inputs.parameters.{}: value '{value}' is not one of its enum",
                    input.name
                ));
            }
            filled.push(Parameter { value: Some(value.into()), value_from: None, ..input.clone() });
        }
        Ok(filled)
    }

    fn input_artifacts(
        &self,
        wanted: &[Artifact],
        call: &Call,
        template: &Template,
    ) -> Result<Vec<Artifact>, String> {
        let mut filled = Vec::with_capacity(wanted.len());
        for input in wanted {
            if location::is_placed(input) {
                filled.push(input.clone());
                continue;
            }
            let optional = input.optional == Some(true);
            let argument = call.arguments.artifacts.iter().find(|a| a.name == input.name);
            let Some(argument) = argument else {
                if !optional {
                    return Err(format!("inputs.artifacts.{} was not supplied", input.name));
                }
                filled.push(input.clone());
                continue;
            };
            let collected = argument.collection.is_some();
            if !collected && !location::is_placed(argument) && !optional {
                return Err(format!(
                    "inputs.artifacts.{} missing location information",
                    input.name
                ));
            }
            let collect = input.collect.clone().or_else(|| argument.collect.clone());
            if collect.is_some() && !collected && location::is_placed(argument) {
                return Err(format!(
                    "inputs.artifacts.{}: collect needs the outputs of a loop, but its argument is one artifact",
                    input.name
                ));
            }
            let skips =
                collect.as_ref().and_then(|c| c.missing) == Some(lighter_api::Missing::Skip);
            if let (Some((_, missing)), false) =
                (call.missing.iter().find(|(name, _)| *name == input.name), skips)
            {
                return Err(missing_items(&input.name, missing, argument.collection.as_ref()));
            }
            let mut artifact = Artifact {
                path: input.path.clone(),
                mode: input.mode,
                recurse_mode: input.recurse_mode,
                optional: input.optional,
                from: None,
                from_expression: String::new(),
                sub_path: String::new(),
                global_name: String::new(),
                collect,
                ..argument.clone()
            };
            if template.archive_location.is_some() {
                self.complete_artifact(&mut artifact);
            }
            filled.push(artifact);
        }
        Ok(filled)
    }

    /// Spells out what lies in the workflow's repository, for a template that has another one.
    fn complete_artifact(&self, artifact: &mut Artifact) {
        let Some(repository) = &self.repository else { return };
        location::put(artifact, location::complete(artifact.location(), repository));
        for part in artifact.collection.iter_mut().flat_map(|c| &mut c.parts) {
            if part.location.is_some() || part.key.is_empty() {
                continue;
            }
            let mut full = repository.clone();
            if let Some(key) = location::key_mut(&mut full) {
                *key = std::mem::take(&mut part.key);
                part.location = Some(full);
            }
        }
    }
}

fn missing_items(name: &str, missing: &[String], collection: Option<&Collection>) -> String {
    let shown = missing.iter().take(NAMED_ITEMS).cloned().collect::<Vec<_>>().join(", ");
    let more = if missing.len() > NAMED_ITEMS { ", …" } else { "" };
    let from = collection.map_or("", |c| c.from.as_str());
    format!(
        "inputs.artifacts.{name}: {} item(s) of {from} gave no artifact: {shown}{more}; with `collect: {{missing: skip}}` they are left out",
        missing.len()
    )
}

/// The variables of a template's inputs, and of the paths of its outputs.
fn input_vars(parameters: &[Parameter], artifacts: &[Artifact]) -> Vec<(String, Var)> {
    let mut vars = Vec::new();
    for parameter in parameters {
        let value = parameter.value.as_ref().map(|v| v.0.clone()).unwrap_or_default();
        vars.push((format!("inputs.parameters.{}", parameter.name), Var::Text(value)));
    }
    if !parameters.is_empty() {
        let list = serde_json::to_string(parameters).unwrap_or_default();
        vars.push(("inputs.parameters".to_owned(), Var::Text(list)));
    }
    for artifact in artifacts {
        if !artifact.path.is_empty() {
            let path = Var::Text(artifact.path.clone());
            vars.push((format!("inputs.artifacts.{}.path", artifact.name), path));
        }
        if artifact.collection.is_none() {
            let value = serde_json::to_value(artifact).unwrap_or(Value::Null);
            vars.push((format!("inputs.artifacts.{}", artifact.name), Var::Json(value)));
        }
    }
    vars
}

/// `outputs.artifacts.NAME.path` and `outputs.parameters.NAME.path`.
fn output_path_vars(template: &Template) -> Vec<(String, Var)> {
    let mut vars = Vec::new();
    let Some(outputs) = &template.outputs else { return vars };
    for artifact in outputs.artifacts.iter().filter(|a| !a.path.is_empty()) {
        let path = Var::Text(artifact.path.clone());
        vars.push((format!("outputs.artifacts.{}.path", artifact.name), path));
    }
    for parameter in &outputs.parameters {
        let path = parameter.value_from.as_ref().map(|from| from.path.clone()).unwrap_or_default();
        if !path.is_empty() {
            vars.push((format!("outputs.parameters.{}.path", parameter.name), Var::Text(path)));
        }
    }
    vars
}

fn without_collections(artifacts: Vec<Artifact>) -> (Vec<Artifact>, Vec<Option<Collection>>) {
    artifacts
        .into_iter()
        .map(|mut artifact| {
            let collection = artifact.collection.take();
            (artifact, collection)
        })
        .unzip()
}

/// A template's inputs for the status: of a collection, only where it comes from and its size.
pub(crate) fn inputs_for_status(template: &Template) -> Option<Inputs> {
    let inputs = template.inputs.as_ref().map(|inputs| Inputs {
        parameters: inputs.parameters.clone(),
        artifacts: inputs.artifacts.iter().map(summary).collect(),
    })?;
    (!inputs.parameters.is_empty() || !inputs.artifacts.is_empty()).then_some(inputs)
}

fn summary(artifact: &Artifact) -> Artifact {
    let Some(collection) = &artifact.collection else { return artifact.clone() };
    let short =
        Collection { from: collection.from.clone(), count: collection.count, parts: Vec::new() };
    // A plain clone would copy all parts first.
    let mut copy = Artifact {
        collection: Some(short),
        name: artifact.name.clone(),
        path: artifact.path.clone(),
        mode: artifact.mode,
        recurse_mode: artifact.recurse_mode,
        optional: artifact.optional,
        archive: artifact.archive.clone(),
        collect: artifact.collect.clone(),
        ..Artifact::default()
    };
    location::put(&mut copy, artifact.location());
    copy
}
