//! Plain scalars: what an unquoted word means in YAML 1.1, as Go's YAML library reads it.

use super::tree::Value;

/// The value of an unquoted scalar. `Err` says why JSON cannot hold it.
pub(crate) fn resolve(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Ok(Value::Bool(true, text.to_owned()));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(Value::Bool(false, text.to_owned()));
        }
        _ => {}
    }
    if is_infinite_or_nan(text) {
        return Err(format!("`{text}` is no number that JSON can hold"));
    }
    Ok(match number(text) {
        Some(number) => Value::Number(number),
        None => Value::Text(text.to_owned()),
    })
}

fn is_infinite_or_nan(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// The JSON spelling that Go gives a number; `None` when the text is no number.
pub(crate) fn number(text: &str) -> Option<String> {
    let first = text.chars().next()?;
    if first == '.' {
        return is_float(text).then(|| float(text))?;
    }
    if !first.is_ascii_digit() && !matches!(first, '+' | '-') {
        return None;
    }
    let plain = text.replace('_', "");
    if let Some(integer) = integer(&plain) {
        return Some(integer);
    }
    is_float(&plain).then(|| float(&plain))?
}

/// Decimal, `0x`, `0o`, `0b` or, with a leading zero, octal.
fn integer(text: &str) -> Option<String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let signed = digits.len() < text.len();
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if !digits.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -value } else { value };
    // Beyond 64 bits signed, Go reads only a number without a sign.
    let fits = i64::try_from(value).is_ok() || (!signed && u64::try_from(value).is_ok());
    fits.then(|| value.to_string())
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_ok && exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)))
}

/// As Go's JSON prints a float: no exponent between 1e-6 and 1e21.
fn float(text: &str) -> Option<String> {
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(value.to_string());
    }
    let text = format!("{value:e}");
    Some(match text.split_once("e-") {
        Some(_) => text,
        None => text.replace('e', "e+"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_go() {
        let cases = [
            ("0", Some("0")),
            ("10", Some("10")),
            ("+5", Some("5")),
            ("-7", Some("-7")),
            ("0755", Some("493")),
            ("0o755", Some("493")),
            ("089", Some("89")),
            ("0x1F", Some("31")),
            ("-0x10", Some("-16")),
            ("0b101", Some("5")),
            ("1_000", Some("1000")),
            ("12345678901234567890", Some("12345678901234567890")),
            ("123456789012345678901", Some("123456789012345680000")),
            ("1e3", Some("1000")),
            ("1.50", Some("1.5")),
            ("1.", Some("1")),
            (".5", Some("0.5")),
            ("1.0", Some("1")),
            ("1e21", Some("1e+21")),
            ("2.5e-7", Some("2.5e-7")),
            ("1e400", None),
            ("1.2.3", None),
            ("12:30:45", None),
            ("2024-01-01", None),
            ("0x", None),
            ("-", None),
            ("+-5", None),
            (".", None),
            ("1e", None),
            ("é", None),
            ("0é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn words_read_as_in_yaml_1_1() {
        assert!(matches!(resolve("n"), Ok(Value::Bool(false, _))));
        assert!(matches!(resolve("On"), Ok(Value::Bool(true, _))));
        assert!(matches!(resolve("oN"), Ok(Value::Text(_))));
        assert!(matches!(resolve("~"), Ok(Value::Null)));
        assert!(resolve("-.inf").is_err());
    }
}
