//! Arguments: what a call gives, against what its template takes.

use lighter_api::{Arguments, Artifact, Parameter, Template};

use super::finding::Report;
use super::names::{self, Kind, suggest};
use super::ports::{check_collect, check_enum};
use super::tags::check_expression;
use crate::expr::{self, Tag, has_tags};

/// Checks arguments by themselves. `complete` asks that every one has a value.
pub(super) fn check(path: &str, arguments: &Arguments, complete: bool, report: &mut Report) {
    let parameters = arguments.parameters.iter().map(|p| p.name.as_str());
    names::check_list(&format!("{path}.parameters"), parameters, Kind::Port, report);
    let artifacts = arguments.artifacts.iter().map(|a| a.name.as_str());
    names::check_list(&format!("{path}.artifacts"), artifacts, Kind::Port, report);
    for (index, parameter) in arguments.parameters.iter().enumerate() {
        check_parameter(&format!("{path}.parameters[{index}]"), parameter, complete, report);
    }
    for (index, artifact) in arguments.artifacts.iter().enumerate() {
        check_artifact(&format!("{path}.artifacts[{index}]"), artifact, complete, report);
    }
}

fn check_parameter(path: &str, parameter: &Parameter, complete: bool, report: &mut Report) {
    check_enum(path, parameter, report);
    let Some(from) = &parameter.value_from else {
        let empty = parameter.value.is_none() && parameter.r#default.is_none();
        if complete && empty {
            let name = &parameter.name;
            report.error(path, format!("parameter `{name}`: value or valueFrom is required"));
        }
        return;
    };
    let other = !from.path.is_empty()
        || !from.json_path.is_empty()
        || !from.jq_filter.is_empty()
        || !from.parameter.is_empty();
    let source = from.config_map_key_ref.is_some()
        || from.supplied.is_some()
        || !from.event.is_empty()
        || !from.expression.is_empty();
    if other || !source {
        let message = "valueFrom only allows: default, configMapKeyRef and supplied";
        report.error(format!("{path}.valueFrom"), message);
    }
    if !from.expression.is_empty() {
        check_expression(&format!("{path}.valueFrom.expression"), &from.expression, report);
    }
}

fn check_artifact(path: &str, artifact: &Artifact, complete: bool, report: &mut Report) {
    let from = artifact.from.as_deref().unwrap_or_default();
    if !from.is_empty() && !artifact.from_expression.is_empty() {
        report.error(path, "shouldn't have both `from` and `fromExpression`");
    }
    if !artifact.from_expression.is_empty() {
        check_expression(&format!("{path}.fromExpression"), &artifact.from_expression, report);
    }
    let nowhere = from.is_empty() && artifact.from_expression.is_empty() && !has_location(artifact);
    if nowhere && complete && artifact.optional != Some(true) {
        let name = &artifact.name;
        report
            .error(path, format!("artifact `{name}`: from, artifact location, or key is required"));
    }
    check_from(&format!("{path}.from"), from, report);
    if let Some(collect) = &artifact.collect {
        check_collect(&format!("{path}.collect"), collect, report);
    }
}

/// Checks that `from` names an artifact and not something else.
pub(super) fn check_from(path: &str, from: &str, report: &mut Report) {
    if let [Tag::Simple(name)] = expr::tags(from).as_slice()
        && !name.contains(".artifacts.")
        && !name.starts_with("inputs.artifacts")
        && !name.starts_with("item")
    {
        let hint = "write e.g. `{{steps.NAME.outputs.artifacts.NAME}}`".to_owned();
        report.error_with(path, format!("`{name}` is no artifact"), Some(hint));
    }
}

/// Whether an artifact says where it lies.
fn has_location(artifact: &Artifact) -> bool {
    artifact.s3.is_some()
        || artifact.gcs.is_some()
        || artifact.azure.is_some()
        || artifact.oss.is_some()
        || artifact.hdfs.is_some()
        || artifact.git.is_some()
        || artifact.http.is_some()
        || artifact.artifactory.is_some()
        || artifact.raw.is_some()
        || artifact.plugin.is_some()
        || artifact.folder.is_some()
        || artifact.volume.is_some()
}

/// Checks that a call gives all that its template needs. `place` is the call's arguments.
pub(super) fn check_call(
    place: &str,
    arguments: Option<&Arguments>,
    template: &Template,
    report: &mut Report,
) {
    let given = arguments.map_or(&[][..], |arguments| &arguments.parameters);
    let given_artifacts = arguments.map_or(&[][..], |arguments| &arguments.artifacts);
    let empty = lighter_api::Inputs::default();
    let inputs = template.inputs.as_ref().unwrap_or(&empty);
    for input in &inputs.parameters {
        let own = input.value.is_some() || input.r#default.is_some() || input.value_from.is_some();
        if !own && !given.iter().any(|argument| argument.name == input.name) {
            let message = format!("inputs.parameters.{} was not supplied", input.name);
            report.error_with(place, message, Some(needed(template, "parameter", &input.name)));
        }
    }
    for input in &inputs.artifacts {
        let own = input.optional == Some(true) || has_location(input);
        if !own && !given_artifacts.iter().any(|argument| argument.name == input.name) {
            let message = format!("inputs.artifacts.{} was not supplied", input.name);
            report.error_with(place, message, Some(needed(template, "artifact", &input.name)));
        }
    }
    let known = inputs.parameters.iter().map(|input| input.name.as_str());
    let names = given.iter().map(|argument| argument.name.as_str());
    check_unknown(place, "parameters", template, names, known, report);
    let known = inputs.artifacts.iter().map(|input| input.name.as_str());
    let names = given_artifacts.iter().map(|argument| argument.name.as_str());
    check_unknown(place, "artifacts", template, names, known, report);
    check_values(place, given, inputs.parameters.as_slice(), report);
}

fn needed(template: &Template, what: &str, name: &str) -> String {
    let callee = if template.name.is_empty() {
        "the inline template".to_owned()
    } else {
        format!("template `{}`", template.name)
    };
    format!("{callee} needs the {what} `{name}`")
}

/// Warns of arguments that the template does not take: Argo passes over them.
fn check_unknown<'a>(
    place: &str,
    list: &str,
    template: &Template,
    names: impl Iterator<Item = &'a str>,
    known: impl Iterator<Item = &'a str> + Clone,
    report: &mut Report,
) {
    for (index, name) in names.enumerate() {
        if known.clone().any(|known| known == name) || has_tags(name) {
            continue;
        }
        let message = format!("template `{}` takes no `{name}`", template.name);
        report.warning(format!("{place}.{list}[{index}]"), message, suggest(name, known.clone()));
    }
}

/// Checks plain values against the `enum` of the input.
fn check_values(place: &str, given: &[Parameter], inputs: &[Parameter], report: &mut Report) {
    for (index, argument) in given.iter().enumerate() {
        let Some(input) = inputs.iter().find(|input| input.name == argument.name) else { continue };
        let mut both = argument.clone();
        both.r#enum.clone_from(&input.r#enum);
        both.r#default = None;
        check_enum(&format!("{place}.parameters[{index}]"), &both, report);
    }
}
