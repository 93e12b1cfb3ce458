//! HTTP: GET to load, PUT to save. Redirects are followed, with the body sent again; faults are tried again.

mod download;
mod url;

use super::{Object, Saved, Store};
use crate::digest::{Hashing, copy};
use crate::error::{Context, Error};
use crate::place::{Pending, Policy};
use crate::retry::{Fault, Retry};
use crate::secret::{Secret, Secrets};
use crate::source::{Body, Source};
use crate::target::Target;
use crate::web::{self, Web};
use base64::Engine;
use download::Download;
use lighter_api::{BasicAuth, HttpArtifact, HttpAuth};
use std::io::Read;
use std::sync::Arc;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use ureq::{Agent, SendBody};
use url::Url;

const REDIRECTS: usize = 10;

pub(super) struct Http {
    client: Arc<Client>,
}

struct Client {
    web: Web,
    url: Url,
    headers: HeaderMap,
    /// The `Authorization` header; goes to the first host only.
    authorization: Option<HeaderValue>,
    retry: Retry,
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
        let basic = match &location.auth {
            Some(auth) => credentials(auth, secrets, &doing)?,
            None => None,
        };
        let authorization = match basic.or_else(|| url.user_info()) {
            Some((user, password)) => Some(basic_header(&user, &password, &doing)?),
            None => headers.remove(header::AUTHORIZATION),
        };
        let key = url.path().to_owned();
        let client = Client {
            web: Web::new(web::Options::default())?,
            url,
            headers,
            authorization,
            retry: Retry::default(),
        };
        Ok((Http { client: Arc::new(client) }, key))
    }

    fn unsupported(&self, verb: &str) -> Error {
        let doing = format!("{verb} {}", self.client.url);
        Error::new(Error::Unsupported, doing, format!("HTTP knows no way to {verb}"))
    }
}

type Credentials = Option<(Secret, Secret)>;

fn credentials(auth: &HttpAuth, secrets: &dyn Secrets, doing: &str) -> Result<Credentials, Error> {
    let kinds = [(auth.client_cert.is_some(), "clientCert"), (auth.oauth2.is_some(), "oauth2")];
    if let Some((_, kind)) = kinds.iter().find(|(set, _)| *set) {
        return Err(Error::new(
            Error::Unsupported,
            doing,
            format!("`http.auth.{kind}` is not supported yet"),
        )
        .advise("use `basicAuth` or `headers`"));
    }
    let Some(BasicAuth { username_secret: Some(user), password_secret: Some(password) }) =
        &auth.basic_auth
    else {
        return Ok(None);
    };
    let read = |selector: &k8s_openapi::api::core::v1::SecretKeySelector| match secrets
        .read(&selector.name, &selector.key)
    {
        Err(Error::NotFound(_)) if selector.optional == Some(true) => Ok(Secret::new("")),
        other => other,
    };
    let (user, password) = (read(user)?, read(password)?);
    // As Argo: sent only if both have something in them.
    Ok(Some((user, password))
        .filter(|(user, password)| !user.expose().is_empty() && !password.expose().is_empty()))
}

