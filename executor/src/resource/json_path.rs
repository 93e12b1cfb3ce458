//! JSONPath templates as `kubectl -o jsonpath` takes them: `{.status.conditions[?(@.type=="Ready")].status}`.
//!
//! Fields, positions, `[*]`, filters with `==` and `!=`, and texts in quotes. `..`, slices, unions and `{range}` are refused.

use serde_json::Value;

/// Fills in a template; what does not exist gives nothing.
pub fn render(template: &str, object: &Value) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let end = closing(after).ok_or_else(|| format!("{template:?}: a brace is not closed"))?;
        text.push_str(&expression(after[..end].trim(), object)?);
        rest = &after[end + 1..];
    }
    if template.contains('{') {
        text.push_str(rest);
        return Ok(text);
    }
    expression(template.trim(), object)
}

/// Where the brace closes, outside of quotes.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '}') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn expression(text: &str, object: &Value) -> Result<String, String> {
    if text.starts_with(['"', '\'']) {
        return literal(text).ok_or_else(|| format!("{text} is no text in quotes"));
    }
    let text = text.strip_prefix('$').unwrap_or(text);
    let found = select(text, vec![object])?;
    let shown = found.into_iter().map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    Ok(shown.collect::<Vec<_>>().join(" "))
}

fn literal(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| "\"'".contains(*c))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(inner.replace("\\n", "\n").replace("\\t", "\t"))
}

fn select<'a>(path: &str, mut values: Vec<&'a Value>) -> Result<Vec<&'a Value>, String> {
    let mut rest = path;
    while !rest.is_empty() {
        let unsupported = || {
            format!(
                "jsonPath {path:?}: {rest:?} is not supported: use fields, positions, [*] and filters with == or !="
            )
        };
        if let Some(after) = rest.strip_prefix('[') {
            let end = after.find(']').ok_or_else(unsupported)?;
            values = bracket(&after[..end], values).ok_or_else(unsupported)??;
            rest = &after[end + 1..];
            continue;
        }
        let after = rest.strip_prefix('.').unwrap_or(rest);
        let (name, following) = field(after);
        // `..`, and words such as `range`.
        if after.starts_with('.') || name.contains(char::is_whitespace) {
            return Err(unsupported());
        }
        let after = following;
        if name == "*" {
            values = values.into_iter().flat_map(children).collect();
        } else if !name.is_empty() {
            values = values.into_iter().filter_map(|value| value.get(&name)).collect();
        } else if !after.starts_with('[') && !after.is_empty() {
            return Err(unsupported());
        }
        rest = after;
    }
    Ok(values)
}

/// A field's name, in which a backslash takes a dot's meaning away, and what follows.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '.' | '[' => return (name, &text[at..]),
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            c => name.push(c),
        }
    }
    (name, "")
}

/// `None` for what is not supported.
fn bracket<'a>(inner: &str, values: Vec<&'a Value>) -> Option<Result<Vec<&'a Value>, String>> {
    let inner = inner.trim();
    if inner == "*" {
        return Some(Ok(values.into_iter().flat_map(children).collect()));
    }
    if let Some(name) = literal(inner) {
        return Some(Ok(values.into_iter().filter_map(|value| value.get(&name)).collect()));
    }
    if let Ok(position) = inner.parse::<i64>() {
        return Some(at(position, values));
    }
    let filter = inner.strip_prefix("?(")?.strip_suffix(')')?;
    let (left, right, equal) = match filter.split_once("==") {
        Some((left, right)) => (left, right, true),
        None => filter.split_once("!=").map(|(left, right)| (left, right, false))?,
    };
    let path = left.trim().strip_prefix('@')?.to_owned();
    let right = right.trim();
    let wanted = literal(right).unwrap_or_else(|| right.to_owned());
    let holds = |value: &&Value| Ok::<_, String>((expression(&path, value)? == wanted) == equal);
    let mut kept = Vec::new();
    for value in values.into_iter().flat_map(children) {
        match holds(&value) {
            Ok(true) => kept.push(value),
            Ok(false) => {}
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(kept))
}

/// As `kubectl`, a position that a list does not have is an error; a negative one counts from the end.
fn at(position: i64, values: Vec<&Value>) -> Result<Vec<&Value>, String> {
    values
        .into_iter()
        .filter_map(Value::as_array)
        .map(|list| {
            let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
            let index = if position < 0 { length + position } else { position };
            let value = usize::try_from(index).ok().and_then(|index| list.get(index));
            value.ok_or_else(|| {
                format!("array index out of bounds: index {position}, length {length}")
            })
        })
        .collect()
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn templates() {
        let object = json!({
            "metadata": {"name": "x", "labels": {"a.b/c": "dotted"}},
            "status": {"n": 3, "list": [{"type": "A", "v": "1"}, {"type": "B", "v": "2"}], "map": {"k": [1, true]}}});
        for (template, text) in [
            ("{.metadata.name}", "x"),
            (".metadata.name", "x"),
            ("{$.status.n}", "3"),
            ("{.status.gone}", ""),
            ("{.status.list[0].type}-{.status.list[-1].type}", "A-B"),
            ("{.status.list[*].v}", "1 2"),
            ("{.status.list[?(@.type==\"B\")].v}", "2"),
            ("{.status.list[?(@.type!='B')].v}", "1"),
            ("{.metadata.labels.a\\.b/c}", "dotted"),
            ("{.metadata.labels['a.b/c']}{\"\\n\"}", "dotted\n"),
            ("{.status.map}", "{\"k\":[1,true]}"),
        ] {
            assert_eq!(render(template, &object).as_deref(), Ok(text), "{template}");
        }
        for template in [
            "{..name}",
            "{.a",
            "{range .status.list[*]}",
            "{.status.list[0:1]}",
            "{.status.list[5]}",
        ] {
            assert!(render(template, &object).is_err(), "{template}");
        }
    }
}
