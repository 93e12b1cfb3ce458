//! One evaluation: its limits, its random numbers, the time, and how it fails.

use std::cell::{Cell, RefCell};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::value::Val;
use super::{Context, ExprError};

/// How many elementary steps one evaluation may take.
const MAX_STEPS: usize = 2_000_000;
/// How many bytes one evaluation may make, all intermediate values together.
const MAX_BYTES: usize = 64 << 20;
/// How many elements a list that is made in one go may have.
pub(crate) const MAX_ITEMS: usize = 1_000_000;

/// Why an evaluation ended early.
#[derive(Debug)]
pub(crate) enum Fail {
    /// A name is not in the scope.
    Missing(String),
    /// An optional access met nil: its chain is nil.
    Chain,
    /// Anything else, and where, as soon as that is known.
    Error { message: String, at: Option<usize> },
}

pub(crate) type Outcome = Result<Val, Fail>;

impl From<String> for Fail {
    fn from(message: String) -> Fail {
        Fail::Error { message, at: None }
    }
}

impl From<&str> for Fail {
    fn from(message: &str) -> Fail {
        Fail::from(message.to_owned())
    }
}

impl Fail {
    /// Notes the place, unless a nearer one is known.
    pub(crate) fn at(self, place: usize) -> Fail {
        match self {
            Fail::Error { message, at: None } => Fail::Error { message, at: Some(place) },
            other => other,
        }
    }

    /// The error to report for `source`.
    pub(crate) fn report(self, source: &str) -> ExprError {
        match self {
            Fail::Missing(name) => ExprError::unresolved_name(&name),
            Fail::Chain => ExprError::Evaluation { message: "nil".to_owned() },
            Fail::Error { message, at } => ExprError::Evaluation {
                message: match at {
                    Some(at) => pointed(source, &message, at),
                    None => message,
                },
            },
        }
    }
}

/// A message with the line it is about and a caret below the place.
pub(crate) fn pointed(source: &str, message: &str, at: usize) -> String {
    let mut start = 0;
    for (number, line) in source.split('\n').enumerate() {
        let length = line.chars().count();
        if at <= start + length {
            let column = at - start;
            let dots = ".".repeat(column.min(2_000));
            return format!("{message} ({}:{})\n | {line}\n | {dots}^", number + 1, column + 1);
        }
        start += length + 1;
    }
    message.to_owned()
}

/// What the functions of one evaluation share.
pub(crate) struct Run<'a> {
    pub(crate) cx: &'a Context<'a>,
    steps: Cell<usize>,
    bytes: Cell<usize>,
    pub(crate) random: RefCell<ChaCha8Rng>,
}

impl<'a> Run<'a> {
    /// `position` tells apart the expressions of one object.
    pub(crate) fn new(cx: &'a Context<'a>, source: &str, position: u64) -> Self {
        Run {
            cx,
            steps: Cell::new(0),
            bytes: Cell::new(0),
            random: RefCell::new(ChaCha8Rng::from_seed(seed(cx.seed, source, position))),
        }
    }

    /// Counts work.
    pub(crate) fn spend(&self, steps: usize) -> Result<(), Fail> {
        let total = self.steps.get().saturating_add(steps);
        self.steps.set(total);
        if total > MAX_STEPS {
            return Err("expression takes too many steps".into());
        }
        Ok(())
    }

    /// Counts memory, before it is taken where a small text can make a large one.
    pub(crate) fn room(&self, bytes: usize) -> Result<(), Fail> {
        let total = self.bytes.get().saturating_add(bytes);
        self.bytes.set(total);
        if total > MAX_BYTES {
            return Err("expression makes too much data".into());
        }
        Ok(())
    }

    /// Asks for a list of `items` elements.
    pub(crate) fn items(&self, items: usize) -> Result<(), Fail> {
        if items > MAX_ITEMS {
            return Err(format!("a list of {items} elements is too long").into());
        }
        self.spend(items)?;
        self.room(items.saturating_mul(16))
    }
}

/// Thirty-two bytes that depend on every bit of what goes in.
fn seed(seed: u64, source: &str, position: u64) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(position.to_le_bytes());
    hash.update(source.as_bytes());
    hash.finalize().into()
}
