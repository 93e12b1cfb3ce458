//! Cuts a condition into tokens and checks which may follow which, as govaluate does.

use jiff::tz::TimeZone;

use crate::expr::{gotime, patterns, value::float_exponent};

/// A token.
#[derive(Debug, Clone)]
pub(super) enum Token {
    Number(f64),
    Bool(bool),
    /// Text in quotes.
    Text(String),
    /// A bare word or `[…]`: text all the same.
    Word(String),
    /// A date in quotes, as seconds of the epoch.
    Time(f64),
    Open,
    Close,
    Comma,
    Prefix(String),
    Modifier(String),
    Comparator(String),
    Logical(String),
    Ternary(String),
}

use Token::*;

impl Token {
    fn kind(&self) -> &'static str {
        match self {
            Number(_) => "NUMERIC",
            Bool(_) => "BOOLEAN",
            Text(_) => "STRING",
            Word(_) => "VARIABLE",
            Time(_) => "TIME",
            Open => "CLAUSE",
            Close => "CLAUSE_CLOSE",
            Comma => "SEPARATOR",
            Prefix(_) => "PREFIX",
            Modifier(_) => "MODIFIER",
            Comparator(_) => "COMPARATOR",
            Logical(_) => "LOGICALOP",
            Ternary(_) => "TERNARY",
        }
    }

    fn shown(&self) -> String {
        let text = match self {
            Number(n) | Time(n) => float_exponent(*n),
            Bool(b) => b.to_string(),
            Open => "40".to_owned(),
            Close => "41".to_owned(),
            Comma => ",".to_owned(),
            Text(t) | Word(t) | Prefix(t) | Modifier(t) | Comparator(t) | Logical(t)
            | Ternary(t) => t.clone(),
        };
        format!("{} [{text}]", self.kind())
    }

    fn is_value(&self) -> bool {
        matches!(self, Number(_) | Bool(_) | Text(_) | Word(_) | Time(_))
    }

    /// True if `next` may come right after this token.
    fn allows(&self, next: &Token) -> bool {
        match self {
            Open => next.is_value() || matches!(next, Prefix(_) | Open | Close),
            Close => {
                next.is_value()
                    || matches!(
                        next,
                        Comparator(_)
                            | Modifier(_)
                            | Open
                            | Close
                            | Logical(_)
                            | Ternary(_)
                            | Comma
                    )
            }
            Number(_) | Bool(_) | Text(_) | Word(_) => matches!(
                next,
                Modifier(_) | Comparator(_) | Logical(_) | Close | Ternary(_) | Comma
            ),
            Time(_) => {
                matches!(next, Modifier(_) | Comparator(_) | Logical(_) | Close | Comma)
            }
            Modifier(_) => {
                matches!(next, Number(_) | Bool(_) | Text(_) | Word(_) | Prefix(_) | Open | Close)
            }
            Comparator(_) | Logical(_) => {
                next.is_value() || matches!(next, Prefix(_) | Open | Close)
            }
            // A word is text, and text has no sign and no negation.
            Prefix(_) => matches!(next, Number(_) | Bool(_) | Open | Close),
            Ternary(_) => next.is_value() || matches!(next, Prefix(_) | Open | Comma),
            Comma => next.is_value() || matches!(next, Prefix(_) | Open),
        }
    }

    fn may_end(&self) -> bool {
        self.is_value() || matches!(self, Close)
    }
}

/// All tokens of a condition.
///
/// # Errors
/// What is wrong with it.
pub(super) fn lex(source: &str) -> Result<Vec<Token>, String> {
    let chars: Vec<char> = source.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0, tokens: Vec::new() };
    while lexer.step()? {}
    let tokens = lexer.tokens;
    check(&tokens)?;
    Ok(tokens)
}

