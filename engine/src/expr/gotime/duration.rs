//! Go's durations: reading, printing, methods.

use crate::expr::run::Fail;
use crate::expr::value::Val;

const SECOND: i64 = 1_000_000_000;

/// The unit's length in nanoseconds.
fn unit(name: &str) -> Option<i64> {
    Some(match name {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        _ => return None,
    })
}

/// Nanoseconds of a text such as `1h30m` or `-1.5s`.
pub(crate) fn parse_duration(text: &str) -> Result<i64, Fail> {
    let invalid = || Fail::from(format!("time: invalid duration {text:?}"));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(invalid());
        }
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}").into());
        }
        let Some(size) = unit(name) else {
            return Err(format!("time: unknown unit {name:?} in duration {text:?}").into());
        };
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part: f64 = format!("0.{fraction}0").parse().unwrap_or(0.0);
        total = whole
            .checked_mul(size)
            .and_then(|n| n.checked_add((part * size as f64) as i64))
            .and_then(|n| n.checked_add(total))
            .ok_or_else(invalid)?;
        rest = after;
    }
    Ok(if negative { -total } else { total })
}

/// As Go prints a duration: `1h30m0s`, `1.5ms`.
pub(crate) fn duration_string(nanos: i64) -> String {
    let size = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let second = SECOND.unsigned_abs();
    if size == 0 {
        return "0s".to_owned();
    }
    if size < second {
        let (length, name) = match size {
            n if n < 1_000 => (1, "ns"),
            n if n < 1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", decimal(size, length));
    }
    let minutes = size / second / 60;
    let seconds = decimal(size - minutes * 60 * second, second);
    match minutes {
        0 => format!("{sign}{seconds}s"),
        n if n < 60 => format!("{sign}{n}m{seconds}s"),
        n => format!("{sign}{}h{}m{seconds}s", n / 60, n % 60),
    }
}

fn decimal(size: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let fraction = format!("{:0digits$}", size % unit);
    match fraction.trim_end_matches('0') {
        _ if unit == 1 => format!("{size}"),
        "" => format!("{}", size / unit),
        fraction => format!("{}.{fraction}", size / unit),
    }
}

/// A method of a duration. `None` when Go has none of this name with such arguments.
pub(crate) fn duration_method(nanos: i64, name: &str, args: &[Val]) -> Result<Option<Val>, Fail> {
    let parts = |unit: i64| Val::Float((nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64);
    Ok(Some(match (name, args) {
        ("Hours", []) => parts(3_600 * SECOND),
        ("Minutes", []) => parts(60 * SECOND),
        ("Seconds", []) => parts(SECOND),
        ("Milliseconds", []) => Val::Int(nanos / 1_000_000),
        ("Microseconds", []) => Val::Int(nanos / 1_000),
        ("Nanoseconds", []) => Val::Int(nanos),
        ("String", []) => Val::from(duration_string(nanos)),
        ("Abs", []) => Val::Duration(nanos.saturating_abs()),
        ("Truncate", [Val::Duration(unit)]) if *unit > 0 => Val::Duration(nanos - nanos % unit),
        ("Round", [Val::Duration(unit)]) if *unit > 0 => {
            let rest = nanos % unit;
            let down = nanos - rest;
            let far = rest.unsigned_abs() >= unit.unsigned_abs() - rest.unsigned_abs();
            Val::Duration(if far { down.saturating_add(unit * rest.signum()) } else { down })
        }
        ("Truncate" | "Round", [Val::Duration(_)]) => Val::Duration(nanos),
        _ => return Ok(None),
    }))
}
