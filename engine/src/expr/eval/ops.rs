//! Operators, on Go's kinds.

use std::cmp::Ordering;

use crate::expr::gotime;
use crate::expr::patterns;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

fn mismatch(op: &str, a: &Val, b: &Val) -> Fail {
    format!("invalid operation: {} {op} {}", a.type_name(), b.type_name()).into()
}

/// The operand of a logical operator.
pub(super) fn boolean(op: &str, value: &Val) -> Result<bool, Fail> {
    match value {
        Val::Bool(value) => Ok(*value),
        other => {
            Err(format!("invalid operation: {op} (mismatched type {})", other.type_name()).into())
        }
    }
}

pub(super) fn unary(op: &str, value: Val) -> Outcome {
    match (op, value) {
        ("!" | "not", value) => boolean(op, &value).map(|value| Val::Bool(!value)),
        ("-", Val::Int(n)) => Ok(Val::Int(n.wrapping_neg())),
        ("-", Val::Float(n)) => Ok(Val::Float(-n)),
        ("-", Val::Duration(n)) => Ok(Val::Duration(n.wrapping_neg())),
        ("+", value @ (Val::Int(_) | Val::Float(_))) => Ok(value),
        (_, value) => {
            Err(format!("invalid operation: {op} (mismatched type {})", value.type_name()).into())
        }
    }
}

/// Go expr's `==`.
pub(crate) fn equal(a: &Val, b: &Val) -> bool {
    a == b
}

