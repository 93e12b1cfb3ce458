//! Brings the parts of a collection together: as a directory, as JSON, one document a line, or one after the other.

use crate::archive::Limits;
use crate::error::Error;
use crate::place::Policy;
use crate::secret::Secrets;
use crate::store::Mounts;
use crate::target::Target;
use lighter_api::ArtifactLocation;
use lighter_api::{Collect, Collection};
use std::path::PathBuf;

/// Where parts come from.
pub struct Origin<'a> {
    /// The default repository, for parts that have a key only. In a pod: the template's `archiveLocation`.
    pub repository: Option<&'a ArtifactLocation>,
    pub mounts: &'a Mounts,
    pub secrets: &'a dyn Secrets,
}

/// Writes a collection to the target as `how` asks.
pub fn materialise(
    collection: &Collection,
    how: &Collect,
    origin: &Origin<'_>,
    target: &Target,
    limits: &Limits,
) -> Result<(), Error> {
    let _ = (collection, how, origin, target, limits);
    Err(Error::new(Error::Unsupported, "collect", "not yet"))
}

/// The files that a pattern such as `/mnt/message-*.json` matches, in byte order of their paths.
///
/// Errors: `Invalid` for a bad pattern, `Denied`/`Io` when a directory cannot be read. No match is an empty list.
pub fn from_files(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    Err(Error::new(Error::Unsupported, pattern, "not yet"))
}

/// Merges files of this machine, in the order given, to the target. Returns the path written, which differs under [`Policy::Number`].
pub fn files(
    paths: &[PathBuf],
    how: &Collect,
    target: &Target,
    policy: Policy,
    limits: &Limits,
) -> Result<PathBuf, Error> {
    let _ = (paths, how, target, policy, limits);
    Err(Error::new(Error::Unsupported, "collect", "not yet"))
}
