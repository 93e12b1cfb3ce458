//! HTTP clients: proxies and trusted authorities as the environment says; time-outs on silence, never on a whole transfer.
//!
//! A [`Web`] is made once for each place and shared by its transfers, so that they share its connections.

mod proxy;
mod tls;

use crate::error::Error;
use crate::retry::{milliseconds, setting};
use crate::secret::Secret;
use proxy::Proxies;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::TlsConfig;

/// How to reach one place.
#[derive(Clone, Debug)]
pub struct Options {
    pub trust: Trust,
    pub identity: Option<Identity>,
    /// Longest time to find and to reach the host.
    pub connect: Duration,
    /// Longest silence of the other side while it answers, sends or takes bytes.
    pub silence: Duration,
    /// Idle connections kept for the next request; at least the number of parallel transfers.
    pub connections: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            trust: Trust::System,
            identity: None,
            connect: Duration::from_secs(30),
            silence: setting("LIGHTER_SILENCE_MS").map_or(Duration::from_secs(300), milliseconds),
            connections: 16,
        }
    }
}

/// Whose servers are believed.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// The authorities in `SSL_CERT_FILE` and `SSL_CERT_DIR`, else the system's, else those built in.
    #[default]
    System,
    /// Only the authorities in this PEM text.
    Only(Vec<u8>),
    /// Anyone: a server's certificate is not looked at.
    Anyone,
}

/// A client certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: Secret,
    pub key: Secret,
}

/// Agents for one place. Cheap to clone.
///
/// They follow no redirects and answer with any status; both are the caller's.
#[derive(Clone)]
pub struct Web {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    proxies: Proxies,
    tls: OnceLock<TlsConfig>,
    /// With and without TLS, with and without proxy: made when first needed.
    agents: [OnceLock<Agent>; 4],
}

impl Web {
    /// Errors: `Invalid` for malformed proxies of the environment, certificates or keys.
    pub fn new(options: Options) -> Result<Web, Error> {
        let proxies = Proxies::new(|name| std::env::var(name).ok())?;
        let inner = Inner { options, proxies, tls: OnceLock::new(), agents: Default::default() };
        if !matches!(inner.options.trust, Trust::System) || inner.options.identity.is_some() {
            inner.tls()?;
        }
        Ok(Web { inner: Arc::new(inner) })
    }

    /// The agent for a request to `uri`, by its scheme and the proxies that hold for its host.
    ///
    /// Errors: as [`Web::new`], for what is read only when a first `https` request needs it.
    pub fn agent(&self, uri: &Uri) -> Result<Agent, Error> {
        let inner = &*self.inner;
        let secure = uri.scheme_str() == Some("https");
        let proxy = inner.proxies.of(uri);
        let index = usize::from(secure) + 2 * usize::from(proxy.is_some());
        let slot = &inner.agents[index];
        if let Some(agent) = slot.get() {
            return Ok(agent.clone());
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(inner.options.connect))
            .timeout_connect(Some(inner.options.connect))
            .timeout_recv_response(Some(inner.options.silence))
            .timeout_per_read(Some(inner.options.silence))
            .timeout_per_write(Some(inner.options.silence))
            .max_idle_connections(inner.options.connections)
            .max_idle_connections_per_host(inner.options.connections)
            .allow_non_standard_methods(true)
            .user_agent(concat!("lighter/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy.cloned());
        if secure || proxy.is_some_and(|proxy| proxy.protocol() == ureq::ProxyProtocol::Https) {
            config = config.tls_config(inner.tls()?);
        }
        Ok(slot.get_or_init(|| config.build().new_agent()).clone())
    }
}

impl Inner {
    fn tls(&self) -> Result<TlsConfig, Error> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let config = tls::config(&self.options, |name| std::env::var_os(name))?;
        Ok(self.tls.get_or_init(|| config).clone())
    }
}

#[cfg(test)]
mod tests;
