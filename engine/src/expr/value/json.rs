//! Values from JSON and to JSON as Go's encoder writes it.

use std::rc::Rc;

use serde_json::Value;

use super::{Val, json_float};
use crate::expr::gotime;

/// Reads JSON text; every number is a float, as Go decodes it.
pub(crate) fn parse_json(text: &str) -> Result<Val, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("invalid JSON: {e}"))?;
    Ok(convert(&value, true))
}

/// A JSON value; whole numbers are ints.
pub(crate) fn from_json(value: &Value) -> Val {
    convert(value, false)
}

fn convert(value: &Value, floats: bool) -> Val {
    match value {
        Value::Null => Val::Nil,
        Value::Bool(value) => Val::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) if !floats => Val::Int(number),
            _ => Val::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Val::str(text.as_str()),
        Value::Array(items) => Val::list(items.iter().map(|item| convert(item, floats)).collect()),
        Value::Object(map) => Val::map(
            map.iter().map(|(key, item)| (Rc::from(key.as_str()), convert(item, floats))).collect(),
        ),
    }
}

/// JSON text as Go's `json.Marshal`: sorted keys, `<`, `>` and `&` escaped.
pub(crate) fn to_json(value: &Val) -> Result<String, String> {
    let mut out = String::new();
    write(value, &mut out, true, None)?;
    Ok(out)
}

/// JSON text with `<`, `>` and `&` as they are.
pub(crate) fn to_json_raw(value: &Val) -> Result<String, String> {
    let mut out = String::new();
    write(value, &mut out, false, None)?;
    Ok(out)
}

/// JSON text over several lines, two spaces deep each.
pub(crate) fn indented(value: &Val) -> Result<String, String> {
    let mut out = String::new();
    write(value, &mut out, true, Some(0))?;
    Ok(out)
}

fn write(value: &Val, out: &mut String, escape: bool, indent: Option<usize>) -> Result<(), String> {
    match value {
        Val::Nil => out.push_str("null"),
        Val::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Val::Int(value) | Val::Duration(value) | Val::Named(value, _) => {
            out.push_str(&value.to_string());
        }
        Val::Float(value) => out.push_str(
            &json_float(*value)
                .ok_or_else(|| format!("json: unsupported value: {}", Val::Float(*value)))?,
        ),
        Val::Str(text) => quote(text, out, escape),
        Val::Time(time) => quote(&gotime::rfc3339_nano(time), out, escape),
        Val::Zone(_) => out.push_str("{}"),
        Val::Env(_) => return Err("json: unsupported value: variables".to_owned()),
        Val::List(list) => {
            let mut members = Members::new('[', out, indent);
            for item in &list.items {
                let inner = members.next(out);
                write(item, out, escape, inner)?;
            }
            members.end(']', out);
        }
        Val::Map(map) => {
            let mut members = Members::new('{', out, indent);
            for (key, item) in &map.items {
                let inner = members.next(out);
                quote(key, out, escape);
                out.push_str(if indent.is_some() { ": " } else { ":" });
                write(item, out, escape, inner)?;
            }
            members.end('}', out);
        }
    }
    Ok(())
}

/// Commas and line breaks between the members of a list or map.
struct Members {
    indent: Option<usize>,
    any: bool,
}

impl Members {
    fn new(open: char, out: &mut String, indent: Option<usize>) -> Self {
        out.push(open);
        Members { indent, any: false }
    }

    fn next(&mut self, out: &mut String) -> Option<usize> {
        if std::mem::replace(&mut self.any, true) {
            out.push(',');
        }
        let inner = self.indent.map(|depth| depth + 1);
        new_line(inner, out);
        inner
    }

    fn end(self, close: char, out: &mut String) {
        if self.any {
            new_line(self.indent, out);
        }
        out.push(close);
    }
}

fn new_line(indent: Option<usize>, out: &mut String) {
    if let Some(depth) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

fn quote(text: &str, out: &mut String, escape: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' if escape => out.push_str(&format!("\\u{:04x}", c as u32)),
            '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}
