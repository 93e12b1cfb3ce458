//! Names: the characters and lengths that are allowed, and that no two are equal.

use std::collections::BTreeSet;

use lighter_api::nearest;

use super::finding::Report;
use crate::expr::has_tags;

/// What a list of named things holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Templates, steps and tasks.
    Field,
    /// Parameters and artifacts.
    Port,
    /// Volumes: DNS labels.
    Volume,
}

/// Checks the names of a list at `path`.
pub(super) fn check_list<'a>(
    path: &str,
    names: impl Iterator<Item = &'a str>,
    kind: Kind,
    report: &mut Report,
) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        check(&format!("{path}[{index}].name"), name, kind, &mut seen, report);
    }
}

/// Checks one name, and that it is not in `seen` yet.
pub(super) fn check<'a>(
    path: &str,
    name: &'a str,
    kind: Kind,
    seen: &mut BTreeSet<&'a str>,
    report: &mut Report,
) {
    if name.is_empty() {
        report.error(path, "name is required");
        return;
    }
    if let Some(rule) = broken_rule(name, kind) {
        report.error(path, format!("name {} is invalid: {rule}", shown(name)));
        return;
    }
    if !seen.insert(name) {
        report.error(path, format!("name {} is not unique", shown(name)));
    }
}

/// A name for a message: control characters are made visible, and long ones are cut.
pub(super) fn shown(name: &str) -> String {
    let short: String = name.chars().take(150).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    format!("`{}{dots}`", short.escape_debug())
}

fn broken_rule(name: &str, kind: Kind) -> Option<&'static str> {
    let plain = without_tags(name);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match kind {
        Kind::Field if plain.len() > 128 => Some("must be no more than 128 characters"),
        Kind::Field if !plain.chars().all(word) || plain.starts_with('-') => Some(
            "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character \
             (e.g. My-name1-2, 123-NAME)",
        ),
        Kind::Port if !plain.chars().all(|c| word(c) || c == '_') => Some(
            "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1",
        ),
        Kind::Volume if !is_label(&plain) => Some(
            "a volume's name has lower-case letters, digits and '-', begins and ends with a letter or digit, and has \
             no more than 63 characters",
        ),
        _ => None,
    }
}

/// The name with every tag replaced by a letter.
fn without_tags(name: &str) -> String {
    let mut plain = String::new();
    let mut rest = name;
    while has_tags(rest)
        && let Some((before, after)) = rest.split_once("{{")
        && let Some((_, after)) = after.split_once("}}")
    {
        plain.push_str(before);
        plain.push('x');
        rest = after;
    }
    plain + rest
}

/// A DNS label, as Kubernetes names most things.
pub(super) fn is_label(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// A hint for a name that is not there: the one that was probably meant, or those that are.
pub(super) fn suggest<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(name) = nearest(name, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let names: Vec<String> = known.clone().take(10).map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return None;
    }
    let more = if known.count() > names.len() { ", …" } else { "" };
    Some(format!("there is {}{more}", names.join(", ")))
}
