//! Floating point numbers as Go writes them.

/// Rust's shortest digits and decimal exponent: 1234.5 is ("12345", 3).
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        v if v.is_nan() => Some("NaN"),
        v if v == f64::INFINITY => Some("+Inf"),
        v if v == f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// With an exponent of at least `width` digits: `1.5e+06`.
fn scientific(value: f64, width: usize) -> String {
    let (digits, exponent) = shortest(value);
    let (first, rest) = digits.split_at(1);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let point = if rest.is_empty() { "" } else { "." };
    let direction = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{direction}{:0width$}", exponent.unsigned_abs())
}

/// Without an exponent.
fn plain(value: f64) -> String {
    special(value).map_or_else(|| format!("{value}"), str::to_owned)
}

/// As `%v`: with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn float_exponent(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let (_, exponent) = shortest(value);
    if value != 0.0 && !(-4..6).contains(&exponent) {
        return scientific(value, 2);
    }
    plain(value)
}

/// As Go's JSON encoder. `None` for what JSON cannot say.
pub(crate) fn json_float(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if value != 0.0 && !(1e-6..1e21).contains(&size) {
        return Some(scientific(value, if size < 1.0 { 1 } else { 2 }));
    }
    Some(plain(value))
}
