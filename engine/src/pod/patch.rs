//! `podSpecPatch`: the user's last word on a pod's spec.

use lighter_api::k8s_openapi::api::core::v1::PodSpec;
use lighter_api::read_value;
use serde_json::Value;

use super::PodError;
use super::merge::{merge, plain};

/// Applies the workflow's patch, then the template's. Each is YAML or JSON; an empty one changes nothing.
pub(super) fn apply(spec: PodSpec, patches: [&str; 2]) -> Result<PodSpec, PodError> {
    let patches: Vec<&str> = patches.into_iter().filter(|patch| !patch.trim().is_empty()).collect();
    if patches.is_empty() {
        return Ok(spec);
    }
    let mut value = serde_json::to_value(spec).map_err(|error| invalid(&error.to_string()))?;
    for text in patches {
        let patch = parse(text)?;
        merge(&mut value, patch).map_err(|problem| invalid(&problem))?;
    }
    serde_json::from_value(value).map_err(|error| invalid(&error.to_string()))
}

/// The patch, if it fits a pod's spec. A field that Kubernetes does not know is an error: it would be lost.
fn parse(text: &str) -> Result<Value, PodError> {
    let mut patch = read_value("podSpecPatch", text)
        .map_err(|problems| PodError::Invalid(problems.to_string()))?;
    if patch.is_null() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    if !patch.is_object() {
        return Err(invalid("must be an object with fields of a pod's spec"));
    }
    quantities_to_text(&mut patch);
    let plain = plain(patch.clone(), "").map_err(|problem| invalid(&problem))?;
    let typed: PodSpec =
        serde_json::from_value(plain.clone()).map_err(|error| invalid(&error.to_string()))?;
    let known = serde_json::to_value(typed).map_err(|error| invalid(&error.to_string()))?;
    match unknown_field(&plain, &known, "") {
        Some(field) => Err(invalid(&format!("unknown field `{field}`"))),
        None => Ok(patch),
    }
}

/// Quantities may be written as numbers.
fn quantities_to_text(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(quantities_to_text),
        Value::Object(fields) => {
            for (field, value) in fields {
                match (field.as_str(), &mut *value) {
                    ("limits" | "requests" | "overhead", Value::Object(resources)) => {
                        resources.values_mut().for_each(number_to_text);
                    }
                    ("sizeLimit" | "divisor", number) => number_to_text(number),
                    _ => quantities_to_text(value),
                }
            }
        }
        _ => {}
    }
}

fn number_to_text(value: &mut Value) {
    if let Value::Number(number) = value {
        *value = Value::String(number.to_string());
    }
}

/// The path of the first field of `patch` that did not come through.
fn unknown_field(patch: &Value, known: &Value, path: &str) -> Option<String> {
    match (patch, known) {
        (Value::Object(patch), Value::Object(known)) => patch.iter().find_map(|(field, value)| {
            let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
            match known.get(field) {
                Some(known) => unknown_field(value, known, &path),
                None => Some(path),
            }
        }),
        (Value::Array(patch), Value::Array(known)) => {
            patch.iter().zip(known).enumerate().find_map(|(index, (value, known))| {
                unknown_field(value, known, &format!("{path}[{index}]"))
            })
        }
        _ => None,
    }
}

fn invalid(problem: &str) -> PodError {
    PodError::Invalid(format!("podSpecPatch: {problem}"))
}
