//! Reading a response to its end; a cut connection goes on where it was cut.

use super::client::Client;
use crate::digest::BLOCK;
use crate::error::Error;
use crate::retry::Fault;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use ureq::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

pub(super) struct Download {
    object: Arc<Object>,
    body: ureq::BodyReader<'static>,
    /// Position in the object of the next byte.
    offset: u64,
    /// Where it ends; None: with the object.
    end: Option<u64>,
}

/// What the first answer said.
pub(super) struct Object {
    client: Arc<Client>,
    key: String,
    identity: Identity,
    ranges: bool,
}

/// What must be the same for two responses to be pieces of one object.
#[derive(Clone, PartialEq)]
struct Identity {
    length: Option<u64>,
    tag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
}

impl Identity {
    fn of(headers: &HeaderMap) -> Identity {
        // `bytes 5-9/10` in a partial answer, the whole length otherwise.
        let total = match headers.get(header::CONTENT_RANGE) {
            Some(range) => {
                range.to_str().ok().and_then(|range| range.rsplit_once('/')?.1.parse().ok())
            }
            None => headers
                .get(header::CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse().ok()),
        };
        let tag = headers.get(header::ETAG).cloned();
        Identity { length: total, tag, modified: headers.get(header::LAST_MODIFIED).cloned() }
    }

    fn is_known(&self) -> bool {
        self.length.is_some() || self.tag.is_some() || self.modified.is_some()
    }

    /// What `If-Range` takes: a tag that is not weak, else a date (RFC 9110, 13.1.5).
    fn strong(&self) -> Option<&HeaderValue> {
        let tag = self.tag.as_ref().filter(|tag| !tag.as_bytes().starts_with(b"W/"));
        tag.or(self.modified.as_ref().filter(|_| self.tag.is_none()))
    }
}

impl Object {
    /// The length of an object that can be read in parts which are sure to be of one object.
    pub fn splittable(&self) -> Option<u64> {
        self.identity.length.filter(|_| self.ranges && self.identity.strong().is_some())
    }

    /// A part of the object, on a connection of its own.
    pub fn part(self: &Arc<Object>, range: Range<u64>) -> Result<Download, Error> {
        let mut part = Download {
            object: Arc::clone(self),
            body: ureq::Body::builder().data(Vec::new()).into_reader(),
            offset: range.start,
            end: Some(range.end),
        };
        part.resume()?;
        Ok(part)
    }

    fn doing(&self) -> String {
        doing(&self.client, &self.key)
    }
}

impl Download {
    pub fn start(client: Arc<Client>, key: &str) -> Result<Download, Error> {
        let response = client.call(&doing(&client, key), "GET", key, &HeaderMap::new(), None)?;
        let headers = response.headers();
        let object = Object {
            client,
            key: key.to_owned(),
            identity: Identity::of(headers),
            ranges: headers.get(header::ACCEPT_RANGES).is_some_and(|unit| unit == "bytes"),
        };
        let body = response.into_body().into_reader();
        Ok(Download { object: Arc::new(object), body, offset: 0, end: None })
    }

    pub fn object(&self) -> &Arc<Object> {
        &self.object
    }

    /// Asks for the rest.
    fn resume(&mut self) -> Result<(), Error> {
        let object = Arc::clone(&self.object);
        let last = self.end.map(|end| end.saturating_sub(1).to_string()).unwrap_or_default();
        let mut range = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&format!("bytes={}-{last}", self.offset)) {
            range.insert(header::RANGE, value);
        }
        if let Some(value) = object.identity.strong() {
            range.insert(header::IF_RANGE, value.clone());
        }
        object.client.retry.run(&object.doing(), || {
            let response = object.client.send("GET", &object.key, &range, None)?;
            self.take_over(response)
        })
    }

    fn take_over(&mut self, response: Response<ureq::Body>) -> Result<(), Fault> {
        let status = response.status();
        if !status.is_success() {
            return Err(Fault::status(&response));
        }
        if Identity::of(response.headers()) != self.object.identity {
            return Err(Fault::ours(Error::new(
                Error::Transient,
                "",
                "the object changed while it was read",
            )));
        }
        let partial = status == StatusCode::PARTIAL_CONTENT;
        if partial && !starts_at(response.headers(), self.offset) {
            return Err(Fault::lasting(
                "the server answered with another range than it was asked for",
            ));
        }
        let mut body = response.into_body().into_reader();
        if !partial {
            skip(&mut body, self.offset).map_err(Fault::io)?;
        }
        self.body = body;
        Ok(())
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.map_or(u64::MAX, |end| end.saturating_sub(self.offset));
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        // A connection that is cut again and again without a byte ends here.
        let mut tries = self.object.client.retry.tries;
        loop {
            let why = match self.body.read(buffer) {
                Ok(0) if self.end.is_some() && !buffer.is_empty() => "its end came early".into(),
                Ok(count) => {
                    self.offset += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error.to_string(),
            };
            tries = tries.saturating_sub(1);
            if tries == 0 || !self.object.identity.is_known() {
                let why = format!("the connection was cut after {} bytes: {why}", self.offset);
                return Err(Error::new(Error::Transient, self.object.doing(), why).into_io());
            }
            self.resume().map_err(Error::into_io)?;
        }
    }
}

fn doing(client: &Client, key: &str) -> String {
    format!("load {}", client.url.with_path(key))
}

fn starts_at(headers: &HeaderMap, offset: u64) -> bool {
    let range = headers.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

fn skip(body: &mut dyn Read, count: u64) -> io::Result<()> {
    let mut left = count;
    let mut buffer = vec![0; BLOCK];
    while left > 0 {
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = body.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= read as u64;
    }
    Ok(())
}
