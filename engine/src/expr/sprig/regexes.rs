//! Regular expressions.

use crate::expr::patterns::compile;
use crate::expr::run::{Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("regexQuoteMeta", [Val::Str(text)]) => Ok(Val::from(quote_meta(text))),
        ("regexMatch", [Val::Str(pattern), Val::Str(text)]) => {
            Ok(Val::Bool(compile(run, pattern).is_ok_and(|pattern| pattern.is_match(text))))
        }
        ("mustRegexMatch", [Val::Str(pattern), Val::Str(text)]) => {
            compile(run, pattern).map(|pattern| Val::Bool(pattern.is_match(text)))
        }
        ("regexFind", [Val::Str(pattern), Val::Str(text)]) => compile(run, pattern)
            .map(|pattern| Val::from(pattern.find(text).map_or("", |found| found.as_str()))),
        ("regexFindAll", [Val::Str(pattern), Val::Str(text), Val::Int(n)]) => {
            find_all(run, pattern, text, *n)
        }
        ("regexReplaceAll", [Val::Str(pattern), Val::Str(text), Val::Str(new)]) => {
            replace_all(run, pattern, text, new, true)
        }
        ("regexReplaceAllLiteral", [Val::Str(pattern), Val::Str(text), Val::Str(new)]) => {
            replace_all(run, pattern, text, new, false)
        }
        ("regexSplit", [Val::Str(pattern), Val::Str(text), Val::Int(n)]) => {
            split(run, pattern, text, *n)
        }
        _ => return None,
    })
}

fn limit(n: i64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn find_all(run: &Run<'_>, pattern: &str, text: &str, n: i64) -> Outcome {
    let pattern = compile(run, pattern)?;
    let mut found = Vec::new();
    for part in pattern.find_iter(text).take(limit(n)) {
        run.items(1)?;
        run.room(part.len())?;
        found.push(Val::from(part.as_str()));
    }
    Ok(Val::list(found))
}

/// With `expand`, `$1` and `${name}` in the new text stand for groups.
fn replace_all(run: &Run<'_>, pattern: &str, text: &str, new: &str, expand: bool) -> Outcome {
    let pattern = compile(run, pattern)?;
    let mut out = String::new();
    let mut end = 0;
    for groups in pattern.captures_iter(text) {
        let Some(found) = groups.get(0) else { continue };
        let before = out.len();
        out.push_str(text.get(end..found.start()).unwrap_or(""));
        if expand {
            groups.expand(new, &mut out);
        } else {
            out.push_str(new);
        }
        end = found.end();
        run.spend(1)?;
        run.room(out.len() - before)?;
    }
    out.push_str(text.get(end..).unwrap_or(""));
    Ok(Val::from(out))
}

fn split(run: &Run<'_>, pattern: &str, text: &str, n: i64) -> Outcome {
    if n == 0 {
        return Ok(Val::list(Vec::new()));
    }
    let pattern = compile(run, pattern)?;
    let mut parts = Vec::new();
    let mut start = 0;
    for found in pattern.find_iter(text) {
        if parts.len() + 1 >= limit(n) {
            break;
        }
        // An empty match at either end cuts nothing off.
        if found.end() == 0 || found.is_empty() && found.start() == text.len() {
            continue;
        }
        run.items(1)?;
        parts.push(text.get(start..found.start()).unwrap_or(""));
        start = found.end();
    }
    let rest = text.get(start..).unwrap_or("");
    run.room(text.len())?;
    parts.push(rest);
    Ok(Val::strings(parts))
}
