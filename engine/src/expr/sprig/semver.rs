//! Semantic versions and their constraints.

use std::cmp::Ordering;

use crate::expr::run::{Fail, Outcome};
use crate::expr::value::Val;

/// A version; parts that were not written are `None`.
#[derive(Debug, Clone, Default)]
struct Version {
    major: u64,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: String,
    metadata: String,
}

pub(super) fn call(name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("semver", [Val::Str(text)]) => version(text).map(|version| Val::from(version.to_string())),
        ("semverCompare", [Val::Str(constraint), Val::Str(text)]) => {
            compare(constraint, text).map(Val::Bool)
        }
        _ => return None,
    })
}

/// A part of the version that `sprig.semver` gave, such as `.Major()`.
pub(crate) fn method(text: &str, name: &str) -> Option<Val> {
    let version = version(text).ok()?;
    let number = |n: u64| Val::Int(i64::try_from(n).unwrap_or(i64::MAX));
    Some(match name {
        "Major" => number(version.major),
        "Minor" => number(version.minor.unwrap_or(0)),
        "Patch" => number(version.patch.unwrap_or(0)),
        "Prerelease" => Val::from(version.pre),
        "Metadata" => Val::from(version.metadata),
        "Original" | "String" => Val::from(text),
        _ => return None,
    })
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor.unwrap_or(0), self.patch.unwrap_or(0))?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn version(text: &str) -> Result<Version, Fail> {
    read(text, false).flatten().ok_or_else(|| Fail::from("invalid semantic version"))
}

/// A version. `Some(None)` is a wildcard for the whole of it.
fn read(text: &str, wildcards: bool) -> Option<Option<Version>> {
    let text = text.trim().strip_prefix('v').unwrap_or(text.trim());
    let (text, metadata) = text.split_once('+').unwrap_or((text, ""));
    let (core, pre) = text.split_once('-').unwrap_or((text, ""));
    let identifiers = |text: &str| {
        text.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
    };
    let dangling = text.ends_with('-') || !pre.is_empty() && !identifiers(pre);
    if dangling || !metadata.is_empty() && !identifiers(metadata) {
        return None;
    }
    let mut parts = core.split('.');
    let mut part = || -> Option<Option<u64>> {
        match parts.next() {
            None => Some(None),
            Some("x" | "X" | "*") if wildcards => Some(None),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().map(Some)
            }
            Some(_) => None,
        }
    };
    let (major, minor, patch) = (part()?, part()?, part()?);
    if parts.next().is_some() {
        return None;
    }
    let Some(major) = major else { return Some(None) };
    let (pre, metadata) = (pre.to_owned(), metadata.to_owned());
    Some(Some(Version { major, minor, patch, pre, metadata }))
}

impl Version {
    fn core(&self) -> (u64, u64, u64) {
        (self.major, self.minor.unwrap_or(0), self.patch.unwrap_or(0))
    }

    fn order(&self, other: &Version) -> Ordering {
        self.core().cmp(&other.core()).then_with(|| pre_order(&self.pre, &other.pre))
    }
}

/// A release comes after its pre-releases; numbers come before words.
fn pre_order(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        _ => {}
    }
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                _ => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn compare(constraint: &str, text: &str) -> Result<bool, Fail> {
    let improper = || Fail::from(format!("improper constraint: {constraint}"));
    let mut matched = None;
    let alternatives = constraint.split("||").map(|all| conditions(all).ok_or_else(improper));
    let alternatives = alternatives.collect::<Result<Vec<_>, Fail>>()?;
    let version = version(text)?;
    for all in alternatives {
        let holds = all.iter().all(|(op, wanted)| holds(op, wanted.as_ref(), &version));
        matched = Some(matched.unwrap_or(false) || holds);
    }
    Ok(matched.unwrap_or(false))
}

type Condition = (String, Option<Version>);

/// The conditions of one alternative, separated by commas or spaces; `1.2 - 1.4` is two.
fn conditions(text: &str) -> Option<Vec<Condition>> {
    const OPERATORS: &str = "=!<>~^";
    let spaced = text.replace(',', " ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if let [from, "-", to] = words.as_slice() {
        let (from, to) = (read(from, true)?, read(to, true)?);
        return Some(vec![(">=".to_owned(), from), ("<=".to_owned(), to)]);
    }
    let mut found = Vec::new();
    let mut pending = String::new();
    for word in words {
        let end = word.find(|c| !OPERATORS.contains(c)).unwrap_or(word.len());
        let (op, version) = word.split_at(end);
        pending.push_str(op);
        if version.is_empty() {
            continue;
        }
        let op = match std::mem::take(&mut pending).as_str() {
            "" => "".to_owned(),
            "=>" => ">=".to_owned(),
            "=<" => "<=".to_owned(),
            "~>" => "~".to_owned(),
            op @ ("=" | "!=" | ">" | "<" | ">=" | "<=" | "~" | "^") => op.to_owned(),
            _ => return None,
        };
        found.push((op, read(version, true)?));
    }
    (pending.is_empty() && !found.is_empty()).then_some(found)
}

/// A pre-release only satisfies a condition that names one.
fn holds(op: &str, wanted: Option<&Version>, version: &Version) -> bool {
    let Some(wanted) = wanted else { return version.pre.is_empty() };
    if !version.pre.is_empty() && wanted.pre.is_empty() && op != "!=" {
        return false;
    }
    let order = version.order(wanted);
    let same_major = version.major == wanted.major;
    let same_minor = same_major && version.core().1 == wanted.core().1;
    match (op, wanted.minor, wanted.patch) {
        ("" | "=", None, _) | ("~", None, _) => same_major,
        ("" | "=", _, None) => same_minor,
        ("" | "=", ..) => order == Ordering::Equal,
        ("~", ..) => order.is_ge() && same_minor,
        ("!=", None, _) => !same_major,
        ("!=", _, None) => !same_minor,
        ("!=", ..) => order != Ordering::Equal,
        (">", None, _) => version.major > wanted.major,
        (">", _, None) => order.is_gt() && !same_minor,
        (">", ..) => order.is_gt(),
        ("<", ..) => order.is_lt(),
        (">=", ..) => order.is_ge(),
        ("<=", None, _) => version.major <= wanted.major,
        ("<=", _, None) => order.is_le() || same_minor,
        ("<=", ..) => order.is_le(),
        _ => order.is_ge() && caret(wanted, version),
    }
}

/// `^`: nothing to the left of the first part that is not zero may change.
fn caret(wanted: &Version, version: &Version) -> bool {
    let (major, minor, patch) = wanted.core();
    let (their_major, their_minor, their_patch) = version.core();
    if major > 0 || wanted.minor.is_none() {
        return their_major == major;
    }
    if minor > 0 || wanted.patch.is_none() {
        return their_major == major && their_minor == minor;
    }
    their_major == major && their_minor == minor && their_patch == patch
}
