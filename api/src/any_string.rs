//! AnyString: a string that may be written as a number or boolean.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

/// A parameter's value. `10`, `true` and `"10"` read alike and are written as strings.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct AnyString(pub String);

impl AnyString {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for AnyString {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for AnyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AnyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyStringVisitor)
    }
}

struct AnyStringVisitor;

impl<'de> Visitor<'de> for AnyStringVisitor {
    type Value = AnyString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number or a boolean")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AnyString, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<AnyString, E> {
        Ok(AnyString(text))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<AnyString, E> {
        Ok(AnyString(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<AnyString, E> {
        Ok(AnyString(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AnyString, E> {
        Ok(AnyString(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<AnyString, E> {
        // Without an exponent, as Go's AnyString prints floats.
        Ok(AnyString(value.to_string()))
    }

    /// serde_json hands over numbers of arbitrary precision as a map.
    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<AnyString, A::Error> {
        let number =
            serde_json::Number::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(AnyString(number.to_string()))
    }
}
