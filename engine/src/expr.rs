//! Tags and expressions: `{{…}}`, `{{=…}}`, conditions, and the scope they read.

mod ast;
mod builtins;
mod check;
mod error;
mod eval;
mod gotime;
mod jsonpath;
mod lexer;
mod parser;
mod patterns;
mod run;
mod scope;
mod sprig;
mod tags;
#[cfg(test)]
mod tests;
mod value;
mod when;

pub use error::ExprError;
pub use scope::{Scope, Var};
pub use tags::{Mode, Tag, has_tags, substitute, substitute_json, tags};
pub use when::when;

use ast::Tree;
use run::Run;
use value::Val;

/// What an evaluation may look at. It has no other inputs: no clock, no environment, no network.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The variables.
    pub scope: &'a Scope,
    /// Drives every random function. The same seed, text and position give the same answer, so mix
    /// the node's id in where two nodes must differ.
    pub seed: u64,
    /// The answer of `now()`.
    pub now: jiff::Timestamp,
}

impl<'a> Context<'a> {
    /// A context over `scope`.
    pub fn new(scope: &'a Scope, seed: u64, now: jiff::Timestamp) -> Self {
        Context { scope, seed, now }
    }
}

/// Whether an expression parses; its variables need not be known.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn check_syntax(expression: &str) -> Result<(), String> {
    parser::parse(expression, &|_| false)
        .map(drop)
        .map_err(|(message, at)| run::pointed(expression, &message, at))
}

/// Evaluates an expr-lang expression. A result of `nil` is JSON's null.
///
/// Its work is bounded: depth, steps and the data it makes.
///
/// # Errors
/// [`ExprError::Syntax`]; [`ExprError::Unresolved`] for a first name that the scope lacks (members of
/// a known name are nil); [`ExprError::Evaluation`] when it fails.
pub fn evaluate(expression: &str, cx: &Context<'_>) -> Result<serde_json::Value, ExprError> {
    let tree = parse_in(expression, cx.scope)?;
    if let Some(name) = check::missing_base(&tree, cx.scope) {
        return Err(ExprError::unresolved_name(&name));
    }
    let value = evaluate_tree(&tree, expression, cx, 0)?;
    let json = value::to_json_raw(&value).map_err(|message| ExprError::Evaluation { message })?;
    serde_json::from_str(&json).map_err(|e| ExprError::Evaluation { message: e.to_string() })
}

/// Evaluates an expression that has to answer true or false.
///
/// # Errors
/// As [`evaluate`], and for any other answer.
pub fn evaluate_bool(expression: &str, cx: &Context<'_>) -> Result<bool, ExprError> {
    match evaluate(expression, cx) {
        Ok(serde_json::Value::Bool(answer)) => Ok(answer),
        Ok(other) => Err(ExprError::Evaluation {
            message: format!("unable to cast expression result '{other}' to bool"),
        }),
        Err(ExprError::Evaluation { message }) => Err(ExprError::Evaluation {
            message: format!("unable to evaluate expression '{expression}': {message}"),
        }),
        Err(other) => Err(other),
    }
}

/// Parses an expression; names of the scope hide built-in functions.
fn parse_in(expression: &str, scope: &Scope) -> Result<Tree, ExprError> {
    let shadows = |name: &str| scope.contains(name) || scope.has_below(name);
    parser::parse(expression, &shadows).map_err(|(message, at)| ExprError::Syntax {
        message: run::pointed(expression, &message, at),
    })
}

fn evaluate_tree(
    tree: &Tree,
    source: &str,
    cx: &Context<'_>,
    position: u64,
) -> Result<Val, ExprError> {
    let run = Run::new(cx, source, position);
    check::kinds(tree, cx.scope)
        .and_then(|()| eval::evaluate(tree, &run))
        .map_err(|fail| fail.report(source))
}
