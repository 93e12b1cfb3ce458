//! What can be said of an expression before it is evaluated: names it needs, kinds that cannot match.

use std::collections::HashSet;

use super::ast::{Expr, Id, Tree};
use super::eval::FUNCTIONS;
use super::run::Fail;
use super::{Scope, Var};

/// Variables that a later pass will know. An expression that names one waits for it.
const LATE: [&str; 8] = [
    "item",
    "retries",
    "lastRetry.exitCode",
    "lastRetry.status",
    "lastRetry.duration",
    "lastRetry.message",
    "workflow.status",
    "workflow.failures",
];

/// True for a variable that a later pass will know.
pub(super) fn is_late(name: &str) -> bool {
    LATE.contains(&name)
}

/// Names and member paths that the expression needs and the scope lacks, each once. A path to the
/// left of `??` or of `?.` is not needed, the name it begins with is.
pub(super) fn missing(tree: &Tree, scope: &Scope) -> Vec<String> {
    let guarded = guarded(tree);
    let locals: HashSet<&str> = tree
        .ids()
        .filter_map(|id| match tree.expr(id) {
            Expr::Let { name, .. } => Some(&**name),
            _ => None,
        })
        .collect();
    let mut found: Vec<String> = Vec::new();
    for id in tree.ids().filter(|id| !guarded.contains(id)) {
        let Some(path) = path(tree, id) else { continue };
        let base = path.split('.').next().unwrap_or("");
        let bound = locals.contains(base) || FUNCTIONS.contains(&base);
        if !bound && !known(scope, &path) && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// The first name, not a path, that the scope lacks.
pub(super) fn missing_base(tree: &Tree, scope: &Scope) -> Option<String> {
    missing(tree, scope).into_iter().find(|name| !name.contains('.'))
}

/// `a.b.c` for a chain of plain members that begins with a name.
fn path(tree: &Tree, id: Id) -> Option<String> {
    let mut parts = Vec::new();
    let mut next = id;
    loop {
        match tree.expr(next) {
            Expr::Ident(name) => {
                parts.push(&**name);
                parts.reverse();
                return Some(parts.join("."));
            }
            Expr::Member { of, key, optional: false } => {
                let Expr::Str(name) = tree.expr(*key) else { return None };
                parts.push(name);
                next = *of;
            }
            _ => return None,
        }
    }
}

fn guarded(tree: &Tree) -> HashSet<Id> {
    let mut guarded = HashSet::new();
    for id in tree.ids() {
        match tree.expr(id) {
            Expr::Binary("??", left, _) => {
                let mut open = vec![*left];
                while let Some(id) = open.pop() {
                    if matches!(tree.expr(id), Expr::Member { .. }) {
                        guarded.insert(id);
                    }
                    open.extend(tree.expr(id).children());
                }
            }
            Expr::Member { of, optional: true, .. }
                if matches!(tree.expr(*of), Expr::Member { .. }) =>
            {
                guarded.insert(*of);
            }
            _ => {}
        }
    }
    guarded
}

/// True if the scope has the path: as a variable, as the start of some, or inside of one.
fn known(scope: &Scope, path: &str) -> bool {
    if scope.contains(path) || scope.has_below(path) {
        return true;
    }
    let mut prefix = path;
    while let Some((shorter, _)) = prefix.rsplit_once('.') {
        prefix = shorter;
        if let Some(Var::Json(value)) = scope.get(prefix) {
            let rest = path.get(prefix.len() + 1..).unwrap_or("");
            return rest.split('.').try_fold(value, |value, part| value.get(part)).is_some();
        }
    }
    false
}

/// The kind of a node, where it does not depend on what is not known before the evaluation.
fn kind(tree: &Tree, scope: &Scope, id: Id) -> Option<&'static str> {
    Some(match tree.expr(id) {
        Expr::Bool(_) => "bool",
        Expr::Int(_) => "int",
        Expr::Float(_) => "float64",
        Expr::Str(_) => "string",
        Expr::List(_) => "[]interface {}",
        Expr::Map(_) => "map[string]interface {}",
        Expr::Unary("-" | "+", operand) => return kind(tree, scope, *operand),
        Expr::Ident(name) if !scope.has_below(name) => match scope.get(name) {
            Some(Var::Text(_)) => "string",
            _ => return None,
        },
        _ => return None,
    })
}

/// Refuses operands whose kinds are known and do not fit: Argo does, since it is a mistake.
pub(super) fn kinds(tree: &Tree, scope: &Scope) -> Result<(), Fail> {
    let number = |kind: &str| matches!(kind, "int" | "float64");
    for id in tree.ids() {
        let known = |id: &Id| kind(tree, scope, *id);
        let wrong = match tree.expr(id) {
            Expr::Binary(op @ ("==" | "!="), left, right) => match (known(left), known(right)) {
                (Some(a), Some(b)) if a != b && !(number(a) && number(b)) => {
                    format!("invalid operation: {op} (mismatched types {a} and {b})")
                }
                _ => continue,
            },
            Expr::Binary(op @ ("and" | "&&" | "or" | "||"), left, right) => {
                match known(left).into_iter().chain(known(right)).find(|kind| *kind != "bool") {
                    Some(kind) => format!("invalid operation: {op} (mismatched type {kind})"),
                    None => continue,
                }
            }
            Expr::Member { of, key, .. } => match (known(of), known(key)) {
                (Some("string"), Some("int")) => "type string[int] is undefined".to_owned(),
                _ => continue,
            },
            _ => continue,
        };
        return Err(Fail::from(wrong).at(tree.node(id).at));
    }
    Ok(())
}
