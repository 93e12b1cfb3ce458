//! Requests and answers as they go through the proxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A request; `body` is filled once the proxy has read it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The lines between the first one and the body.
    headers: Vec<String>,
    pub body: Vec<u8>,
}

/// Reads up to the body.
pub(super) fn read_request(client: &mut TcpStream) -> Option<Request> {
    let head = read_head(client)?;
    let mut lines = head.split("\r\n").map(str::to_owned);
    let first = lines.next()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    Some(Request { method, target, headers: lines.collect(), body: Vec::new() })
}

fn read_head(from: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    head.truncate(head.len() - 4);
    String::from_utf8(head).ok()
}

fn value<'a>(headers: &'a [String], name: &str) -> Option<&'a str> {
    headers.iter().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }

    /// Reads the body, or its first `limit` bytes.
    pub(super) fn read_body(&mut self, client: &mut TcpStream, limit: usize) -> Option<()> {
        if self.header("transfer-encoding").is_some() {
            return self.read_chunks(client, limit);
        }
        let length = self.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
        self.body = vec![0; limit.min(length)];
        client.read_exact(&mut self.body).ok()
    }

    /// The body with the marks between its chunks, which are passed on.
    fn read_chunks(&mut self, client: &mut TcpStream, limit: usize) -> Option<()> {
        let mut byte = [0];
        while !self.body.ends_with(b"0\r\n\r\n") && self.body.len() < limit {
            client.read_exact(&mut byte).ok()?;
            self.body.push(byte[0]);
        }
        Some(())
    }

    /// The server's answer.
    pub(super) fn ask(&self, server: SocketAddr) -> Option<Response> {
        let mut server = TcpStream::connect(server).ok()?;
        let kept = self.headers.iter().filter(|line| !is_about_connection(line));
        let headers: String = kept.map(|line| format!("{line}\r\n")).collect();
        let head = format!(
            "{} {} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n",
            self.method, self.target
        );
        server.write_all(head.as_bytes()).ok()?;
        // A server may refuse before it has read everything; its answer counts.
        let _ = server.write_all(&self.body);
        let head = read_head(&mut server)?;
        let mut body = Vec::new();
        let _ = server.read_to_end(&mut body);
        let headers = head.split("\r\n").filter(|line| !is_about_connection(line));
        Some(Response { head: headers.map(str::to_owned).collect(), body })
    }
}

fn is_about_connection(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    name.eq_ignore_ascii_case("connection") || name.eq_ignore_ascii_case("keep-alive")
}

/// An answer as bytes: chunked bodies keep their marks.
#[derive(Debug)]
pub(super) struct Response {
    head: Vec<String>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn new(status: u16, header: &str, body: &[u8]) -> Self {
        let mut head = vec![
            format!("HTTP/1.1 {status} Scripted"),
            "Content-Type: application/xml".to_owned(),
            format!("Content-Length: {}", body.len()),
        ];
        head.extend((!header.is_empty()).then(|| header.to_owned()));
        Self { head, body: body.to_vec() }
    }

    /// Sends the head and up to `limit` bytes of the body.
    pub fn send(&self, client: &mut TcpStream, limit: usize) -> Option<()> {
        let lines: String = self.head.iter().map(|line| format!("{line}\r\n")).collect();
        client.write_all(format!("{lines}Connection: close\r\n\r\n").as_bytes()).ok()?;
        client.write_all(&self.body[..limit.min(self.body.len())]).ok()
    }

    /// Lies about the length.
    pub fn lengthen(&mut self, by: i64) {
        let length: Option<i64> = value(&self.head, "content-length").and_then(|v| v.parse().ok());
        if let Some(length) = length {
            self.set_length(length.saturating_add(by).max(0));
        }
    }

    pub fn rewrite(&mut self, change: fn(String) -> String) {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        self.body = change(text).into_bytes();
        self.set_length(self.body.len() as i64);
    }

    fn set_length(&mut self, length: i64) {
        self.head.retain(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
        self.head.push(format!("Content-Length: {length}"));
    }
}
