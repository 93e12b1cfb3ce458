//! The `depends` language of DAG tasks: results of tasks joined with `&&`, `||`, `!` and parentheses.

use std::collections::BTreeSet;

/// A parsed condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Depends {
    /// A task alone: it ended in a way that lets others go on.
    Task(String),
    /// `task.Result`.
    Result(String, TaskResult),
    Not(Box<Depends>),
    And(Box<Depends>, Box<Depends>),
    Or(Box<Depends>, Box<Depends>),
}

/// What one can ask about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskResult {
    Succeeded,
    Failed,
    Errored,
    Skipped,
    Omitted,
    Daemoned,
    AnySucceeded,
    AllFailed,
}

const RESULTS: [(&str, TaskResult); 8] = [
    ("Succeeded", TaskResult::Succeeded),
    ("Failed", TaskResult::Failed),
    ("Errored", TaskResult::Errored),
    ("Skipped", TaskResult::Skipped),
    ("Omitted", TaskResult::Omitted),
    ("Daemoned", TaskResult::Daemoned),
    ("AnySucceeded", TaskResult::AnySucceeded),
    ("AllFailed", TaskResult::AllFailed),
];

impl Depends {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, text, depth: 0 };
        let parsed = parser.or()?;
        match parser.tokens.first() {
            None => Ok(parsed),
            Some(token) => Err(format!("depends '{text}': unexpected {token:?}")),
        }
    }

    /// `dependencies`: all of these tasks.
    pub(crate) fn all(tasks: &[String]) -> Option<Self> {
        let mut conditions = tasks.iter().map(|task| Depends::Task(task.clone()));
        let first = conditions.next()?;
        Some(conditions.fold(first, |all, next| Depends::And(Box::new(all), Box::new(next))))
    }

    /// The tasks that are named, in order of their first mention.
    pub(crate) fn tasks(&self) -> Vec<String> {
        let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
        self.visit(&mut |name| {
            if seen.insert(name.to_owned()) {
                names.push(name.to_owned());
            }
        });
        names
    }

    fn visit(&self, f: &mut dyn FnMut(&str)) {
        match self {
            Depends::Task(name) | Depends::Result(name, _) => f(name),
            Depends::Not(inner) => inner.visit(f),
            Depends::And(left, right) | Depends::Or(left, right) => {
                left.visit(f);
                right.visit(f);
            }
        }
    }

    /// Whether the condition holds; `ask` knows the tasks. `None` stands for a task alone.
    pub(crate) fn holds(&self, ask: &dyn Fn(&str, Option<TaskResult>) -> bool) -> bool {
        match self {
            Depends::Task(name) => ask(name, None),
            Depends::Result(name, result) => ask(name, Some(*result)),
            Depends::Not(inner) => !inner.holds(ask),
            Depends::And(left, right) => left.holds(ask) && right.holds(ask),
            Depends::Or(left, right) => left.holds(ask) || right.holds(ask),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    And,
    Or,
    Not,
    Open,
    Close,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '!' => (Token::Not, 1),
            _ if rest.starts_with("&&") => (Token::And, 2),
            _ if rest.starts_with("||") => (Token::Or, 2),
            c if c.is_ascii_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
                (Token::Name(rest.get(..end).unwrap_or_default().to_owned()), end)
            }
            c => return Err(format!("depends '{text}': unexpected character '{c}'")),
        };
        found.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(found)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

struct Parser<'a> {
    tokens: &'a [Token],
    text: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, token: &Token) -> bool {
        let Some((first, rest)) = self.tokens.split_first() else { return false };
        if first != token {
            return false;
        }
        self.tokens = rest;
        true
    }

    fn or(&mut self) -> Result<Depends, String> {
        let mut left = self.and()?;
        while self.take(&Token::Or) {
            left = Depends::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Depends, String> {
        let mut left = self.not()?;
        while self.take(&Token::And) {
            left = Depends::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Depends, String> {
        self.depth += 1;
        if self.depth > 200 {
            return Err("depends: nested too deeply".to_owned());
        }
        let answer = self.one();
        self.depth -= 1;
        answer
    }

    fn one(&mut self) -> Result<Depends, String> {
        if self.take(&Token::Not) {
            return Ok(Depends::Not(Box::new(self.not()?)));
        }
        if self.take(&Token::Open) {
            let inner = self.or()?;
            if !self.take(&Token::Close) {
                return Err(format!("depends '{}': a parenthesis is not closed", self.text));
            }
            return Ok(inner);
        }
        let Some((Token::Name(name), rest)) = self.tokens.split_first() else {
            return Err(format!("depends '{}': a task name is missing", self.text));
        };
        self.tokens = rest;
        let Some((task, result)) = name.split_once('.') else {
            return Ok(Depends::Task(name.clone()));
        };
        match RESULTS.iter().find(|(known, _)| *known == result) {
            Some((_, result)) => Ok(Depends::Result(task.to_owned(), *result)),
            None => Err(format!("depends '{}': task result '{result}' is not known", self.text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_answered() {
        let ask = |name: &str, result: Option<TaskResult>| {
            matches!((name, result), ("a", None) | ("b-1", Some(TaskResult::Failed)))
        };
        for (text, expected) in [
            ("a", true),
            ("a && b-1.Failed", true),
            ("a && !b-1.Failed || a", true),
            ("!(a || b-1)", false),
            ("b-1.Succeeded || (a && !c)", true),
        ] {
            let parsed = Depends::parse(text).unwrap();
            assert_eq!(parsed.holds(&ask), expected, "{text}");
        }
        assert_eq!(Depends::parse("b && (a || b.Failed)").unwrap().tasks(), ["b", "a"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "a &&", "(a", "a b", "a.Done", "a & b", "a)", &"(".repeat(100_000)] {
            assert!(Depends::parse(text).is_err(), "{text:.20}");
        }
    }
}
