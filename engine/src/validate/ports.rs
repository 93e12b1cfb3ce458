//! Ports: the inputs and outputs of a template, and what a `collect` asks for.

use lighter_api::{Artifact, Collect, CollectForm, Inputs, Parameter, TarStrategy, Template};

use super::finding::Report;
use super::names::{self, Kind};
use super::tags::check_expression;
use crate::expr::{self, Tag, has_tags};

/// Checks the inputs and outputs of the template at `path`.
pub(super) fn check(path: &str, template: &Template, report: &mut Report) {
    if let Some(inputs) = &template.inputs {
        check_inputs(&format!("{path}.inputs"), template, inputs, report);
    }
    let Some(outputs) = &template.outputs else { return };
    let path = format!("{path}.outputs");
    let parameters = outputs.parameters.iter().map(|p| p.name.as_str());
    names::check_list(&format!("{path}.parameters"), parameters, Kind::Port, report);
    let artifacts = outputs.artifacts.iter().map(|a| a.name.as_str());
    names::check_list(&format!("{path}.artifacts"), artifacts, Kind::Port, report);
    for (index, parameter) in outputs.parameters.iter().enumerate() {
        let path = format!("{path}.parameters[{index}]");
        check_output_parameter(&path, template, parameter, report);
        check_global_name(&path, &parameter.global_name, report);
    }
    for (index, artifact) in outputs.artifacts.iter().enumerate() {
        let path = format!("{path}.artifacts[{index}]");
        check_output_artifact(&path, template, artifact, report);
        check_global_name(&path, &artifact.global_name, report);
    }
}

/// Whether the template runs steps or tasks.
pub(super) fn is_group(template: &Template) -> bool {
    !template.steps.is_empty() || template.dag.is_some()
}

fn check_inputs(path: &str, template: &Template, inputs: &Inputs, report: &mut Report) {
    let parameters = inputs.parameters.iter().map(|p| p.name.as_str());
    names::check_list(&format!("{path}.parameters"), parameters, Kind::Port, report);
    let artifacts = inputs.artifacts.iter().map(|a| a.name.as_str());
    names::check_list(&format!("{path}.artifacts"), artifacts, Kind::Port, report);
    for (index, parameter) in inputs.parameters.iter().enumerate() {
        check_enum(&format!("{path}.parameters[{index}]"), parameter, report);
    }
    for (index, artifact) in inputs.artifacts.iter().enumerate() {
        let path = format!("{path}.artifacts[{index}]");
        if artifact.from.is_some() {
            let hint = "give it as an argument where the template is called".to_owned();
            report.error_with(format!("{path}.from"), "`from` is not valid in inputs", Some(hint));
        }
        let runs_container = template.container.is_some() || template.script.is_some();
        if is_group(template) && !artifact.path.is_empty() {
            let message = "`path` is only valid in container/script templates";
            report.error(format!("{path}.path"), message);
        } else if runs_container && artifact.path.is_empty() {
            report.error(path.clone(), "an input artifact of a container or script needs a `path`");
        }
        check_path(&path, &artifact.path, report);
        if let Some(collect) = &artifact.collect {
            check_collect(&format!("{path}.collect"), collect, report);
        }
    }
}

