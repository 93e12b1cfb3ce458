//! Walks the tree of an expression and computes its value.

mod members;
mod ops;
mod predicates;

use std::rc::Rc;

use super::Var;
use super::ast::{Expr, Id, Tree};
use super::builtins;
use super::run::{Fail, Outcome, Run};
use super::sprig;
use super::value::{MAX_DEPTH, MAX_SIZE, Val, from_json};

pub(crate) use ops::{compare, equal, order};

/// Functions every expression has besides the built-in ones.
pub(crate) const FUNCTIONS: [&str; 5] = ["asInt", "asFloat", "toJson", "jsonpath", "sprig"];

/// An evaluation under way.
pub(crate) struct Machine<'a> {
    tree: &'a Tree,
    run: &'a Run<'a>,
    /// Names bound by `let`, innermost last.
    locals: Vec<(Rc<str>, Val)>,
    /// Open predicates, innermost last.
    closures: Vec<Closure>,
}

/// What `#`, `#index` and `#acc` mean in a predicate.
struct Closure {
    item: Val,
    index: usize,
    acc: Val,
}

/// Evaluates a whole expression.
pub(crate) fn evaluate(tree: &Tree, run: &Run<'_>) -> Outcome {
    let mut machine = Machine { tree, run, locals: Vec::new(), closures: Vec::new() };
    machine.value(tree.root)
}

/// Evaluates the body of a predicate on `item`.
pub(crate) fn predicate(tree: &Tree, run: &Run<'_>, item: &Val) -> Outcome {
    let closures = vec![Closure { item: item.clone(), index: 0, acc: Val::Nil }];
    let mut machine = Machine { tree, run, locals: Vec::new(), closures };
    machine.value(tree.root)
}

