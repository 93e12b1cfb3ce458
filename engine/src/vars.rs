//! The variables that a node gives to those after it: `steps.a.…`, also of loops and of nodes that were left out.

use lighter_api::{NodeStatus, Outputs, Template};
use serde_json::{Map, Value};

use crate::boundary::LoopNode;
use crate::engine::Engine;
use crate::expr::Var;
use crate::phase::{self, kind};

/// Names and values, the names complete.
pub(crate) type Vars = Vec<(String, Var)>;

impl Engine {
    /// The variables of one node. Of a retried one, those of its last attempt.
    pub(crate) fn node_vars(&self, prefix: &str, name: &str, id: &str) -> Vars {
        let Some(mut node) = self.node(id) else { return Vec::new() };
        let attempt;
        if node.r#type == kind::RETRY
            && let Some(last) = self.last_attempt(node)
        {
            attempt = last;
            node = self.node(&attempt).unwrap_or(node);
        }
        let base = format!("{prefix}.{name}");
        let mut vars = vec![
            (format!("{base}.id"), Var::Text(node.id.clone())),
            (format!("{base}.status"), Var::Text(node.phase.clone())),
        ];
        let times = [("startedAt", &node.started_at), ("finishedAt", &node.finished_at)];
        for (key, time) in times {
            if let Some(time) = time {
                let text = time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                vars.push((format!("{base}.{key}"), Var::Text(text)));
            }
        }
        for (key, text) in [("ip", &node.pod_ip), ("hostNodeName", &node.host_node_name)] {
            if !text.is_empty() {
                vars.push((format!("{base}.{key}"), Var::Text(text.clone())));
            }
        }
        if let Some(outputs) = &node.outputs {
            output_vars(&mut vars, &base, outputs);
        }
        vars
    }

    /// The outputs that a skipped or omitted node would have had: their defaults, or nothing.
    pub(crate) fn absent_vars(&self, prefix: &str, name: &str, template: &Template) -> Vars {
        let base = format!("{prefix}.{name}.outputs");
        let mut vars = vec![(format!("{base}.result"), Var::Absent)];
        let Some(outputs) = &template.outputs else { return vars };
        for parameter in &outputs.parameters {
            let default = parameter.value_from.as_ref().and_then(|from| from.r#default.clone());
            let var = default.map_or(Var::Absent, |value| Var::Text(value.0));
            vars.push((format!("{base}.parameters.{}", parameter.name), var));
        }
        for artifact in &outputs.artifacts {
            vars.push((format!("{base}.artifacts.{}", artifact.name), Var::Absent));
        }
        vars
    }

    /// The outputs of a loop's succeeded items as JSON lists.
    pub(crate) fn loop_vars(&self, prefix: &str, name: &str, nodes: &[LoopNode]) -> Vars {
        let base = format!("{prefix}.{name}.outputs");
        let (mut results, mut maps) = (Vec::new(), Vec::new());
        let mut values: std::collections::BTreeMap<&str, Vec<&str>> = Default::default();
        for node in nodes.iter().filter_map(|node| self.node(&node.id)) {
            let Some(outputs) = succeeded_outputs(node) else { continue };
            if !outputs.parameters.is_empty() {
                let mut map = Map::new();
                for parameter in &outputs.parameters {
                    let value = parameter.value.as_ref().map_or("", |v| v.as_str());
                    map.insert(parameter.name.clone(), value.into());
                    values.entry(&parameter.name).or_default().push(value);
                }
                maps.push(Value::Object(map));
            }
            if let Some(result) = &outputs.result {
                results.push(json_or_text(result));
            }
        }
        let mut vars = vec![
            (format!("{base}.result"), Var::Text(Value::Array(results).to_string())),
            (format!("{base}.parameters"), Var::Text(Value::Array(maps).to_string())),
        ];
        for (parameter, values) in values {
            let text = parameter_list(&values).to_string();
            vars.push((format!("{base}.parameters.{parameter}"), Var::Text(text)));
        }
        vars
    }
}

fn succeeded_outputs(node: &NodeStatus) -> Option<&Outputs> {
    node.outputs.as_ref().filter(|_| node.phase == phase::SUCCEEDED)
}

fn output_vars(vars: &mut Vars, base: &str, outputs: &Outputs) {
    if let Some(result) = &outputs.result {
        vars.push((format!("{base}.outputs.result"), Var::Text(result.clone())));
    }
    if let Some(code) = &outputs.exit_code {
        vars.push((format!("{base}.exitCode"), Var::Text(code.clone())));
    }
    for parameter in &outputs.parameters {
        if let Some(value) = &parameter.value {
            let key = format!("{base}.outputs.parameters.{}", parameter.name);
            vars.push((key, Var::Text(value.0.clone())));
        }
    }
    for artifact in outputs.artifacts.iter().filter(|a| a.collection.is_none()) {
        let value = serde_json::to_value(artifact).unwrap_or(Value::Null);
        vars.push((format!("{base}.outputs.artifacts.{}", artifact.name), Var::Json(value)));
    }
}

/// A result as JSON. Argo fails on plain text here; it is more useful as a string.
fn json_or_text(result: &str) -> Value {
    serde_json::from_str(result).unwrap_or_else(|_| Value::String(result.to_owned()))
}

/// Values of one parameter: embedded if all are lists or maps, else all strings.
fn parameter_list(values: &[&str]) -> Value {
    let embedded: Option<Vec<Value>> = values
        .iter()
        .map(|text| {
            let value: Value = serde_json::from_str(text).ok()?;
            (value.is_array() || value.is_object()).then_some(value)
        })
        .collect();
    embedded.map_or_else(|| values.iter().map(|text| Value::from(*text)).collect(), Value::Array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_values_are_argos() {
        for (values, expected) in [
            (&["a", "b"][..], r#"["a","b"]"#),
            (&["1", "2"], r#"["1","2"]"#),
            (&[r#"{"a":1}"#, r#"{"b":2}"#], r#"[{"a":1},{"b":2}]"#),
            (&["[1]", r#"{"b":2}"#], r#"[[1],{"b":2}]"#),
            (&[r#"{"a":1}"#, "x"], r#"["{\"a\":1}","x"]"#),
            (&["true"], r#"["true"]"#),
        ] {
            assert_eq!(parameter_list(values).to_string(), expected);
        }
        let results = ["5", r#""x""#, "[1,2]", "null", "1.50", "hello", ""].map(json_or_text);
        assert_eq!(
            Value::from(results.to_vec()).to_string(),
            r#"[5,"x",[1,2],null,1.50,"hello",""]"#
        );
    }
}
