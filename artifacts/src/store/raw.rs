//! Content written in the manifest itself: read-only, one object.

use super::{Object, Saved, Store};
use crate::Error;
use crate::error::Context;
use crate::place::{Pending, Policy};
use crate::source::{Body, Source};
use crate::target::Target;
use std::io::{Cursor, Read, Write};

pub(super) struct Raw {
    data: Vec<u8>,
}

impl Raw {
    pub fn new(data: &str) -> Raw {
        Raw { data: data.as_bytes().to_vec() }
    }
}

fn read_only(doing: &str) -> Error {
    Error::new(
        Error::Unsupported,
        format!("{doing} a raw artifact"),
        "its content lies in the manifest",
    )
    .advise("give outputs a store: a key in the artifact repository, folder, volume or http")
}

impl Store for Raw {
    fn describe(&self) -> String {
        "raw".into()
    }

    fn load(&self, _key: &str, target: &Target) -> Result<(), Error> {
        let (pending, mut file) = Pending::file(target, 0o666)?;
        file.write_all(&self.data).doing(|| format!("write {}", target.path().display()))?;
        pending.commit(Policy::Replace)?;
        Ok(())
    }

    fn open(&self, _key: &str) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Cursor::new(self.data.clone())))
    }

    fn save(&self, _source: &Source, _key: &str) -> Result<Saved, Error> {
        Err(read_only("save"))
    }

    fn save_stream(&self, _body: &dyn Body, _key: &str) -> Result<Saved, Error> {
        Err(read_only("save"))
    }

    fn list(&self, _prefix: &str) -> Result<Vec<Object>, Error> {
        Err(read_only("list"))
    }

    fn delete(&self, _key: &str) -> Result<(), Error> {
        Err(read_only("delete"))
    }

    fn exists(&self, _key: &str) -> Result<bool, Error> {
        Ok(true)
    }

    fn is_directory(&self, _key: &str) -> Result<bool, Error> {
        Ok(false)
    }
}
