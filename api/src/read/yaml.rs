//! YAML text to trees: anchors and merge keys resolved, sizes bounded.

use std::collections::HashMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::problem::Flaw;
use super::scalar;
use super::tree::{Entry, Node, Position, Value};

/// Levels of nesting, as many as serde_json reads.
pub(super) const MAX_DEPTH: usize = 128;
/// Bytes of memory for one file's values, aliases written out: what stops a "billion laughs".
const MAX_EXPANDED: usize = 256 << 20;

/// The documents of a text, empty ones as null. What is wrong goes to `flaws`.
///
/// A syntax error ends the reading: the documents before it are returned.
pub(super) fn parse(text: &str, flaws: &mut Vec<Flaw>) -> Vec<Node> {
    if let Some(flaw) = unprintable(text) {
        flaws.push(flaw);
        return Vec::new();
    }
    // As libyaml, and with it Go, reads on these points.
    let options = granit_parser::options! {
        block_scalar_eof_without_line_feed: true,
        emit_unresolved_aliases: true,
        strict_indentation: false,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { parser, anchors: HashMap::new(), expanded: 0, flaws };
    let mut documents = Vec::new();
    loop {
        match builder.document() {
            Ok(Some(node)) => documents.push(node),
            Ok(None) => return documents,
            Err(flaw) => {
                builder.flaws.push(explain(flaw, text));
                return documents;
            }
        }
    }
}

/// The first character that YAML does not allow.
fn unprintable(text: &str) -> Option<Flaw> {
    let allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..)
            && !matches!(c, '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
    };
    let (offset, c) = text.char_indices().find(|(_, c)| !allowed(*c))?;
    let before = text.get(..offset).unwrap_or_default();
    let last = before.rsplit('\n').next().unwrap_or_default();
    let at = Position { line: 1 + before.matches('\n').count(), column: 1 + last.chars().count() };
    let message = format!("the character U+{:04X} is not allowed in YAML", u32::from(c));
    let hint = format!("in double quotes, write it as \\u{:04X}", u32::from(c));
    Some(Flaw::new(at, message).hint(hint))
}

/// Adds what usually lies behind a syntax error at that line.
fn explain(mut flaw: Flaw, text: &str) -> Flaw {
    if flaw.hint.is_some() {
        return flaw;
    }
    let line = text.lines().nth(flaw.at.line.saturating_sub(1));
    let before = text.lines().nth(flaw.at.line.saturating_sub(2));
    let mut near = [line, before].into_iter().flatten();
    if near.any(|line| line.trim_start_matches(' ').starts_with('\t')) {
        flaw.hint = Some("indent with spaces: YAML allows no tabs there".to_owned());
    } else if near.any(|line| line.contains(": {{") || line.contains("- {{")) {
        flaw.hint = Some(UNQUOTED_TAG.to_owned());
    }
    flaw
}

const UNQUOTED_TAG: &str = "put text that begins with `{{` in quotes";

struct Builder<'t, 'f> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    expanded: usize,
    flaws: &'f mut Vec<Flaw>,
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn syntax(error: &ScanError) -> Flaw {
    let message = format!("this is no valid YAML: {}", error.info());
    Flaw::new(position(error.marker()), message)
}

