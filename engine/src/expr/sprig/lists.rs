//! Lists.

use super::cast;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("list", items) => Ok(Val::list(items.to_vec())),
        ("append", [Val::List(list), value]) => {
            Ok(Val::list(list.items.iter().chain([value]).cloned().collect()))
        }
        ("prepend", [Val::List(list), value]) => {
            Ok(Val::list([value].into_iter().chain(&list.items).cloned().collect()))
        }
        ("first", [Val::List(list)]) => Ok(list.items.first().cloned().unwrap_or(Val::Nil)),
        ("last", [Val::List(list)]) => Ok(list.items.last().cloned().unwrap_or(Val::Nil)),
        ("rest" | "initial", [Val::List(list)]) if list.items.is_empty() => {
            Ok(Val::list(Vec::new()))
        }
        ("rest", [Val::List(list)]) => Ok(part(&list.items, 1, list.items.len())),
        ("initial", [Val::List(list)]) => Ok(part(&list.items, 0, list.items.len() - 1)),
        ("reverse", [Val::List(list)]) => Ok(Val::list(list.items.iter().rev().cloned().collect())),
        ("compact", [Val::List(list)]) => {
            Ok(Val::list(list.items.iter().filter(|item| !cast::empty(item)).cloned().collect()))
        }
        ("uniq", [Val::List(list)]) => uniq(run, &list.items),
        ("without", [Val::List(list), omit @ ..]) => without(run, &list.items, omit),
        ("has", [_, Val::Nil]) => Ok(Val::Bool(false)),
        ("has", [needle, Val::List(list)]) => run
            .spend(list.items.len())
            .map(|()| Val::Bool(list.items.iter().any(|item| cast::deep_equal(item, needle)))),
        ("slice", [Val::List(list), indices @ ..]) => slice(&list.items, indices),
        ("concat", lists) => concat(lists),
        ("chunk", [Val::Int(size), Val::List(list)]) => chunk(*size, &list.items),
        ("sortAlpha", [Val::Nil]) => Ok(Val::strings(["<nil>"])),
        ("sortAlpha", [value]) => {
            let mut texts = cast::texts(value);
            texts.sort_unstable();
            Ok(Val::strings(texts))
        }
        (
            "append" | "prepend" | "first" | "last" | "rest" | "initial" | "reverse" | "compact"
            | "uniq" | "without" | "slice",
            [wrong, ..],
        ) => Err(format!("Cannot find {name} on type {}", wrong.kind_name()).into()),
        _ => return None,
    })
}

fn part(items: &[Val], from: usize, to: usize) -> Val {
    Val::list(items.get(from..to).unwrap_or_default().to_vec())
}

fn uniq(run: &Run<'_>, items: &[Val]) -> Outcome {
    let mut kept: Vec<Val> = Vec::new();
    for item in items {
        run.spend(kept.len() + item.size() / 16)?;
        if !kept.iter().any(|known| cast::deep_equal(known, item)) {
            kept.push(item.clone());
        }
    }
    Ok(Val::list(kept))
}

fn without(run: &Run<'_>, items: &[Val], omit: &[Val]) -> Outcome {
    run.spend(items.len().saturating_mul(omit.len()))?;
    Ok(Val::list(
        items
            .iter()
            .filter(|item| !omit.iter().any(|other| cast::deep_equal(other, item)))
            .cloned()
            .collect(),
    ))
}

fn slice(items: &[Val], indices: &[Val]) -> Outcome {
    if items.is_empty() {
        return Ok(Val::Nil);
    }
    let from = indices.first().map_or(0, cast::int);
    let to = indices.get(1).map_or_else(|| i64::try_from(items.len()).unwrap_or(0), cast::int);
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    range
        .and_then(|(from, to)| items.get(from..to))
        .map(|items| Val::list(items.to_vec()))
        .ok_or_else(|| Fail::from("slice index out of bounds"))
}

fn concat(lists: &[Val]) -> Outcome {
    let mut out = Vec::new();
    for list in lists {
        match list.as_list() {
            Some(items) => out.extend_from_slice(items),
            None => return Err(format!("Cannot concat type {} as list", list.kind_name()).into()),
        }
    }
    Ok(Val::list(out))
}

fn chunk(size: i64, items: &[Val]) -> Outcome {
    match usize::try_from(size) {
        Ok(size) if size > 0 => {
            Ok(Val::list(items.chunks(size).map(|part| Val::list(part.to_vec())).collect()))
        }
        _ => Err(format!("Cannot chunk into parts of {size}").into()),
    }
}
