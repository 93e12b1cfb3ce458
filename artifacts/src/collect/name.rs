//! File names of parts in a directory.

use crate::error::Error;
use lighter_api::Part;
use serde_json::Value;
use std::collections::HashMap;

const DEFAULT: &str = "{{index}}-{{file}}";

/// The names of all parts by a pattern; an empty one is the default. Two equal names are an error.
pub(super) fn names(parts: &[Part], pattern: &str) -> Result<Vec<String>, Error> {
    let pattern = if pattern.is_empty() { DEFAULT } else { pattern };
    let highest = parts.iter().map(|part| part.index).max().unwrap_or(0);
    let digits = highest.to_string().len().max(5);
    let mut taken: HashMap<String, u64> = HashMap::new();
    let mut names = Vec::with_capacity(parts.len());
    for part in parts {
        let name = name(part, pattern, digits)?;
        if let Some(other) = taken.insert(name.clone(), part.index) {
            let why = format!("parts {other} and {} would both be `{name}`", part.index);
            return Err(invalid(pattern, why).advise("put `{{index}}` into `collect.name`"));
        }
        names.push(name);
    }
    Ok(names)
}

fn name(part: &Part, pattern: &str, digits: usize) -> Result<String, Error> {
    let mut name = String::new();
    let mut rest = pattern;
    while let Some((before, tail)) = rest.split_once("{{") {
        let Some((tag, after)) = tail.split_once("}}") else {
            return Err(invalid(pattern, "a `{{` has no `}}`".to_owned()));
        };
        name.push_str(before);
        name.push_str(&value(part, tag.trim(), digits).map_err(|why| invalid(pattern, why))?);
        rest = after;
    }
    name.push_str(rest);
    match problem(&name) {
        None => Ok(name),
        Some(why) => {
            let shown = name.replace('\0', "\\0");
            Err(invalid(pattern, format!("part {} would be `{shown}`, and {why}", part.index))
                .advise("use only what can be part of a file name"))
        }
    }
}

fn problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("a name cannot be empty"),
        "." | ".." => Some("that is a directory already"),
        _ if name.contains('/') => Some("a name cannot contain `/`"),
        _ if name.contains('\0') => Some("a name cannot contain NUL"),
        _ if name.len() > 255 => Some("a name cannot be longer than 255 bytes"),
        _ => None,
    }
}

fn value(part: &Part, tag: &str, digits: usize) -> Result<String, String> {
    match tag {
        "index" => return Ok(format!("{:0digits$}", part.index)),
        "file" => return Ok(part.file.clone()),
        "item" => return Ok(text(&part.item)),
        _ => {}
    }
    let Some(key) = tag.strip_prefix("item.") else {
        return Err(format!("`{{{{{tag}}}}}` is none of index, item, item.KEY and file"));
    };
    match part.item.get(key) {
        Some(value) => Ok(text(value)),
        None => Err(format!("the item of part {} has no `{key}`", part.index)),
    }
}

/// Text as it is, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn invalid(pattern: &str, why: String) -> Error {
    Error::new(Error::Invalid, format!("name the parts by `{pattern}`"), why)
}
