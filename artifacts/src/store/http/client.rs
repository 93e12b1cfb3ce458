//! Requests to one place: redirects are followed, with the body sent again; faults are tried again.

use super::auth::Authorization;
use super::url::Url;
use crate::digest::Hashing;
use crate::error::Error;
use crate::retry::{Fault, Retry};
use crate::source::Body;
use crate::store::Saved;
use crate::web::Web;
use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::sync::OnceLock;
use ureq::http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use ureq::{Agent, SendBody};

const REDIRECTS: usize = 10;

pub(super) struct Client {
    pub web: Web,
    pub url: Url,
    pub headers: HeaderMap,
    /// Goes to the first host only.
    pub authorization: Authorization,
    pub retry: Retry,
    /// Whether the server knows WebDAV, once it was asked.
    pub dav: OnceLock<bool>,
}

impl Client {
    /// One request, redirects followed. `body` is opened anew for every hop.
    pub fn send(
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
                    let value = self.authorization.header(&self.web)?;
                    headers.extend(value.map(|value| (header::AUTHORIZATION, value)));
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
    pub fn call(
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
                error.advise("check the credentials of the artifact's location")
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
            matches!(method, "GET" | "HEAD")
        }
        _ => false,
    };
    if !follows {
        return None;
    }
    response.headers().get(header::LOCATION)?.to_str().ok()
}

/// Reads what is to be sent; a failure there is ours, and no other try of the request mends it.
struct Ours<R>(R);

impl<R: Read> Read for Ours<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => Error::io("read what is to be sent", error).into_io(),
        })
    }
}

/// A body on its way, and what the last sending of it was.
pub(super) struct Upload<'a> {
    body: &'a dyn Body,
    length: Option<u64>,
    saved: RefCell<Saved>,
    status: Cell<u16>,
}

impl Upload<'_> {
    /// Without a length the body goes in chunks.
    pub fn new(body: &dyn Body, length: Option<u64>) -> Upload<'_> {
        Upload { body, length, saved: RefCell::default(), status: Cell::new(0) }
    }

    fn send(
        &self,
        agent: &Agent,
        request: ureq::http::request::Builder,
    ) -> Result<Response<ureq::Body>, Fault> {
        let mut reader = Hashing::new(Ours(self.body.open().map_err(Fault::ours)?));
        let request = match self.length {
            Some(length) => request.header(header::CONTENT_LENGTH, length),
            None => request.header(header::TRANSFER_ENCODING, "chunked"),
        };
        let request = request
            .body(SendBody::from_reader(&mut reader))
            .map_err(|error| Fault::of(error.into()))?;
        let response = agent.run(request).map_err(Fault::of)?;
        self.status.set(response.status().as_u16());
        // Some servers answer before the end and call it a success.
        if response.status().is_success() && reader.read(&mut [0]).map_err(Fault::io)? > 0 {
            let why = "the server took a part of it and called it a success";
            return Err(Fault::ours(Error::new(Error::Corrupt, "", why)));
        }
        *self.saved.borrow_mut() = reader.finish();
        Ok(response)
    }

    /// Whether the last answer was one of these.
    pub fn answered(&self, statuses: &[u16]) -> bool {
        statuses.contains(&self.status.get())
    }

    /// What was sent.
    pub fn finish(self) -> Saved {
        self.saved.into_inner()
    }
}
