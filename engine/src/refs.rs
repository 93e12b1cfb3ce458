//! Following references to artifacts, and gathering the artifact of a loop's items into a collection.

use lighter_api::{Artifact, Collection, Part};

use crate::boundary::{LoopNode, Nodes};
use crate::engine::Engine;
use crate::expr::{Scope, evaluate};
use crate::location;
use crate::phase;
use crate::run::Key;

/// What a reference leads to.
#[derive(Debug)]
pub(crate) enum Found {
    One(Box<Artifact>),
    /// The items of a loop, and those that gave no artifact.
    Many(Collection, Vec<String>),
    /// The producer was skipped or gave no such artifact.
    Nothing,
}

impl Engine {
    /// Fills in an artifact's `from` or `fromExpression`. An artifact without one stays as it is; `None` is one that
    /// is not there. The second part names the loop's items that gave no artifact.
    ///
    /// # Errors
    /// When the reference leads nowhere.
    pub(crate) fn resolve_artifact(
        &self,
        boundary: Key,
        scope: &Scope,
        artifact: &Artifact,
    ) -> Result<Option<(Artifact, Vec<String>)>, String> {
        let from = artifact.from.as_deref().unwrap_or_default().trim();
        let found = if !artifact.from_expression.is_empty() {
            self.evaluate_reference(scope, &artifact.from_expression)?
        } else if !from.is_empty() {
            self.follow(boundary, from)?
        } else {
            return Ok(Some((artifact.clone(), Vec::new())));
        };
        let (mut resolved, missing) = match found {
            Found::Nothing => return Ok(None),
            Found::One(one) => (*one, Vec::new()),
            Found::Many(collection, missing) => {
                (Artifact { collection: Some(collection), ..Artifact::default() }, missing)
            }
        };
        resolved.name.clone_from(&artifact.name);
        if artifact.archive.is_some() {
            resolved.archive.clone_from(&artifact.archive);
        }
        resolved.collect = artifact.collect.clone().or(resolved.collect);
        if !artifact.sub_path.is_empty() {
            append(&mut resolved, &artifact.sub_path)?;
        }
        Ok(Some((resolved, missing)))
    }

    fn evaluate_reference(&self, scope: &Scope, expression: &str) -> Result<Found, String> {
        let cx = self.context(scope, expression);
        let value = evaluate(expression, &cx).map_err(|e| format!("fromExpression: {e}"))?;
        if value.is_null() {
            return Ok(Found::Nothing);
        }
        let artifact = serde_json::from_value(value)
            .map_err(|e| format!("fromExpression '{expression}' does not give an artifact: {e}"))?;
        Ok(Found::One(Box::new(artifact)))
    }

    /// Follows `{{steps.a.outputs.artifacts.b}}` and its like.
    fn follow(&self, boundary: Key, from: &str) -> Result<Found, String> {
        let path = from.trim_start_matches("{{").trim_end_matches("}}").trim();
        let lost = || format!("Unable to resolve: {{{{{path}}}}}");
        let words: Vec<&str> = path.split('.').collect();
        match words.as_slice() {
            ["inputs", "artifacts", name] => {
                let inputs = self.boundary(boundary).and_then(|b| b.template.inputs.as_ref());
                let input = inputs.and_then(|i| i.artifacts.iter().find(|a| a.name == *name));
                let input = input.ok_or_else(lost)?;
                if !location::is_placed(input) && input.collection.is_none() {
                    return Ok(Found::Nothing);
                }
                Ok(Found::One(Box::new(input.clone())))
            }
            ["workflow", "outputs", "artifacts", name] => {
                let outputs = self.status().outputs.as_ref();
                let found = outputs.and_then(|o| o.artifacts.iter().find(|a| a.name == *name));
                Ok(Found::One(Box::new(found.ok_or_else(lost)?.clone())))
            }
            [_, step, "outputs", "artifacts", name] => {
                let result = self.boundary(boundary).and_then(|b| b.results.get(*step));
                match result.ok_or_else(lost)? {
                    Nodes::One(id) => self.output_of(id, name).map_or_else(
                        || if self.was_left_out(id) { Ok(Found::Nothing) } else { Err(lost()) },
                        |artifact| Ok(Found::One(Box::new(artifact.clone()))),
                    ),
                    Nodes::Loop(nodes) => {
                        let (collection, missing) = self.gather(path, nodes, name);
                        Ok(Found::Many(collection, missing))
                    }
                }
            }
            _ => Err(lost()),
        }
    }

    fn was_left_out(&self, id: &str) -> bool {
        matches!(self.phase_of(id), phase::SKIPPED | phase::OMITTED)
    }

    fn output_of(&self, id: &str, name: &str) -> Option<&Artifact> {
        self.node(id)?.outputs.as_ref()?.artifacts.iter().find(|a| a.name == name)
    }

    /// The artifacts of a loop's items in the order of the items. Items skipped by `when` are left out; items that
    /// failed or gave none are named. The parts of an item that is itself a collection are taken in one by one.
    fn gather(&self, from: &str, nodes: &[LoopNode], name: &str) -> (Collection, Vec<String>) {
        let (mut parts, mut missing) = (Vec::new(), Vec::new());
        let nested = nodes.iter().any(|node| {
            self.output_of(&node.id, name).is_some_and(|artifact| artifact.collection.is_some())
        });
        for node in nodes {
            if self.was_left_out(&node.id) {
                continue;
            }
            let artifact = self.output_of(&node.id, name);
            let succeeded = self.phase_of(&node.id) == phase::SUCCEEDED;
            let Some(artifact) = artifact.filter(|_| succeeded) else {
                let shown = self.node(&node.id).map_or("", |node| node.display_name.as_str());
                missing.push(format!("{shown} ({})", self.phase_of(&node.id)));
                continue;
            };
            match &artifact.collection {
                None => parts.push(part(node, artifact)),
                Some(inner) => parts.extend(
                    inner
                        .parts
                        .iter()
                        .map(|part| Part { item: under(&node.item, &part.item), ..part.clone() }),
                ),
            }
        }
        if nested {
            for (index, part) in (0..).zip(&mut parts) {
                part.index = index;
            }
        }
        let count = parts.len() as u64;
        (Collection { from: from.to_owned(), count, parts }, missing)
    }
}

fn part(node: &LoopNode, artifact: &Artifact) -> Part {
    let place = artifact.location();
    let key = location::bare_key(&place);
    let file = artifact.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Part {
        index: node.index as u64,
        item: node.item.clone(),
        file: if file.is_empty() { artifact.name.clone() } else { file.to_owned() },
        location: key.is_none().then_some(place),
        key: key.unwrap_or_default(),
        archive: artifact.archive.clone(),
        size: artifact.size,
        sha256: artifact.sha256.clone(),
    }
}

/// The item of a nested loop: fields of the outer item under those of the inner one, if both have fields.
fn under(outer: &serde_json::Value, inner: &serde_json::Value) -> serde_json::Value {
    match (outer, inner) {
        (serde_json::Value::Object(outer), serde_json::Value::Object(inner)) => {
            let mut both = outer.clone();
            both.extend(inner.clone());
            serde_json::Value::Object(both)
        }
        _ => inner.clone(),
    }
}

fn append(artifact: &mut Artifact, sub_path: &str) -> Result<(), String> {
    if artifact.collection.is_some() {
        return Err(format!(
            "artifact '{}': subPath of a collection is not supported",
            artifact.name
        ));
    }
    let mut place = artifact.location();
    location::append(&mut place, sub_path)
        .map_err(|error| format!("artifact '{}': {error}", artifact.name))?;
    location::put(artifact, place);
    Ok(())
}
