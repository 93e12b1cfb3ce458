//! Which faults may pass, and how long to wait for that.

use crate::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::time::{Duration, Instant};
use ureq::http::{Response, StatusCode, header};

/// How a fault ends a try.
pub(super) struct Fault {
    pub error: Error,
    /// The server's own wish.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault of the connection or of the request. `Error::doing` is set by [`Retry::run`].
    pub fn of(error: ureq::Error) -> Fault {
        let why = error.to_string();
        let error = match error {
            ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => {
                Error::io("", error)
            }
            ureq::Error::Io(error) => match Error::io("", error) {
                // Whatever cuts a connection may pass; a local failure does not.
                passing @ (Error::Io(_) | Error::Corrupt(_) | Error::Transient(_)) => {
                    Error::new(Error::Transient, "", passing.details().why.clone())
                }
                lasting => lasting,
            },
            ureq::Error::Timeout(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                Error::new(Error::Transient, "", why)
            }
            // Half an answer, or something that is no HTTP.
            ureq::Error::Protocol(_) => Error::new(Error::Transient, "", why),
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => Error::new(Error::Invalid, "", why),
            _ => Error::new(Error::Io, "", why),
        };
        Fault { error, retry_after: None }
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
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Error::new(Error::Denied, "", why)
                .advise("check the credentials in `http.auth` and `http.headers`"),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Error::new(Error::Transient, "", why)
            }
            status if status.is_server_error() => Error::new(Error::Transient, "", why),
            _ => Error::new(Error::Invalid, "", why),
        };
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let seconds = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Fault { error, retry_after: seconds.map(Duration::from_secs) }
    }
}

/// A few tries with growing pauses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub tries: u32,
    pub first_pause: Duration,
    /// No pause starts that would end later than this after the first try.
    pub total: Duration,
}

impl Default for Retry {
    /// Argo's: five tries, pauses of 1, 1.6, 2.6 and 4.1 s and up to half as much again.
    fn default() -> Retry {
        Retry { tries: 5, first_pause: Duration::from_secs(1), total: Duration::from_secs(120) }
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
        let mut pause = self.first_pause;
        for attempt in 1.. {
            let fault = match call() {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let wait = fault.retry_after.unwrap_or_else(|| jitter(pause));
            let patient = attempt < self.tries && start.elapsed() + wait <= self.total;
            if !fault.error.retryable() || !patient {
                return Err(fault.error.while_doing(doing, attempt));
            }
            std::thread::sleep(wait);
            pause = pause.mul_f64(1.6);
        }
        Err(Error::new(Error::Transient, doing, "gave up"))
    }
}

/// Up to half as much again, so that many who failed together do not come back together.
fn jitter(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1000;
    pause.mul_f64(1.0 + random as f64 / 2000.0)
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> io::Error {
        fault.error.into_io()
    }
}
