//! Reads an expression into a tree: precedence climbing over the tokens.

mod postfix;
mod tables;

use std::rc::Rc;

use super::ast::{Expr, Id, MAX_DEPTH, Tree};
use super::lexer::{Kind, Token, lex};

/// The longest expression that is read, in bytes.
const MAX_LENGTH: usize = 64 * 1024;

/// What is wrong, and at which character.
pub(crate) type Wrong = (String, usize);

/// Parses an expression. Names for which `shadows` answers true are variables even where a built-in
/// function has the same name.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn parse(source: &str, shadows: &dyn Fn(&str) -> bool) -> Result<Tree, Wrong> {
    read(source, shadows, 0)
}

/// Parses an expression on `#`, as the body of a predicate is.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn parse_predicate(source: &str) -> Result<Tree, Wrong> {
    read(source, &|_| false, 1)
}

fn read(source: &str, shadows: &dyn Fn(&str) -> bool, closures: usize) -> Result<Tree, Wrong> {
    if source.len() > MAX_LENGTH {
        return Err((format!("expression is longer than {MAX_LENGTH} bytes"), 0));
    }
    let tokens = lex(source)?;
    let tree = Tree::default();
    let mut parser =
        Parser { tokens, at: 0, tree, shadows, locals: Vec::new(), closures, depth: 0 };
    parser.tree.root = parser.sequence()?;
    if parser.current().kind != Kind::End {
        return Err(parser.unexpected());
    }
    Ok(parser.tree)
}

/// True for the name of a built-in function.
pub(crate) fn is_builtin(name: &str) -> bool {
    tables::predicate(name).is_some() || tables::builtin(name).is_some()
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    tree: Tree,
    shadows: &'a dyn Fn(&str) -> bool,
    /// Names bound by `let`.
    locals: Vec<Rc<str>>,
    /// How many predicates are open.
    closures: usize,
    depth: usize,
}

