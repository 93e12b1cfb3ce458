//! Evaluates the tokens of a condition, one level of precedence after the other.

use std::fmt::{Display, Formatter};

use super::lexer::Token;
use crate::expr::patterns;
use crate::expr::value::float_exponent;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Nil => f.write_str("<nil>"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) => f.write_str(&float_exponent(*value)),
            Value::Text(text) => f.write_str(text),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Value::to_string).collect();
                write!(f, "[{}]", items.join(" "))
            }
        }
    }
}

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Fail {
    Syntax(String),
    Value(String),
}

/// How deep parentheses may be nested.
const MAX_DEPTH: usize = 50;
/// The tightest level: see [`Token::level`].
const TIGHTEST: usize = 9;

impl Token {
    /// How tightly a binary operator binds, and its text.
    fn level(&self) -> Option<(usize, &str)> {
        Some(match self {
            Token::Comma => (0, ","),
            Token::Ternary(op) => (1, op),
            Token::Logical(op) if op == "||" => (2, op),
            Token::Logical(op) => (3, op),
            Token::Comparator(op) => (4, op),
            Token::Modifier(op) => {
                let level = match op.as_str() {
                    "^" | "&" | "|" => 5,
                    ">>" | "<<" => 6,
                    "+" | "-" => 7,
                    "*" | "/" | "%" => 8,
                    _ => 9,
                };
                (level, op)
            }
            _ => return None,
        })
    }
}

/// The value of a condition.
pub(super) fn evaluate(tokens: &[Token]) -> Result<Value, Fail> {
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let value = parser.level(0, true)?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(Fail::Syntax("Unable to plan token kind: unexpected token".to_owned())),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    /// One level and those that bind tighter. Without `live` it only reads.
    fn level(&mut self, level: usize, live: bool) -> Result<Value, Fail> {
        if level > TIGHTEST {
            return self.value(live);
        }
        let mut left = self.level(level + 1, live)?;
        while let Some((_, op)) =
            self.peek().and_then(Token::level).filter(|(found, _)| *found == level)
        {
            self.at += 1;
            let decided = if live { decided(op, &left) } else { Some(Value::Nil) };
            let right = self.level(level + 1, live && decided.is_none())?;
            left = match decided {
                Some(value) => value,
                None => binary(op, left, right).map_err(Fail::Value)?,
            };
        }
        Ok(left)
    }

    fn value(&mut self, live: bool) -> Result<Value, Fail> {
        let token = self.peek();
        self.at += 1;
        Ok(match token {
            Some(Token::Number(n) | Token::Time(n)) => Value::Number(*n),
            Some(Token::Bool(b)) => Value::Bool(*b),
            Some(Token::Text(text) | Token::Word(text)) => Value::Text(text.clone()),
            Some(Token::Prefix(op)) => {
                let value = self.value(live)?;
                if live { prefix(op, value).map_err(Fail::Value)? } else { Value::Nil }
            }
            Some(Token::Open) => {
                if self.depth >= MAX_DEPTH {
                    let reason = format!("parentheses are nested more than {MAX_DEPTH} deep");
                    return Err(Fail::Syntax(reason));
                }
                if matches!(self.peek(), Some(Token::Close)) {
                    self.at += 1;
                    return Ok(Value::Nil);
                }
                self.depth += 1;
                let value = self.level(0, live)?;
                self.depth -= 1;
                if !matches!(self.peek(), Some(Token::Close)) {
                    return Err(Fail::Syntax("Unbalanced parenthesis".to_owned()));
                }
                self.at += 1;
                value
            }
            _ => return Err(Fail::Syntax("Unexpected end of expression".to_owned())),
        })
    }
}

/// The result, where the left side alone decides it.
fn decided(op: &str, left: &Value) -> Option<Value> {
    match (op, left) {
        ("&&", Value::Bool(false)) => Some(Value::Bool(false)),
        ("||", Value::Bool(true)) => Some(Value::Bool(true)),
        ("?", Value::Bool(false)) => Some(Value::Nil),
        ("??" | ":", left) if *left != Value::Nil => Some(left.clone()),
        _ => None,
    }
}

fn prefix(op: &str, value: Value) -> Result<Value, String> {
    match (op, value) {
        ("!", Value::Bool(value)) => Ok(Value::Bool(!value)),
        ("-", Value::Number(value)) => Ok(Value::Number(-value)),
        ("~", Value::Number(value)) => Ok(Value::Number(!(value as i64) as f64)),
        (_, value) => Err(format!("Value '{value}' cannot be used with the prefix '{op}'")),
    }
}

fn binary(op: &str, left: Value, right: Value) -> Result<Value, String> {
    use Value::{Bool, List, Number, Text};
    Ok(match (op, left, right) {
        (",", List(mut items), right) => {
            items.push(right);
            List(items)
        }
        (",", left, right) => List(vec![left, right]),
        ("?", Bool(_), right) | ("??" | ":", _, right) => right,
        ("==", left, right) => Bool(left == right),
        ("!=", left, right) => Bool(left != right),
        ("&&" | "||", Bool(_), Bool(right)) => Bool(right),
        ("&&" | "||", Bool(_), wrong) | ("&&" | "||", wrong, _) => {
            return Err(format!(
                "Value '{wrong}' cannot be used with the logical operator '{op}', it is not a bool"
            ));
        }
        ("?", wrong, _) => {
            return Err(format!(
                "Value '{wrong}' cannot be used with the ternary operator '{op}', it is not a bool"
            ));
        }
        ("in", left, List(items)) => Bool(items.contains(&left)),
        ("=~" | "!~", Text(text), Text(pattern)) => {
            Bool(patterns::build(&pattern)?.is_match(&text) == (op == "=~"))
        }
        (">" | ">=" | "<" | "<=", Number(a), Number(b)) => Bool(relation(op, a.partial_cmp(&b))),
        (">" | ">=" | "<" | "<=", Text(a), Text(b)) => Bool(relation(op, Some(a.cmp(&b)))),
        ("+", Number(a), Number(b)) => Number(a + b),
        ("+", Text(a), b) => Text(format!("{a}{b}")),
        ("+", a, Text(b)) => Text(format!("{a}{b}")),
        (_, Number(a), Number(b)) if !matches!(op, "in" | "=~" | "!~") => Number(number(op, a, b)),
        (_, left, right) => {
            let wrong = match op {
                "in" => &right,
                "=~" | "!~" if matches!(left, Text(_)) => &right,
                _ if matches!(left, Number(_)) => &right,
                _ => &left,
            };
            let noun = match op {
                ">" | ">=" | "<" | "<=" | "in" | "=~" | "!~" => "comparator",
                _ => "modifier",
            };
            return Err(format!(
                "Value '{wrong}' cannot be used with the {noun} '{op}', it is not a number"
            ));
        }
    })
}

fn relation(op: &str, order: Option<std::cmp::Ordering>) -> bool {
    order.is_some_and(|order| match op {
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "<" => order.is_lt(),
        _ => order.is_le(),
    })
}

fn number(op: &str, a: f64, b: f64) -> f64 {
    let (x, y) = (a as i64, b as i64);
    let by = u32::try_from(y).unwrap_or(u32::MAX);
    match op {
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "**" => a.powf(b),
        "&" => (x & y) as f64,
        "|" => (x | y) as f64,
        "^" => (x ^ y) as f64,
        "<<" => (x as u64).checked_shl(by).unwrap_or(0) as f64,
        _ => (x as u64).checked_shr(by).unwrap_or(0) as f64,
    }
}
