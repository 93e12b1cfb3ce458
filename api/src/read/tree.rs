//! Tree: a document's values, each with its place in the text.

use std::fmt;

/// A place in a text, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub line: usize,
    pub column: usize,
}

/// One value.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub at: Position,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    /// With the spelling, for messages.
    Bool(bool, String),
    /// A JSON number as it is to be spelled.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub at: Position,
    pub node: Node,
}

impl Node {
    /// The value as JSON, without its places.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value, _) => (*value).into(),
            Value::Number(text) => {
                text.parse().map_or_else(|_| text.as_str().into(), serde_json::Value::Number)
            }
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
            }
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value of a map's key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }
}

/// What the value is, for messages: `a list`, ``the number `5` ``.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("nothing"),
            Value::Bool(_, spelling) => write!(f, "the boolean `{spelling}`"),
            Value::Number(text) => write!(f, "the number `{text}`"),
            Value::Text(_) => f.write_str("a string"),
            Value::List(_) => f.write_str("a list"),
            Value::Map(_) => f.write_str("a map"),
        }
    }
}

/// A document's text as it was laid out, to place later findings about its fields.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) file: String,
    pub(crate) root: Node,
}

impl Source {
    /// The file as its reader named it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The document as it is written, as JSON: what a lossless reading must keep.
    pub fn to_value(&self) -> serde_json::Value {
        self.root.to_json()
    }

    /// Line and column, from 1, of a field such as `spec.templates[2].name`.
    ///
    /// A field that is not written gives the place of the nearest one around it. `None` when `path` is no path.
    pub fn position(&self, path: &str) -> Option<(usize, usize)> {
        let mut node = &self.root;
        let mut at = node.at;
        for segment in parse_path(path)? {
            let (next, place) = match (&segment, &node.value) {
                (Segment::Key(key), Value::Map(_)) => match node.get(key) {
                    Some(entry) => (&entry.node, entry.at),
                    None => break,
                },
                (Segment::Index(index), Value::List(items)) => match items.get(*index) {
                    Some(item) => (item, item.at),
                    None => break,
                },
                _ => break,
            };
            node = next;
            at = place;
        }
        Some((at.line, at.column))
    }
}

/// One part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Key(String),
    Index(usize),
}

/// Appends a key to a path, quoted when it is not a plain word.
pub(crate) fn push_key(path: &mut String, key: &str) {
    let plain = !key.is_empty()
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'));
    if !plain {
        path.push_str(&format!("[{}]", serde_json::Value::from(key)));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

fn parse_path(path: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (segment, after) = parse_bracket(inner)?;
            segments.push(segment);
            rest = after;
            continue;
        }
        let word = rest.strip_prefix('.').unwrap_or(rest);
        let end = word.find(['.', '[']).unwrap_or(word.len());
        let (key, after) = word.split_at(end);
        segments.push(Segment::Key(key.to_owned()));
        rest = after;
    }
    Some(segments)
}

/// An index or a quoted key, after its opening bracket.
fn parse_bracket(text: &str) -> Option<(Segment, &str)> {
    if !text.starts_with('"') {
        let (digits, after) = text.split_once(']')?;
        return Some((Segment::Index(digits.parse().ok()?), after));
    }
    let mut keys = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let key = keys.next()?.ok()?;
    let after = text.get(keys.byte_offset()..)?.strip_prefix(']')?;
    Some((Segment::Key(key), after))
}
