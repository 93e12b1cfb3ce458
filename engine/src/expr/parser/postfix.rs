//! Calls, members, slices and literals: what comes after a name or between brackets.

use std::rc::Rc;

use super::{Expr, Id, Kind, Parser, Token, Wrong, tables};
use crate::expr::lexer::is_word;

impl Parser<'_> {
    /// A call of `name`, whose first arguments (of a pipe) are there already.
    pub(super) fn call(
        &mut self,
        name: &Token,
        mut args: Vec<Id>,
        may_shadow: bool,
    ) -> Result<Id, Wrong> {
        let shadowed = may_shadow && (self.shadows)(&name.text);
        if !shadowed && let Some((known, kinds)) = tables::predicate(&name.text) {
            self.predicate_arguments(kinds, &mut args)?;
            return self.add(Expr::Builtin(known, args), name.at);
        }
        if !shadowed && let Some((known, least, most)) = tables::builtin(&name.text) {
            self.arguments(&mut args)?;
            if args.len() < least {
                return Err((format!("not enough arguments to call {known}"), name.at));
            }
            if args.len() > most {
                return Err((format!("too many arguments to call {known}"), name.at));
            }
            return self.add(Expr::Builtin(known, args), name.at);
        }
        let callee = self.add(Expr::Ident(Rc::from(name.text.as_str())), name.at)?;
        self.arguments(&mut args)?;
        self.add(Expr::Call { callee, args }, name.at)
    }

    fn predicate_arguments(
        &mut self,
        kinds: &[tables::Arg],
        args: &mut Vec<Id>,
    ) -> Result<(), Wrong> {
        self.expect(Kind::Bracket, "(")?;
        let rest = kinds.get(args.len()..).unwrap_or_default();
        for (index, kind) in rest.iter().enumerate() {
            let optional =
                matches!(kind, tables::Arg::PlainOptional | tables::Arg::PredicateOptional);
            if self.bracket(")") {
                if optional {
                    break;
                }
                let message = format!("expected at least {} arguments", rest.len());
                return Err((message, self.current().at));
            }
            if index > 0 {
                self.expect(Kind::Operator, ",")?;
            }
            args.push(match kind {
                tables::Arg::Plain | tables::Arg::PlainOptional => self.expression(0)?,
                _ => self.predicate()?,
            });
        }
        if self.operator(",") {
            self.next();
        }
        self.expect(Kind::Bracket, ")")
    }

    fn predicate(&mut self) -> Result<Id, Wrong> {
        let braces = self.bracket("{");
        if braces {
            self.next();
        }
        self.closures += 1;
        let node = if braces { self.sequence() } else { self.expression(0) };
        self.closures -= 1;
        let node = node?;
        if braces {
            self.expect(Kind::Bracket, "}")?;
        } else if self.operator(";") {
            return Err(("wrap predicate with brackets { and }".to_owned(), self.current().at));
        }
        Ok(node)
    }

    fn arguments(&mut self, args: &mut Vec<Id>) -> Result<(), Wrong> {
        self.expect(Kind::Bracket, "(")?;
        self.items(")", args)
    }

    /// Expressions with commas between them, up to a closing bracket. The last may have a comma.
    fn items(&mut self, close: &str, nodes: &mut Vec<Id>) -> Result<(), Wrong> {
        let mut first = true;
        while !self.bracket(close) {
            if !std::mem::take(&mut first) {
                self.expect(Kind::Operator, ",")?;
                if self.bracket(close) {
                    break;
                }
            }
            nodes.push(self.expression(0)?);
        }
        self.expect(Kind::Bracket, close)
    }

    pub(super) fn list(&mut self) -> Result<Id, Wrong> {
        let at = self.next().at;
        let mut nodes = Vec::new();
        self.items("]", &mut nodes)?;
        self.add(Expr::List(nodes), at)
    }

    pub(super) fn map(&mut self) -> Result<Id, Wrong> {
        let at = self.next().at;
        let mut pairs = Vec::new();
        while !self.bracket("}") {
            if !pairs.is_empty() {
                self.expect(Kind::Operator, ",")?;
                if self.bracket("}") {
                    break;
                }
            }
            let token = self.current().clone();
            let key = match token.kind {
                Kind::Ident | Kind::Number | Kind::Str => {
                    self.next();
                    self.add(Expr::Str(Rc::from(token.text.as_str())), token.at)?
                }
                _ if self.bracket("(") => self.expression(0)?,
                _ => {
                    return Err((
                        format!(
                            "a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses (unexpected token {})",
                            token.name()
                        ),
                        token.at,
                    ));
                }
            };
            self.expect(Kind::Operator, ":")?;
            pairs.push((key, self.expression(0)?));
        }
        self.expect(Kind::Bracket, "}")?;
        self.add(Expr::Map(pairs), at)
    }

    /// The members, indices, slices and calls that follow a node.
    pub(super) fn postfix(&mut self, mut node: Id) -> Result<Id, Wrong> {
        loop {
            let optional = self.operator("?.");
            if optional || self.operator(".") {
                self.next();
                node = if optional && self.bracket("[") {
                    self.index(node, true)?
                } else {
                    self.member(node, optional)?
                };
            } else if self.bracket("[") {
                node = self.index(node, false)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn member(&mut self, node: Id, optional: bool) -> Result<Id, Wrong> {
        let name = self.next();
        let valid = name.kind == Kind::Ident
            || name.kind == Kind::Operator && name.text.chars().all(is_word);
        if !valid {
            return Err(("expected name".to_owned(), name.at));
        }
        let (of, chained) = match self.tree.expr(node) {
            Expr::Chain(inner) => (*inner, true),
            _ => (node, false),
        };
        let key = self.add(Expr::Str(Rc::from(name.text.as_str())), name.at)?;
        let mut member = self.add(Expr::Member { of, key, optional }, name.at)?;
        if self.bracket("(") {
            let mut args = Vec::new();
            self.arguments(&mut args)?;
            member = self.add(Expr::Call { callee: member, args }, name.at)?;
        }
        if chained || optional { self.add(Expr::Chain(member), name.at) } else { Ok(member) }
    }

    fn index(&mut self, of: Id, optional: bool) -> Result<Id, Wrong> {
        let at = self.next().at;
        let from = if self.operator(":") { None } else { Some(self.expression(0)?) };
        if self.operator(":") {
            self.next();
            let to = if self.bracket("]") { None } else { Some(self.expression(0)?) };
            self.expect(Kind::Bracket, "]")?;
            return self.add(Expr::Slice { of, from, to }, at);
        }
        self.expect(Kind::Bracket, "]")?;
        let Some(key) = from else { return Err(self.unexpected()) };
        let node = self.add(Expr::Member { of, key, optional }, at)?;
        if optional { self.add(Expr::Chain(node), at) } else { Ok(node) }
    }
}
