//! What WebDAV adds to GET and PUT (RFC 4918): collections are made, listed and deleted. Only servers that say they know it are asked.

mod multistatus;

use super::client::Client;
use crate::error::Error;
use crate::retry::Fault;
use crate::store::Object;
use multistatus::Member;
use std::io::Read;
use ureq::http::{HeaderMap, HeaderValue};

/// Most bytes of the listing of one collection.
const LISTING: u64 = 64 << 20;
/// Most objects below one key; a server that names more is led by an endless tree.
const OBJECTS: usize = 1_000_000;

impl Client {
    /// Whether the server knows WebDAV: RFC 4918, 10.1.
    pub fn speaks_dav(&self) -> Result<bool, Error> {
        if let Some(spoken) = self.dav.get() {
            return Ok(*spoken);
        }
        let doing = format!("ask {} whether it knows WebDAV", self.url);
        let spoken = self.retry.run(&doing, || {
            let answer = self.send("OPTIONS", self.url.path(), &HeaderMap::new(), None)?;
            let fault = answer.status().is_server_error().then(|| Fault::status(&answer));
            match fault.filter(|fault| fault.error.retryable()) {
                Some(fault) => Err(fault),
                None => Ok(answer.headers().contains_key("dav")),
            }
        })?;
        Ok(*self.dav.get_or_init(|| spoken))
    }

    /// Makes the collections above the key that are missing.
    pub fn make_collections(&self, key: &str) -> Result<(), Error> {
        let mut missing = Vec::new();
        let mut path = key.trim_end_matches('/');
        while let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| !parent.is_empty())
        {
            path = parent;
            match self.make_collection(parent)? {
                // Its own parent is missing.
                409 | 404 => missing.push(parent),
                _ => break,
            }
        }
        for path in missing.into_iter().rev() {
            self.make_collection(path)?;
        }
        Ok(())
    }

    /// The status of the answer. Whether it helped is seen by the PUT that follows: 405 says that it is there already.
    fn make_collection(&self, path: &str) -> Result<u16, Error> {
        let path = format!("{path}/");
        let doing = format!("make the collection {}", self.url.with_path(&path));
        self.retry.run(&doing, || {
            let answer = self.send("MKCOL", &path, &HeaderMap::new(), None)?;
            let fault = Fault::status(&answer);
            let again = !answer.status().is_success() && fault.error.retryable();
            if again { Err(fault) } else { Ok(answer.status().as_u16()) }
        })
    }

    /// The objects at the key and below it, by key.
    pub fn list(&self, key: &str) -> Result<Vec<Object>, Error> {
        self.require("list")?;
        let mut objects = Vec::new();
        let mut collections = vec![key.to_owned()];
        while let Some(path) = collections.pop() {
            for member in self.members(&path)? {
                if !is_below(&member.path, &path) {
                    continue;
                }
                match member.size {
                    Some(size) => objects.push(Object { key: member.path, size }),
                    // Itself is named too.
                    None if member.path.trim_end_matches('/') == path.trim_end_matches('/') => {}
                    None => collections.push(member.path),
                }
            }
            if objects.len().max(collections.len()) > OBJECTS {
                let doing = format!("list {}", self.url.with_path(key));
                let why = format!("there are more than {OBJECTS} objects");
                return Err(Error::new(Error::Invalid, doing, why));
            }
        }
        objects.sort();
        objects.dedup();
        Ok(objects)
    }

    /// The collection itself and what is directly in it; nothing when there is none.
    fn members(&self, path: &str) -> Result<Vec<Member>, Error> {
        let doing = format!("list {}", self.url.with_path(path));
        let mut headers = HeaderMap::new();
        headers.insert("depth", HeaderValue::from_static("1"));
        let answer = match self.call(&doing, "PROPFIND", path, &headers, None) {
            Err(Error::NotFound(_)) => return Ok(Vec::new()),
            answer => answer?,
        };
        let mut text = String::new();
        let mut body = answer.into_body().into_reader().take(LISTING);
        body.read_to_string(&mut text)
            .map_err(|error| Fault::io(error).error.while_doing(&doing, 1))?;
        multistatus::parse(&text)
            .ok_or_else(|| Error::new(Error::Corrupt, doing, "its answer is no WebDAV listing"))
    }

    /// Removes the object or collection; one that is gone already is no error.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        self.require("delete")?;
        let path = key.trim_end_matches('/');
        let doing = format!("delete {}", self.url.with_path(key));
        let delete = |path: &str| {
            self.retry.run(&doing, || {
                let answer = self.send("DELETE", path, &HeaderMap::new(), None)?;
                match answer.status().as_u16() {
                    404 | 410 => Ok(true),
                    // Some parts are left.
                    207 => Err(Fault::lasting("not all of it could be deleted")),
                    // nginx and Apache want collections with their slash.
                    301 | 302 | 307 | 308 | 409 => Ok(false),
                    _ if answer.status().is_success() => Ok(true),
                    _ => Err(Fault::status(&answer)),
                }
            })
        };
        if delete(path)? || delete(&format!("{path}/"))? {
            return Ok(());
        }
        Err(Error::new(
            Error::Invalid,
            doing,
            "the server answered neither for a file nor for a collection",
        ))
    }

    fn require(&self, verb: &str) -> Result<(), Error> {
        if self.speaks_dav()? {
            return Ok(());
        }
        let doing = format!("{verb} {}", self.url);
        // Argo's own words, for `delete`.
        let why = format!(
            "{verb} not supported for this artifact storage, please check the following issue for details: \
             https://github.com/argoproj/argo-workflows/issues/3102"
        );
        Err(Error::new(Error::Unsupported, doing, why)
            .advise("use a server with WebDAV or another kind of store"))
    }
}

/// A server may name what lies elsewhere; that is left out.
fn is_below(path: &str, collection: &str) -> bool {
    let below = path.strip_prefix(collection.trim_end_matches('/'));
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && !path.split('/').any(|part| part == "..")
}
