//! What can go wrong with a request, by what a caller can do about it.

use std::fmt;

use serde_json::Value;

/// Where users read what a pod's service account needs.
const RBAC: &str = "https://argo-workflows.readthedocs.io/en/latest/workflow-rbac/";

/// Texts by which Argo 4.1 knows that the same request may succeed later (its `util/errors`).
const TRANSIENT: &[&str] = &[
    "exceeded quota",
    "resource quota evaluation timed out",
    "request did not complete within requested timeout",
    "connection refused",
    "connection reset by peer",
    "etcdserver: leader changed",
    "etcdserver: request timed out",
    "etcdserver: too many requests",
];

/// Why a request failed.
#[derive(Debug)]
pub enum Error {
    /// There is no such object.
    NotFound(String),
    /// The object exists already.
    Exists(String),
    /// The service account may not do it.
    Denied(String),
    /// The same request may succeed later.
    Transient(String),
    Other(String),
}

impl Error {
    /// Whether the same request may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Transient(_))
    }

    /// No answer, or only a part of one.
    pub(super) fn transport(doing: String, error: &ureq::Error) -> Self {
        let text = format!("{doing}: {error}");
        match error {
            // A certificate that does not fit will not fit later.
            ureq::Error::Io(inner) if inner.kind() == std::io::ErrorKind::InvalidData => {
                Self::Other(format!("{text}; check the certificate authority of the API server"))
            }
            ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::BodyStalled
            | ureq::Error::Protocol(_) => Self::Transient(text),
            _ => Self::Other(text),
        }
    }

    /// Something is wrong on our side, or with the form of an answer.
    pub(super) fn unsent(doing: String, why: impl fmt::Display) -> Self {
        Self::Other(format!("{doing}: {why}"))
    }

    /// An answer that is not a success. The body is a `Status` object, or whatever a proxy says.
    pub(super) fn answered(doing: String, status: u16, body: &[u8]) -> Self {
        let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
        let message = match parsed["message"].as_str() {
            Some(message) => message.to_owned(),
            None => String::from_utf8_lossy(body).trim().chars().take(300).collect(),
        };
        let text = format!("{doing}: {status}: {message}");
        let transient = TRANSIENT.iter().any(|part| message.contains(part));
        match (status, parsed["reason"].as_str()) {
            (429 | 500 | 502 | 503 | 504, _) => Self::Transient(text),
            _ if transient => Self::Transient(text),
            // The server's own view of tokens may lag behind; the next try reads the token again.
            (401, _) => Self::Transient(text),
            (403, _) => Self::Denied(format!(
                "{text}; give the pod's service account this permission, see {RBAC}"
            )),
            (404, _) => Self::NotFound(text),
            (409, Some("AlreadyExists")) => Self::Exists(text),
            (409, _) => Self::Transient(text),
            _ => Self::Other(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(text)
            | Self::Exists(text)
            | Self::Denied(text)
            | Self::Transient(text)
            | Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted_by_what_to_do() {
        let sorted = |status, message: &str, reason: &str| {
            let body = serde_json::json!({"message": message, "reason": reason}).to_string();
            Error::answered("POST x".into(), status, body.as_bytes())
        };
        assert!(matches!(sorted(409, "there", "AlreadyExists"), Error::Exists(_)));
        assert!(matches!(sorted(409, "changed", "Conflict"), Error::Transient(_)));
        assert!(matches!(sorted(403, "pods: exceeded quota: q", "Forbidden"), Error::Transient(_)));
        assert!(matches!(sorted(422, "bad", "Invalid"), Error::Other(_)));
        let denied = sorted(403, "cannot create", "Forbidden");
        assert!(denied.to_string().contains("workflow-rbac"), "{denied}");
        let proxy = Error::answered("POST x".into(), 502, b"<html>bad gateway</html>");
        assert!(proxy.retryable());
        assert_eq!(proxy.to_string(), "POST x: 502: <html>bad gateway</html>");
    }
}
