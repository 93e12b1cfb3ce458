//! A small client of the Kubernetes API server: JSON over HTTPS, one request after the other, no runtime.

mod config;
mod discovery;
mod error;
mod kubeconfig;

pub use config::Config;
pub use error::Error;

use std::time::Duration;

use serde_json::Value;
use ureq::http::{Method, Request};
use ureq::tls::TlsConfig;
use ureq::{Agent, Proxy};

use crate::failure::Failure;
use config::Login;

const CONNECT: Duration = Duration::from_secs(10);
/// How long one request may take, unless `--request-timeout` says otherwise.
const REQUEST: Duration = Duration::from_secs(30);
/// Bytes of an answer; etcd keeps no larger objects, and lists are asked for in pages.
const LONGEST_ANSWER: u64 = 64 << 20;
/// Objects that are asked for at a time.
const PAGE: usize = 100;
/// Bytes that a connection reads and writes at a time.
const BUFFER: usize = 16 << 10;

/// How an object is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    Merge,
    Strategic,
    /// Server-side apply, conflicts forced.
    Apply,
}

/// Talks to one API server as one user.
pub struct Client {
    config: Config,
    agent: Agent,
}

impl Client {
    /// Nothing is sent yet. Errors: certificates or keys that cannot be read.
    pub fn new(config: Config) -> Result<Self, Failure> {
        let mut settings = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_per_call(config.timeout.or(Some(REQUEST)))
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .user_agent(concat!(
                "argo-workflows/",
                env!("CARGO_PKG_VERSION"),
                " argo-executor (Lighter)"
            ))
            .tls_config(tls(&config)?);
        if let Some(proxy) = &config.proxy {
            let proxy = Proxy::new(proxy).map_err(|error| {
                Failure::new(format!("the API server's proxy {proxy:?} is no URL: {error}"))
            })?;
            settings = settings.proxy(Some(proxy));
        }
        Ok(Self { agent: settings.build().new_agent(), config })
    }

    /// The path of objects of a kind in this client's namespace: `("argoproj.io/v1alpha1", "workflowtaskresults")`;
    /// the core group is `v1`.
    pub fn objects(&self, version: &str, plural: &str) -> String {
        objects_in(version, plural, &self.config.namespace)
    }

    /// The namespace that requests are about unless they say otherwise.
    pub fn namespace(&self) -> &str {
        &self.config.namespace
    }

    /// The named object.
    pub fn get(&self, path: &str, name: &str) -> Result<Value, Error> {
        self.send(Method::GET, &format!("{path}/{}", encoded(name)), None)
    }

    /// Creates an object; `path` is [`Client::objects`].
    pub fn create(&self, path: &str, object: &Value) -> Result<Value, Error> {
        self.send(Method::POST, path, Some(("application/json", object)))
    }

    /// Changes the named object by a merge patch.
    pub fn merge(&self, path: &str, name: &str, patch: &Value) -> Result<Value, Error> {
        self.patch(path, name, Patch::Merge, patch)
    }

    /// Changes the named object, or applies it.
    pub fn patch(
        &self,
        path: &str,
        name: &str,
        kind: Patch,
        patch: &Value,
    ) -> Result<Value, Error> {
        let (content, query) = match kind {
            Patch::Merge => ("application/merge-patch+json", ""),
            Patch::Strategic => ("application/strategic-merge-patch+json", ""),
            Patch::Apply => ("application/apply-patch+yaml", "?fieldManager=argoexec&force=true"),
        };
        let path = format!("{path}/{}{query}", encoded(name));
        self.send(Method::PATCH, &path, Some((content, patch)))
    }

    /// Puts another object in the place of the named one.
    pub fn replace(&self, path: &str, name: &str, object: &Value) -> Result<Value, Error> {
        let path = format!("{path}/{}", encoded(name));
        self.send(Method::PUT, &path, Some(("application/json", object)))
    }

    /// Deletes the named object, what it owns in the background.
    pub fn delete(&self, path: &str, name: &str) -> Result<Value, Error> {
        let path = format!("{path}/{}?propagationPolicy=Background", encoded(name));
        self.send(Method::DELETE, &path, None)
    }

    /// Changes the status of the named object by a merge patch.
    pub fn merge_status(&self, path: &str, name: &str, patch: &Value) -> Result<Value, Error> {
        let path = format!("{path}/{}/status", encoded(name));
        self.send(Method::PATCH, &path, Some(("application/merge-patch+json", patch)))
    }

    /// All objects with these labels, page by page.
    pub fn list(&self, path: &str, selector: &str) -> Result<Vec<Value>, Error> {
        let first = format!("{path}?limit={PAGE}&labelSelector={}", encoded(selector));
        let (mut objects, mut next) = (Vec::new(), first.clone());
        loop {
            let mut page = self.send(Method::GET, &next, None)?;
            if let Value::Array(items) = page["items"].take() {
                objects.extend(items);
            }
            match page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => next = format!("{first}&continue={}", encoded(token)),
                None => return Ok(objects),
            }
        }
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<Value, Error> {
        let doing = || format!("{method} {}{path}", self.config.server);
        let mut request = Request::builder()
            .method(&method)
            .uri(format!("{}{path}", self.config.server))
            .header("accept", "application/json");
        for (name, value) in self.headers().map_err(|why| Error::unsent(doing(), why))? {
            request = request.header(name, value);
        }
        let sent = match body {
            Some((kind, body)) => request
                .header("content-type", kind)
                .body(body.to_string())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
        };
        let mut answer = sent.map_err(|error| Error::transport(doing(), &error))?;
        let status = answer.status();
        let bytes = answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec();
        let bytes = bytes.map_err(|error| Error::transport(doing(), &error))?;
        if !status.is_success() {
            return Err(Error::answered(doing(), status.as_u16(), &bytes));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::unsent(doing(), format!("the answer is no JSON: {error}")))
    }

    /// Who asks. The token is read every time: Kubernetes replaces it about once an hour.
    fn headers(&self) -> Result<Vec<(&str, String)>, String> {
        let mut headers: Vec<(&str, String)> =
            self.config.impersonate.iter().map(|(name, value)| (*name, value.clone())).collect();
        if let Some(login) = self.config.login.header()? {
            headers.push(("authorization", login));
        }
        Ok(headers)
    }
}

fn objects_in(version: &str, plural: &str, namespace: &str) -> String {
    let root = if version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{version}/namespaces/{}/{plural}", encoded(namespace))
}

fn tls(config: &Config) -> Result<TlsConfig, Failure> {
    let mut tls = TlsConfig::builder().disable_verification(config.insecure);
    if let Some(authority) = &config.authority {
        tls = tls.root_certs(authority.roots()?);
    }
    if let Login::Certificate { chain, key } = &config.login {
        tls = tls.client_cert(Some(kubeconfig::client_certificate(chain, key)?));
    }
    Ok(tls.build())
}

/// One segment of a path, or a value of a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
