//! Reads a JSON path into steps.

use crate::expr::ast::Tree;
use crate::expr::parser::parse_predicate;

/// A step of a path.
#[derive(Debug)]
pub(super) enum Step {
    Key(String),
    Index(i64),
    Keys(Vec<String>),
    Indices(Vec<i64>),
    Slice(Option<i64>, Option<i64>, Option<i64>),
    Wild,
    /// This place and everything below it.
    Deep,
    Filter(Tree),
    /// An expression that gives a key or an index.
    Script(Tree),
}

/// The longest path that is read, in steps.
const MAX_STEPS: usize = 64;

/// Reads a path.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(path: &str) -> Result<Vec<Step>, String> {
    let mut rest = path.trim();
    rest = rest.strip_prefix(['$', '@']).ok_or_else(|| unexpected(rest, 0))?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() >= MAX_STEPS {
            return Err(format!("has more than {MAX_STEPS} steps"));
        }
        if let Some(after) = rest.strip_prefix("..") {
            steps.push(Step::Deep);
            rest = after;
            if !rest.starts_with('[') {
                rest = name(rest, &mut steps)?;
            }
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = name(after, &mut steps)?;
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = closing(after)
                .ok_or_else(|| "invalid token. '[' does not match any token format".to_owned())?;
            let (inner, tail) = after.split_at(end);
            steps.push(subscript(inner.trim())?);
            rest = tail.get(1..).unwrap_or("");
        } else {
            return Err(unexpected(rest, path.len() - rest.len()));
        }
    }
    Ok(steps)
}

fn unexpected(rest: &str, at: usize) -> String {
    match rest.chars().next() {
        Some(c) => format!("unexpected token '{c}' at index {at}"),
        None => "is empty".to_owned(),
    }
}

fn name<'a>(rest: &'a str, steps: &mut Vec<Step>) -> Result<&'a str, String> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    match name.trim() {
        "" => return Err("invalid token. token string is empty".to_owned()),
        "*" => steps.push(Step::Wild),
        name => steps.push(Step::Key(name.to_owned())),
    }
    Ok(after)
}

/// Where the bracket that is open closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if std::mem::take(&mut escaped) => {}
            (Some(_), '\\') => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn subscript(inner: &str) -> Result<Step, String> {
    let wrong = || format!("invalid token. '[{inner}]' does not match any token format");
    if inner == "*" {
        return Ok(Step::Wild);
    }
    if let Some(condition) = inner.strip_prefix('?') {
        return expression(condition.trim()).map(Step::Filter);
    }
    if inner.starts_with('(') && inner.ends_with(')') {
        return expression(inner).map(Step::Script);
    }
    if inner.starts_with(['\'', '"']) {
        let mut keys = quoted(inner).ok_or_else(wrong)?;
        return match keys.len() {
            1 => keys.pop().map(Step::Key).ok_or_else(wrong),
            _ => Ok(Step::Keys(keys)),
        };
    }
    if inner.contains(':') {
        let mut bounds = inner.split(':').map(|part| match part.trim() {
            "" => Ok(None),
            number => number.parse().map(Some).map_err(|_| wrong()),
        });
        let mut bound = || bounds.next().unwrap_or(Ok(None));
        return Ok(Step::Slice(bound()?, bound()?, bound()?));
    }
    let numbers = inner
        .split(',')
        .map(|part| part.trim().parse().map_err(|_| wrong()))
        .collect::<Result<Vec<i64>, String>>()?;
    Ok(match numbers.as_slice() {
        [only] => Step::Index(*only),
        _ => Step::Indices(numbers),
    })
}

/// Quoted names with commas between them.
fn quoted(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let quote = chars.next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut name = String::new();
        loop {
            match chars.next()? {
                '\\' => name.push(chars.next()?),
                c if c == quote => break,
                c => name.push(c),
            }
        }
        names.push(name);
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.next() {
            None => return Some(names),
            Some(',') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
            Some(_) => return None,
        }
    }
}

/// A condition on `@`, as an expression on `#`.
fn expression(text: &str) -> Result<Tree, String> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (replaced, length) = match (quote, c) {
            (Some(_), '\\') => (None, 1 + rest.chars().nth(1).map_or(0, char::len_utf8)),
            (Some(q), _) => {
                if c == q {
                    quote = None;
                }
                (None, c.len_utf8())
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                (None, 1)
            }
            (None, '@') if rest.starts_with("@.length") => (Some("len(#)"), "@.length".len()),
            (None, '@') => (Some("#"), 1),
            (None, '=') if rest.starts_with("=~") => (Some(" matches "), 2),
            _ => (None, c.len_utf8()),
        };
        let (kept, after) = rest.split_at(length);
        out.push_str(replaced.unwrap_or(kept));
        rest = after;
    }
    parse_predicate(&out).map_err(|(reason, _)| format!("invalid expression '{text}': {reason}"))
}
