//! The values expressions work on: Go's kinds, shared and immutable, of bounded depth.

mod json;
mod number;
mod print;

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::{Zoned, tz::TimeZone};

pub(crate) use json::{from_json, indented, parse_json, to_json, to_json_raw};
pub(crate) use number::{float_exponent, json_float};

/// How deep lists and maps may be nested.
pub(crate) const MAX_DEPTH: u16 = 150;
/// How much printing a value may make, in bytes.
pub(crate) const MAX_SIZE: usize = 64 << 20;

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Val {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    List(Rc<List>),
    Map(Rc<Map>),
    Time(Box<Zoned>),
    /// Nanoseconds.
    Duration(i64),
    Zone(Box<TimeZone>),
    /// A number that prints as a word: a month or a weekday.
    Named(i64, &'static str),
    /// The variables whose names begin with this text and a dot.
    Env(Rc<str>),
}

/// A list.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) items: Vec<Val>,
    extent: Extent,
}

/// A map, in the order of its keys.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) items: BTreeMap<Rc<str>, Val>,
    extent: Extent,
}

/// How much printing a value would make, what it shares counted each time: a few steps can share
/// their way to more than any memory.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    depth: u16,
    size: usize,
}

impl Extent {
    fn around<'a>(items: impl Iterator<Item = &'a Val>) -> Extent {
        let inner = items.fold(Extent::default(), |all, item| {
            let one = item.extent();
            Extent {
                depth: all.depth.max(one.depth),
                size: all.size.saturating_add(one.size).saturating_add(16),
            }
        });
        Extent { depth: inner.depth.saturating_add(1), size: inner.size }
    }
}

impl Val {
    pub(crate) fn str(text: impl Into<Rc<str>>) -> Val {
        Val::Str(text.into())
    }

    pub(crate) fn list(items: Vec<Val>) -> Val {
        let extent = Extent::around(items.iter());
        Val::List(Rc::new(List { items, extent }))
    }

    pub(crate) fn map(items: BTreeMap<Rc<str>, Val>) -> Val {
        let mut extent = Extent::around(items.values());
        let keys: usize = items.keys().map(|key| key.len()).sum();
        extent.size = extent.size.saturating_add(keys);
        Val::Map(Rc::new(Map { items, extent }))
    }

    pub(crate) fn strings<S: Into<Rc<str>>>(items: impl IntoIterator<Item = S>) -> Val {
        Val::list(items.into_iter().map(Val::str).collect())
    }

    fn extent(&self) -> Extent {
        match self {
            Val::Str(text) => Extent { depth: 0, size: text.len() },
            Val::List(list) => list.extent,
            Val::Map(map) => map.extent,
            _ => Extent::default(),
        }
    }

    /// How deep this value is nested; 0 for what is not a list or a map.
    pub(crate) fn depth(&self) -> u16 {
        self.extent().depth
    }

    /// How much printing this value would make, in bytes, roughly.
    pub(crate) fn size(&self) -> usize {
        self.extent().size
    }

    /// What it costs to hold this value, without what it shares.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Val::Str(text) => text.len(),
            Val::List(list) => list.items.len() * 16,
            Val::Map(map) => map.items.len() * 32,
            _ => 0,
        }
    }

    /// Go's name of the type, as its error texts show it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Val::Nil => "<nil>",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Float(_) => "float64",
            Val::Str(_) => "string",
            Val::List(_) => "[]interface {}",
            Val::Map(_) | Val::Env(_) => "map[string]interface {}",
            Val::Time(_) => "time.Time",
            Val::Duration(_) => "time.Duration",
            Val::Zone(_) => "*time.Location",
            Val::Named(_, name) if name.ends_with("day") => "time.Weekday",
            Val::Named(..) => "time.Month",
        }
    }

    /// Go's name of the kind below the type.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Val::Nil => "invalid",
            Val::List(_) => "slice",
            Val::Map(_) | Val::Env(_) => "map",
            Val::Time(_) => "struct",
            Val::Duration(_) => "int64",
            Val::Zone(_) => "ptr",
            Val::Named(..) => "int",
            other => other.type_name(),
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Val::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Val]> {
        match self {
            Val::List(list) => Some(&list.items),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&BTreeMap<Rc<str>, Val>> {
        match self {
            Val::Map(map) => Some(&map.items),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            Val::Int(n) => Some(*n as f64),
            Val::Float(n) => Some(*n),
            _ => None,
        }
    }

    pub(crate) fn is_nil(&self) -> bool {
        matches!(self, Val::Nil)
    }
}

/// Go expr's `==`: numbers by value, lists and maps by what they hold.
impl PartialEq for Val {
    fn eq(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::Nil, Val::Nil) => true,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Int(a), Val::Int(b)) => a == b,
            (Val::Str(a), Val::Str(b)) => a == b,
            (Val::List(a), Val::List(b)) => Rc::ptr_eq(a, b) || a.items == b.items,
            (Val::Map(a), Val::Map(b)) => Rc::ptr_eq(a, b) || a.items == b.items,
            (Val::Time(a), Val::Time(b)) => a.timestamp() == b.timestamp(),
            (Val::Duration(a), Val::Duration(b)) => a == b,
            (Val::Named(a, x), Val::Named(b, y)) => a == b && x == y,
            (Val::Zone(a), Val::Zone(b)) => a == b,
            _ => match (self.as_number(), other.as_number()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl From<bool> for Val {
    fn from(value: bool) -> Val {
        Val::Bool(value)
    }
}

impl From<i64> for Val {
    fn from(value: i64) -> Val {
        Val::Int(value)
    }
}

impl From<usize> for Val {
    fn from(value: usize) -> Val {
        Val::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Val {
    fn from(value: f64) -> Val {
        Val::Float(value)
    }
}

impl From<String> for Val {
    fn from(value: String) -> Val {
        Val::str(value)
    }
}

impl From<&str> for Val {
    fn from(value: &str) -> Val {
        Val::str(value)
    }
}

impl From<Zoned> for Val {
    fn from(value: Zoned) -> Val {
        Val::Time(Box::new(value))
    }
}
