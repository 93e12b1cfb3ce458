//! Finds `{{…}}` in text and in every string of an object, and puts values in their place.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::value::{self, Val};
use super::{Context, ExprError, Var, check, evaluate_tree, parse_in};

/// What to do with a variable that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Leave the tag as it is, for a later pass.
    AllowUnresolved,
    /// As above, but a name under one of these first words (such as `tasks`) is an error. Artifacts
    /// (`….outputs.artifacts.…`) are exempt: they are resolved on their own.
    StrictOn(&'static [&'static str]),
    /// An error, whatever its name.
    Strict,
}

impl Mode {
    /// True when `name` has to be known.
    fn demands(self, name: &str) -> bool {
        match self {
            Mode::AllowUnresolved => false,
            Mode::Strict => true,
            Mode::StrictOn(words) => words.iter().any(|word| {
                name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }),
        }
    }
}

/// A tag of a text, without its braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag<'a> {
    /// `{{name}}`: the trimmed name.
    Simple(&'a str),
    /// `{{=expr}}`: the text after the equals sign.
    Expression(&'a str),
}

/// A piece of a text: literal, or what is between two pairs of braces.
enum Piece<'a> {
    Text(&'a str),
    Tag(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    let mut tag = None;
    std::iter::from_fn(move || {
        if let Some(inner) = tag.take() {
            return Some(Piece::Tag(inner));
        }
        if rest.is_empty() {
            return None;
        }
        let found = rest.split_once("{{").and_then(|(before, after)| {
            let (inner, after) = after.split_once("}}")?;
            Some((before, inner, after))
        });
        let Some((before, inner, after)) = found else {
            return Some(Piece::Text(std::mem::take(&mut rest)));
        };
        rest = after;
        tag = Some(inner);
        Some(Piece::Text(before))
    })
}

/// True when the text may hold a tag.
pub fn has_tags(text: &str) -> bool {
    text.contains("{{")
}

/// The tags of a text, in order. Of a nested tag (`{{a.{{b}}}}`) only the innermost part is one.
pub fn tags(text: &str) -> Vec<Tag<'_>> {
    pieces(text)
        .filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Tag(inner) => Some(match inner.strip_prefix('=') {
                Some(expression) => Tag::Expression(expression),
                None => Tag::Simple(inner.rsplit("{{").next().unwrap_or(inner).trim()),
            }),
        })
        .collect()
}

/// Replaces the tags of one text.
///
/// What was put in is not looked at again. Of a nested tag only the innermost part is replaced, so
/// that a later pass sees the outer one.
///
/// # Errors
/// A name that `mode` demands and the scope lacks; an absent optional in a simple tag; an expression
/// that does not parse, or fails although all of its names are known.
pub fn substitute(text: &str, cx: &Context<'_>, mode: Mode) -> Result<String, ExprError> {
    Pass { cx, mode, position: 0 }.text(text)
}

/// Replaces the tags in every string and every key of an object's JSON.
///
/// A tag gives a string or a part of one, never a number or an object.
///
/// # Errors
/// As [`substitute`]; [`ExprError::Shape`] when the result is not a `T` any more.
pub fn substitute_json<T: Serialize + DeserializeOwned>(
    value: &T,
    cx: &Context<'_>,
    mode: Mode,
) -> Result<T, ExprError> {
    let shape = |e: serde_json::Error| ExprError::Shape { message: e.to_string() };
    let mut json = serde_json::to_value(value).map_err(shape)?;
    Pass { cx, mode, position: 0 }.value(&mut json)?;
    serde_json::from_value(json).map_err(shape)
}

/// One walk over a text or an object.
struct Pass<'a> {
    cx: &'a Context<'a>,
    mode: Mode,
    /// Counts expression tags, so that two random values of one object differ.
    position: u64,
}

