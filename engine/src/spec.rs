//! The spec of a workflow that refers to a template: the workflow's fields over the template's.

use lighter_api::WorkflowSpec;
use serde_json::Value;

use crate::config::Library;

/// The spec that is run: the workflow's own, or its own over the one that it refers to.
///
/// # Errors
/// When the library does not have what is referred to, or the two do not go together.
pub(crate) fn complete(own: &WorkflowSpec, library: &Library) -> Result<WorkflowSpec, String> {
    let Some(reference) = &own.workflow_template_ref else { return Ok(own.clone()) };
    let name = &reference.name;
    let is_cluster = reference.cluster_scope == Some(true);
    let kind = if is_cluster { "ClusterWorkflowTemplate" } else { "WorkflowTemplate" };
    let base = library.spec(is_cluster, name).ok_or_else(|| {
        format!("{kind} `{name}` was not found (give the file of the {kind} `{name}` too)")
    })?;
    merge_specs(base, own)
}

/// Merges the workflow's spec over the one it refers to. Lists of named things are merged by name, others replaced.
fn merge_specs(base: &WorkflowSpec, own: &WorkflowSpec) -> Result<WorkflowSpec, String> {
    let wrong = |error: serde_json::Error| format!("cannot merge workflowTemplateRef: {error}");
    let mut merged = serde_json::to_value(base).map_err(wrong)?;
    let mut over = serde_json::to_value(own).map_err(wrong)?;
    if let Value::Object(over) = &mut over {
        over.remove("workflowTemplateRef");
    }
    merge(&mut merged, over);
    serde_json::from_value(merged).map_err(wrong)
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(place) => merge(place, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(base), Value::Array(over)) if named(base) && named(&over) => {
            for item in over {
                match base.iter_mut().find(|old| old.get("name") == item.get("name")) {
                    Some(old) => merge(old, item),
                    None => base.push(item),
                }
            }
        }
        (base, over) => *base = over,
    }
}

fn named(list: &[Value]) -> bool {
    list.iter().all(|item| item.get("name").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_things_are_merged_by_name() {
        let spec = |json| serde_json::from_value::<WorkflowSpec>(json).unwrap();
        let base = spec(serde_json::json!({"entrypoint": "a", "templates": [{"name": "a"}],
            "arguments": {"parameters": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}]}}));
        let own = spec(serde_json::json!({"workflowTemplateRef": {"name": "t"},
            "arguments": {"parameters": [{"name": "y", "value": "3"}, {"name": "z", "value": "4"}]}}));
        let merged = merge_specs(&base, &own).unwrap();
        let values: Vec<String> = merged
            .arguments
            .unwrap_or_default()
            .parameters
            .into_iter()
            .map(|p| format!("{}={}", p.name, p.value.unwrap_or_default()))
            .collect();
        assert_eq!(values, ["x=1", "y=3", "z=4"]);
        assert_eq!(merged.entrypoint, "a");
        assert!(merged.workflow_template_ref.is_none());
    }
}
