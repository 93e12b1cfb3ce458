//! HTTP for the client library, on the crate's one blocking client: a request ends on the thread that began it.

use super::refusal::{Refusal, is_xml};
use crate::error::Error;
use crate::retry::Fault;
use crate::web::{Options, Web};
use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use ureq::http::{Method, header};
use ureq::{BodyReader, SendBody};

/// Bytes of a body that are handed on at once.
const CHUNK: usize = 128 * 1024;
/// Most that is read of an answer that is no object.
const SMALL: u64 = 16 * 1024 * 1024;
/// Most that is read of an error.
const ERROR: u64 = 64 * 1024;

/// Gives the library's clients our agents.
#[derive(Clone)]
pub(in crate::store) struct Connector {
    far: Web,
    /// For services of the machine's own cloud, which answer at once or are not there.
    near: Web,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.send(request)
    }
}

impl Connector {
    pub fn new(options: Options) -> Result<Connector, Error> {
        let near = Options {
            connect: Duration::from_secs(2),
            silence: Duration::from_secs(5),
            ..Options::default()
        };
        Ok(Connector { far: Web::new(options)?, near: Web::new(near)? })
    }

    fn web(&self, host: Option<&str>) -> &Web {
        let near = |host: &str| {
            host.starts_with("169.254.")
                || host == "metadata.google.internal"
                || host == "[fd00:ec2::23]"
        };
        if host.is_some_and(near) { &self.near } else { &self.far }
    }

    /// Sends the request. An answer is a success, and has no body left on the connection unless it is an object's.
    pub fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        let streams = parts.method == Method::GET;
        let completes = parts.method == Method::POST
            && parts.uri.query().is_some_and(|query| query.starts_with("uploadId="));
        let length = body.content_length();
        let body = if matches!(parts.method, Method::PUT | Method::POST) {
            parts.headers.insert(header::CONTENT_LENGTH, length.into());
            SendBody::from_owned_reader(Frames { body, current: Bytes::new() })
        } else {
            SendBody::none()
        };
        let request = ureq::http::Request::from_parts(parts, body);
        let agent = self
            .web(request.uri().host())
            .agent(request.uri())
            .map_err(|error| HttpError::from(Refusal::transport(Fault::ours(error))))?;
        let answer = agent
            .run(request)
            .map_err(|error| HttpError::from(Refusal::transport(Fault::of(error))))?;
        let (parts, body) = answer.into_parts();
        if !parts.status.is_success() {
            let text = read_text(body, ERROR).unwrap_or_default();
            return Err(HttpError::from(Refusal::answer(parts.status, &parts.headers, &text)));
        }
        if streams {
            let reader = Mutex::new(body.into_reader());
            let body = HttpResponseBody::new(Stream { reader, length: length_of(&parts.headers) });
            return Ok(HttpResponse::from_parts(parts, body));
        }
        let text = read_text(body, SMALL)
            .map_err(|error| HttpError::from(Refusal::transport(Fault::io(error))))?;
        if completes
            && is_xml(&parts.headers)
            && let Some(refusal) = Refusal::in_success(&text)
        {
            return Err(refusal.into());
        }
        Ok(HttpResponse::from_parts(parts, text.into()))
    }
}

fn read_text(body: ureq::Body, limit: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    body.into_reader().take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn length_of(headers: &ureq::http::HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A request's body as a reader; its parts are in memory already.
struct Frames {
    body: HttpRequestBody,
    current: Bytes,
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let mut context = Context::from_waker(Waker::noop());
            match Pin::new(&mut self.body).poll_frame(&mut context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.current = frame.into_data().unwrap_or_default();
                }
                Poll::Ready(Some(Err(error))) => return Err(io::Error::other(error)),
                Poll::Ready(None) | Poll::Pending => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        let part = self.current.split_to(count);
        if let Some(space) = buffer.get_mut(..count) {
            space.copy_from_slice(&part);
        }
        Ok(count)
    }
}

/// An answer's body, read when it is asked for.
struct Stream {
    reader: Mutex<BodyReader<'static>>,
    length: Option<u64>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let reader = self.reader.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut chunk = vec![0; CHUNK];
        loop {
            return Poll::Ready(match reader.read(&mut chunk) {
                Ok(0) => None,
                Ok(count) => {
                    chunk.truncate(count);
                    Some(Ok(Frame::data(chunk.into())))
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Some(Err(HttpError::from(Refusal::transport(Fault::io(error))))),
            });
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
