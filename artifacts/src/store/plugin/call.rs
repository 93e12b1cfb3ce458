//! gRPC on a Unix socket: the few parts of the protocol that one client needs.
//!
//! See `PROTOCOL-HTTP2.md` of gRPC: a call is a POST whose body is messages, each behind a zero byte and its length in four
//! bytes; what it came to is in the trailers.

use crate::error::Error;
use crate::retry::Fault;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use percent_encoding::percent_decode_str;
use prost::Message;
use std::future::poll_fn;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};
use ureq::http::{HeaderMap, Request, Response, StatusCode, header};

/// Longest message that is taken, in bytes.
const MESSAGE: usize = 64 << 20;
/// Bytes that the other side may send before we have read them.
const WINDOW: u32 = 1 << 20;
/// How often a socket is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// A connection. Everything happens on the thread that calls.
pub(super) struct Connection {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
}

impl Connection {
    /// Waits up to `appear` for the socket to be there, then up to `ready` for its server.
    pub fn open(socket: &Path, appear: Duration, ready: Duration) -> Result<Connection, Fault> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|error| Fault::ours(Error::io("", error)))?;
        let requests = runtime.block_on(async {
            let stream = connect(socket, appear, ready).await?;
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
            let ready = timeout(ready, async {
                let (requests, connection) = builder.handshake(stream).await?;
                tokio::spawn(async move { drop(connection.await) });
                requests.ready().await
            });
            ready.await.map_err(|_| passing("it does not answer"))?.map_err(lost)
        })?;
        Ok(Connection { runtime, requests })
    }

    /// One message there, one back.
    pub fn unary<A: Message + Default>(
        &self,
        method: &str,
        message: &impl Message,
    ) -> Result<A, Fault> {
        self.runtime.block_on(async {
            let mut call = self.start(method)?;
            call.send(message, true).await?;
            call.answer().await
        })
    }

    /// A call that goes on in pieces.
    pub fn stream(self, method: &str) -> Result<Stream, Fault> {
        let call = self.runtime.block_on(async { self.start(method) })?;
        Ok(Stream { call, runtime: self.runtime })
    }

    fn start(&self, method: &str) -> Result<Call, Fault> {
        let request = Request::post(format!("http://localhost/artifact.ArtifactService/{method}"))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .header(header::USER_AGENT, concat!("lighter/", env!("CARGO_PKG_VERSION")))
            .body(())
            .map_err(|error| Fault::lasting(&error.to_string()))?;
        let (response, out) = self.requests.clone().send_request(request, false).map_err(lost)?;
        Ok(Call { response: Some(response), body: None, out, got: BytesMut::new() })
    }
}

/// A call on a connection of its own.
pub(super) struct Stream {
    call: Call,
    runtime: Runtime,
}

impl Stream {
    pub fn send(&mut self, message: &impl Message, last: bool) -> Result<(), Fault> {
        self.runtime.block_on(self.call.send(message, last))
    }

    /// The next message; None at the end of a call that succeeded.
    pub fn next<A: Message + Default>(&mut self) -> Result<Option<A>, Fault> {
        self.runtime.block_on(self.call.next())
    }

    /// The only message.
    pub fn answer<A: Message + Default>(&mut self) -> Result<A, Fault> {
        self.runtime.block_on(self.call.answer())
    }
}

struct Call {
    response: Option<h2::client::ResponseFuture>,
    body: Option<RecvStream>,
    out: SendStream<Bytes>,
    /// What has come of the next message.
    got: BytesMut,
}

impl Call {
    async fn send(&mut self, message: &impl Message, last: bool) -> Result<(), Fault> {
        let length = message.encoded_len();
        let mut frame = BytesMut::with_capacity(length + 5);
        frame.put_u8(0);
        frame.put_u32(u32::try_from(length).map_err(|_| Fault::lasting("it is too large"))?);
        frame.extend_from_slice(&message.encode_to_vec());
        let mut frame = frame.freeze();
        while !frame.is_empty() {
            self.out.reserve_capacity(frame.len());
            let room = poll_fn(|context| self.out.poll_capacity(context)).await;
            // None: the other side wants no more; its reason is in the answer.
            let Some(room) = room.transpose().map_err(lost)? else { return Ok(()) };
            let part = frame.split_to(room.min(frame.len()));
            let ends = last && frame.is_empty();
            self.out.send_data(part, ends).map_err(lost)?;
        }
        Ok(())
    }