fn check(tokens: &[Token]) -> Result<(), String> {
    let opened = tokens.iter().filter(|t| matches!(t, Open)).count();
    if opened != tokens.iter().filter(|t| matches!(t, Close)).count() {
        return Err("Unbalanced parenthesis".to_owned());
    }
    let starts = |token: &Token| token.is_value() || matches!(token, Prefix(_) | Open);
    if let Some(first) = tokens.first().filter(|first| !starts(first)) {
        return Err(format!(
            "Cannot transition token types from UNKNOWN [<nil>] to {}",
            first.shown()
        ));
    }
    for pair in tokens.windows(2) {
        let [before, after] = pair else { continue };
        if let (Word(name), Open) = (before, after) {
            return Err(format!("Undefined function {name}"));
        }
        if !before.allows(after) {
            let (before, after) = (before.shown(), after.shown());
            return Err(format!("Cannot transition token types from {before} to {after}"));
        }
        // A pattern that stands there is checked before anything is evaluated.
        if let (Comparator(op), Text(pattern)) = (before, after)
            && op.ends_with('~')
        {
            patterns::build(pattern)?;
        }
    }
    match tokens.last() {
        Some(last) if last.may_end() => Ok(()),
        _ => Err("Unexpected end of expression".to_owned()),
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    tokens: Vec<Token>,
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"')
}

fn is_symbol(c: char) -> bool {
    !(c.is_alphanumeric() || matches!(c, '(' | ')' | '[' | ']') || is_quote(c))
}

impl Lexer<'_> {
    /// Reads while `wanted`; a backslash takes the next character as it is. Also whether it ended
    /// before the text did.
    fn read(&mut self, spaces: bool, wanted: impl Fn(char) -> bool) -> (String, bool) {
        let mut out = String::new();
        while let Some(&c) = self.chars.get(self.at) {
            self.at += 1;
            if c == '\\' {
                out.extend(self.chars.get(self.at));
                self.at += 1;
            } else if c.is_whitespace() && !spaces {
                if !out.is_empty() {
                    return (out, true);
                }
            } else if wanted(c) {
                out.push(c);
            } else {
                self.at -= 1;
                return (out, true);
            }
        }
        (out, false)
    }

    fn step(&mut self) -> Result<bool, String> {
        let Some(&c) = self.chars.get(self.at) else { return Ok(false) };
        let token = match c {
            c if c.is_whitespace() => {
                self.at += 1;
                return Ok(true);
            }
            c if c.is_numeric() || c == '.' => self.number()?,
            ',' => {
                self.at += 1;
                Comma
            }
            '[' => {
                self.at += 1;
                let (text, closed) = self.read(true, |c| c != ']');
                if !closed {
                    return Err("Unclosed parameter bracket".to_owned());
                }
                self.at += 1;
                Word(text)
            }
            c if c.is_alphabetic() => self.word()?,
            c if is_quote(c) => {
                self.at += 1;
                let (text, closed) = self.read(true, |c| !is_quote(c));
                if !closed {
                    return Err("Unclosed string literal".to_owned());
                }
                self.at += 1;
                time(&text).map_or(Text(text), Time)
            }
            '(' | ')' => {
                self.at += 1;
                if c == '(' { Open } else { Close }
            }
            _ => self.symbol()?,
        };
        self.tokens.push(token);
        Ok(true)
    }

    fn number(&mut self) -> Result<Token, String> {
        let at = |offset| self.chars.get(self.at + offset).copied();
        if at(0) == Some('0') && at(1) == Some('x') {
            self.at += 2;
            let (digits, _) = self.read(false, |c| c.is_ascii_hexdigit());
            return u64::from_str_radix(&digits, 16)
                .map(|n| Number(n as f64))
                .map_err(|_| format!("Unable to parse hex value '{digits}' to uint64"));
        }
        let (digits, _) = self.read(false, |c| c.is_numeric() || c == '.');
        digits
            .parse()
            .map(Number)
            .map_err(|_| format!("Unable to parse numeric value '{digits}' to float64"))
    }

    fn word(&mut self) -> Result<Token, String> {
        let (word, _) = self.read(false, |c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        match word.as_str() {
            "true" => return Ok(Bool(true)),
            "false" => return Ok(Bool(false)),
            "in" | "IN" => return Ok(Comparator("in".to_owned())),
            _ => {}
        }
        if word.ends_with('.') {
            return Err(format!("Hanging accessor on token '{word}'"));
        }
        let private = word.split('.').skip(1).find(|part| part.starts_with(char::is_lowercase));
        match (private, word.split_once('.')) {
            (Some(part), _) => {
                Err(format!("Unable to access unexported field '{part}' in token '{word}'"))
            }
            (None, Some((first, _))) => Err(format!("No parameter '{first}' found.")),
            (None, None) => Ok(Word(word)),
        }
    }

    fn symbol(&mut self) -> Result<Token, String> {
        let (symbol, _) = self.read(false, is_symbol);
        let may_prefix = self.tokens.last().is_none_or(|last| last.allows(&Prefix(String::new())));
        Ok(match symbol.as_str() {
            "-" | "!" | "~" if may_prefix => Prefix(symbol),
            "+" | "-" | "*" | "/" | "%" | "**" | "&" | "|" | "^" | ">>" | "<<" => Modifier(symbol),
            "&&" | "||" => Logical(symbol),
            "==" | "!=" | ">" | ">=" | "<" | "<=" | "=~" | "!~" => Comparator(symbol),
            "?" | ":" | "??" => Ternary(symbol),
            _ => return Err(format!("Invalid token: '{symbol}'")),
        })
    }
}

/// Seconds of the epoch, if a quoted text looks like a date.
fn time(text: &str) -> Option<f64> {
    const LAYOUTS: [&str; 13] = [
        "Mon Jan _2 15:04:05 2006",
        "Mon Jan _2 15:04:05 MST 2006",
        "Mon Jan 02 15:04:05 -0700 2006",
        "3:04PM",
        "2006-01-02T15:04:05Z07:00",
        "2006-01-02",
        "2006-01-02 15:04",
        "2006-01-02 15:04:05",
        "2006-01-02 15:04:05-07:00",
        "2006-01-02T15Z0700",
        "2006-01-02T15:04Z0700",
        "2006-01-02T15:04:05Z0700",
        "2006-01-02T15:04:05.999999999Z0700",
    ];
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    LAYOUTS
        .iter()
        .find_map(|layout| gotime::parse(layout, text, &TimeZone::UTC).ok())
        .map(|time| time.timestamp().as_second() as f64)
}
