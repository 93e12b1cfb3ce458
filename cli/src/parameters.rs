//! Gives a workflow its parameters from the command line and from a file.

use std::path::Path;

use lighter_api::{AnyString, Workflow, WorkflowSpec};
use lighter_local::state::Surroundings;
use serde_json::Value;

use crate::failure::Failure;
use crate::files;

/// Names and values in the order they were given.
pub type Given = Vec<(String, String)>;

/// The parameters of a file of names and values, then those of the command line, which win.
pub fn given(file: Option<&Path>, arguments: &[String]) -> Result<Given, Failure> {
    let mut given = match file {
        Some(path) => from_file(path)?,
        None => Given::new(),
    };
    for argument in arguments {
        let Some((name, value)) = argument.split_once('=') else {
            return Err(Failure::invalid(format!(
                "`-p {argument}` has no value; write `-p {argument}=VALUE`"
            )));
        };
        given.push((name.to_string(), value.to_string()));
    }
    Ok(given)
}

/// Strings are taken as they are, everything else as its JSON, as Argo does.
fn from_file(path: &Path) -> Result<Given, Failure> {
    let (name, text) = files::read_one(path).map_err(Failure::invalid)?;
    let text = String::from_utf8(text)
        .map_err(|_| Failure::invalid(format!("{name}: the file is not UTF-8")))?;
    let value =
        lighter_api::read_value(&name, &text).map_err(|e| Failure::invalid(e.to_string()))?;
    let Value::Object(map) = value else {
        return Err(Failure::invalid(format!(
            "{name}: a parameter file holds names and values, such as `pieces: 3`"
        )));
    };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(map.into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// Sets the workflow's arguments. Every name must be one of its parameters.
pub fn set(
    workflow: &mut Workflow,
    around: &Surroundings,
    given: Given,
    file: &str,
) -> Result<(), Failure> {
    let known = known(workflow, around);
    let spec = workflow.spec.get_or_insert_default();
    for (name, value) in given {
        if !known.contains(&name) {
            return Err(Failure::invalid(unknown(&name, &known, file)));
        }
        let arguments = spec.arguments.get_or_insert_default();
        match arguments.parameters.iter_mut().find(|p| p.name == name) {
            Some(parameter) => {
                parameter.value = Some(AnyString(value));
                parameter.value_from = None;
            }
            None => arguments.parameters.push(lighter_api::Parameter {
                name,
                value: Some(AnyString(value)),
                ..Default::default()
            }),
        }
    }
    Ok(())
}

/// The parameters of the workflow and of the template that it takes its spec from.
fn known(workflow: &Workflow, around: &Surroundings) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |spec: &WorkflowSpec| {
        let arguments = spec.arguments.iter();
        names.extend(arguments.flat_map(|a| &a.parameters).map(|p| p.name.clone()));
    };
    let Some(spec) = &workflow.spec else { return names };
    add(spec);
    if let Some(reference) = &spec.workflow_template_ref {
        let named = |metadata: &Option<_>| {
            let metadata: &Option<
                lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            > = metadata;
            metadata.as_ref().and_then(|m| m.name.as_deref()) == Some(reference.name.as_str())
        };
        let templates = around.templates.iter().filter(|t| named(&t.metadata));
        templates.filter_map(|t| t.spec.as_ref()).for_each(&mut add);
        let templates = around.cluster_templates.iter().filter(|t| named(&t.metadata));
        templates.filter_map(|t| t.spec.as_ref()).for_each(&mut add);
    }
    names
}

fn unknown(name: &str, known: &[String], file: &str) -> String {
    if known.is_empty() {
        return format!("{file}: the workflow has no parameters, so `-p {name}=…` has no use");
    }
    let hint = match lighter_api::nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("it has {}", quoted.join(", "))
        }
    };
    format!("{file}: spec.arguments.parameters: the workflow has no parameter `{name}`; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_files_are_strings_or_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.yaml");
        std::fs::write(&path, "a: text\nb: 1.50\nc: [1, x]\nd: true\n").unwrap();
        let given = given(Some(&path), &["a=b=c".into()]).unwrap();
        let expected =
            [("a", "text"), ("b", "1.5"), ("c", r#"[1,"x"]"#), ("d", "true"), ("a", "b=c")];
        let expected: Given =
            expected.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        assert_eq!(given, expected);
        assert!(super::given(None, &["a".into()]).is_err());
    }
}
