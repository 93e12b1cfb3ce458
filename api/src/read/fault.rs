//! Fault: serde's errors while a document is decoded, with the value that they are about.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::problem::Flaw;
use super::tree::Position;
use crate::nearest::nearest;

#[derive(Debug)]
pub(super) enum Fault {
    /// The value is of another type than this.
    Expected(String),
    /// What is wrong with the value, and a hint.
    Text(String, Option<String>),
    /// The address of the value, and what is wrong with it.
    Placed(Box<(usize, Flaw)>),
}

impl Fault {
    /// The value's address, if it is known, and the flaw; one without a place gets `at`.
    pub fn placed(self, at: Position) -> (Option<usize>, Flaw) {
        match self {
            Fault::Placed(placed) => (Some(placed.0), placed.1),
            Fault::Expected(expected) => (None, Flaw::new(at, format!("expected {expected}"))),
            Fault::Text(message, hint) => {
                let flaw = Flaw { hint, ..Flaw::new(at, message) };
                (None, flaw)
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Expected(expected) => write!(f, "expected {expected}"),
            Fault::Text(message, _) => f.write_str(message),
            Fault::Placed(placed) => f.write_str(&placed.1.message),
        }
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::Text(message.to_string(), None)
    }

    fn invalid_type(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::Expected(match expected.to_string().as_str() {
            "IntOrString" => "a whole number or a string".to_owned(),
            "Quantity" => "a quantity, a string or a number,".to_owned(),
            other => other.to_owned(),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Str(text) => format!("`{text}`"),
            Unexpected::Signed(number) => format!("`{number}`"),
            Unexpected::Unsigned(number) => format!("`{number}`"),
            other => other.to_string(),
        };
        Fault::Text(format!("{found} does not fit: expected {expected}"), None)
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let names: Vec<String> = expected.iter().map(|name| format!("`{name}`")).collect();
        let hint =
            nearest(found, expected.iter().copied()).map(|name| format!("did you mean `{name}`?"));
        let message = format!("`{found}` is not one of {}", names.join(", "));
        Fault::Text(message, hint)
    }
}
