//! The tree of a parsed expression, kept in one vector so that depth costs no stack to drop.

use std::rc::Rc;

/// A node's place in its tree.
pub(crate) type Id = usize;

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    Ident(Rc<str>),
    Unary(&'static str, Id),
    Binary(&'static str, Id, Id),
    Member {
        of: Id,
        key: Id,
        optional: bool,
    },
    Slice {
        of: Id,
        from: Option<Id>,
        to: Option<Id>,
    },
    /// A call of a function of the scope, or a method.
    Call {
        callee: Id,
        args: Vec<Id>,
    },
    /// A call of a built-in function.
    Builtin(&'static str, Vec<Id>),
    /// `#`, `#acc`, `#index` and, before a dot, nothing.
    Pointer(Rc<str>),
    Let {
        name: Rc<str>,
        value: Id,
        body: Id,
    },
    If(Id, Id, Id),
    List(Vec<Id>),
    Map(Vec<(Id, Id)>),
    /// Where an optional access that meets nil ends.
    Chain(Id),
    Sequence(Vec<Id>),
}

impl Expr {
    /// The nodes right below, in order.
    pub(crate) fn children(&self) -> Vec<Id> {
        match self {
            Expr::Unary(_, a) | Expr::Chain(a) => vec![*a],
            Expr::Binary(_, a, b) => vec![*a, *b],
            Expr::Member { of, key, .. } => vec![*of, *key],
            Expr::Slice { of, from, to } => std::iter::once(*of).chain(*from).chain(*to).collect(),
            Expr::Call { callee, args } => std::iter::once(*callee).chain(args.clone()).collect(),
            Expr::Builtin(_, nodes) | Expr::List(nodes) | Expr::Sequence(nodes) => nodes.clone(),
            Expr::Let { value, body, .. } => vec![*value, *body],
            Expr::If(a, b, c) => vec![*a, *b, *c],
            Expr::Map(pairs) => pairs.iter().flat_map(|(key, value)| [*key, *value]).collect(),
            _ => Vec::new(),
        }
    }
}

/// A node and where it stands, counted in characters.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) expr: Expr,
    pub(crate) at: usize,
    /// How much stack its evaluation takes, in nodes. A left operand takes none: chains are walked.
    depth: usize,
}

/// A parsed expression.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    pub(crate) root: Id,
}

/// How deep a tree may be.
pub(crate) const MAX_DEPTH: usize = 100;
/// How many nodes a tree may have, as in Go's expr.
const MAX_NODES: usize = 10_000;

impl Tree {
    /// Adds a node whose children are there already.
    pub(crate) fn add(&mut self, expr: Expr, at: usize) -> Result<Id, String> {
        let depth_of = |id: &Id| self.nodes.get(*id).map_or(0, |node| node.depth);
        let depth = match &expr {
            Expr::Binary(_, left, right) => match self.nodes.get(*left).map(|node| &node.expr) {
                Some(Expr::Binary(..)) => depth_of(left).max(depth_of(right) + 1),
                _ => depth_of(left).max(depth_of(right)) + 1,
            },
            other => 1 + other.children().iter().map(depth_of).max().unwrap_or(0),
        };
        if depth > MAX_DEPTH {
            return Err(format!("expression is nested more than {MAX_DEPTH} deep"));
        }
        if self.nodes.len() >= MAX_NODES {
            return Err("compilation failed: expression exceeds maximum allowed nodes".to_owned());
        }
        self.nodes.push(Node { expr, at, depth });
        Ok(self.nodes.len() - 1)
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        const NIL: Node = Node { expr: Expr::Nil, at: 0, depth: 0 };
        self.nodes.get(id).unwrap_or(const { &NIL })
    }

    pub(crate) fn expr(&self, id: Id) -> &Expr {
        &self.node(id).expr
    }

    /// All nodes, children before parents.
    pub(crate) fn ids(&self) -> std::ops::Range<Id> {
        0..self.nodes.len()
    }
}
