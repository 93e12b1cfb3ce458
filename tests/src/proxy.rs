//! Stands between a client and a real HTTP server on loopback, and does what networks and servers do on bad days.
//!
//! One request a connection. The script decides by the request; what it leaves alone is passed on as it came.

mod message;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use message::Request;
use message::{Response, read_request};

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection is reset after so many bytes of the request's body; the server never sees it.
    ResetRequest(usize),
    /// The server does what it is asked, and the connection is reset before a byte of its answer.
    NoAnswer,
    /// The connection is reset after so many bytes of the answer's body.
    ResetAnswer(usize),
    /// The connection ends in an orderly way after so many bytes of the answer's body.
    Truncated(usize),
    /// The answer comes late.
    Late(Duration),
    /// After so many bytes of the answer's body nothing comes until the client gives up.
    Stall(usize),
    /// `Content-Length` is off by this.
    Length(i64),
    /// A byte of the request's body is another when it arrives.
    WrongRequest,
    /// A byte of the answer's body is another when it arrives.
    WrongAnswer,
    /// The server is not asked: status, one more header line or none, body.
    Answer(u16, &'static str, &'static str),
    /// The answer's body is changed.
    Rewritten(fn(String) -> String),
}

type Script = dyn FnMut(&Request) -> Option<Fault> + Send;

/// A running proxy; ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    script: Mutex<Box<Script>>,
    ended: AtomicBool,
}

impl Proxy {
    /// A proxy before `server` that does nothing yet.
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let script: Box<Script> = Box::new(|_| None);
        let shared =
            Arc::new(Shared { server, script: Mutex::new(script), ended: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (client, shared) = (client.unwrap(), Arc::clone(&accepting));
                // A client that goes away is its own affair.
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { address, shared }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this decides about requests.
    pub fn script(&self, script: impl FnMut(&Request) -> Option<Fault> + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the one who accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> Option<()> {
        let mut request = read_request(&mut client)?;
        let fault = (self.script.lock().unwrap())(&request);
        match &fault {
            Some(Fault::ResetRequest(count)) => {
                request.read_body(&mut client, *count)?;
                return reset(&client);
            }
            Some(Fault::Answer(status, header, body)) => {
                request.read_body(&mut client, usize::MAX)?;
                let answer = Response::new(*status, header, body.as_bytes());
                return answer.send(&mut client, usize::MAX);
            }
            _ => request.read_body(&mut client, usize::MAX)?,
        }
        if let Some(Fault::WrongRequest) = fault {
            flip(&mut request.body);
        }
        let mut answer = request.ask(self.server)?;
        match fault {
            Some(Fault::NoAnswer) => return reset(&client),
            Some(Fault::Late(delay)) => std::thread::sleep(delay),
            Some(Fault::Length(by)) => answer.lengthen(by),
            Some(Fault::WrongAnswer) => flip(&mut answer.body),
            Some(Fault::Rewritten(change)) => answer.rewrite(change),
            Some(Fault::Truncated(count)) => return answer.send(&mut client, count),
            Some(Fault::ResetAnswer(count)) => {
                answer.send(&mut client, count)?;
                return reset(&client);
            }
            Some(Fault::Stall(count)) => {
                answer.send(&mut client, count)?;
                let _ = client.read_to_end(&mut Vec::new());
                return None;
            }
            _ => {}
        }
        answer.send(&mut client, usize::MAX)?;
        client.flush().ok()?;
        client.shutdown(Shutdown::Write).ok()
    }
}

fn flip(body: &mut [u8]) {
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
}

/// Makes the end of the connection a reset.
fn reset(client: &TcpStream) -> Option<()> {
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(client, nix::sys::socket::sockopt::Linger, &linger).ok()
}
