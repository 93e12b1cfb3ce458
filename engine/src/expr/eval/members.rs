//! Members, indices and slices; the scope as nested maps; methods of times and durations.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Machine, of_var};
use crate::expr::ast::Id;
use crate::expr::gotime;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

/// The variable `key`, or a reference to those below it. What is below wins.
pub(super) fn lookup(run: &Run<'_>, key: &str) -> Option<Val> {
    if run.cx.scope.has_below(key) {
        return Some(Val::Env(Rc::from(key)));
    }
    run.cx.scope.get(key).map(of_var)
}

/// All variables below `prefix` as nested maps.
pub(super) fn expand(run: &Run<'_>, prefix: &str) -> Outcome {
    #[derive(Default)]
    struct Level {
        value: Option<Val>,
        below: BTreeMap<Rc<str>, Level>,
    }
    fn finish(level: Level) -> Val {
        match level.value {
            Some(value) if level.below.is_empty() => value,
            _ => Val::map(level.below.into_iter().map(|(k, v)| (k, finish(v))).collect()),
        }
    }
    let mut root = Level::default();
    let found = run.cx.scope.below(prefix);
    run.items(found.len())?;
    for (key, var) in found {
        let mut level = &mut root;
        for part in key.splitn(crate::expr::value::MAX_DEPTH.into(), '.') {
            level = level.below.entry(Rc::from(part)).or_default();
        }
        level.value = Some(of_var(var));
    }
    let value = finish(root);
    run.room(value.weight())?;
    Ok(value)
}

/// Go's index arithmetic: negative counts from the end.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index.checked_add(length)? } else { index };
    (0..length).contains(&index).then_some(index as usize)
}

/// A member or an element.
pub(crate) fn fetch(run: &Run<'_>, of: &Val, key: &Val) -> Outcome {
    match (of, key) {
        (Val::Env(prefix), Val::Str(name)) => {
            Ok(lookup(run, &format!("{prefix}.{name}")).unwrap_or(Val::Nil))
        }
        (Val::Map(map), Val::Str(name)) => Ok(map.items.get(name).cloned().unwrap_or(Val::Nil)),
        (Val::Env(_) | Val::Map(_), _) => Err(format!(
            "cannot use {} to get an element from map[string]interface {{}}",
            key.type_name()
        )
        .into()),
        (Val::List(list), Val::Int(index)) => place(*index, list.items.len())
            .and_then(|index| list.items.get(index).cloned())
            .ok_or_else(|| {
                let length = list.items.len();
                Fail::from(format!("index out of range: {index} (array length is {length})"))
            }),
        (Val::List(_), other) => {
            Err(format!("invalid operation: int({})", other.type_name()).into())
        }
        // A byte, as Go indexes text.
        (Val::Str(text), Val::Int(index)) => place(*index, text.len())
            .and_then(|index| text.as_bytes().get(index))
            .map(|byte| Val::Int(i64::from(*byte)))
            .ok_or_else(|| {
                let length = text.len();
                Fail::from(format!("index out of range: {index} (array length is {length})"))
            }),
        (Val::Nil, _) => Err(format!("cannot fetch {key} from <nil>").into()),
        (Val::Str(_), Val::Str(name)) => Err(format!("type string has no field {name}").into()),
        (other, _) => {
            Err(format!("type {}[{}] is undefined", other.type_name(), key.type_name()).into())
        }
    }
}

impl Machine<'_> {
    pub(super) fn member(&mut self, of: Id, key: Id, optional: bool) -> Outcome {
        let base = self.lazy(of)?;
        if base.is_nil() && optional {
            return Err(Fail::Chain);
        }
        let key = self.value(key)?;
        fetch(self.run, &base, &key)
    }

    pub(super) fn slice(&mut self, of: Id, from: Option<Id>, to: Option<Id>) -> Outcome {
        let base = self.value(of)?;
        // Text is cut between bytes, as Go cuts it.
        let text = base.as_str().unwrap_or_default().as_bytes();
        let length = match &base {
            Val::Str(_) => text.len(),
            Val::List(list) => list.items.len(),
            other => return Err(format!("cannot slice {}", other.type_name()).into()),
        };
        let mut bound = |id: Option<Id>, default: usize| -> Result<usize, Fail> {
            let Some(id) = id else { return Ok(default) };
            match self.value(id)? {
                Val::Int(n) if n < 0 => {
                    Ok(length.saturating_sub(usize::try_from(n.unsigned_abs()).unwrap_or(length)))
                }
                Val::Int(n) => Ok(usize::try_from(n).unwrap_or(length).min(length)),
                other => Err(format!("non-integer slice index {}", other.type_name()).into()),
            }
        };
        let start = bound(from, 0)?;
        let end = bound(to, length)?;
        let start = start.min(end);
        let part = match base.as_list() {
            Some(items) => Val::list(items.get(start..end).unwrap_or_default().to_vec()),
            None => {
                let part = text.get(start..end).unwrap_or_default();
                Val::from(String::from_utf8_lossy(part).into_owned())
            }
        };
        self.made(part)
    }
}

/// A method of Go's times and durations.
pub(super) fn method(receiver: &Val, name: &str, args: &[Val]) -> Outcome {
    let found = match receiver {
        Val::Time(time) => gotime::time_method(time, name, args)?,
        Val::Duration(nanos) => gotime::duration_method(*nanos, name, args)?,
        Val::Named(_, text) if name == "String" && args.is_empty() => Some(Val::from(*text)),
        // The only methods of text: those of what `sprig.semver` gives.
        Val::Str(text) if args.is_empty() => crate::expr::sprig::version_method(text, name),
        Val::Zone(_) if name == "String" => Some(Val::from(receiver.to_string())),
        Val::Nil => return Err(format!("cannot fetch {name} from <nil>").into()),
        _ => None,
    };
    found.ok_or_else(|| format!("type {} has no method {name}", receiver.type_name()).into())
}
