//! The built-in functions of expr-lang that take no predicate.

mod lists;
mod numbers;
mod strings;

pub(crate) use strings::{joined, repeat, replace, split};

use jiff::tz::TimeZone;

use super::gotime;
use super::run::{Fail, Outcome, Run};
use super::value::{self, Val};

/// Calls a built-in function. The parser has seen to the number of its arguments.
pub(crate) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Outcome {
    if let Some(result) = strings::call(run, name, args)
        .or_else(|| lists::call(run, name, args))
        .or_else(|| numbers::call(name, args))
        .or_else(|| other(run, name, args))
    {
        return result;
    }
    let types: Vec<&str> = args.iter().map(Val::type_name).collect();
    let noun = if types.len() == 1 { "argument" } else { "arguments" };
    Err(format!("invalid {noun} for {name} (type {})", types.join(", ")).into())
}

fn other(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("type", [value]) => Ok(Val::from(type_of(value))),
        ("string", [value]) => Ok(Val::from(value.to_string())),
        ("toJSON", [value]) => value::indented(value).map(Val::from).map_err(Fail::from),
        ("fromJSON", [Val::Str(text)]) => value::parse_json(text).map_err(Fail::from),
        ("duration", [Val::Str(text)]) => gotime::parse_duration(text).map(Val::Duration),
        ("timezone", [Val::Str(name)]) => gotime::zone(name).map(|zone| Val::Zone(Box::new(zone))),
        ("now", []) => Ok(Val::from(run.cx.now.to_zoned(TimeZone::UTC))),
        ("now", [Val::Zone(zone)]) => Ok(Val::from(run.cx.now.to_zoned((**zone).clone()))),
        ("date", [Val::Zone(zone), rest @ ..]) => date(zone, rest),
        ("date", _) => date(&TimeZone::UTC, args),
        _ => return None,
    })
}

fn date(zone: &TimeZone, args: &[Val]) -> Outcome {
    let time = match args {
        [Val::Str(text)] => gotime::parse_any(text, zone)?,
        [Val::Str(text), Val::Str(layout)] => gotime::parse(layout, text, zone)?,
        [Val::Str(text), Val::Str(layout), Val::Str(name)] => {
            gotime::parse(layout, text, &gotime::zone(name)?)?
        }
        _ => return Err("invalid arguments for date".into()),
    };
    Ok(Val::from(time))
}

/// The type as `type()` names it.
fn type_of(value: &Val) -> &'static str {
    match value {
        Val::Nil => "nil",
        Val::Bool(_) => "bool",
        Val::Int(_) => "int",
        Val::Float(_) => "float",
        Val::Str(_) => "string",
        Val::List(_) => "array",
        Val::Map(_) | Val::Env(_) => "map",
        Val::Zone(_) => "unknown",
        other => other.type_name(),
    }
}
