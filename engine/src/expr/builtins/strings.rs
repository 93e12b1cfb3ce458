//! Built-in functions on text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("lower", [Val::Str(text)]) => Ok(Val::from(text.to_lowercase())),
        ("upper", [Val::Str(text)]) => Ok(Val::from(text.to_uppercase())),
        ("trim", [Val::Str(text)]) => Ok(Val::from(text.trim())),
        ("trim", [Val::Str(text), Val::Str(set)]) => {
            Ok(Val::from(text.trim_matches(|c| set.contains(c))))
        }
        // Without a second argument expr-lang takes one space.
        ("trimPrefix" | "trimSuffix", [text @ Val::Str(_)]) => {
            return call(run, name, &[text.clone(), Val::from(" ")]);
        }
        ("trimPrefix", [Val::Str(text), Val::Str(part)]) => {
            Ok(Val::from(text.strip_prefix(&**part).unwrap_or(text)))
        }
        ("trimSuffix", [Val::Str(text), Val::Str(part)]) => {
            Ok(Val::from(text.strip_suffix(&**part).unwrap_or(text)))
        }
        ("hasPrefix", [Val::Str(text), Val::Str(part)]) => Ok(Val::Bool(text.starts_with(&**part))),
        ("hasSuffix", [Val::Str(text), Val::Str(part)]) => Ok(Val::Bool(text.ends_with(&**part))),
        ("indexOf", [Val::Str(text), Val::Str(part)]) => Ok(position(text.find(&**part))),
        ("lastIndexOf", [Val::Str(text), Val::Str(part)]) => Ok(position(text.rfind(&**part))),
        ("split", [Val::Str(text), Val::Str(by)]) => split(run, text, by, -1, false),
        ("split", [Val::Str(text), Val::Str(by), Val::Int(n)]) => split(run, text, by, *n, false),
        ("splitAfter", [Val::Str(text), Val::Str(by)]) => split(run, text, by, -1, true),
        ("splitAfter", [Val::Str(text), Val::Str(by), Val::Int(n)]) => {
            split(run, text, by, *n, true)
        }
        ("replace", [Val::Str(text), Val::Str(old), Val::Str(new)]) => {
            replace(run, text, old, new, -1)
        }
        ("replace", [Val::Str(text), Val::Str(old), Val::Str(new), Val::Int(n)]) => {
            replace(run, text, old, new, *n)
        }
        ("repeat", [Val::Str(text), Val::Int(n)]) => repeat(run, text, *n),
        ("join", [Val::List(list)]) => join(run, &list.items, ""),
        ("join", [Val::List(list), Val::Str(by)]) => join(run, &list.items, by),
        ("toBase64", [Val::Str(text)]) => Ok(Val::from(STANDARD.encode(&**text))),
        ("fromBase64", [Val::Str(text)]) => STANDARD
            .decode(&**text)
            .map(|bytes| Val::from(String::from_utf8_lossy(&bytes).into_owned()))
            .map_err(|e| format!("illegal base64 data: {e}").into()),
        _ => return None,
    })
}

fn position(found: Option<usize>) -> Val {
    found.map_or(Val::Int(-1), Val::from)
}

/// Go's `SplitN` and `SplitAfterN`.
pub(crate) fn split(run: &Run<'_>, text: &str, by: &str, n: i64, after: bool) -> Outcome {
    if n == 0 {
        return Ok(Val::list(Vec::new()));
    }
    let limit = usize::try_from(n).unwrap_or(usize::MAX);
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < limit {
        let cut = if by.is_empty() {
            rest.chars().next().map(char::len_utf8).filter(|size| *size < rest.len())
        } else {
            rest.find(by)
        };
        let Some(cut) = cut else { break };
        let kept = if after { cut + by.len() } else { cut };
        parts.push(rest.get(..kept).unwrap_or(""));
        rest = rest.get(cut + by.len()..).unwrap_or("");
        run.spend(1)?;
    }
    if !(by.is_empty() && rest.is_empty()) {
        parts.push(rest);
    }
    run.items(parts.len())?;
    Ok(Val::strings(parts))
}

/// Go's `Replace`, with room for the result asked for first.
pub(crate) fn replace(run: &Run<'_>, text: &str, old: &str, new: &str, n: i64) -> Outcome {
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() };
    let count = usize::try_from(n).unwrap_or(found).min(found);
    run.room(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(Val::from(text.replacen(old, new, count)))
}

/// Go's `Repeat`.
pub(crate) fn repeat(run: &Run<'_>, text: &str, n: i64) -> Outcome {
    let Ok(count) = usize::try_from(n) else {
        return Err(
            format!("invalid argument for repeat (expected positive integer, got {n})").into()
        );
    };
    run.room(text.len().saturating_mul(count))?;
    Ok(Val::from(text.repeat(if text.is_empty() { 0 } else { count })))
}

fn join(run: &Run<'_>, items: &[Val], by: &str) -> Outcome {
    let texts = items
        .iter()
        .map(|item| {
            item.as_str().ok_or_else(|| {
                Fail::from(format!(
                    "interface conversion: interface {{}} is {}, not string",
                    item.type_name()
                ))
            })
        })
        .collect::<Result<Vec<&str>, Fail>>()?;
    joined(run, &texts, by)
}

/// Texts with a separator between them, with room for the result asked for first.
pub(crate) fn joined(run: &Run<'_>, texts: &[&str], by: &str) -> Outcome {
    let size: usize = texts.iter().map(|text| text.len()).sum();
    run.room(size.saturating_add(texts.len().saturating_mul(by.len())))?;
    Ok(Val::from(texts.join(by)))
}
