//! Fan-in: the parts of a loop's output artifact, and how an input wants them.

use serde::{Deserialize, Serialize};

use crate::artifact::{ArchiveStrategy, ArtifactLocation};

/// How an input artifact takes in the parts of a collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Collect {
    /// A directory when absent.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub form: Option<CollectForm>,
    /// A jq filter over the array of all documents (`json`), or over each document (`ndjson`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jq: String,
    /// File names in the directory: text with the tags `{{index}}`, `{{item}}`, `{{item.KEY}}`, `{{file}}`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What to do about items that gave no artifact; `fail` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
}

/// The shape in which a collection arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CollectForm {
    /// One file or directory a part.
    #[default]
    Directory,
    /// One JSON array of all documents, or what `jq` makes of it.
    Json,
    /// One document a line.
    Ndjson,
    /// The bytes of all parts, one after the other.
    Concat,
}

/// What to do about items that gave no artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Missing {
    /// The consumer's node ends in error.
    #[default]
    Fail,
    /// They are left out.
    Skip,
}

/// The ordered parts of one output artifact over the items of a loop: final attempts of succeeded items only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Collection {
    /// Where the parts come from, e.g. `steps.map.outputs.artifacts.part`.
    pub from: String,
    /// How many parts there are; a node's status keeps only this number.
    pub count: u64,
    /// Absent in a node's status.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// One part of a collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Part {
    /// The item's position in its loop, from 0. Positions of failed items are not used again.
    pub index: u64,
    /// The loop's item.
    pub item: serde_json::Value,
    /// Base name of the path that the producer wrote.
    pub file: String,
    /// Key in the consumer's default repository; empty when `location` says where the part lies.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// A place of its own, outside the default repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<ArtifactLocation>,
    /// How the part is packed; absent means: look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveStrategy>,
    /// Stored bytes, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Hex digest of the stored bytes, when known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
}
