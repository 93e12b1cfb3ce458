//! Which requests go through which proxy: HTTP_PROXY, HTTPS_PROXY and NO_PROXY by the rules of Go's `x/net/http/httpproxy`.

use crate::error::Error;
use std::net::IpAddr;
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

pub(super) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Direct>,
}

/// A place that is reached without a proxy.
enum Direct {
    All,
    Network { address: IpAddr, prefix: u8 },
    Host { name: String, itself: bool, port: Option<u16> },
}

impl Proxies {
    /// `read` answers with the value of an environment variable.
    pub fn new(read: impl Fn(&str) -> Option<String>) -> Result<Proxies, Error> {
        let read = |name: &str| {
            let value = read(name).or_else(|| read(&name.to_ascii_lowercase()));
            value.filter(|value| !value.trim().is_empty())
        };
        let proxy = |name| match read(name) {
            None => Ok(None),
            Some(address) => parse(name, address.trim()).map(Some),
        };
        let direct = read("NO_PROXY").unwrap_or_default();
        Ok(Proxies {
            http: proxy("HTTP_PROXY")?,
            https: proxy("HTTPS_PROXY")?,
            direct: direct.split(',').filter_map(Direct::parse).collect(),
        })
    }

    /// The proxy for requests to `uri`, if any. This machine itself is always reached directly.
    pub fn of(&self, uri: &Uri) -> Option<&Proxy> {
        let secure = uri.scheme_str() == Some("https");
        let proxy = if secure { self.https.as_ref() } else { self.http.as_ref() }?;
        let host = uri.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return None;
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let direct = self.direct.iter().any(|direct| direct.holds(&host, address, port));
        (!direct).then_some(proxy)
    }
}

/// The address is not repeated in errors: it may hold a password.
fn parse(name: &str, address: &str) -> Result<Proxy, Error> {
    let invalid = |why: &str| {
        Error::new(Error::Invalid, format!("use the proxy of {name}"), why)
            .advise("set it to `http://host:port`")
    };
    let proxy =
        Proxy::new(address).map_err(|_| invalid("it is not the address of an HTTP proxy"))?;
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(proxy),
        _ => Err(invalid("SOCKS proxies are not supported")),
    }
}

impl Direct {
    fn parse(text: &str) -> Option<Direct> {
        let text = text.trim().to_ascii_lowercase();
        if text == "*" {
            return Some(Direct::All);
        }
        if let Some((address, prefix)) = text.split_once('/') {
            let address = address.parse().ok()?;
            return Some(Direct::Network { address, prefix: prefix.parse().ok()? });
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse() {
            return Some(Direct::Network { address, prefix: u8::MAX });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (text.as_str(), None),
        };
        let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
        let name = name.trim_matches(['[', ']']);
        let itself = !name.starts_with('.');
        let name = name.strip_prefix('.').unwrap_or(name);
        (!name.is_empty()).then(|| Direct::Host { name: name.to_owned(), itself, port })
    }

    fn holds(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        match self {
            Direct::All => true,
            Direct::Network { address: network, prefix } => {
                address.is_some_and(|address| within(address, *network, *prefix))
            }
            Direct::Host { name, itself, port: only } => {
                let below = host.strip_suffix(name.as_str());
                only.is_none_or(|only| only == port)
                    && below
                        .is_some_and(|below| below.ends_with('.') || (*itself && below.is_empty()))
            }
        }
    }
}

/// Whether the first `prefix` bits agree; more than there are means all.
fn within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let (address, network, width): (u128, u128, u32) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u32::from(a).into(), u32::from(n).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.into(), n.into(), 128),
        _ => return false,
    };
    let rest = width.saturating_sub(prefix.into());
    (address ^ network).checked_shr(rest).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(proxies: &Proxies, uri: &str) -> Option<String> {
        proxies.of(&uri.parse().unwrap()).map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn proxies_by_scheme_and_host() {
        let env = |name: &str| {
            let value = match name {
                "HTTP_PROXY" => "plain:3128",
                "https_proxy" => "http://me:pass@secure:3129",
                "NO_PROXY" => {
                    "own.org, .below.org,*.star.org,10.0.0.0/8,192.168.1.7,fd00::/8,port.org:81"
                }
                _ => return None,
            };
            Some(value.to_owned())
        };
        let proxies = Proxies::new(env).unwrap();
        for (uri, proxy) in [
            ("http://other.org/a", Some("plain")),
            ("https://other.org/a", Some("secure")),
            ("http://localhost:9000/a", None),
            ("http://127.3.2.1/a", None),
            ("http://[::1]/a", None),
            ("https://OWN.org/a", None),
            ("https://x.own.org/a", None),
            ("https://notown.org/a", Some("secure")),
            ("https://below.org/a", Some("secure")),
            ("https://x.below.org/a", None),
            ("https://x.star.org/a", None),
            ("https://star.org/a", Some("secure")),
            ("https://10.1.2.3/a", None),
            ("https://11.1.2.3/a", Some("secure")),
            ("https://192.168.1.7/a", None),
            ("https://192.168.1.8/a", Some("secure")),
            ("https://[fd00::1]/a", None),
            ("http://port.org:81/a", None),
            ("http://port.org/a", Some("plain")),
        ] {
            assert_eq!(host(&proxies, uri).as_deref(), proxy, "{uri}");
        }
        let all = Proxies::new(|name| Some(if name == "NO_PROXY" { "*" } else { "p" }.into()));
        assert_eq!(host(&all.unwrap(), "http://other.org/"), None);
    }

    #[test]
    fn a_malformed_proxy_is_named_without_its_password() {
        for address in ["socks5://me:hunter2@host", "ftp://me:hunter2@host", "http://me:hunter2@"] {
            let set = |name: &str| (name == "HTTPS_PROXY").then(|| address.to_owned());
            let error = Proxies::new(set).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("hunter2"), "{error}");
        }
    }
}
