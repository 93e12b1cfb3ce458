//! Trying again, with growing pauses.

use std::thread;
use std::time::{Duration, SystemTime};

use lighter_artifacts::retry::Patience;

use crate::failure::Failure;
use crate::log;
use crate::settings;

/// How often something is tried, and how long the pauses are.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    pub tries: u32,
    pub first: Duration,
    pub factor: f64,
    /// Every pause is up to this share longer, so that pods do not try in step.
    pub jitter: f64,
    pub longest: Duration,
}

impl Backoff {
    /// For reports: at least three minutes, because a report that does not arrive makes a finished step fail.
    pub fn for_reports() -> Self {
        Self {
            tries: 12,
            first: Duration::from_secs(1),
            factor: 2.0,
            jitter: 0.1,
            longest: Duration::from_secs(30),
        }
    }

    /// Calls until it succeeds, fails for good, or has been tried often enough.
    pub fn run<T, E: std::fmt::Display>(
        &self,
        mut call: impl FnMut() -> Result<T, E>,
        retryable: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let mut pause = self.first;
        for _ in 1..self.tries {
            match call() {
                Err(error) if retryable(&error) => {
                    log::warn(
                        "failed, trying again",
                        &[("error", &error.to_string()), ("pause", &format!("{pause:.1?}"))],
                    );
                }
                done => return done,
            }
            thread::sleep(pause.mul_f64(1.0 + self.jitter * chance()));
            pause = pause.mul_f64(self.factor).min(self.longest);
        }
        call()
    }
}

/// Tells the stores what the environment says of their patience; they try again themselves.
///
/// Their pauses double and are random, whatever `EXECUTOR_RETRY_BACKOFF_FACTOR` and `_JITTER` say.
pub fn set_patience() -> Result<(), Failure> {
    let usual = Patience::default();
    let first = match settings::duration("EXECUTOR_RETRY_BACKOFF_DURATION")? {
        Duration::ZERO => usual.first,
        first => first,
    };
    let tries = number("EXECUTOR_RETRY_BACKOFF_STEPS", usual.tries)?.max(1);
    Patience { tries, first }.set();
    Ok(())
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> Result<T, Failure> {
    match settings::text(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| {
            Failure::new(format!("environment variable {name}: {text:?} is not a number that fits"))
        }),
    }
}

/// Between 0 and 1; spreading pods needs no better chance than the clock's.
fn chance() -> f64 {
    let nanos = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos());
    f64::from(nanos % 1000) / 1000.0
}
