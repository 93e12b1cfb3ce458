//! Random values. They come from the seed of the evaluation: the same call gives the same answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::rand_core::Rng;

use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    const DIGITS: &str = "0123456789";
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    Some(match (name, args) {
        ("randAlphaNum", [Val::Int(n)]) => text(run, *n, &format!("{LETTERS}{DIGITS}")),
        ("randAlpha", [Val::Int(n)]) => text(run, *n, LETTERS),
        ("randNumeric", [Val::Int(n)]) => text(run, *n, DIGITS),
        ("randAscii", [Val::Int(n)]) => text(run, *n, &(' '..='~').collect::<String>()),
        ("randBytes", [Val::Int(n)]) => {
            count(run, *n).map(|n| Val::from(STANDARD.encode(bytes(run, n))))
        }
        ("randInt", [Val::Int(from), Val::Int(to)]) => match to.checked_sub(*from) {
            Some(span) if span > 0 => Ok(Val::Int(from + below(run, span as u64) as i64)),
            _ => Err("invalid argument to randInt: the second has to be greater".into()),
        },
        ("shuffle", [Val::Str(text)]) => {
            let mut chars: Vec<char> = text.chars().collect();
            for at in (1..chars.len()).rev() {
                chars.swap(at, below(run, at as u64 + 1) as usize);
            }
            Ok(Val::from(chars.into_iter().collect::<String>()))
        }
        ("uuidv4", []) => Ok(Val::from(uuid(run))),
        _ => return None,
    })
}

fn count(run: &Run<'_>, n: i64) -> Result<usize, Fail> {
    let count = usize::try_from(n)
        .map_err(|_| Fail::from(format!("Requested random string length {n} is less than 0")))?;
    run.spend(count)?;
    run.room(count.saturating_mul(2))?;
    Ok(count)
}

/// Random bytes.
pub(super) fn bytes(run: &Run<'_>, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    run.random.borrow_mut().fill_bytes(&mut bytes);
    bytes
}

/// A random number below `limit`, each with the same chance.
fn below(run: &Run<'_>, limit: u64) -> u64 {
    let limit = limit.max(1);
    let zone = u64::MAX - u64::MAX % limit;
    loop {
        let number = run.random.borrow_mut().next_u64();
        if number < zone {
            return number % limit;
        }
    }
}

fn text(run: &Run<'_>, n: i64, alphabet: &str) -> Outcome {
    let symbols: Vec<char> = alphabet.chars().collect();
    let pick = |_| symbols.get(below(run, symbols.len() as u64) as usize).copied().unwrap_or('0');
    Ok(Val::from((0..count(run, n)?).map(pick).collect::<String>()))
}

fn uuid(run: &Run<'_>) -> String {
    let mut number = [0; 16];
    run.random.borrow_mut().fill_bytes(&mut number);
    let number = u128::from_be_bytes(number);
    let number = number & !(0xf << 76) | 4 << 76;
    let number = number & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("");
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
