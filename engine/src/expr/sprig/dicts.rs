//! Maps. Unlike Go's, `set` and `unset` give a changed copy: expressions cannot change a variable.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::cast;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::{MAX_DEPTH, Val};

type Items = BTreeMap<Rc<str>, Val>;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("dict", pairs) => Ok(dict(pairs)),
        ("get", [Val::Map(map), Val::Str(key)]) => {
            Ok(map.items.get(key).cloned().unwrap_or_else(|| Val::from("")))
        }
        ("set", [Val::Map(map), Val::Str(key), value]) => {
            let mut items = map.items.clone();
            items.insert(Rc::clone(key), value.clone());
            Ok(Val::map(items))
        }
        ("unset", [Val::Map(map), Val::Str(key)]) => {
            let mut items = map.items.clone();
            items.remove(key);
            Ok(Val::map(items))
        }
        ("hasKey", [Val::Map(map), Val::Str(key)]) => Ok(Val::Bool(map.items.contains_key(key))),
        ("pluck", [Val::Str(key), maps @ ..]) => maps
            .iter()
            .map(|map| Ok(items(map)?.get(key).cloned()))
            .filter_map(Result::transpose)
            .collect::<Result<Vec<Val>, Fail>>()
            .map(Val::list),
        // Sorted, where Go's order is random.
        ("keys", maps) => {
            let mut keys = Vec::new();
            for map in maps {
                match items(map) {
                    Ok(items) => keys.extend(items.keys().cloned()),
                    Err(fail) => return Some(Err(fail)),
                }
            }
            Ok(Val::strings(keys))
        }
        ("values", [Val::Map(map)]) => Ok(Val::list(map.items.values().cloned().collect())),
        ("pick", [Val::Map(map), keys @ ..]) => Ok(chosen(&map.items, keys, true)),
        ("omit", [Val::Map(map), keys @ ..]) => Ok(chosen(&map.items, keys, false)),
        ("merge" | "mergeOverwrite", [Val::Map(map), others @ ..]) => {
            merge_all(run, &map.items, others, name == "mergeOverwrite")
        }
        ("dig", [keys @ .., default, Val::Map(map)]) if !keys.is_empty() => {
            dig(keys, default, &Val::Map(Rc::clone(map)))
        }
        ("deepCopy", [value]) => Ok(value.clone()),
        _ => return None,
    })
}

fn items(map: &Val) -> Result<&Items, Fail> {
    map.as_map().ok_or_else(|| {
        Fail::from(format!(
            "cannot use {} as argument (type map[string]interface {{}})",
            map.type_name()
        ))
    })
}

fn dict(pairs: &[Val]) -> Val {
    let pair = |pair: &[Val]| {
        let key: Rc<str> = Rc::from(pair.first().map(Val::to_string).unwrap_or_default());
        (key, pair.get(1).cloned().unwrap_or_else(|| Val::from("")))
    };
    Val::map(pairs.chunks(2).map(pair).collect())
}

fn chosen(map: &Items, keys: &[Val], wanted: bool) -> Val {
    let named = |key: &str| keys.iter().any(|other| other.as_str() == Some(key));
    Val::map(
        map.iter()
            .filter(|(key, _)| named(key) == wanted)
            .map(|(key, value)| (Rc::clone(key), value.clone()))
            .collect(),
    )
}

fn merge_all(run: &Run<'_>, first: &Items, others: &[Val], overwrite: bool) -> Outcome {
    let mut merged = first.clone();
    for other in others {
        merge(run, &mut merged, items(other)?, overwrite, 0)?;
    }
    Ok(Val::map(merged))
}

/// Without `overwrite` only what is empty is filled in. Maps in both are merged.
fn merge(
    run: &Run<'_>,
    into: &mut Items,
    from: &Items,
    overwrite: bool,
    depth: u16,
) -> Result<(), Fail> {
    if depth > MAX_DEPTH {
        return Err("value is nested too deep".into());
    }
    run.items(from.len())?;
    for (key, value) in from {
        let merged = match (into.get(key), value) {
            (Some(Val::Map(old)), Val::Map(new)) => {
                let mut items = old.items.clone();
                run.items(items.len())?;
                merge(run, &mut items, &new.items, overwrite, depth + 1)?;
                Val::map(items)
            }
            (Some(old), _) if !overwrite && !cast::empty(old) => old.clone(),
            _ => value.clone(),
        };
        into.insert(Rc::clone(key), merged);
    }
    Ok(())
}

fn dig(keys: &[Val], default: &Val, map: &Val) -> Outcome {
    let mut here = map.clone();
    for key in keys {
        let Some(key) = key.as_str() else {
            return Err(format!("dig: a key is {}, not string", key.type_name()).into());
        };
        match items(&here)?.get(key) {
            Some(next) => here = next.clone(),
            None => return Ok(default.clone()),
        }
    }
    Ok(here)
}
