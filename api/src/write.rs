//! Values to YAML text. Strings that YAML 1.1 would take for something else are quoted.

use serde::Serialize;
use serde_json::Value;

use crate::read;

/// Any value as a YAML document, keys in alphabetical order, as kubectl prints it.
///
/// # Errors
/// The value has no JSON form, such as a map with keys that are no strings.
pub fn to_yaml<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(value)?;
    let mut text = String::new();
    match &value {
        Value::Object(_) | Value::Array(_) if !is_empty(&value) => block(&value, 0, &mut text),
        _ => {
            inline(&value, 0, &mut text);
            text.push('\n');
        }
    }
    Ok(text)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', depth * 2));
}

/// A map or list with something in it, its first line indented by `depth` already where that is not 0.
fn block(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    indent(depth, out);
                }
                scalar(key, out);
                out.push(':');
                // A list stays at its key's column.
                let deeper = if value.is_array() { depth } else { depth + 1 };
                if is_empty(value) {
                    out.push(' ');
                    inline(value, depth, out);
                    out.push('\n');
                } else {
                    out.push('\n');
                    indent(deeper, out);
                    block(value, deeper, out);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    indent(depth, out);
                }
                out.push_str("- ");
                if is_empty(item) {
                    inline(item, depth, out);
                    out.push('\n');
                } else {
                    block(item, depth + 1, out);
                }
            }
        }
        other => inline(other, depth, out),
    }
}

/// A value on its key's line; only a text of several lines goes on below.
fn inline(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(text) if is_literal(text) => literal(text, depth + 1, out),
        Value::String(text) => scalar(text, out),
        other => out.push_str(&other.to_string()),
    }
}

/// Whether a text is best, and can be, written as a block after `|`.
fn is_literal(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.chars().any(|c| c != '\n' && c != '\t' && must_escape(c))
        && !text.lines().any(|line| line.ends_with([' ', '\t']))
}

fn literal(text: &str, depth: usize, out: &mut String) {
    let body = text.strip_suffix('\n');
    out.push_str(match body {
        None => "|-",
        Some(body) if body.ends_with('\n') => "|+",
        Some(_) => "|",
    });
    for line in body.unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(depth, out);
            out.push_str(line);
        }
    }
}

fn scalar(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        quoted(text, out);
    }
}

/// Whether a text means itself without quotes, in YAML 1.1 and 1.2.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let safe_start = first.is_alphanumeric() || matches!(first, '/' | '_' | '.' | '(' | '$' | '+');
    safe_start
        && text != "="
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(must_escape)
        && !text.starts_with("...")
        && !looks_like_number(text)
        && matches!(read::resolve(text), Ok(read::Value::Text(_)))
}

/// Numbers, dates and the base-60 numbers of other readers.
fn looks_like_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-', '.']);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| {
            c.is_ascii_digit()
                || matches!(c, '.' | ':' | '-' | '+' | '_' | 'e' | 'E' | 'T' | 'Z' | ' ')
        })
}

/// Control characters, line breaks of any YAML version and what YAML calls not printable.
fn must_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if must_escape(c) => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
