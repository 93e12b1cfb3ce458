//! Buckets of objects: what S3, Google Cloud Storage, Azure Blob and OSS have in common.
//!
//! `object_store` speaks the protocols; requests block on the calling thread, and parallel work is a few plain threads.

mod clients;
mod directory;
mod download;
mod list;
mod media;
mod parallel;
mod read_ahead;
mod refusal;
mod remote;
mod service;
mod upload;

use super::{Method, Object, Saved, Store};
use crate::error::Error;
use crate::retry::Retry;
use crate::secret::Secret;
use crate::source::{Body, Handle, Source};
use crate::target::Target;
pub(super) use clients::shared;
use object_store::RetryConfig;
use object_store::path::Path as Key;
use object_store::signer::Signer;
pub(super) use refusal::Refusal;
pub(super) use remote::{Admin, Remote, wait};
pub(super) use service::Connector;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// A bucket, or what other clouds call a container.
pub(super) struct Bucket {
    /// Kind and place, e.g. `s3 bucket data at host`.
    pub name: String,
    pub remote: Arc<dyn Remote>,
    pub admin: Option<Box<dyn Admin>>,
    pub retry: Retry,
    pub upload: UploadSettings,
    /// A character that the store cannot keep in keys.
    pub refused: Option<char>,
}

/// How large objects are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct UploadSettings {
    /// Parts on their way at once.
    pub threads: usize,
    /// Bytes of a part; none: as small as the number of parts allows.
    pub part: Option<u64>,
}

/// For clients of the library: ours are the only ones.
pub(super) fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() }
}

impl UploadSettings {
    /// Argo's: four threads; ARTIFACT_S3_UPLOAD_THREADS and ARTIFACT_S3_UPLOAD_PART_SIZE_MIB (5 to 5120) say otherwise.
    pub fn from_env() -> UploadSettings {
        let number = |name: &str| std::env::var(name).ok()?.trim().parse::<u64>().ok();
        let threads = number("ARTIFACT_S3_UPLOAD_THREADS").filter(|threads| *threads > 0);
        let part = number("ARTIFACT_S3_UPLOAD_PART_SIZE_MIB").filter(|p| (5..=5120).contains(p));
        UploadSettings {
            threads: threads.map_or(4, |threads| usize::try_from(threads.min(64)).unwrap_or(4)),
            part: part.map(|mebibytes| mebibytes * 1024 * 1024),
        }
    }
}

/// A store that shares its client with others of the same bucket.
pub(super) struct Objects(pub Arc<Bucket>);

impl Bucket {
    fn doing(&self, verb: &str, key: &str) -> String {
        format!("{verb} key `{key}` in {}", self.name)
    }

    /// The key as the client wants it. One `/` at the end only says that a directory is meant.
    fn key(&self, verb: &str, key: &str) -> Result<Key, Error> {
        let invalid = |why: String| {
            Error::new(Error::Invalid, self.doing(verb, key), why)
                .advise("use a key of plain names with `/` between them")
        };
        if let Some(refused) = self.refused.filter(|refused| key.contains(*refused)) {
            return Err(invalid(format!("the store cannot keep `{refused}` in keys")));
        }
        if key.starts_with('/') {
            return Err(invalid("the key starts with `/`".to_owned()));
        }
        Key::parse(key).map_err(|error| invalid(error.to_string()))
    }

    /// A key that names something.
    fn object_key(&self, verb: &str, key: &str) -> Result<Key, Error> {
        let parsed = self.key(verb, key)?;
        if parsed.as_ref().is_empty() {
            return Err(Error::new(Error::Invalid, self.doing(verb, key), "the key is empty")
                .advise("set `key`"));
        }
        Ok(parsed)
    }
}

impl Objects {
    fn directory_or(&self, key: &Key, missing: Error) -> Result<(), Error> {
        if self.0.has_below(key)? { Ok(()) } else { Err(missing) }
    }
}

impl Store for Objects {
    fn describe(&self) -> String {
        self.0.name.clone()
    }

    fn load(&self, key: &str, target: &Target) -> Result<(), Error> {
        let parsed = self.0.key("load", key)?;
        let doing = self.0.doing("load", key);
        let is_directory = parsed.as_ref().is_empty() || key.ends_with('/');
        let missing = if is_directory {
            Error::new(Error::NotFound, doing, "no such directory of objects")
        } else {
            match self.0.load_file(&parsed, target) {
                Err(missing @ Error::NotFound(_)) => missing,
                loaded => return loaded,
            }
        };
        self.0.load_directory(&parsed, target, missing)
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, Error> {
        read_ahead::open(&self.0, &self.0.object_key("load", key)?)
    }

    fn save(&self, source: &Source, key: &str) -> Result<Saved, Error> {
        match source.handle() {
            Handle::File(_) => {
                source.progress.expect(source.length()?);
                self.save_stream(source, key)
            }
            Handle::Directory(dir) => {
                let parsed = self.0.object_key("save", key)?;
                self.0.prepare()?;
                self.0.save_directory(dir, source, &parsed)
            }
        }
    }

    fn save_stream(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        let key = self.0.object_key("save", key)?;
        self.0.prepare()?;
        self.0.save_object(body, &key)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, Error> {
        let key = self.0.key("list", prefix)?;
        let mut objects = self.0.list_below(&key)?;
        if !key.as_ref().is_empty() && !prefix.ends_with('/') {
            match self.0.head("list", &key) {
                Ok(meta) => objects.push(Object { key: key.to_string(), size: meta.size }),
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        objects.sort();
        Ok(objects)
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        let parsed = self.0.object_key("delete", key)?;
        if !key.ends_with('/') {
            self.0.delete_object(&parsed)?;
        }
        self.0.delete_below(&parsed)
    }

    fn exists(&self, key: &str) -> Result<bool, Error> {
        match self.is_directory(key) {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn is_directory(&self, key: &str) -> Result<bool, Error> {
        let parsed = self.0.object_key("look up", key)?;
        match self.0.head("look up", &parsed) {
            Ok(_) if !key.ends_with('/') => Ok(false),
            Ok(_) => self.0.has_below(&parsed),
            Err(missing @ Error::NotFound(_)) => self.directory_or(&parsed, missing).map(|()| true),
            Err(error) => Err(error),
        }
    }

    fn presign(&self, key: &str, method: Method, valid: Duration) -> Result<Secret, Error> {
        let parsed = self.0.object_key("sign a link to", key)?;
        let method = match method {
            Method::Get => ureq::http::Method::GET,
            Method::Put => ureq::http::Method::PUT,
        };
        let url = self.0.call(&self.0.doing("sign a link to", key), || {
            Signer::signed_url(&*self.0.remote, method.clone(), &parsed, valid)
        })?;
        Ok(Secret::new(url.to_string()))
    }
}
