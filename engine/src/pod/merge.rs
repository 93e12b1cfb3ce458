//! Kubernetes' strategic merge patch, for the fields of a pod spec and a container.

use serde_json::{Map, Value};

/// The field that identifies the elements of a list, for the lists that merge; all others are replaced.
fn merge_key(field: &str) -> Option<&'static str> {
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "resourceClaims"
        | "schedulingGates" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "volumeDevices" => Some("devicePath"),
        "ports" => Some("containerPort"),
        "hostAliases" => Some("ip"),
        "topologySpreadConstraints" => Some("topologyKey"),
        _ => None,
    }
}

/// Merges `patch` into `base`, both JSON objects: maps field by field, lists of named things element by element,
/// other values as a whole. `null` deletes; `$patch: delete`, `$patch: replace` and `$retainKeys` are followed.
///
/// New elements of a merged list stand before those that the patch does not touch, as Kubernetes puts them.
///
/// # Errors
/// Names the field with an unknown directive, or with a list element that lacks its merge key.
pub(super) fn merge(base: &mut Value, patch: Value) -> Result<(), String> {
    let Value::Object(patch) = patch else { return Err("must be an object".to_owned()) };
    let Value::Object(base) = base else {
        return Err("cannot be merged: not an object".to_owned());
    };
    merge_map(base, patch, "")
}

/// A patch as the value it stands for where there was none: without directives, nulls and deleted elements.
pub(super) fn plain(patch: Value, path: &str) -> Result<Value, String> {
    match patch {
        Value::Object(map) => {
            let mut base = Map::new();
            merge_map(&mut base, map, path)?;
            Ok(Value::Object(base))
        }
        Value::Array(items) => match field_of(path).and_then(merge_key) {
            Some(key) => merge_list(Vec::new(), items, key, path).map(Value::Array),
            None => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| plain(item, &format!("{path}[{index}]")))
                .collect::<Result<_, _>>()
                .map(Value::Array),
        },
        other => Ok(other),
    }
}

fn merge_map(
    base: &mut Map<String, Value>,
    mut patch: Map<String, Value>,
    path: &str,
) -> Result<(), String> {
    match patch.remove("$patch") {
        None => {}
        Some(Value::String(directive)) if directive == "replace" => base.clear(),
        Some(Value::String(directive)) if directive == "delete" => {
            base.clear();
            return Ok(());
        }
        Some(other) => return Err(unknown_directive(path, &other)),
    }
    if let Some(retained) = patch.remove("$retainKeys") {
        retain_keys(base, &retained, path)?;
    }
    for (field, value) in patch {
        let path = join(path, &field);
        if field.starts_with('$') {
            return Err(format!(
                "{path}: this directive is not supported; use $patch or $retainKeys"
            ));
        }
        merge_field(base, field, value, &path)?;
    }
    Ok(())
}

fn merge_field(
    base: &mut Map<String, Value>,
    field: String,
    value: Value,
    path: &str,
) -> Result<(), String> {
    if value.is_null() {
        base.remove(&field);
        return Ok(());
    }
    let key = merge_key(&field);
    match (base.get_mut(&field), value) {
        (Some(Value::Object(old)), Value::Object(new)) => merge_map(old, new, path),
        (Some(Value::Array(old)), Value::Array(new)) if key.is_some() => {
            *old = merge_list(std::mem::take(old), new, key.unwrap_or_default(), path)?;
            Ok(())
        }
        (None, value) if directive(&value) == Some("delete") => Ok(()),
        (_, value) => {
            base.insert(field, plain(value, path)?);
            Ok(())
        }
    }
}

fn retain_keys(base: &mut Map<String, Value>, keys: &Value, path: &str) -> Result<(), String> {
    let Value::Array(keys) = keys else {
        return Err(format!("{}: must be a list of field names", join(path, "$retainKeys")));
    };
    base.retain(|field, _| keys.iter().any(|key| key.as_str() == Some(field)));
    Ok(())
}

/// An element of a merged list, with its place in the list as it was.
struct Element {
    was_at: Option<usize>,
    value: Value,
}

fn merge_list(
    base: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    path: &str,
) -> Result<Vec<Value>, String> {
    if patch.iter().any(|item| directive(item) == Some("replace")) {
        return replace_list(patch, path);
    }
    let mut elements: Vec<Element> = base
        .into_iter()
        .enumerate()
        .map(|(index, value)| Element { was_at: Some(index), value })
        .collect();
    let mut patched: Vec<Value> = Vec::new();
    for (index, item) in patch.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Value::Object(item) = item else { return Err(format!("{path}: must be an object")) };
        let Some(id) = item.get(key).cloned() else {
            return Err(format!("{path}: needs `{key}`, which says what element it changes"));
        };
        if item.get("$patch").and_then(Value::as_str) == Some("delete") {
            elements.retain(|element| element.value.get(key) != Some(&id));
            continue;
        }
        merge_element(&mut elements, item, &id, key, &path)?;
        if !patched.contains(&id) {
            patched.push(id);
        }
    }
    Ok(arrange(elements, &patched, key))
}

fn merge_element(
    elements: &mut Vec<Element>,
    item: Map<String, Value>,
    id: &Value,
    key: &str,
    path: &str,
) -> Result<(), String> {
    let found = elements.iter_mut().find(|element| element.value.get(key) == Some(id));
    match found {
        Some(Element { value: Value::Object(old), .. }) => merge_map(old, item, path),
        _ => {
            elements.push(Element { was_at: None, value: plain(Value::Object(item), path)? });
            Ok(())
        }
    }
}

/// Puts the patched elements into the patch's order, and each untouched one before the first patched one that
/// stood after it.
fn arrange(elements: Vec<Element>, patched: &[Value], key: &str) -> Vec<Value> {
    let rank = |element: &Element| patched.iter().position(|id| element.value.get(key) == Some(id));
    let (mut touched, untouched): (Vec<_>, Vec<_>) =
        elements.into_iter().partition(|element| rank(element).is_some());
    touched.sort_by_key(&rank);
    let mut touched = touched.into_iter().peekable();
    let mut arranged = Vec::new();
    for kept in untouched {
        while let Some(next) =
            touched.next_if(|next| next.was_at.is_none() || next.was_at < kept.was_at)
        {
            arranged.push(next.value);
        }
        arranged.push(kept.value);
    }
    arranged.extend(touched.map(|element| element.value));
    arranged
}

/// The list that holds `$patch: replace` among its elements takes the place of the old one.
fn replace_list(patch: Vec<Value>, path: &str) -> Result<Vec<Value>, String> {
    let mut list = Vec::new();
    for (index, item) in patch.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        match directive(&item) {
            Some("delete") => {}
            Some("replace") if item.as_object().is_some_and(|fields| fields.len() > 1) => {
                return Err(format!(
                    "{path}: `$patch: replace` stands alone in a list, whose other elements then replace all old ones"
                ));
            }
            Some("replace") => {}
            _ => list.push(plain(item, &path)?),
        }
    }
    Ok(list)
}

fn directive(item: &Value) -> Option<&str> {
    item.get("$patch").and_then(Value::as_str)
}

fn unknown_directive(path: &str, value: &Value) -> String {
    format!("{}: {value} is neither delete nor replace", join(path, "$patch"))
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// The last field of a path.
fn field_of(path: &str) -> Option<&str> {
    path.rsplit('.').next()
}

#[cfg(test)]
mod tests;
