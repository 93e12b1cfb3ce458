//! Item: one element of a loop's list.

use serde::{Deserialize, Serialize};

/// Any JSON value. A number keeps the spelling it was written with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(pub serde_json::Value);