impl Pass<'_> {
    fn value(&mut self, value: &mut Value) -> Result<(), ExprError> {
        match value {
            Value::String(text) if has_tags(text) => *text = self.text(text)?,
            Value::Array(items) => {
                for item in items {
                    self.value(item)?;
                }
            }
            Value::Object(map) => {
                for item in map.values_mut() {
                    self.value(item)?;
                }
                if map.keys().any(|key| has_tags(key)) {
                    for (key, item) in std::mem::take(map) {
                        let key = if has_tags(&key) { self.text(&key)? } else { key };
                        map.insert(key, item);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<String, ExprError> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Tag(inner) => match inner.strip_prefix('=') {
                    Some(expression) => self.expression(expression, &mut out)?,
                    None => self.simple(inner, &mut out)?,
                },
            }
        }
        Ok(out)
    }

    fn simple(&self, inner: &str, out: &mut String) -> Result<(), ExprError> {
        let name = inner.trim();
        if let Some(var) = self.cx.scope.get(name) {
            return match plain(name, var) {
                Some(text) => {
                    out.push_str(&text);
                    Ok(())
                }
                None if matches!(var, Var::Absent) => {
                    Err(ExprError::AbsentOptional { tag: inner.to_owned() })
                }
                None => {
                    keep(inner, out);
                    Ok(())
                }
            };
        }
        if let Some((outer, nested)) = inner.rsplit_once("{{")
            && let Some(var) = self.cx.scope.get(nested.trim())
        {
            if matches!(var, Var::Absent) {
                return Err(ExprError::AbsentOptional { tag: inner.to_owned() });
            }
            if let Some(text) = plain(nested.trim(), var) {
                out.push_str("{{");
                out.push_str(outer);
                out.push_str(&text);
                return Ok(());
            }
        }
        let exempt = self.mode != Mode::Strict && name.contains(".outputs.artifacts.");
        if self.mode.demands(name) && !exempt {
            return Err(ExprError::unresolved_tag(inner));
        }
        keep(inner, out);
        Ok(())
    }

    fn expression(&mut self, expression: &str, out: &mut String) -> Result<(), ExprError> {
        self.position += 1;
        match resolve(expression, self.cx, self.mode, self.position)? {
            Some(text) => out.push_str(&text),
            None => {
                out.push_str("{{=");
                out.push_str(expression);
                out.push_str("}}");
            }
        }
        Ok(())
    }
}

/// The text of an expression tag, or nothing when it is left for a later pass.
fn resolve(
    expression: &str,
    cx: &Context<'_>,
    mode: Mode,
    position: u64,
) -> Result<Option<String>, ExprError> {
    let failed = |error: ExprError| match error {
        ExprError::Syntax { message } => {
            ExprError::Syntax { message: format!("failed to evaluate expression: {message}") }
        }
        ExprError::Evaluation { message } => {
            ExprError::Evaluation { message: format!("failed to evaluate expression: {message}") }
        }
        other => other,
    };
    let tree = parse_in(expression, cx.scope).map_err(failed)?;
    let missing = check::missing(&tree, cx.scope);
    if let Some(name) = missing.iter().find(|name| mode.demands(name)) {
        return Err(ExprError::unresolved_name(name));
    }
    let lenient = mode == Mode::AllowUnresolved || !missing.is_empty();
    if lenient && missing.iter().any(|name| check::is_late(name)) {
        return Ok(None);
    }
    let result = evaluate_tree(&tree, expression, cx, position).and_then(|value| {
        if value.is_nil() {
            let message = format!("the result of {expression:?} is nil");
            return Err(ExprError::Evaluation { message });
        }
        text_of(&value).map_err(|message| ExprError::Evaluation { message })
    });
    match result {
        Ok(text) => Ok(Some(text)),
        Err(_) if lenient => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// A result as text: a string as it is, anything else as JSON.
fn text_of(value: &Val) -> Result<String, String> {
    if let Val::Str(text) = value {
        return Ok(text.to_string());
    }
    let json = value::to_json(value)?;
    let quoted = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
    Ok(quoted.map_or_else(|| json.clone(), str::to_owned))
}

fn keep(inner: &str, out: &mut String) {
    out.push_str("{{");
    out.push_str(inner);
    out.push_str("}}");
}

/// The text of a variable for a simple tag. An artifact has none: its tag is a reference.
fn plain(name: &str, var: &Var) -> Option<String> {
    match var {
        Var::Text(text) => Some(text.clone()),
        Var::Json(Value::String(text)) => Some(text.clone()),
        Var::Json(_) if name.contains(".artifacts.") => None,
        Var::Json(value) => Some(value.to_string()),
        Var::Absent => None,
    }
}
