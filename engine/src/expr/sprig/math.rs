//! Arithmetic on anything that can be read as a number.

use super::cast::{float, int};
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    whole(name, args).or_else(|| fractions(name, args)).or_else(|| ranges(run, name, args))
}

fn whole(name: &str, args: &[Val]) -> Option<Outcome> {
    let fold = |f: fn(i64, i64) -> i64| args.iter().map(int).reduce(f).map(|n| Ok(Val::Int(n)));
    Some(Ok(Val::Int(match (name, args) {
        ("add", _) => args.iter().map(int).fold(0, i64::wrapping_add),
        ("add1", [n]) => int(n).wrapping_add(1),
        ("sub", [a, b]) => int(a).wrapping_sub(int(b)),
        ("mul", [_, ..]) => return fold(i64::wrapping_mul),
        ("div" | "mod", [_, b]) if int(b) == 0 => {
            return Some(Err("runtime error: integer divide by zero".into()));
        }
        ("div", [a, b]) => int(a).wrapping_div(int(b)),
        ("mod", [a, b]) => int(a).wrapping_rem(int(b)),
        ("max", [_, ..]) => return fold(i64::max),
        ("min", [_, ..]) => return fold(i64::min),
        ("int" | "int64", [value]) => int(value),
        ("atoi", [Val::Str(text)]) => text.parse().unwrap_or(0),
        ("toDecimal", [value]) => i64::from_str_radix(&value.to_string(), 8).unwrap_or(0),
        _ => return None,
    })))
}

fn fractions(name: &str, args: &[Val]) -> Option<Outcome> {
    Some(Ok(Val::Float(match (name, args) {
        ("float64", [value]) => float(value),
        ("add1f", [n]) => exact(float(n), 1.0, '+'),
        ("addf", _) => args.iter().map(float).fold(0.0, |a, b| exact(a, b, '+')),
        ("subf", [first, rest @ ..]) => {
            rest.iter().map(float).fold(float(first), |a, b| exact(a, b, '-'))
        }
        ("mulf", [first, rest @ ..]) => {
            rest.iter().map(float).fold(float(first), |a, b| exact(a, b, '*'))
        }
        ("divf", [first, rest @ ..]) => {
            if rest.iter().any(|n| float(n) == 0.0) {
                return Some(Err("decimal division by 0".into()));
            }
            rest.iter().map(float).fold(float(first), |a, b| exact(a, b, '/'))
        }
        ("maxf", [first, rest @ ..]) => rest.iter().map(float).fold(float(first), f64::max),
        ("minf", [first, rest @ ..]) => rest.iter().map(float).fold(float(first), f64::min),
        ("ceil", [n]) => float(n).ceil(),
        ("floor", [n]) => float(n).floor(),
        ("round", [n, places]) => round(float(n), int(places), 0.5),
        ("round", [n, places, on]) => round(float(n), int(places), float(on)),
        _ => return None,
    })))
}

fn round(value: f64, places: i64, on: f64) -> f64 {
    let pow = 10f64.powi(i32::try_from(places).unwrap_or(i32::MAX));
    let digit = pow * value;
    let rounded = if digit.fract() >= on { digit.ceil() } else { digit.floor() };
    rounded / pow
}

/// Arithmetic of decimal fractions, so that 0.1 + 0.2 is 0.3. What does not fit is done in floats.
fn exact(a: f64, b: f64, op: char) -> f64 {
    let decimal = |value: f64| -> Option<(i128, u32)> {
        let text = format!("{value}");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        if text.len() > 24 {
            return None;
        }
        Some((format!("{whole}{fraction}").parse().ok()?, u32::try_from(fraction.len()).ok()?))
    };
    let result = decimal(a).zip(decimal(b)).and_then(|((x, i), (y, j))| {
        let scale = i.max(j);
        let same = |n: i128, places: u32| n.checked_mul(10i128.checked_pow(scale - places)?);
        let (value, scale) = match op {
            '+' => (same(x, i)?.checked_add(same(y, j)?)?, scale),
            '-' => (same(x, i)?.checked_sub(same(y, j)?)?, scale),
            '*' => (x.checked_mul(y)?, i + j),
            _ => {
                // Sixteen places, the last one rounded, as sprig's decimals have.
                let top = same(x, i)?.checked_mul(10i128.checked_pow(17)?)?;
                let quotient = top / same(y, j)?;
                (quotient.checked_add(5 * quotient.signum())? / 10, 16)
            }
        };
        format!("{value}e-{scale}").parse().ok()
    });
    result.unwrap_or(match op {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        _ => a / b,
    })
}

fn ranges(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    let numbers: Vec<i64> = args
        .iter()
        .map(|arg| if let Val::Int(n) = arg { Some(*n) } else { None })
        .collect::<Option<_>>()?;
    Some(match (name, numbers.as_slice()) {
        ("until", [stop]) => steps(run, 0, *stop, if *stop < 0 { -1 } else { 1 }).map(list),
        ("untilStep", [start, stop, step]) => steps(run, *start, *stop, *step).map(list),
        ("seq", [end]) => sequence(run, 1, *end, None),
        ("seq", [start, end]) => sequence(run, *start, *end, None),
        ("seq", [start, step, end]) => sequence(run, *start, *end, Some(*step)),
        ("seq", _) => Ok(Val::from("")),
        _ => return None,
    })
}

fn list(numbers: Vec<i64>) -> Val {
    Val::list(numbers.into_iter().map(Val::Int).collect())
}

/// Numbers from `start` on, before `stop`.
fn steps(run: &Run<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fail> {
    if step == 0 || (stop < start) != (step < 0) {
        return Ok(Vec::new());
    }
    let span = (i128::from(stop) - i128::from(start)).abs();
    let count = (span + i128::from(step).abs() - 1) / i128::from(step).abs();
    run.items(usize::try_from(count).unwrap_or(usize::MAX))?;
    Ok((0..count as i64).map(|n| start + n * step).collect())
}

fn sequence(run: &Run<'_>, start: i64, end: i64, step: Option<i64>) -> Outcome {
    let down = end < start;
    let one = if down { -1 } else { 1 };
    let step = step.unwrap_or(one);
    if down && step > 0 {
        return Ok(Val::from(""));
    }
    let numbers = steps(run, start, end.saturating_add(one), step)?;
    let texts: Vec<String> = numbers.iter().map(i64::to_string).collect();
    run.room(texts.len() * 20)?;
    Ok(Val::from(texts.join(" ")))
}
