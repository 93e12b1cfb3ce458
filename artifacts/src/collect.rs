//! Brings the parts of a collection together: as a directory, as JSON, one document a line, or one after the other.
//!
//! Without a filter, and for `ndjson` with one, memory does not grow with the number or the size of parts.

mod ahead;
mod document;
mod jq;
mod name;
mod parts;
mod shape;

use crate::archive::Limits;
use crate::error::Error;
use crate::place::Policy;
use crate::secret::Secrets;
use crate::store::Mounts;
use crate::target::Target;
use lighter_api::{ArtifactLocation, Collect, Collection, Part};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where parts come from.
pub struct Origin<'a> {
    /// The default repository, for parts that have a key only. In a pod: the template's `archiveLocation`.
    pub repository: Option<&'a ArtifactLocation>,
    pub mounts: &'a Mounts,
    pub secrets: &'a dyn Secrets,
}

/// Writes a collection to the target as `how` asks.
///
/// - `directory`: each part under a name of its own, by default `00000-<file>`: the index with at least five digits, so that
///   names sort as items do, and the producer's file name. Two equal names are an error.
/// - `json`: one array of all documents; a part may hold none, one or several. Indented by two spaces, as jq prints. With `jq` the
///   filter gets the array, and each of its outputs is printed.
/// - `ndjson`: one document a line; with `jq` the filter gets each document.
/// - `concat`: the bytes of all parts.
///
/// Parts come unpacked. Without a filter numbers, keys and strings keep the spelling they had.
/// Errors: `Invalid` for parts that do not fit the form and for bad filters and names, `Corrupt` for a wrong digest or a part that
/// is gone, and those of stores. Nothing is left behind.
pub fn materialise(
    collection: &Collection,
    how: &Collect,
    origin: &Origin<'_>,
    target: &Target,
    limits: &Limits,
) -> Result<(), Error> {
    if collection.count != collection.parts.len() as u64 {
        let why = format!(
            "it has {} parts, where {} were announced",
            collection.parts.len(),
            collection.count
        );
        return Err(Error::new(Error::Invalid, format!("collect {}", collection.from), why));
    }
    let source = parts::Stored::new(origin, &collection.parts, limits, target)?;
    shape::write(&source, &collection.parts, how, target, Policy::Replace).map(|_| ())
}

/// The files that a pattern such as `/mnt/message-*.json` matches, in byte order of their paths.
///
/// Errors: `Invalid` for a bad pattern, `Denied`/`Io` when a directory cannot be read. No match is an empty list.
pub fn from_files(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let doing = || format!("find the files of `{pattern}`");
    let found = glob::glob(pattern)
        .map_err(|error| Error::new(Error::Invalid, doing(), error.to_string()))?;
    let mut paths = Vec::new();
    for path in found {
        paths.push(path.map_err(|error| Error::io(doing(), error.into()))?);
    }
    paths.sort();
    Ok(paths)
}

/// Merges files of this machine, in the order given, to the target; `{{item}}` in names is a file's name.
///
/// Returns the path written, which differs from the target's under [`Policy::Number`]. Errors as for [`materialise`].
pub fn files(
    paths: &[PathBuf],
    how: &Collect,
    target: &Target,
    policy: Policy,
    limits: &Limits,
) -> Result<PathBuf, Error> {
    let parts: Vec<Part> =
        paths.iter().enumerate().map(|(index, path)| local_part(index, path)).collect();
    let source = parts::Local { paths, limits, scratch: target };
    let name: OsString = shape::write(&source, &parts, how, target, policy)?;
    Ok(target.path().with_file_name(name))
}

fn local_part(index: usize, path: &std::path::Path) -> Part {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Part {
        index: index as u64,
        item: file.clone().into(),
        file,
        key: path.display().to_string(),
        ..Part::default()
    }
}

/// Runs a jq filter over one JSON document; gives its outputs as compact JSON, each with a newline.
///
/// Errors: `Invalid` for a filter that does not compile or fails on the document.
pub fn filter(jq: &str, document: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    jq::Jq::start(jq, document::Style::Compact, jq::Bounds::default())?.run(document, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
