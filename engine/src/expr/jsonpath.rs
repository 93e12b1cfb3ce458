//! `jsonpath(json, path)`: the dialect of the function that expressions have.

mod path;

use super::ast::Tree;
use super::run::{Fail, Outcome, Run};
use super::value::{Val, parse_json};
use path::Step;

/// Looks up `path` in a JSON text.
///
/// A path to one place gives its value, and an error where it is missing; a path with `*`, `..`, a
/// slice, a union or a filter gives the list of what is there.
pub(crate) fn query(run: &Run<'_>, json: &str, path: &str) -> Outcome {
    run.room(json.len() * 4)?;
    let document = parse_json(json)?;
    let steps = path::parse(path)
        .map_err(|reason| Fail::from(format!("invalid JSONPath selector '{path}' {reason}")))?;
    let walk = Walk { run };
    walk.apply(&document, &steps)
}

struct Walk<'a> {
    run: &'a Run<'a>,
}

fn target(step: &str, expected: &str, value: &Val) -> Fail {
    format!("{step}: invalid token target. expected [{expected}] got [{}]", value.kind_name())
        .into()
}

impl Walk<'_> {
    fn apply(&self, value: &Val, steps: &[Step]) -> Outcome {
        self.run.spend(1)?;
        let Some((step, rest)) = steps.split_first() else { return Ok(value.clone()) };
        match step {
            Step::Key(key) => self.apply(&member(value, key)?, rest),
            Step::Index(index) => {
                let Some(items) = value.as_list() else {
                    return Err(target("index", "array slice", value));
                };
                self.apply(&element(items, *index)?, rest)
            }
            Step::Keys(keys) => {
                let found = keys.iter().filter_map(|key| member(value, key).ok()).collect();
                self.spread(found, rest)
            }
            Step::Indices(indices) => {
                let items = value.as_list().ok_or_else(|| target("union", "array slice", value))?;
                self.spread(indices.iter().filter_map(|i| element(items, *i).ok()).collect(), rest)
            }
            Step::Slice(from, to, by) => {
                let items = value.as_list().ok_or_else(|| target("range", "array slice", value))?;
                self.spread(slice(items, *from, *to, *by)?, rest)
            }
            Step::Wild => self.spread(children(value, "wildcard")?, rest),
            Step::Filter(condition) => {
                let mut kept = Vec::new();
                for child in children(value, "filter")? {
                    if self.holds(condition, &child)? {
                        kept.push(child);
                    }
                }
                self.spread(kept, rest)
            }
            Step::Script(expression) => {
                match super::eval::predicate(expression, self.run, value)? {
                    Val::Str(key) => self.apply(&member(value, &key)?, rest),
                    index => {
                        let items =
                            value.as_list().ok_or_else(|| target("script", "array", value))?;
                        let index =
                            index.as_number().ok_or_else(|| Fail::from("script: not an index"))?;
                        self.apply(&element(items, index as i64)?, rest)
                    }
                }
            }
            Step::Deep => {
                let mut found = Vec::new();
                self.deep(value, rest, &mut found)?;
                Ok(Val::list(found))
            }
        }
    }

    /// What the rest of the path finds in each of several values.
    fn spread(&self, values: Vec<Val>, rest: &[Step]) -> Outcome {
        self.run.items(values.len())?;
        if rest.is_empty() {
            return Ok(Val::list(values));
        }
        let mut found = Vec::new();
        for value in values {
            // What is missing in one is left out; running out of steps is still an error.
            if let Ok(value) = self.apply(&value, rest)
                && !value.is_nil()
            {
                found.push(value);
            }
            self.run.spend(1)?;
        }
        Ok(Val::list(found))
    }

    fn deep(&self, value: &Val, rest: &[Step], found: &mut Vec<Val>) -> Result<(), Fail> {
        self.run.spend(1)?;
        match self.apply(value, rest) {
            Ok(Val::List(list)) if !rest.is_empty() => found.extend(list.items.iter().cloned()),
            Ok(Val::Nil) | Err(_) => {}
            Ok(other) => found.push(other),
        }
        self.run.items(1)?;
        for child in children(value, "recursive").unwrap_or_default() {
            self.deep(&child, rest, found)?;
        }
        Ok(())
    }

    /// A condition that cannot be evaluated does not hold.
    fn holds(&self, condition: &Tree, child: &Val) -> Result<bool, Fail> {
        self.run.spend(1)?;
        Ok(match super::eval::predicate(condition, self.run, child) {
            Ok(Val::Bool(value)) => value,
            Ok(Val::Str(text)) => !text.is_empty(),
            Ok(Val::List(list)) => !list.items.is_empty(),
            Ok(Val::Map(map)) => !map.items.is_empty(),
            Ok(other) => other.as_number().is_some_and(|n| n != 0.0),
            Err(_) => false,
        })
    }
}

fn member(value: &Val, key: &str) -> Outcome {
    let not_found = || Fail::from(format!("key: invalid token key '{key}' not found"));
    match (value, key) {
        (Val::Map(map), _) => map.items.get(key).cloned().ok_or_else(not_found),
        (Val::List(list), "length") => Ok(Val::from(list.items.len())),
        (Val::Str(text), "length") => Ok(Val::from(text.len())),
        _ => Err(target("key", "map", value)),
    }
}

fn element(items: &[Val], index: i64) -> Outcome {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(length) } else { index };
    usize::try_from(index)
        .ok()
        .and_then(|index| items.get(index).cloned())
        .ok_or_else(|| "index: invalid token out of range".into())
}

/// The elements of a list, or the values of a map in the order of its keys.
fn children(value: &Val, step: &str) -> Result<Vec<Val>, Fail> {
    match value {
        Val::List(list) => Ok(list.items.clone()),
        Val::Map(map) => Ok(map.items.values().cloned().collect()),
        other => Err(target(step, "array map slice", other)),
    }
}

fn slice(
    items: &[Val],
    from: Option<i64>,
    to: Option<i64>,
    by: Option<i64>,
) -> Result<Vec<Val>, Fail> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let by = by.unwrap_or(1);
    if by == 0 {
        return Err("range: invalid token out of range".into());
    }
    let bound = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(n) if n < 0 => n.saturating_add(length).max(0),
        Some(n) => n.min(length),
    };
    let (start, end) = (bound(from, 0), bound(to, length));
    let part: Vec<Val> = items
        .iter()
        .take(usize::try_from(end).unwrap_or(0))
        .skip(usize::try_from(start).unwrap_or(0))
        .cloned()
        .collect();
    let step = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    Ok(match by {
        by if by < 0 => part.into_iter().rev().step_by(step).collect(),
        _ => part.into_iter().step_by(step).collect(),
    })
}