impl Parser<'_> {
    fn current(&self) -> &Token {
        const END: Token = Token { kind: Kind::End, text: String::new(), at: 0 };
        self.tokens.get(self.at).or(self.tokens.last()).unwrap_or(const { &END })
    }

    fn is(&self, kind: Kind, text: &str) -> bool {
        self.current().is(kind, text)
    }

    fn operator(&self, text: &str) -> bool {
        self.is(Kind::Operator, text)
    }

    fn bracket(&self, text: &str) -> bool {
        self.is(Kind::Bracket, text)
    }

    fn next(&mut self) -> Token {
        let token = self.current().clone();
        self.at += 1;
        token
    }

    fn unexpected(&self) -> Wrong {
        (format!("unexpected token {}", self.current().name()), self.current().at)
    }

    fn expect(&mut self, kind: Kind, text: &str) -> Result<(), Wrong> {
        if !self.is(kind, text) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    fn identifier(&mut self) -> Result<Token, Wrong> {
        if self.current().kind != Kind::Ident {
            return Err(self.unexpected());
        }
        Ok(self.next())
    }

    fn add(&mut self, expr: Expr, at: usize) -> Result<Id, Wrong> {
        self.tree.add(expr, at).map_err(|message| (message, at))
    }

    fn sequence(&mut self) -> Result<Id, Wrong> {
        let at = self.current().at;
        let mut nodes = vec![self.expression(0)?];
        while self.operator(";") {
            self.next();
            if self.current().kind == Kind::End {
                break;
            }
            nodes.push(self.expression(0)?);
        }
        match nodes.as_slice() {
            [only] => Ok(*only),
            _ => self.add(Expr::Sequence(nodes), at),
        }
    }

    fn expression(&mut self, precedence: u32) -> Result<Id, Wrong> {
        if self.depth >= MAX_DEPTH {
            let message = format!("expression is nested more than {MAX_DEPTH} deep");
            return Err((message, self.current().at));
        }
        self.depth += 1;
        let node = self.expression_inner(precedence);
        self.depth -= 1;
        node
    }

    fn expression_inner(&mut self, precedence: u32) -> Result<Id, Wrong> {
        if precedence == 0 && self.operator("let") {
            return self.declaration();
        }
        if precedence == 0 && self.operator("if") {
            return self.conditional_if();
        }
        let mut left = self.primary()?;
        let mut previous = "";
        while self.current().kind == Kind::Operator {
            let start = self.at;
            let not = self.operator("not").then(|| self.next().at);
            if not.is_some() && !tables::AFTER_NOT.contains(&self.current().text.as_str()) {
                return Err(self.unexpected());
            }
            let token = self.current().clone();
            let Some((op, strength, right)) =
                tables::binary(&token.text).filter(|(_, strength, _)| *strength >= precedence)
            else {
                self.at = start;
                break;
            };
            self.next();
            if op == "|" {
                let name = self.identifier()?;
                left = self.call(&name, vec![left], true)?;
                left = self.postfix(left)?;
            } else {
                if previous == "??" && op != "??" {
                    let message = format!(
                        "Operator ({op}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses."
                    );
                    return Err((message, token.at));
                }
                left = self.binary(left, op, strength, right, token.at)?;
                if let Some(at) = not {
                    left = self.add(Expr::Unary("not", left), at)?;
                }
            }
            previous = op;
        }
        if precedence == 0 { self.conditional(left) } else { Ok(left) }
    }

    fn binary(
        &mut self,
        left: Id,
        op: &'static str,
        strength: u32,
        right: bool,
        at: usize,
    ) -> Result<Id, Wrong> {
        let operand = self.expression(if right { strength } else { strength + 1 })?;
        if !matches!(op, "<" | ">" | "<=" | ">=") {
            return self.add(Expr::Binary(op, left, operand), at);
        }
        // `1 < 2 < 3` compares both pairs.
        let mut node = self.add(Expr::Binary(op, left, operand), at)?;
        let mut last = operand;
        while let Some(op) = comparison(self.current()) {
            let at = self.next().at;
            let operand = self.expression(strength + 1)?;
            let pair = self.add(Expr::Binary(op, last, operand), at)?;
            node = self.add(Expr::Binary("&&", node, pair), at)?;
            last = operand;
        }
        Ok(node)
    }

    fn declaration(&mut self) -> Result<Id, Wrong> {
        self.next();
        let name = self.identifier()?;
        let shown = &name.text;
        if is_builtin(shown) {
            return Err((format!("cannot redeclare builtin {shown}"), name.at));
        }
        if (self.shadows)(shown) || self.locals.iter().any(|local| **local == **shown) {
            return Err((format!("cannot redeclare variable {shown}"), name.at));
        }
        self.expect(Kind::Operator, "=")?;
        let value = self.expression(0)?;
        self.expect(Kind::Operator, ";")?;
        let shared: Rc<str> = Rc::from(shown.as_str());
        self.locals.push(Rc::clone(&shared));
        let body = self.sequence();
        self.locals.pop();
        self.add(Expr::Let { name: shared, value, body: body? }, name.at)
    }

    fn conditional_if(&mut self) -> Result<Id, Wrong> {
        let at = self.next().at;
        let condition = self.expression(0)?;
        let yes = self.block()?;
        self.expect(Kind::Operator, "else")?;
        let no = if self.operator("if") { self.expression(0)? } else { self.block()? };
        self.add(Expr::If(condition, yes, no), at)
    }

    fn block(&mut self) -> Result<Id, Wrong> {
        self.expect(Kind::Bracket, "{")?;
        let node = self.sequence()?;
        self.expect(Kind::Bracket, "}")?;
        Ok(node)
    }

    fn conditional(&mut self, mut node: Id) -> Result<Id, Wrong> {
        while self.operator("?") {
            let at = self.tree.node(node).at;
            self.next();
            let yes = if self.operator(":") { node } else { self.expression(0)? };
            self.expect(Kind::Operator, ":")?;
            let no = self.expression(0)?;
            node = self.add(Expr::If(node, yes, no), at)?;
        }
        Ok(node)
    }

    fn primary(&mut self) -> Result<Id, Wrong> {
        let token = self.current().clone();
        if token.kind == Kind::Operator
            && let Some((op, strength)) = tables::unary(&token.text)
        {
            self.next();
            let operand = self.expression(strength)?;
            let node = self.add(Expr::Unary(op, operand), token.at)?;
            return self.postfix(node);
        }
        if self.bracket("(") {
            self.next();
            let node = self.sequence()?;
            self.expect(Kind::Bracket, ")")?;
            return self.postfix(node);
        }
        if self.closures > 0 && (self.operator("#") || self.operator(".")) {
            let mut name = String::new();
            if self.operator("#") {
                self.next();
                if self.current().kind == Kind::Ident {
                    name = self.next().text;
                }
            }
            let node = self.add(Expr::Pointer(Rc::from(name)), token.at)?;
            return self.postfix(node);
        }
        if self.operator("::") {
            self.next();
            let name = self.identifier()?;
            let node = self.call(&name, Vec::new(), false)?;
            return self.postfix(node);
        }
        self.secondary(&token)
    }

    fn secondary(&mut self, token: &Token) -> Result<Id, Wrong> {
        let node = match token.kind {
            Kind::Ident => {
                self.next();
                match token.text.as_str() {
                    "true" => return self.add(Expr::Bool(true), token.at),
                    "false" => return self.add(Expr::Bool(false), token.at),
                    "nil" => return self.add(Expr::Nil, token.at),
                    _ if self.bracket("(") => self.call(token, Vec::new(), true)?,
                    name => self.add(Expr::Ident(Rc::from(name)), token.at)?,
                }
            }
            Kind::Number => {
                self.next();
                let value = number(&token.text)
                    .ok_or_else(|| (format!("invalid number literal: {}", token.text), token.at))?;
                return self.add(value, token.at);
            }
            Kind::Str => {
                self.next();
                self.add(Expr::Str(Rc::from(token.text.as_str())), token.at)?
            }
            _ if self.bracket("[") => self.list()?,
            _ if self.bracket("{") => self.map()?,
            _ => return Err(self.unexpected()),
        };
        self.postfix(node)
    }
}

fn comparison(token: &Token) -> Option<&'static str> {
    let op = tables::binary(&token.text)?.0;
    (token.kind == Kind::Operator && matches!(op, "<" | ">" | "<=" | ">=")).then_some(op)
}

fn number(text: &str) -> Option<Expr> {
    let text = text.replace('_', "").to_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return i64::from_str_radix(digits, radix).ok().map(Expr::Int);
        }
    }
    if text.contains(['.', 'e']) {
        return text.parse().ok().filter(|value: &f64| value.is_finite()).map(Expr::Float);
    }
    text.parse().ok().map(Expr::Int)
}
