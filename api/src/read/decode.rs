//! Trees to objects through serde, collecting everything wrong on the way.
//!
//! serde stops at the first error. So a value that does not fit is noted, left out, and the document is decoded
//! again, until the rest fits.

mod access;

use std::cell::RefCell;
use std::collections::HashSet;

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use super::fault::Fault;
use super::problem::Flaw;
use super::tree::{Entry, Node, Position, Value, push_key};
use crate::nearest::nearest;
use access::{Entries, Items};

/// The key under which serde_json hands over a number with its spelling.
const SPELLED_NUMBER: &str = "$serde_json::private::Number";
/// Templates inside of templates: each is a large frame on the stack.
const MAX_INLINE: usize = 4;
/// Beyond this, more of the same helps nobody.
const MAX_FLAWS: usize = 100;

/// The object that a document holds. `None` when nothing of it could be read.
pub(crate) fn decode<T: DeserializeOwned>(root: &Node, flaws: &mut Vec<Flaw>) -> Option<T> {
    let mut misfits = HashSet::new();
    let mut found = Vec::new();
    loop {
        let run = Run { misfits: &misfits, unknown: RefCell::default() };
        let decoder = Decoder { node: root, at: root.at, path: &Path::Root, run: &run };
        let result = T::deserialize(decoder);
        let unknown = run.unknown.into_inner();
        let misfit = match result {
            Ok(object) => {
                finish(found, unknown, flaws);
                return Some(object);
            }
            Err(fault) => fault.placed(root.at),
        };
        let (node, flaw) = misfit;
        found.push(flaw);
        let again = node.is_some_and(|node| misfits.insert(node));
        if !again || found.len() >= MAX_FLAWS {
            finish(found, unknown, flaws);
            return None;
        }
    }
}

fn finish(mut found: Vec<Flaw>, unknown: Vec<Flaw>, flaws: &mut Vec<Flaw>) {
    found.extend(unknown);
    found.sort_by_key(|flaw| flaw.at);
    found.truncate(MAX_FLAWS);
    flaws.append(&mut found);
}

/// One attempt at a document.
struct Run<'r> {
    /// Values that did not fit in an earlier attempt, by address.
    misfits: &'r HashSet<usize>,
    unknown: RefCell<Vec<Flaw>>,
}

fn address(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

/// The way from the root to a value, kept on the stack and spelled out only for a message.
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl Path<'_> {
    fn text(&self) -> String {
        match self {
            Path::Root => String::new(),
            Path::Key(parent, key) => {
                let mut path = parent.text();
                push_key(&mut path, key);
                path
            }
            Path::Index(parent, index) => format!("{}[{index}]", parent.text()),
        }
    }

    /// How many `inline` templates this lies in.
    fn inlines(&self) -> usize {
        match self {
            Path::Root => 0,
            Path::Key(parent, key) => parent.inlines() + usize::from(*key == "inline"),
            Path::Index(parent, _) => parent.inlines(),
        }
    }

    /// Whether this is one group of `steps`.
    fn is_step_group(&self) -> bool {
        matches!(self, Path::Index(Path::Key(_, "steps"), _))
    }
}

#[derive(Clone, Copy)]
struct Decoder<'de, 'p> {
    node: &'de Node,
    at: Position,
    path: &'p Path<'p>,
    run: &'p Run<'p>,
}

