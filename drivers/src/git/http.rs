//! Git's smart protocol over HTTP: one GET for the references, then POSTs.
//! https://git-scm.com/docs/http-protocol

use super::network::{Network, origin};
use base64::Engine;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use lighter_artifacts::Error;
use lighter_artifacts::retry::Fault;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use ureq::http::{Request, Response, StatusCode, Uri, header};
use ureq::{Body, SendBody};

const REFERENCES: &str = "/info/refs?service=git-upload-pack";
const REDIRECTS: usize = 5;

pub struct Http {
    network: Arc<Network>,
    /// Where the repository lies, after redirects.
    base: Mutex<String>,
}

impl Http {
    pub fn new(network: &Arc<Network>) -> Http {
        Http { network: Arc::clone(network), base: Mutex::default() }
    }

    fn references(&self, url: &str) -> Result<Response<Body>, Fault> {
        let mut url = format!("{}{REFERENCES}", url.trim_end_matches('/'));
        for _ in 0..=REDIRECTS {
            let request = Request::get(&url).header(header::ACCEPT, "*/*");
            let response = send(&self.network, &url, request, None)?;
            let Some(location) = redirect(&response) else {
                check(&response, "application/x-git-upload-pack-advertisement")?;
                let base = url
                    .strip_suffix(REFERENCES)
                    .ok_or_else(|| Fault::lasting("it redirects to no git repository"))?;
                *self.base.lock().unwrap_or_else(PoisonError::into_inner) = base.to_owned();
                return Ok(response);
            };
            url = if location.starts_with('/') {
                format!("{}{location}", origin(&url))
            } else {
                location.to_owned()
            };
            if url.starts_with("http://") && self.network.home.starts_with("https://") {
                return Err(Fault::lasting("it redirects from https to http"));
            }
        }
        Err(Fault::lasting("it redirects in circles"))
    }
}

impl SmartSubtransport for Http {
    fn action(
        &self,
        url: &str,
        action: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let network = Arc::clone(&self.network);
        let state = match action {
            Service::UploadPackLs => {
                let response = self.references(url).map_err(|fault| self.network.failed(fault))?;
                State::Answer(Box::new(response.into_body().into_reader()))
            }
            Service::UploadPack => {
                let base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
                State::Request { url: format!("{base}/git-upload-pack"), body: Vec::new() }
            }
            _ => return Err(git2::Error::from_str("pushing is not supported")),
        };
        Ok(Box::new(Exchange { network, state }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One request and its answer. The request is small: what is wanted and what is there.
struct Exchange {
    network: Arc<Network>,
    state: State,
}

enum State {
    Request { url: String, body: Vec<u8> },
    Answer(Box<dyn Read + Send>),
}

impl Exchange {
    fn answer(&mut self) -> Result<&mut Box<dyn Read + Send>, Fault> {
        if let State::Request { url, body } = &self.state {
            let request = Request::post(url)
                .header(header::CONTENT_TYPE, "application/x-git-upload-pack-request")
                .header(header::ACCEPT, "application/x-git-upload-pack-result");
            let response = send(&self.network, url, request, Some(body))?;
            check(&response, "application/x-git-upload-pack-result")?;
            self.state = State::Answer(Box::new(response.into_body().into_reader()));
        }
        match &mut self.state {
            State::Answer(reader) => Ok(reader),
            State::Request { .. } => Err(Fault::lasting("the request has not been sent")),
        }
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let network = Arc::clone(&self.network);
        let read = self.answer().and_then(|reader| reader.read(buffer).map_err(Fault::io));
        read.map_err(|fault| io::Error::other(network.failed(fault)))
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Request { body, .. } => body.write(bytes),
            State::Answer(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn send(
    network: &Network,
    url: &str,
    request: ureq::http::request::Builder,
    body: Option<&[u8]>,
) -> Result<Response<Body>, Fault> {
    let mut request = request;
    // The user's password is for nobody else, whatever a submodule or a redirect names.
    if let Some((user, password)) =
        network.credentials.as_ref().filter(|_| origin(url) == network.home)
    {
        let text = format!("{}:{}", user.expose(), password.expose());
        let text = base64::engine::general_purpose::STANDARD.encode(text);
        request = request.header(header::AUTHORIZATION, format!("Basic {text}"));
    }
    let uri: Uri = url.parse().map_err(|_| Fault::lasting("its address is malformed"))?;
    let agent = network.web.agent(&uri).map_err(Fault::ours)?;
    let malformed = |error: ureq::http::Error| Fault::of(error.into());
    match body {
        Some(body) => agent.run(request.body(body).map_err(malformed)?),
        None => agent.run(request.body(SendBody::none()).map_err(malformed)?),
    }
    .map_err(Fault::of)
}

fn redirect(response: &Response<Body>) -> Option<&str> {
    if !response.status().is_redirection() {
        return None;
    }
    response.headers().get(header::LOCATION)?.to_str().ok()
}

fn check(response: &Response<Body>, kind: &str) -> Result<(), Fault> {
    if !response.status().is_success() {
        let mut fault = Fault::status(response);
        if let StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN = response.status() {
            fault.error = fault.error.advise("check `git.usernameSecret` and `git.passwordSecret`");
        }
        return Err(fault);
    }
    let given = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if given.is_some_and(|given| given.split(';').next() == Some(kind)) {
        return Ok(());
    }
    let why = format!(
        "the server speaks no smart git protocol: it answered {}",
        given.unwrap_or("without a type")
    );
    Err(Fault::ours(Error::new(Error::Invalid, "", why).advise("check `git.repo`")))
}
