//! Go's lenient conversions, as sprig's arithmetic uses them.

use crate::expr::value::Val;

/// An integer of anything; 0 for what has none.
pub(super) fn int(value: &Val) -> i64 {
    match value {
        Val::Int(n) | Val::Duration(n) | Val::Named(n, _) => *n,
        Val::Float(n) => *n as i64,
        Val::Bool(b) => i64::from(*b),
        Val::Str(text) => parse_int(text).unwrap_or(0),
        _ => 0,
    }
}

/// A text as Go's `ParseInt` with base 0 reads it, decimals of zero cut off.
fn parse_int(text: &str) -> Option<i64> {
    let text = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') => whole,
        _ => text,
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase().replace('_', "");
    let size = match [("0x", 16), ("0b", 2), ("0o", 8)]
        .iter()
        .find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix)?, *radix)))
    {
        Some((digits, radix)) => i64::from_str_radix(digits, radix).ok()?,
        None if lower.len() > 1 && lower.starts_with('0') => i64::from_str_radix(&lower, 8).ok()?,
        None => lower.parse().ok()?,
    };
    Some(if negative { size.checked_neg()? } else { size })
}

/// A float of anything; 0 for what has none.
pub(super) fn float(value: &Val) -> f64 {
    match value {
        Val::Int(n) | Val::Duration(n) | Val::Named(n, _) => *n as f64,
        Val::Float(n) => *n,
        Val::Bool(b) => f64::from(u8::from(*b)),
        Val::Str(text) => text.parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

/// True for the zero value of a type, as Go's templates see it.
pub(super) fn empty(value: &Val) -> bool {
    match value {
        Val::Nil => true,
        Val::Bool(b) => !b,
        Val::Int(n) | Val::Duration(n) | Val::Named(n, _) => *n == 0,
        Val::Float(n) => *n == 0.0,
        Val::Str(text) => text.is_empty(),
        Val::List(list) => list.items.is_empty(),
        Val::Map(map) => map.items.is_empty(),
        Val::Time(_) | Val::Zone(_) | Val::Env(_) => false,
    }
}

/// The texts of a list, without what is nil; of another value its own.
pub(super) fn texts(value: &Val) -> Vec<String> {
    match value {
        Val::Nil => Vec::new(),
        Val::List(list) => {
            list.items.iter().filter(|item| !item.is_nil()).map(Val::to_string).collect()
        }
        other => vec![other.to_string()],
    }
}

/// Go's `DeepEqual`: numbers of two kinds differ.
pub(super) fn deep_equal(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Val::Int(_), Val::Float(_)) | (Val::Float(_), Val::Int(_)) => false,
        (Val::List(a), Val::List(b)) => {
            a.items.len() == b.items.len()
                && a.items.iter().zip(&b.items).all(|(a, b)| deep_equal(a, b))
        }
        (Val::Map(a), Val::Map(b)) => {
            a.items.len() == b.items.len()
                && a.items.iter().zip(&b.items).all(|((k, a), (l, b))| k == l && deep_equal(a, b))
        }
        _ => a == b,
    }
}

/// Go's `%q`.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c < ' ' || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
