//! HTTP: GET to load, PUT to save.

use super::{Object, Saved, Store};
use crate::error::Error;
use crate::secret::Secrets;
use crate::source::{Body, Source};
use crate::target::Target;
use lighter_api::HttpArtifact;
use std::io::Read;

pub(super) struct Http {}

fn unsupported(doing: &str) -> Error {
    Error::new(Error::Unsupported, doing, "not yet")
}

impl Http {
    pub fn new(_location: &HttpArtifact, _secrets: &dyn Secrets) -> Result<(Http, String), Error> {
        Err(unsupported("open"))
    }
}
impl Store for Http {
    fn describe(&self) -> String {
        "http".into()
    }
    fn load(&self, _key: &str, _target: &Target) -> Result<(), Error> {
        Err(unsupported("load"))
    }
    fn open(&self, _key: &str) -> Result<Box<dyn Read + Send>, Error> {
        Err(unsupported("load"))
    }
    fn save(&self, _source: &Source, _key: &str) -> Result<Saved, Error> {
        Err(unsupported("load"))
    }
    fn save_stream(&self, _body: &dyn Body, _key: &str) -> Result<Saved, Error> {
        Err(unsupported("load"))
    }
    fn list(&self, _prefix: &str) -> Result<Vec<Object>, Error> {
        Err(unsupported("load"))
    }
    fn delete(&self, _key: &str) -> Result<(), Error> {
        Err(unsupported("load"))
    }
    fn exists(&self, _key: &str) -> Result<bool, Error> {
        Err(unsupported("load"))
    }
    fn is_directory(&self, _key: &str) -> Result<bool, Error> {
        Err(unsupported("load"))
    }
}