/// Checks that the value is one of `enum`.
pub(super) fn check_enum(path: &str, parameter: &Parameter, report: &mut Report) {
    let Some(value) = parameter.value.as_ref().or(parameter.r#default.as_ref()) else { return };
    let allowed = &parameter.r#enum;
    if allowed.is_empty() || allowed.contains(value) || has_tags(value.as_str()) {
        return;
    }
    let names: Vec<String> = allowed.iter().map(|value| format!("`{value}`")).collect();
    let message = format!("value `{value}` should be present in the enum list");
    report.error_with(path, message, Some(format!("the values are {}", names.join(", "))));
}

/// Checks what an artifact argument or input asks of a collection.
pub(super) fn check_collect(path: &str, collect: &Collect, report: &mut Report) {
    let form = collect.form.unwrap_or_default();
    if !collect.name.is_empty() && form != CollectForm::Directory {
        let hint = "leave it out: there is one file".to_owned();
        report.error_with(format!("{path}.name"), "`name` is only for `as: directory`", Some(hint));
    }
    if !collect.jq.is_empty() && !matches!(form, CollectForm::Json | CollectForm::Ndjson) {
        let message = "`jq` is only for `as: json` and `as: ndjson`";
        report.error(format!("{path}.jq"), message);
    }
    for tag in expr::tags(&collect.name) {
        let known = match tag {
            Tag::Simple(name) => {
                matches!(name, "index" | "item" | "file")
                    || name.strip_prefix("item.").is_some_and(|key| !key.is_empty())
            }
            Tag::Expression(_) => false,
        };
        if !known {
            let hint =
                "the tags here are {{index}}, {{item}}, {{item.KEY}} and {{file}}".to_owned();
            let message = "this tag is not known in the names of parts";
            report.error_with(format!("{path}.name"), message, Some(hint));
        }
    }
}

fn check_path(path: &str, file: &str, report: &mut Report) {
    if !file.is_empty() && !file.starts_with('/') && !has_tags(file) {
        let hint = "begin it with `/`".to_owned();
        report.warning(format!("{path}.path"), format!("`{file}` is no absolute path"), Some(hint));
    }
    if file.split('/').any(|part| part == "..") {
        report.error(format!("{path}.path"), format!("`{file}` must not have `..` in it"));
    }
}

fn check_global_name(path: &str, name: &str, report: &mut Report) {
    if !name.is_empty() && !has_tags(name) {
        let path = format!("{path}.globalName");
        names::check(&path, name, Kind::Port, &mut Default::default(), report);
    }
}

fn check_output_parameter(
    path: &str,
    template: &Template,
    parameter: &Parameter,
    report: &mut Report,
) {
    let from = match (&parameter.value, &parameter.value_from) {
        (Some(_), Some(_)) => {
            return report.error(path, "has both valueFrom and value specified, choose one");
        }
        (Some(_), None) => return,
        (None, None) => return report.error(path, "does not have valueFrom or value specified"),
        (None, Some(from)) => from,
    };
    let path = format!("{path}.valueFrom");
    let given = [&from.path, &from.jq_filter, &from.json_path, &from.parameter, &from.expression];
    let count = given.iter().filter(|text| !text.is_empty()).count();
    let count = count + usize::from(from.supplied.is_some());
    if count != 1 {
        let number = if count == 0 {
            "valueFrom type unspecified"
        } else {
            "multiple valueFrom types specified"
        };
        let choices = "path, jqFilter, jsonPath, parameter, expression, supplied";
        return report.error(path, format!("{number}. choose one of: {choices}"));
    }
    if !from.expression.is_empty() {
        check_expression(&format!("{path}.expression"), &from.expression, report);
    }
    if is_group(template) && from.parameter.is_empty() && from.expression.is_empty() {
        report.error(path, "parameter or expression must be specified for steps and dag templates");
    } else if (template.container.is_some() || template.script.is_some()) && from.path.is_empty() {
        report.error(path, "path must be specified for container and script templates");
    } else if template.suspend.is_some() && from.supplied.is_none() && from.expression.is_empty() {
        report.error(path, "supplied must be specified for suspend templates");
    }
}

fn check_output_artifact(
    path: &str,
    template: &Template,
    artifact: &Artifact,
    report: &mut Report,
) {
    let from = artifact.from.as_ref().is_some_and(|from| !from.is_empty());
    if from && !artifact.from_expression.is_empty() {
        report.error(path, "shouldn't have both `from` and `fromExpression`");
    }
    if !artifact.from_expression.is_empty() {
        check_expression(&format!("{path}.fromExpression"), &artifact.from_expression, report);
    }
    if artifact.collect.is_some() {
        let hint = "collect where the artifact is taken in".to_owned();
        report.error_with(format!("{path}.collect"), "`collect` is only for inputs", Some(hint));
    }
    if is_group(template) {
        if !artifact.path.is_empty() {
            let hint =
                "take it from a step: `from: \"{{steps.NAME.outputs.artifacts.NAME}}\"`".to_owned();
            let message = "`path` is only valid in container/script templates";
            report.error_with(format!("{path}.path"), message, Some(hint));
        } else if !from && artifact.from_expression.is_empty() {
            report.error(
                path,
                "from or fromExpression must be specified for steps and dag templates",
            );
        }
        return;
    }
    if let Some(Err(why)) =
        artifact.archive.as_ref().and_then(|archive| archive.tar.as_ref()).map(TarStrategy::level)
    {
        report.error(format!("{path}.archive.tar.compressionLevel"), why);
    }
    check_path(path, &artifact.path, report);
    if (template.container.is_some() || template.script.is_some()) && artifact.path.is_empty() {
        report.error(path, "an output artifact of a container or script needs a `path`");
    }
}
