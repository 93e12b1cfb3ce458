//! Built-in functions on lists and maps.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::expr::eval::{compare, equal, order};
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("len", [Val::Str(text)]) => Ok(Val::from(text.chars().count())),
        ("len", [Val::List(list)]) => Ok(Val::from(list.items.len())),
        ("len", [Val::Map(map)]) => Ok(Val::from(map.items.len())),
        ("first", [Val::List(list)]) => Ok(list.items.first().cloned().unwrap_or(Val::Nil)),
        ("last", [Val::List(list)]) => Ok(list.items.last().cloned().unwrap_or(Val::Nil)),
        ("get", [from, key]) => Ok(get(from, key)),
        ("take", [Val::List(list), Val::Int(n)]) => take(&list.items, *n),
        ("keys", [Val::Map(map)]) => Ok(Val::strings(map.items.keys().cloned())),
        ("values", [Val::Map(map)]) => Ok(Val::list(map.items.values().cloned().collect())),
        ("toPairs", [Val::Map(map)]) => Ok(Val::list(
            map.items
                .iter()
                .map(|(key, value)| Val::list(vec![Val::Str(Rc::clone(key)), value.clone()]))
                .collect(),
        )),
        ("fromPairs", [Val::List(list)]) => from_pairs(&list.items),
        ("reverse", [Val::List(list)]) => Ok(Val::list(list.items.iter().rev().cloned().collect())),
        ("uniq", [Val::List(list)]) => uniq(run, &list.items),
        ("concat", lists) => concat(lists),
        ("flatten", [Val::List(list)]) => {
            let mut out = Vec::new();
            flatten(run, &list.items, &mut out).map(|()| Val::list(out))
        }
        ("sort", [Val::List(list)]) => sort(run, &list.items, None),
        ("sort", [Val::List(list), direction]) => sort(run, &list.items, Some(direction)),
        _ => return None,
    })
}

/// As a member access, but nil for what is not there.
fn get(from: &Val, key: &Val) -> Val {
    let found = match (from, key) {
        (Val::Map(map), Val::Str(key)) => map.items.get(key).cloned(),
        (Val::List(list), Val::Int(index)) => {
            let length = i64::try_from(list.items.len()).unwrap_or(i64::MAX);
            let index = if *index < 0 { index.saturating_add(length) } else { *index };
            usize::try_from(index).ok().and_then(|index| list.items.get(index).cloned())
        }
        _ => None,
    };
    found.unwrap_or(Val::Nil)
}

fn take(items: &[Val], n: i64) -> Outcome {
    let count = usize::try_from(n).map_err(|_| Fail::from("slice index out of bounds"))?;
    Ok(Val::list(items.iter().take(count).cloned().collect()))
}

fn from_pairs(items: &[Val]) -> Outcome {
    let mut map = BTreeMap::new();
    for item in items {
        match item.as_list() {
            Some([key, value]) => map.insert(Rc::from(key.to_string()), value.clone()),
            Some(_) => return Err(format!("invalid pair length {item}").into()),
            None => return Err(format!("invalid pair {item}").into()),
        };
    }
    Ok(Val::map(map))
}

fn uniq(run: &Run<'_>, items: &[Val]) -> Outcome {
    let mut kept: Vec<Val> = Vec::new();
    for item in items {
        run.spend(kept.len() + item.size() / 16)?;
        if !kept.iter().any(|known| equal(known, item)) {
            kept.push(item.clone());
        }
    }
    Ok(Val::list(kept))
}

fn concat(lists: &[Val]) -> Outcome {
    let mut out = Vec::new();
    for list in lists {
        match list.as_list() {
            Some(items) => out.extend_from_slice(items),
            None => return Err(format!("cannot concat {}", list.kind_name()).into()),
        }
    }
    Ok(Val::list(out))
}

fn flatten(run: &Run<'_>, items: &[Val], out: &mut Vec<Val>) -> Result<(), Fail> {
    for item in items {
        match item.as_list() {
            Some(inner) => flatten(run, inner, out)?,
            None => {
                // Shared parts can flatten to far more than they take.
                run.items(1)?;
                out.push(item.clone());
            }
        }
    }
    Ok(())
}

fn sort(run: &Run<'_>, items: &[Val], direction: Option<&Val>) -> Outcome {
    let descending = order(items, direction)?;
    run.spend(items.len() * 16)?;
    let mut sorted = items.to_vec();
    sorted.sort_by(|a, b| {
        let order = compare(a, b).unwrap_or(std::cmp::Ordering::Equal);
        if descending { order.reverse() } else { order }
    });
    Ok(Val::list(sorted))
}