    async fn answer<A: Message + Default>(&mut self) -> Result<A, Fault> {
        let answer = self.next().await?.ok_or_else(|| passing("it gave no answer"))?;
        match self.next::<A>().await? {
            None => Ok(answer),
            Some(_) => Err(passing("it gave two answers")),
        }
    }

    async fn next<A: Message + Default>(&mut self) -> Result<Option<A>, Fault> {
        if let Some(response) = self.response.take() {
            let response = response.await.map_err(lost)?;
            check(&response)?;
            self.body = Some(response.into_body());
        }
        let Some(body) = &mut self.body else { return Ok(None) };
        loop {
            if let Some(message) = take_message(&mut self.got)? {
                let message = A::decode(message).map_err(|_| passing("its answer is garbled"))?;
                return Ok(Some(message));
            }
            match body.data().await {
                Some(data) => {
                    let data = data.map_err(lost)?;
                    body.flow_control().release_capacity(data.len()).map_err(lost)?;
                    self.got.extend_from_slice(&data);
                }
                None => {
                    let trailers = body.trailers().await.map_err(lost)?.unwrap_or_default();
                    self.body = None;
                    status(&trailers)?.ok_or_else(|| passing("its answer has no end"))?;
                    let whole = self.got.is_empty();
                    return if whole { Ok(None) } else { Err(passing("its answer is cut")) };
                }
            }
        }
    }
}

async fn connect(path: &Path, appear: Duration, ready: Duration) -> Result<UnixStream, Fault> {
    let start = Instant::now();
    let mut there: Option<Instant> = None;
    loop {
        let error = match UnixStream::connect(path).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let over = if missing {
            start.elapsed() >= appear
        } else {
            there.get_or_insert_with(Instant::now).elapsed() >= ready
        };
        if over {
            let why = format!("cannot connect to {}: {error}", path.display());
            // Waiting has been done.
            let error = Error::new(Error::Io, "", why)
                .advise("check that the plugin's container runs and listens there");
            return Err(Fault::ours(error));
        }
        sleep(LOOK).await;
    }
}

/// A whole message of what has come, without its prefix.
fn take_message(got: &mut BytesMut) -> Result<Option<Bytes>, Fault> {
    let Some(mut prefix) = got.get(..5) else { return Ok(None) };
    if prefix.get_u8() != 0 {
        return Err(passing("its answer is compressed, which it was not asked for"));
    }
    let length = prefix.get_u32() as usize;
    if length > MESSAGE {
        return Err(Fault::lasting(&format!("its answer has {length} bytes")));
    }
    if got.len() < length + 5 {
        return Ok(None);
    }
    got.advance(5);
    Ok(Some(got.split_to(length).freeze()))
}

/// An answer without a body has its status among the headers.
fn check(response: &Response<RecvStream>) -> Result<(), Fault> {
    if response.status() != StatusCode::OK {
        return Err(Fault::status(response));
    }
    status(response.headers()).map(drop)
}

/// None when there is no status.
fn status(headers: &HeaderMap) -> Result<Option<()>, Fault> {
    let Some(code) = headers.get("grpc-status") else { return Ok(None) };
    let text = headers.get("grpc-message").and_then(|text| text.to_str().ok()).unwrap_or_default();
    let why = percent_decoded(text);
    // https://grpc.github.io/grpc/core/md_doc_statuscodes.html
    let variant = match code.as_bytes() {
        b"0" => return Ok(Some(())),
        b"3" | b"9" | b"11" => Error::Invalid,
        b"5" => Error::NotFound,
        b"6" => Error::Exists,
        b"7" | b"16" => Error::Denied,
        b"4" | b"8" | b"10" | b"14" => Error::Transient,
        b"12" => Error::Unsupported,
        b"15" => Error::Corrupt,
        _ => Error::Io,
    };
    Err(Fault::ours(Error::new(variant, "", why)))
}

fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn lost(error: h2::Error) -> Fault {
    passing(&format!("the connection broke: {error}"))
}

fn passing(why: &str) -> Fault {
    Fault::ours(Error::new(Error::Transient, "", why))
}
