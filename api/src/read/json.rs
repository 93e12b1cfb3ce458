//! JSON text to trees, one or several documents in a row. Numbers keep their spelling.

use std::collections::HashMap;

use super::problem::Flaw;
use super::tree::{Entry, Node, Position, Value};
use super::yaml::MAX_DEPTH;

/// The documents of a text. A syntax error ends the reading: the documents before it are returned.
pub(super) fn parse(text: &str, flaws: &mut Vec<Flaw>) -> Vec<Node> {
    let mut reader = Reader { text, offset: 0, at: Position { line: 1, column: 1 }, flaws };
    let mut documents = Vec::new();
    loop {
        reader.skip_space();
        if reader.rest().is_empty() {
            return documents;
        }
        match reader.value(0) {
            Ok(node) => documents.push(node),
            Err(flaw) => {
                reader.flaws.push(flaw);
                return documents;
            }
        }
    }
}

struct Reader<'t, 'f> {
    text: &'t str,
    offset: usize,
    at: Position,
    flaws: &'f mut Vec<Flaw>,
}

impl<'t> Reader<'t, '_> {
    fn rest(&self) -> &'t str {
        self.text.get(self.offset..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves over the next `bytes`.
    fn advance(&mut self, bytes: usize) {
        let rest = self.rest();
        for c in rest.get(..bytes).unwrap_or(rest).chars() {
            if c == '\n' {
                self.at.line += 1;
                self.at.column = 1;
            } else {
                self.at.column += 1;
            }
        }
        self.offset += bytes;
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        let space = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.advance(space);
    }

    fn unexpected(&self, wanted: &str) -> Flaw {
        let found = match self.peek() {
            Some(c) if c.is_control() => format!("U+{:04X}", u32::from(c)),
            Some(c) => format!("`{c}`"),
            None => "the end of the text".to_owned(),
        };
        let message = format!("this is no valid JSON: expected {wanted}, found {found}");
        Flaw::new(self.at, message)
    }

    fn take(&mut self, wanted: char) -> Result<(), Flaw> {
        if self.peek() != Some(wanted) {
            return Err(self.unexpected(&format!("`{wanted}`")));
        }
        self.advance(wanted.len_utf8());
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Node, Flaw> {
        let at = self.at;
        if depth > MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            return Err(Flaw::new(at, message));
        }
        let value = match self.peek() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { at, value })
    }

    fn word(&mut self) -> Result<Value, Flaw> {
        let words = [
            ("true", Value::Bool(true, "true".to_owned())),
            ("false", Value::Bool(false, "false".to_owned())),
            ("null", Value::Null),
        ];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.advance(word.len());
                return Ok(value);
            }
        }
        Err(self.unexpected("a value"))
    }

    fn number(&mut self) -> Result<Value, Flaw> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or(rest);
        if text.parse::<serde_json::Number>().is_err() {
            let message = format!("this is no valid JSON: `{text}` is no number");
            return Err(Flaw::new(self.at, message));
        }
        self.advance(end);
        Ok(Value::Number(text.to_owned()))
    }

    fn string(&mut self) -> Result<String, Flaw> {
        let bytes = self.rest().bytes().enumerate().skip(1);
        let mut escaped = false;
        for (index, byte) in bytes {
            if byte == b'"' && !escaped {
                return self.decode_string(index + 1);
            }
            escaped = byte == b'\\' && !escaped;
        }
        let message = "this is no valid JSON: the string that begins here has no end";
        Err(Flaw::new(self.at, message))
    }

    fn decode_string(&mut self, bytes: usize) -> Result<String, Flaw> {
        let quoted = self.rest().get(..bytes).unwrap_or("");
        let text = serde_json::from_str(quoted).map_err(|error| {
            let message = format!("this is no valid JSON: the string that begins here: {error}");
            Flaw::new(self.at, message)
        })?;
        self.advance(bytes);
        Ok(text)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Flaw> {
        self.take('[')?;
        self.skip_space();
        let mut items = Vec::new();
        if self.peek() == Some(']') {
            self.advance(1);
            return Ok(Value::List(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth + 1)?);
            if self.ends(']')? {
                return Ok(Value::List(items));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Flaw> {
        self.take('{')?;
        self.skip_space();
        let mut entries = Vec::new();
        let mut places: HashMap<String, Position> = HashMap::new();
        if self.peek() == Some('}') {
            self.advance(1);
            return Ok(Value::Map(entries));
        }
        loop {
            self.skip_space();
            if self.peek() != Some('"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let at = self.at;
            let key = self.string()?;
            self.skip_space();
            self.take(':')?;
            self.skip_space();
            let node = self.value(depth + 1)?;
            match places.insert(key.clone(), at) {
                None => entries.push(Entry { key, at, node }),
                Some(first) => {
                    let message =
                        format!("the key `{key}` is here twice, first in line {}", first.line);
                    self.flaws.push(Flaw::new(at, message));
                }
            }
            if self.ends('}')? {
                return Ok(Value::Map(entries));
            }
        }
    }

    /// After an element: whether the list or map ends here, or a comma leads on.
    fn ends(&mut self, close: char) -> Result<bool, Flaw> {
        self.skip_space();
        if self.peek() == Some(close) {
            self.advance(1);
            return Ok(true);
        }
        if self.peek() != Some(',') {
            return Err(self.unexpected(&format!("`,` or `{close}`")));
        }
        self.advance(1);
        Ok(false)
    }
}
