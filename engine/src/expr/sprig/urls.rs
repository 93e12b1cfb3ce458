//! `urlParse` and `urlJoin`, with the parts that Go's `net/url` has.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::expr::run::{Fail, Outcome};
use crate::expr::value::Val;

pub(super) fn call(name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("urlParse", [Val::Str(url)]) => parse(url),
        ("urlJoin", [Val::Map(map)]) => join(&map.items),
        _ => return None,
    })
}

fn wrong(url: &str, reason: &str) -> Fail {
    format!("unable to parse url: parse {url:?}: {reason}").into()
}

/// Splits at a mark, which is dropped; nothing comes after it where it is missing.
fn cut(text: &str, mark: char) -> (&str, &str) {
    text.split_once(mark).unwrap_or((text, ""))
}

fn parse(url: &str) -> Outcome {
    if url.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err(wrong(url, "net/url: invalid control character in URL"));
    }
    let (rest, fragment) = cut(url, '#');
    let (scheme, rest) = scheme(rest).ok_or_else(|| wrong(url, "missing protocol scheme"))?;
    let (rest, query) = cut(rest, '?');
    let mut opaque = "";
    let (mut authority, mut path) = ("", rest);
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find('/').unwrap_or(after.len());
        (authority, path) = after.split_at(end);
    } else if !rest.starts_with('/') && !scheme.is_empty() {
        (opaque, path) = (rest, "");
    }
    let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    if let Some((_, port)) = port
        && !port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(wrong(url, &format!("invalid port {:?} after host", format!(":{port}"))));
    }
    let hostname = port.map_or(host, |(hostname, _)| hostname);
    let decode = |text: &str| unescape(text).ok_or_else(|| wrong(url, "invalid URL escape"));
    let fields = [
        ("scheme", scheme.to_lowercase()),
        ("host", decode(host)?),
        ("hostname", decode(hostname)?.trim_matches(['[', ']']).to_owned()),
        ("path", decode(path)?),
        ("query", query.to_owned()),
        ("opaque", opaque.to_owned()),
        ("fragment", decode(fragment)?),
        ("userinfo", userinfo.to_owned()),
    ];
    Ok(Val::map(fields.into_iter().map(|(key, text)| (Rc::from(key), Val::from(text))).collect()))
}

/// The scheme and the rest. `None` where there is a colon but no scheme before it.
fn scheme(url: &str) -> Option<(&str, &str)> {
    let end = url.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
    match end.map(|end| url.split_at(end)) {
        Some(("", rest)) if rest.starts_with(':') => None,
        Some((scheme, rest)) if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Some(rest.strip_prefix(':').map_or(("", url), |rest| (scheme, rest)))
        }
        _ => Some(("", url)),
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn escape(text: &str, allowed: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) || allowed.contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn join(map: &BTreeMap<Rc<str>, Val>) -> Outcome {
    let field = |key: &str| match map.get(key) {
        None => Ok(""),
        Some(Val::Str(text)) => Ok(&**text),
        Some(other) => Err(Fail::from(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            other.kind_name()
        ))),
    };
    let (scheme, host, path) = (field("scheme")?, field("host")?, field("path")?);
    let (opaque, userinfo) = (field("opaque")?, field("userinfo")?);
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&format!("{scheme}:"));
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !userinfo.is_empty() {
            if !host.is_empty() || !path.is_empty() || !userinfo.is_empty() {
                out.push_str("//");
            }
            if !userinfo.is_empty() {
                out.push_str(&format!("{userinfo}@"));
            }
            out.push_str(&escape(host, "!$&'()*+,;=:[]<>\""));
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        out.push_str(&escape(path, "$&+,/:;=@"));
    } else {
        out.push_str(opaque);
    }
    if !field("query")?.is_empty() {
        out.push_str(&format!("?{}", field("query")?));
    }
    if !field("fragment")?.is_empty() {
        out.push_str(&format!("#{}", escape(field("fragment")?, "$&+,/:;=?@!()*'")));
    }
    Ok(Val::from(out))
}
