//! Text: cutting, trimming, searching, joining, encoding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::cast;
use crate::expr::builtins::{joined, repeat, replace, split};
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    let text = match args {
        [Val::Str(text)] => one(name, text),
        [Val::Str(part), Val::Str(text)] => two(run, name, part, text),
        [Val::Int(n), Val::Str(text)] => with_number(run, name, *n, text),
        _ => None,
    };
    text.or_else(|| match (name, args) {
        ("hello", []) => Some(Ok(Val::from("Hello!"))),
        ("replace", [Val::Str(old), Val::Str(new), Val::Str(text)]) => {
            Some(replace(run, text, old, new, -1))
        }
        ("substr", [Val::Int(from), Val::Int(to), Val::Str(text)]) => {
            Some(substring(*from, *to, text))
        }
        ("plural", [Val::Str(one), Val::Str(many), count]) => {
            Some(Ok(Val::Str(if cast::int(count) == 1 { one.clone() } else { many.clone() })))
        }
        ("toString", [value]) => Some(Ok(Val::from(value.to_string()))),
        ("toStrings", [value]) => Some(Ok(Val::strings(cast::texts(value)))),
        ("join", [Val::Str(by), value]) => Some(join(run, &cast::texts(value), by)),
        ("cat", values) => Some(join(run, &present(values, Val::to_string), " ")),
        ("quote", values) => {
            Some(join(run, &present(values, |value| cast::quote(&value.to_string())), " "))
        }
        ("squote", values) => Some(join(run, &present(values, |value| format!("'{value}'")), " ")),
        ("splitn", [Val::Str(by), Val::Int(n), Val::Str(text)]) => {
            Some(split(run, text, by, *n, false).map(numbered))
        }
        _ => None,
    })
}

fn one(name: &str, text: &str) -> Option<Outcome> {
    Some(Ok(Val::from(match name {
        "trim" => text.trim().to_owned(),
        "upper" => text.to_uppercase(),
        "lower" => text.to_lowercase(),
        "nospace" => text.chars().filter(|c| !c.is_whitespace()).collect(),
        "b64enc" => STANDARD.encode(text),
        "b64dec" => match STANDARD.decode(text.replace(['\r', '\n'], "")) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) => format!("illegal base64 data: {e}"),
        },
        "b32enc" => super::words::base32_encode(text.as_bytes()),
        "b32dec" => super::words::base32_decode(text).map_or_else(
            |at| format!("illegal base32 data at input byte {at}"),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        ),
        "adler32sum" => adler32(text.as_bytes()).to_string(),
        _ => return None,
    })))
}

fn two(run: &Run<'_>, name: &str, part: &str, text: &str) -> Option<Outcome> {
    Some(match name {
        "contains" => Ok(Val::Bool(text.contains(part))),
        "hasPrefix" => Ok(Val::Bool(text.starts_with(part))),
        "hasSuffix" => Ok(Val::Bool(text.ends_with(part))),
        "trimAll" => Ok(Val::from(text.trim_matches(|c| part.contains(c)))),
        "trimPrefix" => Ok(Val::from(text.strip_prefix(part).unwrap_or(text))),
        "trimSuffix" => Ok(Val::from(text.strip_suffix(part).unwrap_or(text))),
        "splitList" => split(run, text, part, -1, false),
        "split" => split(run, text, part, -1, false).map(numbered),
        _ => return None,
    })
}

fn with_number(run: &Run<'_>, name: &str, n: i64, text: &str) -> Option<Outcome> {
    Some(match name {
        "repeat" => repeat(run, text, n),
        "trunc" => Ok(truncated(n, text)),
        "indent" => indent(run, n, text),
        "nindent" => indent(run, n, text).map(|value| Val::from(format!("\n{value}"))),
        _ => return None,
    })
}

fn present(values: &[Val], text: impl Fn(&Val) -> String) -> Vec<String> {
    values.iter().filter(|value| !value.is_nil()).map(text).collect()
}

fn join(run: &Run<'_>, texts: &[String], by: &str) -> Outcome {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    joined(run, &texts, by)
}

/// `_0`, `_1` … for the parts of a split.
fn numbered(parts: Val) -> Val {
    let parts = parts.as_list().unwrap_or_default();
    Val::map(
        parts
            .iter()
            .enumerate()
            .map(|(index, part)| (format!("_{index}").into(), part.clone()))
            .collect(),
    )
}

/// Bytes of a text, as Go cuts it.
fn bytes(text: &str, from: usize, to: usize) -> Val {
    let part = text.as_bytes().get(from..to).unwrap_or_default();
    Val::from(String::from_utf8_lossy(part).into_owned())
}

fn truncated(n: i64, text: &str) -> Val {
    let size = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
    match n {
        n if n < 0 && size < text.len() => bytes(text, text.len() - size, text.len()),
        n if n >= 0 && size < text.len() => bytes(text, 0, size),
        _ => Val::from(text),
    }
}

fn substring(from: i64, to: i64, text: &str) -> Outcome {
    let length = text.len();
    let at = |n: i64| usize::try_from(n).ok().filter(|n| *n <= length);
    let range = match (from, to) {
        (from, to) if from < 0 => at(to).map(|to| (0, to)),
        (from, to) if to < 0 || at(to).is_none() => at(from).map(|from| (from, length)),
        (from, to) => at(from).zip(at(to)).filter(|(from, to)| from <= to),
    };
    let (from, to) = range.ok_or_else(|| Fail::from("slice bounds out of range"))?;
    Ok(bytes(text, from, to))
}

fn indent(run: &Run<'_>, n: i64, text: &str) -> Outcome {
    let pad = repeat(run, " ", n)?.to_string();
    let body = replace(run, text, "\n", &format!("\n{pad}"), -1)?;
    Ok(Val::from(format!("{pad}{body}")))
}

fn adler32(bytes: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % BASE;
        (a, (b + a) % BASE)
    });
    b << 16 | a
}
