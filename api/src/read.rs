//! The strict reader: manifests in YAML or JSON to objects, with everything wrong reported by line.
//!
//! YAML is read as Kubernetes' tools read it, which is YAML 1.1 in Go's reading: an unquoted `n` is a boolean,
//! `0755` is octal, `1e3` is 1000. A JSON file's numbers keep their spelling.

mod decode;
mod fault;
mod json;
mod problem;
mod scalar;
mod tree;
mod yaml;

use crate::object::{self, Object};
pub(crate) use decode::decode;
pub(crate) use problem::Flaw;
pub use problem::{Problem, Problems};
pub(crate) use scalar::resolve;
use serde::de::DeserializeOwned;
use tree::Position;
pub use tree::Source;
pub(crate) use tree::{Node, Value};

/// Bytes that a file may have.
pub const MAX_FILE_SIZE: usize = 32 << 20;

/// One object of a file.
#[derive(Clone, Debug)]
pub struct Document {
    pub object: Object,
    /// Where its fields are in the text.
    pub source: Source,
}

/// Reads the objects of a YAML or JSON text; `file` names it in problems. Empty documents are passed over.
///
/// A text is JSON when its file's name ends in `.json`, or when it begins with `{` and is valid JSON.
///
/// # Errors
/// Everything that is wrong in the whole text: syntax, unknown kinds and fields, values of a wrong type, duplicate
/// keys. It is not checked here whether a workflow makes sense.
pub fn read(file: &str, text: &[u8]) -> Result<Vec<Document>, Problems> {
    let mut flaws = Vec::new();
    let roots = match decode_text(text) {
        Ok(text) => parse(file, text, &mut flaws),
        Err(flaw) => return Err(Problems(vec![flaw.in_file(file)])),
    };
    let mut documents = Vec::new();
    for root in roots {
        if root.is_null() {
            continue;
        }
        if let Some(object) = object_of(&root, &mut flaws) {
            let source = Source { file: file.to_owned(), root };
            documents.push(Document { object, source });
        }
    }
    if flaws.is_empty() {
        return Ok(documents);
    }
    flaws.sort_by_key(|flaw| flaw.at);
    let problems = flaws.into_iter().map(|flaw| flaw.in_file(file));
    Err(Problems(problems.collect()))
}

/// Reads one YAML or JSON value that is not an object of a kind, e.g. a `podSpecPatch`; `name` names it in problems.
/// An empty text is `null`.
///
/// # Errors
/// Everything that is wrong with the syntax; a second document.
pub fn read_value(name: &str, text: &str) -> Result<serde_json::Value, Problems> {
    one(name, text, |root, _| root.to_json()).map(Option::unwrap_or_default)
}

/// As [`read_value`], into a type: unknown and misspelt fields are problems too. An empty text is the type's default.
pub fn read_typed<T: DeserializeOwned + Default>(name: &str, text: &str) -> Result<T, Problems> {
    let read = one(name, text, |root, flaws| decode::decode(&root, flaws));
    read.map(|value| value.flatten().unwrap_or_default())
}

fn one<T>(
    name: &str,
    text: &str,
    take: impl FnOnce(Node, &mut Vec<Flaw>) -> T,
) -> Result<Option<T>, Problems> {
    let mut flaws = Vec::new();
    let mut roots = parse(name, text, &mut flaws).into_iter().filter(|root| !root.is_null());
    let first = roots.next();
    if let Some(second) = roots.next() {
        flaws.push(Flaw::new(second.at, "a second document; only one is read here"));
    }
    let value = match first {
        Some(root) if flaws.is_empty() => Some(take(root, &mut flaws)),
        _ => None,
    };
    if flaws.is_empty() {
        return Ok(value);
    }
    let problems = flaws.into_iter().map(|flaw| flaw.in_file(name));
    Err(Problems(problems.collect()))
}

/// The text of a file, without a byte order mark.
fn decode_text(text: &[u8]) -> Result<&str, Flaw> {
    let whole = Position::default();
    if text.len() > MAX_FILE_SIZE {
        let (size, max) = (text.len() >> 20, MAX_FILE_SIZE >> 20);
        let message = format!("the file has {size} MiB; at most {max} MiB are read");
        return Err(Flaw::new(whole, message));
    }
    if text.starts_with(&[0xFE, 0xFF]) || text.starts_with(&[0xFF, 0xFE]) {
        let flaw = Flaw::new(whole, "the file is UTF-16, not UTF-8");
        return Err(flaw.hint("save it as UTF-8"));
    }
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    std::str::from_utf8(text).map_err(|error| {
        let valid = text.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let start = valid.iter().rposition(|byte| *byte == b'\n');
        let last = valid.get(start.map_or(0, |newline| newline + 1)..);
        let column = 1 + String::from_utf8_lossy(last.unwrap_or_default()).chars().count();
        Flaw::new(Position { line, column }, "the file is not UTF-8 here").hint("save it as UTF-8")
    })
}

fn parse(file: &str, text: &str, flaws: &mut Vec<Flaw>) -> Vec<Node> {
    if file.ends_with(".json") {
        return json::parse(text, flaws);
    }
    if text.trim_start().starts_with('{') {
        let mut json_flaws = Vec::new();
        let nodes = json::parse(text, &mut json_flaws);
        if json_flaws.is_empty() {
            return nodes;
        }
    }
    yaml::parse(text, flaws)
}

fn object_of(root: &Node, flaws: &mut Vec<Flaw>) -> Option<Object> {
    if !matches!(root.value, Value::Map(_)) {
        let message = format!("expected an object, found {}", root.value);
        flaws.push(Flaw::new(root.at, message));
        return None;
    }
    let kind = head(root, "kind", flaws)?;
    let api_version = head(root, "apiVersion", flaws)?;
    let place = |key: &str| root.get(key).map_or(root.at, |entry| entry.at);
    let Some(expected) = object::api_version(kind) else {
        let message = format!("objects of kind `{kind}` are not supported");
        let flaw = Flaw::new(place("kind"), message);
        let hint = match crate::nearest(kind, object::KINDS) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the kinds are {}", object::KINDS.join(", ")),
        };
        flaws.push(flaw.hint(hint));
        return None;
    };
    if api_version != expected {
        let message = format!("a {kind} of `apiVersion: {api_version}` is not supported");
        flaws.push(Flaw::new(place("apiVersion"), message).hint(format!("write `{expected}`")));
        return None;
    }
    object::decode(kind, root, flaws)
}

/// The text of `kind` or `apiVersion`.
fn head<'n>(root: &'n Node, key: &str, flaws: &mut Vec<Flaw>) -> Option<&'n str> {
    let flaw = match root.get(key).map(|entry| (entry.at, &entry.node.value)) {
        Some((_, Value::Text(text))) => return Some(text),
        Some((at, other)) => Flaw::new(at, format!("expected a string, found {other}")),
        None => Flaw::new(root.at, format!("the object has no `{key}`")),
    };
    flaws.push(flaw);
    None
}

#[cfg(test)]
mod tests;