fn basic_header(user: &Secret, password: &Secret, doing: &str) -> Result<HeaderValue, Error> {
    let text = base64::engine::general_purpose::STANDARD.encode(format!(
        "{}:{}",
        user.expose(),
        password.expose()
    ));
    let mut value = HeaderValue::from_str(&format!("Basic {text}")).map_err(|_| {
        Error::new(Error::Invalid, doing, "the credentials do not fit into a header")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl Client {
    /// One request, redirects followed. `body` is opened anew for every hop.
    fn send(
        &self,
        method: &str,
        key: &str,
        extra: &HeaderMap,
        body: Option<&Upload<'_>>,
    ) -> Result<Response<ureq::Body>, Fault> {
        let first = self.url.with_path(key);
        let mut url = first.clone();
        for _ in 0..=REDIRECTS {
            let uri: Uri = url
                .request_text()
                .parse()
                .map_err(|_| Fault::lasting("the address is malformed"))?;
            let agent = self.web.agent(&uri).map_err(Fault::ours)?;
            let mut request = Request::builder().method(method).uri(uri);
            if let Some(headers) = request.headers_mut() {
                headers.extend(self.headers.clone());
                headers.extend(extra.clone());
                if url.same_host(&first) {
                    headers.extend(
                        self.authorization.clone().map(|value| (header::AUTHORIZATION, value)),
                    );
                } else {
                    headers.remove(header::COOKIE);
                }
            }
            let response = match body {
                Some(body) => body.send(&agent, request)?,
                None => {
                    let request =
                        request.body(SendBody::none()).map_err(|error| Fault::of(error.into()))?;
                    agent.run(request).map_err(Fault::of)?
                }
            };
            let Some(next) = redirect(method, &response) else {
                return Ok(response);
            };
            url = url
                .join(next)
                .ok_or_else(|| Fault::lasting("it redirects to a malformed address"))?;
        }
        Err(Fault::lasting("it redirects in circles"))
    }

    /// As `send`, tried again on faults that may pass; the answer is a success.
    fn call(
        &self,
        doing: &str,
        method: &str,
        key: &str,
        extra: &HeaderMap,
        body: Option<&Upload<'_>>,
    ) -> Result<Response<ureq::Body>, Error> {
        let done = self.retry.run(doing, || {
            let response = self.send(method, key, extra, body)?;
            if response.status().is_success() {
                Ok(response)
            } else {
                Err(Fault::status(&response))
            }
        });
        done.map_err(|error| match error {
            Error::Denied(ref details) if details.advice.is_empty() => {
                error.advise("check the credentials in `http.auth` and `http.headers`")
            }
            other => other,
        })
    }
}

/// Where a redirect leads, for methods that may follow it.
fn redirect<'a>(method: &str, response: &'a Response<ureq::Body>) -> Option<&'a str> {
    let follows = match response.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => {
            method != "PUT"
        }
        _ => false,
    };
    if !follows {
        return None;
    }
    response.headers().get(header::LOCATION)?.to_str().ok()
}

/// A body on its way, and what the last sending of it was.
struct Upload<'a> {
    body: &'a dyn Body,
    length: u64,
    saved: std::cell::RefCell<Saved>,
}

impl Upload<'_> {
    fn send(
        &self,
        agent: &Agent,
        request: ureq::http::request::Builder,
    ) -> Result<Response<ureq::Body>, Fault> {
        let mut reader = Hashing::new(self.body.open().map_err(Fault::ours)?);
        let request = request
            .header(header::CONTENT_LENGTH, self.length)
            .body(SendBody::from_reader(&mut reader))
            .map_err(|error| Fault::of(error.into()))?;
        let response = agent.run(request).map_err(Fault::of)?;
        *self.saved.borrow_mut() = reader.finish();
        Ok(response)
    }
}

impl Store for Http {
    fn describe(&self) -> String {
        self.client.url.to_string()
    }

    fn load(&self, key: &str, target: &Target) -> Result<(), Error> {
        let mut reader = self.open(key)?;
        let (pending, mut file) = Pending::file(target, 0o666)?;
        copy(&mut reader, &mut file)
            .doing(|| format!("load {}", self.client.url.with_path(key)))?;
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
        let doing = format!("save to {}", self.client.url.with_path(key));
        let upload = Upload { body, length: body.length()?, saved: Default::default() };
        self.client.call(&doing, "PUT", key, &HeaderMap::new(), Some(&upload))?;
        let saved = upload.saved.into_inner();
        if saved.size == upload.length {
            return Ok(saved);
        }
        let why = format!(
            "the server took {} of {} bytes and called it a success",
            saved.size, upload.length
        );
        Err(Error::new(Error::Corrupt, doing, why))
    }

    fn list(&self, _prefix: &str) -> Result<Vec<Object>, Error> {
        Err(self.unsupported("list"))
    }

    fn delete(&self, _key: &str) -> Result<(), Error> {
        Err(self.unsupported("delete"))
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
