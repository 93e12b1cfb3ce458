//! Which faults of a server or connection may pass, and how long to wait for that: one policy for all stores.

use crate::error::Error;
use jiff::{Timestamp, fmt::rfc2822};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// How a fault ends a try.
#[derive(Debug)]
pub struct Fault {
    pub error: Error,
    /// The server's own wish.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault of the connection or of the request. `Error::doing` is set by [`Retry::run`].
    pub fn of(error: ureq::Error) -> Fault {
        let why = error.to_string();
        let error = match error {
            ureq::Error::Io(error) => return Fault::io(error),
            ureq::Error::Rustls(error) => tls(&error),
            ureq::Error::Timeout(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                Error::new(Error::Transient, "", why)
            }
            // Half an answer, or something that is no HTTP.
            ureq::Error::Protocol(_) => Error::new(Error::Transient, "", why),
            ureq::Error::ConnectProxyFailed(_) => Error::new(Error::Transient, "", why)
                .advise("check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"),
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => Error::new(Error::Invalid, "", why),
            _ => Error::new(Error::Io, "", why),
        };
        Fault::ours(error)
    }

    /// A fault of reading or writing on a connection.
    pub fn io(error: io::Error) -> Fault {
        if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            return Fault::ours(Error::io("", error));
        }
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return Fault::ours(tls(error));
        }
        Fault::ours(match Error::io("", error) {
            // Whatever cuts a connection may pass; a local failure does not.
            passing @ (Error::Io(_) | Error::Corrupt(_) | Error::Transient(_)) => {
                Error::new(Error::Transient, "", passing.details().why.clone())
            }
            lasting => lasting,
        })
    }

    pub fn ours(error: Error) -> Fault {
        Fault { error, retry_after: None }
    }

    pub fn lasting(why: &str) -> Fault {
        Fault::ours(Error::new(Error::Invalid, "", why))
    }

    /// An answer that is no success.
    pub fn status<B>(response: &Response<B>) -> Fault {
        let status = response.status();
        let why = format!("the server answered {status}");
        let error = match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Error::new(Error::NotFound, "", why),
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Error::new(Error::Denied, "", why),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Error::new(Error::Transient, "", why)
            }
            StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => {
                Error::new(Error::Unsupported, "", why)
            }
            status if status.is_server_error() => Error::new(Error::Transient, "", why),
            _ => Error::new(Error::Invalid, "", why),
        };
        Fault { error, retry_after: retry_after(response.headers()) }
    }
}

fn tls(error: &rustls::Error) -> Error {
    let why = error.to_string();
    match error {
        rustls::Error::InvalidCertificate(_) => Error::new(Error::Denied, "", why)
            .advise("trust the server's authority: SSL_CERT_FILE names a file of certificates"),
        rustls::Error::AlertReceived(_) => Error::new(Error::Denied, "", why)
            .advise("the server refused the connection: it may want a client certificate"),
        _ => Error::new(Error::Transient, "", why),
    }
}

/// Seconds or a date: RFC 9110, 10.2.3.
pub(crate) fn retry_after(headers: &HeaderMap<HeaderValue>) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default())
}

/// A few tries with growing pauses of random length.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    pub tries: u32,
    /// Longest first pause; each next may be twice as long.
    pub first: Duration,
    /// No pause is longer, unless the server wishes so.
    pub longest: Duration,
    /// No pause starts that would end later than this after the first try.
    pub total: Duration,
}

/// A whole number in the environment: for those who want more patience, or less.
pub(crate) fn setting(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.trim().parse().ok()
}

pub(crate) fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(count.into())
}

/// How patient the stores of this process are.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often something is tried that may pass.
    pub tries: u32,
    /// Longest first pause; each next may be twice as long.
    pub first: Duration,
}

static PATIENCE: OnceLock<Patience> = OnceLock::new();

impl Patience {
    /// Holds for every store that is opened from now on; the first call counts.
    pub fn set(self) {
        let _ = PATIENCE.set(self);
    }
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { tries: 7, first: Duration::from_secs(1) }
    }
}

impl Default for Retry {
    /// About half a minute on the average, where Argo's five tries take about ten seconds.
    fn default() -> Retry {
        let patience = PATIENCE.get().copied().unwrap_or_default();
        Retry {
            tries: setting("LIGHTER_RETRY_TRIES").unwrap_or(patience.tries),
            first: setting("LIGHTER_RETRY_PAUSE_MS").map_or(patience.first, milliseconds),
            longest: Duration::from_secs(20),
            total: Duration::from_secs(120),
        }
    }
}

impl Retry {
    /// Calls until success, a fault that will not pass, or the end of patience.
    pub fn run<T>(
        &self,
        doing: &str,
        mut call: impl FnMut() -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let mut attempt = 1;
        loop {
            let fault = match call() {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let wait = fault.retry_after.unwrap_or_else(|| self.pause(attempt));
            let patient =
                attempt < self.tries && start.elapsed().saturating_add(wait) <= self.total;
            if !fault.error.retryable() || !patient {
                return Err(fault.error.while_doing(doing, attempt));
            }
            std::thread::sleep(wait);
            attempt += 1;
        }
    }

    /// Anything between nothing and the longest pause after this try, so that many who failed together come back one by one.
    pub fn pause(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let longest = self.first.saturating_mul(doubled).min(self.longest);
        let random = RandomState::new().build_hasher().finish() as u32;
        longest.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> io::Error {
        fault.error.into_io()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_are_random() {
        let retry = Retry::default();
        for (attempt, longest) in [(1, 1), (2, 2), (3, 4), (6, 20), (100, 20)] {
            let pauses: Vec<_> = (0..200).map(|_| retry.pause(attempt)).collect();
            let most = pauses.iter().max().unwrap();
            assert!(*most <= Duration::from_secs(longest), "{attempt}: {most:?}");
            assert!(*most > Duration::from_millis(500 * longest), "{attempt}: {most:?}");
            assert!(pauses.iter().any(|pause| *pause < *most / 2), "{attempt}");
        }
    }

    #[test]
    fn the_server_says_when() {
        let wait = |value: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_str(&value).unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("7".into()), Some(Duration::from_secs(7)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT".into()), Some(Duration::ZERO));
        let later = Timestamp::now() + Duration::from_secs(3600);
        let date = rfc2822::to_string(&later.to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
        let seconds = wait(date).unwrap().as_secs();
        assert!((3590..=3600).contains(&seconds), "{seconds}");
        assert_eq!(wait("soon".into()), None);
    }
}
