//! Defaults, types, JSON and `fail`.

use super::cast;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::{self, Val};

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    let json = |result: Result<String, String>| match result {
        Ok(text) => run.room(text.len()).map(|()| Val::from(text)),
        Err(reason) => Err(Fail::from(reason)),
    };
    Some(match (name, args) {
        ("default", [default]) => Ok(default.clone()),
        ("default", [default, given, ..]) => {
            Ok(if cast::empty(given) { default.clone() } else { given.clone() })
        }
        ("empty", [value]) => Ok(Val::Bool(cast::empty(value))),
        ("coalesce", values) => {
            Ok(values.iter().find(|value| !cast::empty(value)).cloned().unwrap_or(Val::Nil))
        }
        ("all", values) => Ok(Val::Bool(!values.iter().any(cast::empty))),
        ("any", values) => Ok(Val::Bool(!values.iter().all(cast::empty))),
        ("ternary", [yes, no, Val::Bool(condition)]) => {
            Ok(if *condition { yes.clone() } else { no.clone() })
        }
        ("fromJson", [Val::Str(text)]) => Ok(value::parse_json(text).unwrap_or(Val::Nil)),
        ("mustFromJson", [Val::Str(text)]) => value::parse_json(text).map_err(Fail::from),
        ("toJson", [value]) => json(value::to_json(value)),
        ("toPrettyJson", [value]) => json(value::indented(value)),
        ("toRawJson" | "mustToRawJson", [value]) => json(value::to_json_raw(value)),
        ("typeOf", [value]) => Ok(Val::from(value.type_name())),
        ("typeIs" | "typeIsLike", [Val::Str(name), value]) => {
            let found = value.type_name();
            let like = name.len() > 1 && found.strip_prefix('*') == Some(&**name);
            Ok(Val::Bool(found == &**name || like && args.len() == 2))
        }
        ("kindOf", [value]) => Ok(Val::from(value.kind_name())),
        ("kindIs", [Val::Str(name), value]) => Ok(Val::Bool(value.kind_name() == &**name)),
        ("deepEqual", [a, b]) => {
            run.spend(a.size().min(b.size()) / 16).map(|()| Val::Bool(cast::deep_equal(a, b)))
        }
        ("fail", [Val::Str(message)]) => Err(Fail::from(message.to_string())),
        ("getHostByName", [Val::Str(_)]) => {
            Err("getHostByName is not supported: expressions have no network".into())
        }
        _ => return None,
    })
}
