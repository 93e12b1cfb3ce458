//! Durations as Argo writes them: Go's `1h30m`, or a bare number of seconds.

use jiff::SignedDuration;

const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// Reads a duration.
///
/// # Errors
/// The text, and what was expected.
pub(crate) fn parse(text: &str) -> Result<SignedDuration, String> {
    let wrong =
        || format!("'{text}' is not a duration: write seconds as a number, or e.g. 90s, 5m, 1h30m");
    let trimmed = text.trim();
    if let Ok(seconds) = trimmed.parse::<i64>() {
        return Ok(SignedDuration::from_secs(seconds));
    }
    let (sign, mut rest) = match trimmed.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, trimmed),
    };
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1;
        seconds += number.parse::<f64>().map_err(|_| wrong())? * factor;
        rest = tail;
    }
    SignedDuration::try_from_secs_f64(sign * seconds).map_err(|_| wrong())
}

/// A duration for people: `1 minute 5 seconds`; at most two units.
pub(crate) fn human(duration: SignedDuration) -> String {
    let total = duration.as_secs().max(0);
    let parts = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let mut left = total;
    let mut words = Vec::new();
    for (size, name) in parts {
        let count = left / size;
        left %= size;
        if count > 0 {
            words.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    words.truncate(2);
    if words.is_empty() { "0 seconds".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, millis) in [
            ("10", 10_000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            ("2d", 172_800_000),
            ("-3s", -3000),
        ] {
            assert_eq!(parse(text).unwrap().as_millis(), millis, "{text}");
        }
        for text in ["", "1x", "s", "abc", "1m2", "--1s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(human(parse("65s").unwrap()), "1 minute 5 seconds");
        assert_eq!(human(parse("0").unwrap()), "0 seconds");
    }
}
