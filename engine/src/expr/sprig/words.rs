//! Text as words: cases, wrapping, abbreviating; and base 32.

use super::cases;
use crate::expr::run::{Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("title", [Val::Str(text)]) => Ok(Val::from(title(text))),
        ("untitle", [Val::Str(text)]) => Ok(Val::from(untitle(text))),
        ("initials", [Val::Str(text)]) => Ok(Val::from(
            text.split_whitespace().filter_map(|w| w.chars().next()).collect::<String>(),
        )),
        ("swapcase", [Val::Str(text)]) => Ok(Val::from(swapcase(text))),
        ("snakecase", [Val::Str(text)]) => Ok(Val::from(cases::delimited(text, '_'))),
        ("kebabcase", [Val::Str(text)]) => Ok(Val::from(cases::delimited(text, '-'))),
        ("camelcase", [Val::Str(text)]) => Ok(Val::from(cases::pascal(text))),
        ("wrap", [Val::Int(width), Val::Str(text)]) => wrap(run, text, *width, "\n", false),
        ("wrapWith", [Val::Int(width), Val::Str(by), Val::Str(text)]) => {
            wrap(run, text, *width, if by.is_empty() { "\n" } else { by }, true)
        }
        ("abbrev", [Val::Int(width), Val::Str(text)]) => {
            Ok(if *width < 4 { Val::Str(text.clone()) } else { abbreviate(text, 0, *width) })
        }
        ("abbrevboth", [Val::Int(left), Val::Int(right), Val::Str(text)]) => {
            Ok(if *right < 4 || *left > 0 && *right < 7 {
                Val::Str(text.clone())
            } else {
                abbreviate(text, *left, *right)
            })
        }
        _ => return None,
    })
}

/// Go's `Title`: a letter after what is neither letter, digit nor underscore.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if inside {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric() || c == '_' || !c.is_ascii() && !c.is_whitespace();
    }
    out
}

fn untitle(text: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if start && !c.is_whitespace() {
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
        start = c.is_whitespace();
    }
    out
}

fn swapcase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_uppercase() => out.extend(c.to_lowercase()),
            c if c.is_lowercase() => out.extend(c.to_uppercase()),
            c => out.push(c),
        }
    }
    out
}

fn wrap(run: &Run<'_>, text: &str, width: i64, by: &str, long: bool) -> Outcome {
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let chars = text.as_bytes();
    run.room(chars.len().saturating_add((chars.len() / width).saturating_mul(by.len() + 1)))?;
    let mut out: Vec<u8> = Vec::with_capacity(chars.len());
    let part = |from: usize, to: usize| chars.get(from..to).unwrap_or_default();
    let mut at = 0;
    while chars.len().saturating_sub(at) > width {
        if chars.get(at) == Some(&b' ') {
            at += 1;
            continue;
        }
        let line = part(at, at + width + 1);
        let (end, next) = match line.iter().rposition(|c| *c == b' ') {
            Some(space) => (at + space, at + space + 1),
            None if long => (at + width, at + width),
            None => match part(at + width, chars.len()).iter().position(|c| *c == b' ') {
                Some(space) => (at + width + space, at + width + space + 1),
                None => break,
            },
        };
        out.extend_from_slice(part(at, end));
        run.room(by.len())?;
        out.extend_from_slice(by.as_bytes());
        at = next;
    }
    out.extend_from_slice(part(at, chars.len()));
    Ok(Val::from(String::from_utf8_lossy(&out).into_owned()))
}

fn abbreviate(text: &str, offset: i64, width: i64) -> Val {
    let length = text.len();
    let width = usize::try_from(width).unwrap_or(0);
    if width < 4 {
        return Val::from("");
    }
    if length <= width {
        return Val::from(text);
    }
    let part = |from: usize, to: usize| {
        String::from_utf8_lossy(text.as_bytes().get(from..to).unwrap_or_default()).into_owned()
    };
    let mut offset = usize::try_from(offset).unwrap_or(0).min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    if offset <= 4 {
        return Val::from(part(0, width - 3) + "...");
    }
    if width < 7 {
        return Val::from("");
    }
    if offset + width - 3 < length {
        let rest = part(offset, length);
        return Val::from(format!("...{}", abbreviate(&rest, 0, (width - 3) as i64)));
    }
    Val::from(format!("...{}", part(length - (width - 3), length)))
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn base32_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let bits = chunk.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        let bits = bits << (8 * (5 - chunk.len()));
        let used = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let index = (bits >> (35 - 5 * place) & 31) as usize;
            let symbol = ALPHABET.get(index).copied().unwrap_or(b'=');
            out.push(if place < used { char::from(symbol) } else { '=' });
        }
    }
    out
}

/// The bytes, or the place of what is not valid.
pub(super) fn base32_decode(text: &str) -> Result<Vec<u8>, usize> {
    let text = text.replace(['\r', '\n'], "");
    if !text.len().is_multiple_of(8) {
        return Err(text.len());
    }
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    for (start, chunk) in text.as_bytes().chunks(8).enumerate() {
        let data = chunk.iter().take_while(|c| **c != b'=').count();
        let last = (start + 1) * 8 >= text.len();
        let padded = chunk.iter().skip(data).all(|c| *c == b'=');
        if !padded || data < 8 && !last || matches!(data, 0 | 1 | 3 | 6) {
            return Err(start * 8 + data);
        }
        let mut bits = 0u64;
        for (place, symbol) in chunk.iter().take(data).enumerate() {
            let value = ALPHABET.iter().position(|c| c == symbol).ok_or(start * 8 + place)?;
            bits |= (value as u64) << (35 - 5 * place);
        }
        out.extend(bits.to_be_bytes().iter().skip(3).take(data * 5 / 8));
    }
    Ok(out)
}
