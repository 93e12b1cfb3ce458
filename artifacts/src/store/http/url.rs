//! A URL as far as artifacts need it; prints without credentials.

use crate::error::Error;
use crate::secret::Secret;
use percent_encoding::percent_decode_str;
use std::fmt;

#[derive(Clone)]
pub(super) struct Url {
    /// `http` or `https`.
    scheme: String,
    user_info: Option<String>,
    /// Host and port.
    host: String,
    /// Starts with `/`; percent-encoded.
    path: String,
    /// With its `?`; may hold a signature.
    query: String,
}

/// Without user, password and query.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.host, self.path)
    }
}

impl Url {
    pub fn parse(text: &str) -> Result<Url, Error> {
        let invalid = |why: &str| {
            Error::new(Error::Invalid, "open an HTTP store", why)
                .advise("set `http.url` to `http://…` or `https://…`")
        };
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .ok_or_else(|| invalid("`http.url` is not an absolute URL"))?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err(invalid("`http.url` is neither http nor https"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = tail.split_at(tail.find('?').unwrap_or(tail.len()));
        let (user_info, host) = match authority.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info.to_owned()), host),
            None => (None, authority),
        };
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(invalid("`http.url` has no host"));
        }
        Ok(Url {
            scheme,
            user_info,
            host: host.to_owned(),
            path: encode_path(path),
            query: encode(query),
        })
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same place with another path. What a URL cannot hold is percent-encoded.
    pub fn with_path(&self, path: &str) -> Url {
        let escaped = encode_path(path).replace('?', "%3F").replace('#', "%23");
        Url { path: escaped, ..self.clone() }
    }

    /// What goes over the wire: without user and password, with the query.
    pub fn request_text(&self) -> String {
        format!("{self}{}", self.query)
    }

    pub fn same_host(&self, other: &Url) -> bool {
        self.scheme == other.scheme && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// Where a `Location` header leads from here.
    pub fn join(&self, location: &str) -> Option<Url> {
        if location.contains("://") {
            return Url::parse(location).ok();
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Url::parse(&format!("{}://{rest}", self.scheme)).ok();
        }
        let directory = self.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            format!("{directory}/{location}")
        };
        Url::parse(&format!("{}://{}{path}", self.scheme, self.host)).ok()
    }

    pub fn user_info(&self) -> Option<(Secret, Secret)> {
        let (user, password) = self.user_info.as_deref()?.split_once(':')?;
        Some((Secret::new(decode(user)), Secret::new(decode(password))))
    }
}

fn encode_path(path: &str) -> String {
    if path.starts_with('/') { encode(path) } else { encode(&format!("/{path}")) }
}

/// Escapes for what may not stand in a URL; what is escaped already stays.
fn encode(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The path of an address or of a reference without a host.
pub(super) fn path_of(href: &str) -> Option<&str> {
    if href.starts_with('/') {
        return Some(href);
    }
    let (_, rest) = href.split_once("://")?;
    rest.get(rest.find('/')?..)
}

/// A key as people write it, from the path of a URL; it leads to the same URL again.
pub(super) fn decode_key(path: &str) -> String {
    decode(&path.replace("%25", "%2525"))
}

/// A name or value of a form: `application/x-www-form-urlencoded`.
pub(super) fn encode_form(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'*' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_print_without_credentials() {
        let url = Url::parse("https://me:se%20cret@host:8443/a b/c?signature=abc#top").unwrap();
        assert_eq!(url.to_string(), "https://host:8443/a%20b/c");
        assert_eq!(url.request_text(), "https://host:8443/a%20b/c?signature=abc");
        let (user, password) = url.user_info().unwrap();
        assert_eq!((user.expose(), password.expose()), ("me", "se cret"));
        assert_eq!(
            url.with_path("x/y?z").request_text(),
            "https://host:8443/x/y%3Fz?signature=abc"
        );
        assert_eq!(url.with_path(url.path()).request_text(), url.request_text());
    }

    #[test]
    fn redirects_resolve() {
        let url = Url::parse("http://host/a/b?q").unwrap();
        for (location, result) in [
            ("https://other/x", "https://other/x"),
            ("//other/x", "http://other/x"),
            ("/x?y", "http://host/x?y"),
            ("x", "http://host/a/x"),
        ] {
            assert_eq!(url.join(location).unwrap().request_text(), result, "{location}");
        }
        assert!(url.join("ftp://other/x").is_none());
    }

    #[test]
    fn only_http_urls() {
        for text in ["", "host/path", "file:///etc/passwd", "http://", "http:///path"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        assert_eq!(Url::parse("http://host").unwrap().request_text(), "http://host/");
    }
}
