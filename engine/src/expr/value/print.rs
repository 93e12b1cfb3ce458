//! Values as Go's `%v` prints them.

use std::fmt::{Display, Formatter, Result};

use super::{Val, float_exponent};
use crate::expr::gotime;

impl Display for Val {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Val::Nil => f.write_str("<nil>"),
            Val::Bool(value) => write!(f, "{value}"),
            Val::Int(value) => write!(f, "{value}"),
            Val::Float(value) => f.write_str(&float_exponent(*value)),
            Val::Str(text) => f.write_str(text),
            Val::List(list) => {
                f.write_str("[")?;
                for (index, item) in list.items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" ")?;
                    }
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Val::Map(map) => {
                f.write_str("map[")?;
                for (index, (key, item)) in map.items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" ")?;
                    }
                    write!(f, "{key}:{item}")?;
                }
                f.write_str("]")
            }
            Val::Time(time) => f.write_str(&gotime::to_string(time)),
            Val::Duration(nanos) => f.write_str(&gotime::duration_string(*nanos)),
            Val::Zone(zone) => f.write_str(zone.iana_name().unwrap_or("UTC")),
            Val::Named(_, name) => f.write_str(name),
            Val::Env(prefix) => write!(f, "variables of {prefix}"),
        }
    }
}
