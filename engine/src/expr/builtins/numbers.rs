//! Built-in functions on numbers.

use crate::expr::run::{Fail, Outcome};
use crate::expr::value::Val;

pub(super) fn call(name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("abs", [Val::Int(n)]) => Ok(Val::Int(n.wrapping_abs())),
        ("abs", [Val::Float(n)]) => Ok(Val::Float(n.abs())),
        ("ceil" | "floor" | "round", [value]) => {
            let n = value.as_number()?;
            Ok(Val::Float(match name {
                "ceil" => n.ceil(),
                "floor" => n.floor(),
                _ => n.round(),
            }))
        }
        ("int", [value]) => return int(value),
        ("float", [value]) => return float(value),
        ("min" | "max", _) => extreme(name, args),
        ("mean", _) => numbers(name, args).map(|all| {
            let sum: f64 = all.iter().sum();
            if all.is_empty() { Val::Int(0) } else { Val::Float(sum / all.len() as f64) }
        }),
        ("median", _) => numbers(name, args).map(median),
        ("bitnot", [Val::Int(n)]) => Ok(Val::Int(!n)),
        (_, [Val::Int(a), Val::Int(b)]) => return bits(name, *a, *b),
        _ => return None,
    })
}

/// As Go's `Atoi`: an optional sign and digits.
pub(crate) fn atoi(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// As Go's `ParseFloat`, without hexadecimal floats.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn int(value: &Val) -> Option<Outcome> {
    Some(match value {
        Val::Int(n) | Val::Duration(n) | Val::Named(n, _) => Ok(Val::Int(*n)),
        Val::Float(n) => Ok(Val::Int(*n as i64)),
        Val::Str(text) => {
            atoi(text).map(Val::Int).ok_or_else(|| format!("invalid operation: int({text})").into())
        }
        _ => return None,
    })
}

fn float(value: &Val) -> Option<Outcome> {
    Some(match value {
        Val::Int(n) => Ok(Val::Float(*n as f64)),
        Val::Float(n) => Ok(Val::Float(*n)),
        Val::Str(text) => parse_float(text)
            .map(Val::Float)
            .ok_or_else(|| format!("invalid operation: float({text})").into()),
        _ => return None,
    })
}

fn bits(name: &str, a: i64, b: i64) -> Option<Outcome> {
    let shift = |f: fn(i64, u32) -> Option<i64>, over: i64| match u32::try_from(b) {
        Ok(by) => Ok(Val::Int(f(a, by).unwrap_or(over))),
        Err(_) if b > 0 => Ok(Val::Int(over)),
        Err(_) => {
            Err(Fail::from(format!("invalid operation: negative shift count {b} (type int)")))
        }
    };
    Some(match name {
        "bitand" => Ok(Val::Int(a & b)),
        "bitor" => Ok(Val::Int(a | b)),
        "bitxor" => Ok(Val::Int(a ^ b)),
        "bitnand" => Ok(Val::Int(a & !b)),
        "bitshl" => shift(i64::checked_shl, 0),
        "bitshr" => shift(i64::checked_shr, if a < 0 { -1 } else { 0 }),
        "bitushr" => shift(|a, by| (a as u64).checked_shr(by).map(|n| n as i64), 0),
        _ => return None,
    })
}

/// All numbers of the arguments, out of lists too.
fn collect<'a>(name: &str, args: &'a [Val], out: &mut Vec<&'a Val>) -> Result<(), Fail> {
    for arg in args {
        match arg {
            Val::List(list) => collect(name, &list.items, out)?,
            Val::Int(_) | Val::Float(_) => out.push(arg),
            other => {
                return Err(
                    format!("invalid argument for {name} (type {})", other.type_name()).into()
                );
            }
        }
    }
    Ok(())
}

fn numbers(name: &str, args: &[Val]) -> Result<Vec<f64>, Fail> {
    let mut found = Vec::new();
    collect(name, args, &mut found)?;
    Ok(found.into_iter().filter_map(Val::as_number).collect())
}

fn extreme(name: &str, args: &[Val]) -> Outcome {
    let mut found = Vec::new();
    collect(name, args, &mut found)?;
    let better = |a: &Val, b: &Val| {
        let order = a.as_number().partial_cmp(&b.as_number());
        order
            == Some(if name == "max" {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Less
            })
    };
    let best = found.into_iter().reduce(|best, next| if better(next, best) { next } else { best });
    Ok(best.cloned().unwrap_or(Val::Nil))
}

fn median(mut all: Vec<f64>) -> Val {
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    let at = |index: usize| all.get(index).copied().unwrap_or(0.0);
    match all.len() {
        0 => Val::Int(0),
        n if n % 2 == 1 => Val::Float(at(middle)),
        _ => Val::Float((at(middle - 1) + at(middle)) / 2.0),
    }
}
