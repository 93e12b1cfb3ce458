//! HTTP: GET to load, PUT to save; a server that knows WebDAV makes missing collections, lists and deletes too.

mod auth;
mod client;
mod dav;
mod download;
mod parallel;
mod url;

use super::{Object, Saved, Store};
use crate::digest::copy;
use crate::error::{Context, Error};
use crate::place::{Pending, Policy};
use crate::retry::Retry;
use crate::secret::Secrets;
use crate::source::{Body, Source};
use crate::target::Target;
use crate::web::{self, Web};
use auth::Authorization;
use client::{Client, Upload};
use download::Download;
use lighter_api::{ArtifactoryArtifact, HttpArtifact};
use std::io::Read;
use std::sync::{Arc, OnceLock};
use ureq::http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

pub(super) struct Http {
    client: Arc<Client>,
    /// What is packed on the way is counted before it is sent.
    count_first: bool,
}

impl Http {
    /// The store of a URL, whose path is the key.
    pub fn new(location: &HttpArtifact, secrets: &dyn Secrets) -> Result<(Http, String), Error> {
        let url = Url::parse(&location.url)?;
        let doing = format!("open {url}");
        let mut headers = HeaderMap::new();
        for header in &location.headers {
            let bad = |_| {
                Error::new(
                    Error::Invalid,
                    &doing,
                    format!("`http.headers` has a malformed header `{}`", header.name),
                )
            };
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| bad(()))?;
            headers.append(name, HeaderValue::from_str(&header.value).map_err(|_| bad(()))?);
        }
        let auth = location.auth.as_ref();
        let authorization = Authorization::new(auth, &url, &mut headers, secrets, &doing)?;
        let identity = auth::identity(auth, secrets, &doing)?;
        let mut http = Http::at(url, headers, authorization, identity)?;
        http.0.count_first = location.save_stream_via_file == Some(true);
        Ok(http)
    }

    /// The store of a URL in Artifactory, which knows users and passwords.
    pub fn artifactory(
        location: &ArtifactoryArtifact,
        secrets: &dyn Secrets,
    ) -> Result<(Http, String), Error> {
        let url = Url::parse(&location.url)?;
        let doing = format!("open {url}");
        let secret =
            |selector: &Option<_>, field| auth::required(selector.as_ref(), field, secrets, &doing);
        let user = secret(&location.username_secret, "artifactory.usernameSecret")?;
        let password = secret(&location.password_secret, "artifactory.passwordSecret")?;
        let authorization = Authorization::basic(&user, &password, &doing)?;
        Http::at(url, HeaderMap::new(), authorization, None)
    }

    fn at(
        url: Url,
        headers: HeaderMap,
        authorization: Authorization,
        identity: Option<web::Identity>,
    ) -> Result<(Http, String), Error> {
        let key = url.path().to_owned();
        let web = Web::new(web::Options { identity, ..Default::default() })?;
        let (retry, dav) = (Retry::default(), OnceLock::new());
        let client = Client { web, url, headers, authorization, retry, dav };
        Ok((Http { client: Arc::new(client), count_first: false }, key))
    }

    fn put(&self, upload: &Upload<'_>, key: &str) -> Result<(), Error> {
        let doing = format!("save to {}", self.client.url.with_path(key));
        let put =
            || self.client.call(&doing, "PUT", key, &HeaderMap::new(), Some(upload)).map(drop);
        match put() {
            // A collection is missing: RFC 4918, 9.7.1.
            Err(_) if upload.answered(&[404, 409]) && self.client.speaks_dav()? => {
                self.client.make_collections(key)?;
                put()
            }
            done => done,
        }
    }
}

impl Store for Http {
    fn describe(&self) -> String {
        self.client.url.to_string()
    }

    fn load(&self, key: &str, target: &Target) -> Result<(), Error> {
        let mut download = Download::start(Arc::clone(&self.client), key)?;
        let (pending, mut file) = Pending::file(target, 0o666)?;
        match download.object().splittable() {
            Some(length) if length >= parallel::LEAST => {
                parallel::load(&mut download, length, &file)?;
            }
            _ => {
                copy(&mut download, &mut file)
                    .doing(|| format!("load {}", self.client.url.with_path(key)))?;
            }
        }
        pending.commit(Policy::Replace)?;
        Ok(())
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Download::start(Arc::clone(&self.client), key)?))
    }

    fn save(&self, source: &Source, key: &str) -> Result<Saved, Error> {
        self.save_stream(source, key)
    }

    fn save_stream(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        let length = match body.known_length()? {
            None if self.count_first => Some(body.length()?),
            known => known,
        };
        let mut upload = Upload::new(body, length);
        let mut done = self.put(&upload, key);
        // Some servers take no chunks: RFC 9110, 15.5.12; S3 says 501.
        if done.is_err() && length.is_none() && upload.answered(&[411, 501]) {
            upload = Upload::new(body, Some(body.length()?));
            done = self.put(&upload, key);
        }
        done.map(|()| upload.finish())
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, Error> {
        self.client.list(prefix)
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        self.client.delete(key)
    }

    fn exists(&self, key: &str) -> Result<bool, Error> {
        let doing = format!("look up {}", self.client.url.with_path(key));
        match self.client.call(&doing, "HEAD", key, &HeaderMap::new(), None) {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn is_directory(&self, _key: &str) -> Result<bool, Error> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