impl<'t> Builder<'t, '_> {
    fn next(&mut self) -> Result<(Event<'t>, Position), Flaw> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, position(&span.start))),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Position::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Flaw> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::DocumentStart(..), _) => break,
                _ => {}
            }
        }
        self.anchors.clear();
        let (event, at) = self.next()?;
        self.node(event, at, 0).map(Some)
    }

    fn node(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<Node, Flaw> {
        if depth > MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            return Err(Flaw::new(at, message));
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at, depth),
            Event::UnresolvedAlias(name) => {
                let message =
                    format!("`*{name}` has no anchor `&{name}` before it in the document");
                return Err(Flaw::new(at, message));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(text.len(), at)?;
                (self.scalar(&text, style, tag.as_deref(), at), anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(depth)?, anchor),
            _ => return Err(Flaw::new(at, "this is no valid YAML: a value is missing")),
        };
        self.spend(size_of::<Entry>(), at)?;
        let node = Node { at, value };
        if anchor != 0 {
            self.spend(weight(&node), at)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn spend(&mut self, bytes: usize, at: Position) -> Result<(), Flaw> {
        self.expanded += bytes;
        if self.expanded <= MAX_EXPANDED {
            return Ok(());
        }
        let message = format!(
            "the file unfolds to more than {} MiB: its aliases multiply",
            MAX_EXPANDED >> 20
        );
        Err(Flaw::new(at, message))
    }

    fn alias(&mut self, anchor: usize, at: Position, depth: usize) -> Result<Node, Flaw> {
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(Flaw::new(at, "this alias stands inside of its own anchor"));
        };
        // Measured before it is copied, so that a bomb costs nothing.
        let (bytes, levels) = (weight(target), height(target));
        if depth + levels > MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            return Err(Flaw::new(at, message));
        }
        self.spend(bytes, at)?;
        let value = self.anchors.get(&anchor).map(|node| node.value.clone());
        Ok(Node { at, value: value.unwrap_or(Value::Null) })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Flaw> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Flaw> {
        let mut entries = Vec::new();
        let mut places: HashMap<String, Position> = HashMap::new();
        let mut merged = Vec::new();
        let mut wrong = false;
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.key(event, at, depth)?;
            let (event, value_at) = self.next()?;
            let node = self.node(event, value_at, depth + 1)?;
            let key = match key {
                Key::Merge => {
                    merged.push(node);
                    continue;
                }
                Key::Wrong => {
                    wrong = true;
                    continue;
                }
                Key::Text(key) => key,
            };
            if let Some(first) = places.insert(key.clone(), at) {
                let message =
                    format!("the key `{key}` is here twice, first in line {}", first.line);
                self.flaws.push(Flaw::new(at, message));
                continue;
            }
            entries.push(Entry { key, at, node });
        }
        for node in merged {
            self.merge(node, &mut entries, &mut places);
        }
        // Nothing is left of it to find fault with.
        let nothing = wrong && entries.is_empty();
        Ok(if nothing { Value::Null } else { Value::Map(entries) })
    }

    /// A key as text. As Kubernetes' tools do, a number becomes its text.
    fn key(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<Key, Flaw> {
        if let Event::Scalar(text, ScalarStyle::Plain, ..) = &event
            && text == "<<"
        {
            return Ok(Key::Merge);
        }
        let node = self.node(event, at, depth + 1)?;
        let flaw = match node.value {
            Value::Text(text) | Value::Number(text) => return Ok(Key::Text(text)),
            Value::Bool(value, text) => Flaw::new(
                at,
                format!("the key `{text}` is the boolean {value} in YAML 1.1, no text"),
            )
            .hint(format!("write \"{text}\" in quotes")),
            Value::Null => Flaw::new(at, "a key is empty"),
            Value::Map(_) => Flaw::new(at, "a map cannot be a key").hint(UNQUOTED_TAG),
            Value::List(_) => Flaw::new(at, "a list cannot be a key"),
        };
        self.flaws.push(flaw);
        Ok(Key::Wrong)
    }

    /// Adds the entries of a `<<` value that the map does not have itself.
    fn merge(
        &mut self,
        node: Node,
        entries: &mut Vec<Entry>,
        places: &mut HashMap<String, Position>,
    ) {
        match node.value {
            Value::Map(source) => {
                for entry in source {
                    if !places.contains_key(&entry.key) {
                        places.insert(entry.key.clone(), entry.at);
                        entries.push(entry);
                    }
                }
            }
            Value::List(sources)
                if sources.iter().all(|source| matches!(source.value, Value::Map(_))) =>
            {
                for source in sources {
                    self.merge(source, entries, places);
                }
            }
            other => {
                let message = format!("`<<` merges a map or a list of maps, not {other}");
                self.flaws.push(Flaw::new(node.at, message));
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Value {
        let result = match tag.map(Tag::parts) {
            Some(("tag:yaml.org,2002:", suffix)) => tagged(text, suffix),
            // Go's reader takes tags of others, and a lone `!`, as "text".
            Some(_) => Ok(Value::Text(text.to_owned())),
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            None => Ok(Value::Text(text.to_owned())),
        };
        result.unwrap_or_else(|message| {
            self.flaws.push(Flaw::new(at, message));
            Value::Null
        })
    }
}

enum Key {
    Text(String),
    Merge,
    /// Reported already.
    Wrong,
}

/// A scalar with a tag such as `!!int`.
fn tagged(text: &str, tag: &str) -> Result<Value, String> {
    let value = match tag {
        "str" | "timestamp" => return Ok(Value::Text(text.to_owned())),
        "int" | "float" | "bool" | "null" => scalar::resolve(text)?,
        _ => return Err(format!("the tag `!!{tag}` is not supported")),
    };
    let fits = match (tag, &value) {
        ("null", Value::Null) | ("bool", Value::Bool(..)) | ("float", Value::Number(_)) => true,
        ("int", Value::Number(number)) => !number.contains(['.', 'e']),
        _ => false,
    };
    if fits { Ok(value) } else { Err(format!("`{text}` is no `!!{tag}`")) }
}

fn weight(node: &Node) -> usize {
    size_of::<Entry>()
        + match &node.value {
            Value::Null => 0,
            Value::Bool(_, text) | Value::Number(text) | Value::Text(text) => text.len(),
            Value::List(items) => items.iter().map(weight).sum(),
            Value::Map(entries) => entries.iter().map(|e| e.key.len() + weight(&e.node)).sum(),
        }
}

fn height(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(height).max().unwrap_or(0),
        Value::Map(entries) => entries.iter().map(|e| height(&e.node)).max().unwrap_or(0),
        _ => 0,
    }
}