/// The order of two values of one kind.
pub(crate) fn compare(a: &Val, b: &Val) -> Option<Ordering> {
    match (a, b) {
        (Val::Int(a), Val::Int(b)) | (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
        (Val::Named(a, _), Val::Named(b, _)) => Some(a.cmp(b)),
        (Val::Str(a), Val::Str(b)) => Some(a.cmp(b)),
        (Val::Time(a), Val::Time(b)) => Some(a.timestamp().cmp(&b.timestamp())),
        // NaN is not less, not greater and not equal; sorting needs an order all the same.
        _ => Some(a.as_number()?.total_cmp(&b.as_number()?)),
    }
}

/// Checks that values can be sorted. True for the order `desc`.
pub(crate) fn order(keys: &[Val], order: Option<&Val>) -> Result<bool, Fail> {
    if let Some([a, b]) = keys.windows(2).find(|pair| match pair {
        [a, b] => compare(a, b).is_none(),
        _ => false,
    }) {
        return Err(mismatch("<", b, a));
    }
    match order {
        None => Ok(false),
        Some(Val::Str(text)) if &**text == "asc" => Ok(false),
        Some(Val::Str(text)) if &**text == "desc" => Ok(true),
        Some(other) => Err(format!("invalid order {other}, expected asc or desc").into()),
    }
}

/// Both operands are known. `??` and the logical operators are not for here.
pub(super) fn binary(run: &Run<'_>, op: &str, a: &Val, b: &Val) -> Outcome {
    match op {
        // A month is not a number in Go, whatever it is made of.
        "==" | "!=" if named(a, b) || named(b, a) => Err(mismatch(op, a, b)),
        "==" | "!=" => {
            run.spend(a.size().min(b.size()) / 16)?;
            Ok(Val::Bool(equal(a, b) == (op == "==")))
        }
        "<" | ">" | "<=" | ">=" => relation(op, a, b),
        "+" | "-" | "*" => arithmetic(run, op, a, b),
        "/" => match (a.as_number(), b.as_number()) {
            (Some(a), Some(b)) => Ok(Val::Float(a / b)),
            _ => Err(mismatch(op, a, b)),
        },
        "%" => match (a, b) {
            (Val::Int(_), Val::Int(0)) => Err("integer divide by zero".into()),
            (Val::Int(a), Val::Int(b)) => Ok(Val::Int(a.wrapping_rem(*b))),
            _ => Err(mismatch(op, a, b)),
        },
        "**" | "^" => match (a.as_number(), b.as_number()) {
            (Some(a), Some(b)) => Ok(Val::Float(a.powf(b))),
            _ => Err(mismatch(op, a, b)),
        },
        ".." => range(run, a, b),
        "in" => contains(run, a, b),
        _ => text(run, op, a, b),
    }
}

fn named(a: &Val, b: &Val) -> bool {
    matches!(a, Val::Named(..)) && b.as_number().is_some()
}

fn relation(op: &str, a: &Val, b: &Val) -> Outcome {
    if a.as_number().is_some_and(f64::is_nan) || b.as_number().is_some_and(f64::is_nan) {
        return Ok(Val::Bool(false));
    }
    let order = match (a.as_number(), b.as_number()) {
        (Some(x), Some(y)) if !matches!((a, b), (Val::Int(_), Val::Int(_))) => x.partial_cmp(&y),
        _ => compare(a, b),
    };
    let Some(order) = order else { return Err(mismatch(op, a, b)) };
    Ok(Val::Bool(match op {
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "<=" => order.is_le(),
        _ => order.is_ge(),
    }))
}

fn arithmetic(run: &Run<'_>, op: &str, a: &Val, b: &Val) -> Outcome {
    let value = match (op, a, b) {
        ("+", Val::Int(a), Val::Int(b)) => Val::Int(a.wrapping_add(*b)),
        ("-", Val::Int(a), Val::Int(b)) => Val::Int(a.wrapping_sub(*b)),
        ("*", Val::Int(a), Val::Int(b)) => Val::Int(a.wrapping_mul(*b)),
        ("+", Val::Str(a), Val::Str(b)) => {
            run.room(a.len().saturating_add(b.len()))?;
            Val::from(format!("{a}{b}"))
        }
        ("+", Val::Duration(a), Val::Duration(b)) => Val::Duration(a.wrapping_add(*b)),
        ("-", Val::Duration(a), Val::Duration(b)) => Val::Duration(a.wrapping_sub(*b)),
        ("*", Val::Duration(a), Val::Int(b)) | ("*", Val::Int(b), Val::Duration(a)) => {
            Val::Duration(a.wrapping_mul(*b))
        }
        ("*", Val::Duration(a), Val::Float(b)) | ("*", Val::Float(b), Val::Duration(a)) => {
            Val::Float(*a as f64 * b)
        }
        ("+", Val::Time(time), Val::Duration(d)) | ("+", Val::Duration(d), Val::Time(time)) => {
            gotime::add(time, *d)?
        }
        ("-", Val::Time(time), Val::Duration(d)) => gotime::add(time, d.wrapping_neg())?,
        ("-", Val::Time(a), Val::Time(b)) => Val::Duration(gotime::between(a, b)),
        _ => match (a.as_number(), b.as_number()) {
            (Some(a), Some(b)) => Val::Float(match op {
                "+" => a + b,
                "-" => a - b,
                _ => a * b,
            }),
            _ => {
                return Err(format!(
                    "invalid operation: {op} (mismatched types {} and {})",
                    a.type_name(),
                    b.type_name()
                )
                .into());
            }
        },
    };
    Ok(value)
}

fn range(run: &Run<'_>, a: &Val, b: &Val) -> Outcome {
    let (Val::Int(from), Val::Int(to)) = (a, b) else { return Err(mismatch("..", a, b)) };
    if from > to {
        return Ok(Val::list(Vec::new()));
    }
    let length = to.checked_sub(*from).and_then(|n| n.checked_add(1)).unwrap_or(i64::MAX);
    run.items(usize::try_from(length).unwrap_or(usize::MAX))?;
    Ok(Val::list((*from..=*to).map(Val::Int).collect()))
}

fn contains(run: &Run<'_>, needle: &Val, hay: &Val) -> Outcome {
    match hay {
        Val::Nil => Ok(Val::Bool(false)),
        Val::List(list) => {
            run.spend(list.items.len() + hay.size() / 64)?;
            Ok(Val::Bool(list.items.iter().any(|item| equal(needle, item))))
        }
        Val::Map(map) => match needle {
            Val::Str(key) => Ok(Val::Bool(map.items.contains_key(key))),
            Val::Nil => Ok(Val::Bool(false)),
            _ => Err(mismatch("in", needle, hay)),
        },
        _ => Err(mismatch("in", needle, hay)),
    }
}

fn text(run: &Run<'_>, op: &str, a: &Val, b: &Val) -> Outcome {
    if a.is_nil() || b.is_nil() {
        return Ok(Val::Bool(false));
    }
    let (Val::Str(text), Val::Str(part)) = (a, b) else { return Err(mismatch(op, a, b)) };
    run.spend(text.len() / 64)?;
    Ok(Val::Bool(match op {
        "contains" => text.contains(&**part),
        "startsWith" => text.starts_with(&**part),
        "endsWith" => text.ends_with(&**part),
        _ => patterns::compile(run, part)?.is_match(text),
    }))
}