impl Machine<'_> {
    /// The value of a node, variables in full.
    fn value(&mut self, id: Id) -> Outcome {
        let value = self.lazy(id)?;
        self.whole(value)
    }

    fn whole(&self, value: Val) -> Outcome {
        match value {
            Val::Env(prefix) => members::expand(self.run, &prefix),
            other => Ok(other),
        }
    }

    /// The value of a node, where the variables below a name may still be a reference.
    fn lazy(&mut self, id: Id) -> Outcome {
        let node = self.tree.node(id);
        self.run.spend(1)?;
        let value = self.node(id).map_err(|fail| fail.at(node.at))?;
        if value.depth() > MAX_DEPTH || value.size() > MAX_SIZE {
            return Err(Fail::from("value is too large").at(node.at));
        }
        Ok(value)
    }

    fn node(&mut self, id: Id) -> Outcome {
        let tree = self.tree;
        match tree.expr(id) {
            Expr::Nil => Ok(Val::Nil),
            Expr::Bool(value) => Ok(Val::Bool(*value)),
            Expr::Int(value) => Ok(Val::Int(*value)),
            Expr::Float(value) => Ok(Val::Float(*value)),
            Expr::Str(text) => Ok(Val::Str(Rc::clone(text))),
            Expr::Ident(name) => self.variable(name),
            Expr::Unary(op, operand) => {
                let value = self.value(*operand)?;
                ops::unary(op, value)
            }
            Expr::Binary(..) => self.binary(id),
            Expr::Member { of, key, optional } => self.member(*of, *key, *optional),
            Expr::Slice { of, from, to } => self.slice(*of, *from, *to),
            Expr::Call { callee, args } => self.call(*callee, args),
            Expr::Builtin(name, args) => self.builtin(name, args),
            Expr::Pointer(name) => self.pointer(name),
            Expr::Let { name, value, body } => {
                let value = self.lazy(*value)?;
                self.locals.push((Rc::clone(name), value));
                let result = self.lazy(*body);
                self.locals.pop();
                result
            }
            Expr::If(condition, yes, no) => match self.value(*condition)? {
                Val::Bool(true) => self.lazy(*yes),
                Val::Bool(false) => self.lazy(*no),
                other => Err(format!(
                    "non-bool expression (type {}) used as condition",
                    other.type_name()
                )
                .into()),
            },
            Expr::List(nodes) => {
                let items = self.values(nodes)?;
                self.made(Val::list(items))
            }
            Expr::Map(pairs) => {
                let mut items = std::collections::BTreeMap::new();
                for (key, value) in pairs {
                    let key = match self.value(*key)? {
                        Val::Str(text) => text,
                        other => {
                            return Err(
                                format!("cannot use {} as a map key", other.type_name()).into()
                            );
                        }
                    };
                    items.insert(key, self.value(*value)?);
                }
                self.made(Val::map(items))
            }
            Expr::Chain(inner) => match self.lazy(*inner) {
                Err(Fail::Chain) => Ok(Val::Nil),
                other => other,
            },
            Expr::Sequence(nodes) => {
                let mut last = Val::Nil;
                for node in nodes {
                    last = self.lazy(*node)?;
                }
                Ok(last)
            }
        }
    }

    fn values(&mut self, nodes: &[Id]) -> Result<Vec<Val>, Fail> {
        nodes.iter().map(|node| self.value(*node)).collect()
    }

    /// Counts a new value.
    fn made(&self, value: Val) -> Outcome {
        self.run.room(value.weight())?;
        Ok(value)
    }

    fn variable(&self, name: &Rc<str>) -> Outcome {
        if let Some((_, value)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Ok(value.clone());
        }
        if FUNCTIONS.contains(&&**name) {
            return Err(format!("{name} is a function: it has to be called").into());
        }
        members::lookup(self.run, name).ok_or_else(|| Fail::Missing(name.to_string()))
    }

    fn pointer(&self, name: &str) -> Outcome {
        let Some(closure) = self.closures.last() else {
            return Err("cannot use # outside of a predicate".into());
        };
        match name {
            "" => Ok(closure.item.clone()),
            "index" => Ok(Val::from(closure.index)),
            "acc" => Ok(closure.acc.clone()),
            other => Err(format!("unknown pointer #{other}").into()),
        }
    }

    /// Walks a chain of left-associative operators without recursion into the left.
    fn binary(&mut self, id: Id) -> Outcome {
        let tree = self.tree;
        let mut spine = Vec::new();
        let mut next = id;
        while let Expr::Binary(op, left, right) = tree.expr(next) {
            spine.push((*op, *right, tree.node(next).at));
            next = *left;
        }
        // What is left of `??` may be nil all the way.
        let guarded = matches!(spine.last(), Some(("??", ..)));
        let mut left = match self.lazy(next) {
            Err(Fail::Chain) if guarded => Val::Nil,
            other => other?,
        };
        for (op, right, at) in spine.into_iter().rev() {
            self.run.spend(1)?;
            left = self.apply(op, left, right).map_err(|fail| fail.at(at))?;
        }
        Ok(left)
    }

    fn apply(&mut self, op: &'static str, left: Val, right: Id) -> Outcome {
        match op {
            "??" => {
                if left.is_nil() {
                    self.lazy(right)
                } else {
                    Ok(left)
                }
            }
            // The right side is the result as it is: only the check before looks at its kind.
            "and" | "&&" | "or" | "||" => {
                let stop = matches!(op, "or" | "||");
                match ops::boolean(op, &left)? {
                    value if value == stop => Ok(Val::Bool(value)),
                    _ => self.lazy(right),
                }
            }
            _ => {
                let right = self.value(right)?;
                let left = self.whole(left)?;
                let value = ops::binary(self.run, op, &left, &right)?;
                self.made(value)
            }
        }
    }

    fn call(&mut self, callee: Id, args: &[Id]) -> Outcome {
        let tree = self.tree;
        match tree.expr(callee) {
            Expr::Ident(name) => {
                let values = self.values(args)?;
                let value = match (&**name, values.as_slice()) {
                    ("asInt", _) => builtins::call(self.run, "int", &values)?,
                    ("asFloat", _) => builtins::call(self.run, "float", &values)?,
                    ("toJson", [value]) => Val::from(super::value::to_json(value)?),
                    ("jsonpath", [Val::Str(text), Val::Str(path)]) => {
                        super::jsonpath::query(self.run, text, path)?
                    }
                    ("toJson" | "jsonpath", _) => {
                        return Err(format!("wrong arguments to call {name}").into());
                    }
                    _ => {
                        let value = self.variable(name)?;
                        return Err(format!(
                            "invalid operation: cannot call {}",
                            value.type_name()
                        )
                        .into());
                    }
                };
                self.made(value)
            }
            Expr::Member { of, key, optional } => {
                let Expr::Str(name) = tree.expr(*key) else {
                    return Err("only a name can be called".into());
                };
                if matches!(tree.expr(*of), Expr::Ident(base) if &**base == "sprig") {
                    let values = self.values(args)?;
                    let value = sprig::call(self.run, name, &values)
                        .map_err(|fail| fail.at(tree.node(callee).at))?;
                    return self.made(value);
                }
                let receiver = self.value(*of)?;
                if receiver.is_nil() && *optional {
                    return Err(Fail::Chain);
                }
                let values = self.values(args)?;
                members::method(&receiver, name, &values)
                    .map_err(|fail| fail.at(tree.node(callee).at))
            }
            _ => Err("only a name can be called".into()),
        }
    }

    fn builtin(&mut self, name: &'static str, args: &[Id]) -> Outcome {
        if let Some(result) = self.with_predicate(name, args) {
            return self.made(result?);
        }
        let values = self.values(args)?;
        let value = builtins::call(self.run, name, &values)?;
        self.made(value)
    }
}

/// A variable as a value.
pub(crate) fn of_var(var: &Var) -> Val {
    match var {
        Var::Text(text) => Val::str(text.as_str()),
        Var::Json(value) => from_json(value),
        Var::Absent => Val::Nil,
    }
}