impl<'de> Decoder<'de, '_> {
    /// Gives an error that has no place yet this one.
    fn place(&self, fault: Fault) -> Fault {
        let (message, hint) = match fault {
            Fault::Placed(_) => return fault,
            Fault::Text(message, hint) => (message, hint),
            Fault::Expected(expected) => {
                let message = format!("expected {expected}, found {}", self.node.value);
                (message, self.advice(&expected))
            }
        };
        let flaw = Flaw { at: self.at, path: self.path.text(), message, hint };
        Fault::Placed(Box::new((address(self.node), flaw)))
    }

    fn misfit<T>(&self, expected: &str) -> Result<T, Fault> {
        Err(self.place(Fault::Expected(expected.to_owned())))
    }

    fn done<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| self.place(fault))
    }

    /// What to write instead.
    fn advice(&self, expected: &str) -> Option<String> {
        let text_wanted = expected.contains("string");
        match &self.node.value {
            Value::Bool(value, text) if text_wanted && !matches!(text.as_str(), "true" | "false") => {
                Some(format!(
                    "YAML 1.1, which Kubernetes' tools read, takes an unquoted {text} as {value}; write \"{text}\""
                ))
            }
            Value::Bool(_, text) | Value::Number(text) if text_wanted => {
                Some(format!("write \"{text}\" in quotes"))
            }
            Value::Null if text_wanted => Some("write \"\" for an empty one".to_owned()),
            Value::Map(_) if self.path.is_step_group() => Some(
                "`steps` is a list of lists: begin a group with `- - name: …`, and steps that run beside it with `  - name: …`"
                    .to_owned(),
            ),
            Value::Text(text) if expected.contains("number") && text.contains("{{") => {
                Some("tags can only give strings, and this field takes none".to_owned())
            }
            Value::Text(text)
                if text.parse::<serde_json::Number>().is_ok() || matches!(text.as_str(), "true" | "false") =>
            {
                Some("write it without quotes".to_owned())
            }
            _ => None,
        }
    }

    fn note_unknown(&self, entry: &Entry, fields: &[&'static str]) {
        let mut path = self.path.text();
        push_key(&mut path, &entry.key);
        let hint = match nearest(&entry.key, fields.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None if fields.is_empty() => "nothing goes in here".to_owned(),
            None => known(fields),
        };
        let flaw = Flaw {
            at: entry.at,
            path,
            message: format!("unknown field `{}`", entry.key),
            hint: Some(hint),
        };
        self.run.unknown.borrow_mut().push(flaw);
    }

    fn map<V: Visitor<'de>>(self, entries: &'de [Entry], visitor: V) -> Result<V::Value, Fault> {
        let access = Entries { decoder: self, entries: entries.iter(), fields: None, value: None };
        self.done(visitor.visit_map(access))
    }

    fn list<V: Visitor<'de>>(self, items: &'de [Node], visitor: V) -> Result<V::Value, Fault> {
        let access = Items { decoder: self, items: items.iter().enumerate() };
        self.done(visitor.visit_seq(access))
    }

    fn number<V: Visitor<'de>>(self, text: &'de str, visitor: V) -> Result<V::Value, Fault> {
        // Only in its plain spelling, so that none is lost.
        if let Ok(value) = text.parse::<i64>()
            && value.to_string() == text
        {
            return self.done(visitor.visit_i64(value));
        }
        if let Ok(value) = text.parse::<u64>()
            && value.to_string() == text
        {
            return self.done(visitor.visit_u64(value));
        }
        let key_and_text = std::iter::once((SPELLED_NUMBER, text));
        self.done(visitor.visit_map(MapDeserializer::new(key_and_text)))
    }
}

/// The fields of a small struct, for a hint.
fn known(fields: &[&'static str]) -> String {
    if fields.len() > 12 {
        return "there is no field of that or a similar name here".to_owned();
    }
    let names: Vec<String> = fields.iter().map(|name| format!("`{name}`")).collect();
    format!("the fields here are {}", names.join(", "))
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            const EXPECTED: &str = "a whole number";
            let Value::Number(text) = &self.node.value else {
                return self.misfit(EXPECTED);
            };
            if let Ok(value) = text.parse::<i64>() {
                return self.done(visitor.visit_i64(value));
            }
            match text.parse::<u64>() {
                Ok(value) => self.done(visitor.visit_u64(value)),
                Err(_) => self.misfit(EXPECTED),
            }
        }
    )*};
}

macro_rules! floats {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match &self.node.value {
                Value::Number(text) => match text.parse::<f64>() {
                    Ok(value) => self.done(visitor.visit_f64(value)),
                    Err(_) => self.misfit("a number"),
                },
                _ => self.misfit("a number"),
            }
        }
    )*};
}

macro_rules! strings {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match &self.node.value {
                Value::Text(text) => self.done(visitor.visit_str(text)),
                _ => self.misfit("a string"),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Decoder<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => self.done(visitor.visit_unit()),
            Value::Bool(value, _) => self.done(visitor.visit_bool(*value)),
            Value::Number(text) => self.number(text, visitor),
            Value::Text(text) => self.done(visitor.visit_str(text)),
            Value::List(items) => self.list(items, visitor),
            Value::Map(entries) => self.map(entries, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Bool(value, _) => self.done(visitor.visit_bool(*value)),
            _ => self.misfit("true or false"),
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    floats! { deserialize_f32 deserialize_f64 }

    strings! {
        deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.is_null() {
            return self.done(visitor.visit_none());
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        // A quantity may be a bare number, of any spelling.
        if let ("Quantity", Value::Number(text)) = (name, &self.node.value) {
            let text: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
            return self.done(visitor.visit_newtype_struct(text));
        }
        self.done(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::List(items) => self.list(items, visitor),
            _ => self.misfit("a list"),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Map(entries) => self.map(entries, visitor),
            _ => self.misfit("a map"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == "Template" && self.path.inlines() > MAX_INLINE {
            let message = format!("more than {MAX_INLINE} templates are `inline` in each other");
            let hint = "give them names, and call them by name".to_owned();
            return Err(self.place(Fault::Text(message, Some(hint))));
        }
        let Value::Map(entries) = &self.node.value else {
            return self.misfit("a map");
        };
        for entry in entries {
            if !fields.contains(&entry.key.as_str()) {
                self.note_unknown(entry, fields);
            }
        }
        let access =
            Entries { decoder: self, entries: entries.iter(), fields: Some(fields), value: None };
        self.done(visitor.visit_map(access))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Value::Text(text) = &self.node.value else {
            return self.misfit("a string");
        };
        let variant: StrDeserializer<'_, Fault> = text.as_str().into_deserializer();
        self.done(visitor.visit_enum(variant))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}
