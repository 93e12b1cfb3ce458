//! Cuts an expression into tokens, as expr-lang 1.17 does.

use std::iter::Peekable;
use std::vec::IntoIter;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Ident,
    Number,
    Str,
    Operator,
    Bracket,
    End,
}

/// A token, its text (unescaped if it is a string), and where it begins, counted in characters.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) at: usize,
}

impl Token {
    pub(crate) fn is(&self, kind: Kind, text: &str) -> bool {
        self.kind == kind && self.text == text
    }

    /// The token as error texts name it.
    pub(crate) fn name(&self) -> String {
        match self.kind {
            Kind::Ident => format!("Identifier({:?})", self.text),
            Kind::Number => format!("Number({:?})", self.text),
            Kind::Str => format!("String({:?})", self.text),
            Kind::Operator => format!("Operator({:?})", self.text),
            Kind::Bracket => format!("Bracket({:?})", self.text),
            Kind::End => "EOF".to_owned(),
        }
    }
}

/// Words that are operators.
const WORDS: [&str; 11] = [
    "not",
    "in",
    "or",
    "and",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "let",
    "if",
    "else",
];

pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

/// All tokens of an expression, the end included.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn lex(source: &str) -> Result<Vec<Token>, (String, usize)> {
    let chars: Vec<char> = source.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0, tokens: Vec::new() };
    while lexer.step()? {}
    let at = chars.len().saturating_sub(1);
    lexer.tokens.push(Token { kind: Kind::End, text: String::new(), at });
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let text = self.chars.iter().skip(self.at).take(length).collect();
        self.tokens.push(Token { kind, text, at: self.at });
        self.at += length;
    }

    fn step(&mut self) -> Result<bool, (String, usize)> {
        let Some(c) = self.peek(0) else { return Ok(false) };
        let next = self.peek(1);
        match c {
            c if c.is_whitespace() => self.at += 1,
            '\'' | '"' | '`' => self.string(c)?,
            '0'..='9' => self.number()?,
            '.' if next.is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            '.' => self.push(Kind::Operator, if next == Some('.') { 2 } else { 1 }),
            '?' => self.push(Kind::Operator, if matches!(next, Some('.' | '?')) { 2 } else { 1 }),
            '/' if next == Some('/') => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            }
            '/' if next == Some('*') => self.comment()?,
            '/' => self.push(Kind::Operator, 1),
            '#' => {
                self.push(Kind::Operator, 1);
                let length = self.word_length();
                if length > 0 {
                    self.push(Kind::Ident, length);
                }
            }
            '|' | ':' => self.push(Kind::Operator, if next == Some(c) { 2 } else { 1 }),
            '(' | '[' | '{' | ')' | ']' | '}' => self.push(Kind::Bracket, 1),
            ',' | ';' | '%' | '+' | '-' | '^' => self.push(Kind::Operator, 1),
            '&' | '!' | '=' | '*' | '<' | '>' => {
                self.push(
                    Kind::Operator,
                    if matches!(next, Some('&' | '=' | '*')) { 2 } else { 1 },
                );
            }
            c if is_word(c) => {
                let length = self.word_length();
                self.push(Kind::Ident, length);
                if let Some(token) = self.tokens.last_mut()
                    && WORDS.contains(&token.text.as_str())
                {
                    token.kind = Kind::Operator;
                }
            }
            c => return Err((format!("unrecognized character: {c:?}"), self.at)),
        }
        Ok(true)
    }

    fn word_length(&self) -> usize {
        self.chars.iter().skip(self.at).take_while(|c| is_word(**c)).count()
    }

    fn comment(&mut self) -> Result<(), (String, usize)> {
        let mut end = self.at + 2;
        loop {
            match (self.chars.get(end), self.chars.get(end + 1)) {
                (Some('*'), Some('/')) => break,
                (Some(_), _) => end += 1,
                (None, _) => return Err(("unclosed comment".to_owned(), end)),
            }
        }
        self.at = end + 2;
        Ok(())
    }

    fn run(&self, mut end: usize, digits: impl Fn(char) -> bool) -> usize {
        while self.chars.get(end).is_some_and(|c| digits(*c) || *c == '_') {
            end += 1;
        }
        end
    }

    fn number(&mut self) -> Result<(), (String, usize)> {
        let radix = match (self.peek(0), self.peek(1)) {
            (Some('0'), Some('x' | 'X')) => 16,
            (Some('0'), Some('o' | 'O')) => 8,
            (Some('0'), Some('b' | 'B')) => 2,
            _ => 10,
        };
        let mut end = self.run(self.at + if radix == 10 { 0 } else { 2 }, |c| c.is_digit(radix));
        if radix == 10 {
            let at = |i: usize| self.chars.get(i).copied();
            if at(end) == Some('.') && at(end + 1) != Some('.') {
                end = self.run(end + 1, |c| c.is_ascii_digit());
            }
            if matches!(at(end), Some('e' | 'E')) {
                end += 1 + usize::from(matches!(at(end + 1), Some('+' | '-')));
                end = self.run(end, |c| c.is_ascii_digit());
            }
        }
        if self.chars.get(end).is_some_and(|c| is_word(*c)) {
            let word: String = self.chars.iter().take(end + 1).skip(self.at).collect();
            return Err((format!("bad number syntax: {word:?}"), end));
        }
        self.push(Kind::Number, end - self.at);
        Ok(())
    }

    fn string(&mut self, quote: char) -> Result<(), (String, usize)> {
        let start = self.at;
        let mut raw = Vec::new();
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return Err(("literal not terminated".to_owned(), self.at)),
                Some('\n') if quote != '`' => {
                    return Err(("literal not terminated".to_owned(), self.at));
                }
                Some(c) if c == quote => {
                    self.at += 1;
                    if quote == '`' && self.peek(0) == Some('`') {
                        raw.push('`');
                        self.at += 1;
                        continue;
                    }
                    break;
                }
                Some('\\') if quote != '`' => {
                    raw.push('\\');
                    self.at += 1;
                    if let Some(c) = self.peek(0) {
                        raw.push(c);
                        self.at += 1;
                    }
                }
                Some(c) => {
                    raw.push(c);
                    self.at += 1;
                }
            }
        }
        let text = if quote == '`' {
            raw.into_iter().collect()
        } else {
            unescape(raw).ok_or_else(|| ("invalid char escape".to_owned(), start))?
        };
        self.tokens.push(Token { kind: Kind::Str, text, at: start });
        Ok(())
    }
}

/// Resolves the escapes of a quoted string. `None` when one of them is not valid.
fn unescape(raw: Vec<char>) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.into_iter().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            c @ ('\\' | '\'' | '"') => c,
            'x' => code(&mut chars, 2, 16, 0)?,
            'u' if chars.peek() == Some(&'{') => {
                chars.next();
                let mut value = 0u32;
                loop {
                    match chars.next()? {
                        '}' => break char::from_u32(value)?,
                        c => value = value.checked_mul(16)?.checked_add(c.to_digit(16)?)?,
                    }
                }
            }
            'u' => code(&mut chars, 4, 16, 0)?,
            'U' => code(&mut chars, 8, 16, 0)?,
            c @ '0'..='7' => code(&mut chars, 2, 8, c.to_digit(8)?)?,
            _ => return None,
        });
    }
    Some(out)
}

fn code(
    chars: &mut Peekable<IntoIter<char>>,
    digits: usize,
    radix: u32,
    start: u32,
) -> Option<char> {
    let mut value = start;
    for _ in 0..digits {
        value = value.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)?;
    }
    char::from_u32(value)
}
