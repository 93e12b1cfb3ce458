//! Places where artifacts lie, behind one interface.

mod azure;
mod driver;
mod folder;
mod gcs;
mod http;
mod memory;
mod objects;
mod oss;
mod plugin;
mod raw;
mod s3;

pub use memory::Memory;

use crate::error::Error;
use crate::secret::{Secret, Secrets};
use crate::source::{Body, Source};
use crate::target::Target;
use lighter_api::ArtifactLocation;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

/// What was saved. A directory saved as it is has the sum of its files' sizes and no digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Stored bytes.
    pub size: u64,
    /// SHA-256 of the stored bytes in lower-case hexadecimal; empty for a directory.
    pub sha256: String,
}

/// An object in a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Object {
    pub key: String,
    /// Bytes.
    pub size: u64,
}

/// What a signed link allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Put,
}

/// One place for artifacts. Keys are paths with `/`; a store refuses those that lead outside of it.
///
/// Errors: `NotFound` only when the object itself is missing; `Unsupported` where a kind of store cannot do an operation.
pub trait Store: Send + Sync {
    /// Kind and place for messages, e.g. `folder /data`. Never contains credentials.
    fn describe(&self) -> String;

    /// Whether only [`Store::load`] tells what there is, a file or a directory, and does it best.
    fn by_path(&self) -> bool {
        false
    }

    /// Writes the object, or all objects below the key, to the target as they are.
    ///
    /// Files get mode 0666 less the umask (and keep their x bits in a folder or volume), directories 0777 less the umask.
    fn load(&self, key: &str, target: &Target) -> Result<(), Error>;

    /// Reads the object from its first byte.
    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, Error>;

    /// Stores a file or directory as it is; what had the key is replaced as a whole.
    fn save(&self, source: &Source, key: &str) -> Result<Saved, Error>;

    /// Stores bytes; what had the key is replaced as a whole.
    fn save_stream(&self, body: &dyn Body, key: &str) -> Result<Saved, Error>;

    /// The objects at the key and below it, by key. `a` does not list `ab`. An empty key lists all.
    fn list(&self, prefix: &str) -> Result<Vec<Object>, Error>;

    /// Removes the object, or all objects below the key. One that is gone already is no error.
    fn delete(&self, key: &str) -> Result<(), Error>;

    /// Whether there is an object at the key or below it.
    fn exists(&self, key: &str) -> Result<bool, Error>;

    /// Whether the key is a directory of objects. `NotFound` when there is nothing.
    fn is_directory(&self, key: &str) -> Result<bool, Error>;

    /// A URL by which anyone may read or write the object for a while, without credentials of their own: itself a secret.
    fn presign(&self, key: &str, _method: Method, _valid: Duration) -> Result<Secret, Error> {
        let doing = format!("sign a link to key `{key}` in {}", self.describe());
        Err(Error::new(Error::Unsupported, doing, "this kind of store has no signed links"))
    }
}

/// Where folder and volume stores are mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounts {
    /// A folder store's path is looked for below this; `/` means the path itself.
    pub folder_root: PathBuf,
    /// A volume store is the directory of this with the claim's name.
    pub volume_root: PathBuf,
    /// A plugin's socket is `<name>/socket` below this.
    pub plugin_root: PathBuf,
    /// A folder that plugins see under the same path, for streams that a plugin takes as a file.
    pub plugin_spool: PathBuf,
}

impl Default for Mounts {
    /// As in a pod.
    fn default() -> Mounts {
        Mounts {
            folder_root: "/argo/folder".into(),
            volume_root: "/argo/volume".into(),
            plugin_root: "/tmp/artifact-plugins".into(),
            plugin_spool: "/tmp/argo/outputs/artifacts".into(),
        }
    }
}

/// The store of a location, and the key in it.
///
/// If several are set the first wins: folder, volume, then in Argo's order s3, http, git, artifactory, hdfs, raw, oss, gcs, azure, plugin.
/// Errors: `Invalid` for a location without a store or with a bad key, `Unsupported` for a kind that this version does not have.
pub fn open_store(
    location: &ArtifactLocation,
    mounts: &Mounts,
    secrets: &dyn Secrets,
) -> Result<(Box<dyn Store>, String), Error> {
    if let Some(folder) = &location.folder {
        return Ok((Box::new(folder::Folder::open_folder(folder, mounts)?), folder.key.clone()));
    }
    if let Some(volume) = &location.volume {
        return Ok((Box::new(folder::Folder::open_volume(volume, mounts)?), volume.key.clone()));
    }
    if let Some(s3) = &location.s3 {
        return Ok((Box::new(s3::open(s3, secrets)?), s3.key.clone()));
    }
    if let Some(http) = &location.http {
        let (store, key) = http::Http::new(http, secrets)?;
        return Ok((Box::new(store), key));
    }
    if let Some(git) = &location.git {
        let place = driver::without_credentials(&git.repo);
        let location = ArtifactLocation { git: location.git.clone(), ..Default::default() };
        return driven(location, secrets, format!("git {place}"), "");
    }
    if let Some(artifactory) = &location.artifactory {
        let (store, key) = http::Http::artifactory(artifactory, secrets)?;
        return Ok((Box::new(store), key));
    }
    if let Some(hdfs) = &location.hdfs {
        let description = format!("hdfs {}", hdfs.addresses.join(","));
        let location = ArtifactLocation { hdfs: location.hdfs.clone(), ..Default::default() };
        return driven(location, secrets, description, &hdfs.path);
    }
    if let Some(raw) = &location.raw {
        return Ok((Box::new(raw::Raw::new(&raw.data)), String::new()));
    }
    if let Some(oss) = &location.oss {
        return Ok((Box::new(oss::open(oss, secrets)?), oss.key.clone()));
    }
    if let Some(gcs) = &location.gcs {
        return Ok((Box::new(gcs::open(gcs, secrets)?), gcs.key.clone()));
    }
    if let Some(azure) = &location.azure {
        return Ok((Box::new(azure::open(azure, secrets)?), azure.blob.clone()));
    }
    match &location.plugin {
        Some(plugin) => Ok((Box::new(plugin::Plugin::new(plugin, mounts)?), plugin.key.clone())),
        None => Err(Error::new(
            Error::Invalid,
            "open the store of an artifact",
            "its location names no store",
        )
        .advise("name one, or configure an artifact repository")),
    }
}

/// A store of the drivers program.
fn driven(
    location: ArtifactLocation,
    secrets: &dyn Secrets,
    description: String,
    key: &str,
) -> Result<(Box<dyn Store>, String), Error> {
    Ok((Box::new(driver::Driver::new(location, secrets, description)?), key.to_owned()))
}

#[cfg(test)]
mod tests;
