//! Tags in a manifest's texts: simple ones must be known, expressions must parse.

use serde_json::Value;

use super::finding::Report;
use super::scope::Scope;
use crate::expr::{self, Tag};

/// The first words of the variables that Argo knows; other text in braces is the user's own.
const ROOTS: [&str; 7] = ["item", "steps", "tasks", "inputs", "outputs", "pod", "workflow"];

/// First words that were meant to be one of those.
const SLIPS: [(&str, &str); 6] = [
    ("input", "inputs"),
    ("output", "outputs"),
    ("step", "steps"),
    ("task", "tasks"),
    ("items", "item"),
    ("workflows", "workflow"),
];

/// Checks the tags of every text in a JSON value.
pub(super) fn check(path: &str, value: &Value, scope: &Scope<'_>, report: &mut Report) {
    match value {
        Value::String(text) => check_text(path, text, scope, report),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(&format!("{path}[{index}]"), item, scope, report);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                // Has tags of its own.
                if key != "collect" {
                    check(&join(path, key), item, scope, report);
                }
            }
        }
        _ => {}
    }
}

/// A path and one key more.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(plain) {
        format!("{path}.{key}")
    } else {
        format!("{path}[{}]", Value::from(key))
    }
}

fn check_text(path: &str, text: &str, scope: &Scope<'_>, report: &mut Report) {
    if text.contains('\0') {
        report.error(path, "the text has a NUL character, which no program can be given");
    }
    if !expr::has_tags(text) {
        return;
    }
    for tag in expr::tags(text) {
        match tag {
            Tag::Expression(expression) => check_expression(path, expression, report),
            Tag::Simple(name) => check_name(path, name, scope, report),
        }
    }
}

fn check_name(path: &str, name: &str, scope: &Scope<'_>, report: &mut Report) {
    let root = name.split('.').next().unwrap_or(name);
    if ROOTS.contains(&root) {
        if let Err(hint) = scope.find(name) {
            report.error_with(path, format!("failed to resolve {{{{{name}}}}}"), hint);
        }
        return;
    }
    let slip = SLIPS.iter().find(|(slip, _)| *slip == root && name.contains('.'));
    if let Some((_, meant)) = slip {
        let hint = Some(format!("did you mean `{meant}`?"));
        report.warning(path, format!("{{{{{name}}}}} is no variable and stays as it is"), hint);
    }
}

/// Checks that an expression parses; whether its variables are known shows only when it runs.
pub(super) fn check_expression(path: &str, expression: &str, report: &mut Report) {
    // What its tags leave is known only when it runs.
    if expr::has_tags(expression) {
        return;
    }
    if let Err(message) = expr::check_syntax(expression) {
        report.error(path, format!("expression does not parse: {message}"));
    }
}
