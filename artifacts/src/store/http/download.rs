//! Reading a response to its end; a cut connection goes on where it was cut.

use super::Client;
use crate::digest::BLOCK;
use crate::error::Error;
use crate::retry::Fault;
use std::io::{self, Read};
use std::sync::Arc;
use ureq::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

pub(super) struct Download {
    client: Arc<Client>,
    key: String,
    body: ureq::BodyReader<'static>,
    /// Bytes read so far.
    offset: u64,
    identity: Identity,
}

/// What must be the same for two responses to be pieces of one object.
#[derive(PartialEq)]
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
}

impl Download {
    pub fn start(client: Arc<Client>, key: &str) -> Result<Download, Error> {
        let response = client.call(&doing(&client, key), "GET", key, &HeaderMap::new(), None)?;
        let identity = Identity::of(response.headers());
        Ok(Download {
            client,
            key: key.to_owned(),
            body: response.into_body().into_reader(),
            offset: 0,
            identity,
        })
    }

    /// Asks for the rest.
    fn resume(&mut self) -> Result<(), Error> {
        let doing = doing(&self.client, &self.key);
        let mut range = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&format!("bytes={}-", self.offset)) {
            range.insert(header::RANGE, value);
        }
        let client = Arc::clone(&self.client);
        client.retry.run(&doing, || {
            let response = client.send("GET", &self.key, &range, None)?;
            self.take_over(response)
        })
    }

    fn take_over(&mut self, response: Response<ureq::Body>) -> Result<(), Fault> {
        let status = response.status();
        if !status.is_success() {
            return Err(Fault::status(&response));
        }
        if Identity::of(response.headers()) != self.identity {
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
        // A connection that is cut again and again without a byte ends here.
        let mut tries = self.client.retry.tries;
        loop {
            match self.body.read(buffer) {
                Ok(count) => {
                    self.offset += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tries = tries.saturating_sub(1);
                    if tries == 0 || !self.identity.is_known() {
                        let why =
                            format!("the connection was cut after {} bytes: {error}", self.offset);
                        return Err(Error::new(
                            Error::Transient,
                            doing(&self.client, &self.key),
                            why,
                        )
                        .into_io());
                    }
                    self.resume().map_err(Error::into_io)?;
                }
            }
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
