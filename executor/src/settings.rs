//! What the environment of a container tells the executor.

use std::time::Duration;

use jiff::Timestamp;

use crate::failure::Failure;

/// `0001-01-01T00:00:00Z`, with which Argo says: no deadline.
const ZERO_TIME: i64 = -62_135_596_800;

/// The value of a variable; absent and empty are alike.
pub fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether a variable is exactly `true`.
pub fn is_true(name: &str) -> bool {
    text(name).as_deref() == Some("true")
}

/// A variable that the executor cannot work without.
pub fn required(name: &str) -> Result<String, Failure> {
    text(name).ok_or_else(|| {
        Failure::new(format!("environment variable {name} is required, but it is not set"))
    })
}

/// The pod's name, which every executor container is given. Without it the container is not one of a workflow's.
pub fn required_of_pod() -> Result<(), Failure> {
    required("ARGO_POD_NAME")
        .map(drop)
        .map_err(|failure| Failure::Message { code: 1, text: failure.to_string() })
}

/// When the step has to be over; `None` for the zero time.
pub fn deadline() -> Result<Option<Timestamp>, Failure> {
    let text = text("ARGO_DEADLINE").unwrap_or_default();
    let deadline: Timestamp = text.parse().map_err(|_| Failure::Message {
        code: 2,
        text: format!("environment variable ARGO_DEADLINE: {text:?} is not an RFC 3339 time"),
    })?;
    Ok((deadline.as_second() != ZERO_TIME).then_some(deadline))
}

/// How long a container may take to end after SIGTERM: 30 s unless the pod says otherwise.
pub fn grace_period() -> Duration {
    let seconds =
        text("ARGO_TERMINATION_GRACE_PERIOD_SECONDS").and_then(|value| value.parse::<u64>().ok());
    Duration::from_secs(seconds.filter(|&seconds| seconds > 0).unwrap_or(30))
}

/// A variable with a Go duration; absent means zero.
pub fn duration(name: &str) -> Result<Duration, Failure> {
    let Some(value) = text(name) else {
        return Ok(Duration::ZERO);
    };
    go_duration(&value).ok_or_else(|| {
        Failure::new(format!(
            "environment variable {name}: {value:?} is not a duration such as \"1m30s\""
        ))
    })
}

/// Reads a non-negative Go duration: `1h15m`, `1.5s`, `300ms`, `0`.
pub fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let number =
            rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (value, after) = rest.split_at(number);
        let unit =
            after.len() - after.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.').len();
        let (unit, after) = after.split_at(unit);
        total += value.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = after;
    }
    Duration::try_from_secs_f64(total).ok()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("1m0s", 60_000),
            ("1.5s", 1500),
            ("300ms", 300),
            ("0", 0),
            ("0s", 0),
            ("1h1m", 3_660_000),
        ] {
            assert_eq!(go_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "-1s", "5", "s", "1x", "1.2.3s", "1e400h", "99999999999999999999999h"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }
}
