//! The executor's own log lines on standard error, each marked `argo=true`.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

static LEAST: AtomicU8 = AtomicU8::new(Level::Info as u8);
static JSON: AtomicBool = AtomicBool::new(false);

impl Level {
    /// Reads `--loglevel`, with the spellings of older Argo versions.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "debug" | "trace" => Some(Self::Debug),
            "info" | "print" | "" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" | "fatal" | "panic" => Some(Self::Error),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// Sets the least level that is printed.
pub fn set_level(level: Level) {
    LEAST.store(level as u8, Ordering::Relaxed);
}

/// Chooses JSON lines instead of text.
pub fn set_json(json: bool) {
    JSON.store(json, Ordering::Relaxed);
}

/// Something that only a developer wants to know.
pub fn debug(message: &str, fields: &[(&str, &str)]) {
    write(Level::Debug, message, fields);
}

/// Something that a reader of logs may want to know.
pub fn info(message: &str, fields: &[(&str, &str)]) {
    write(Level::Info, message, fields);
}

/// Something odd that the executor carries on after.
pub fn warn(message: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, message, fields);
}

/// Something that makes the step fail.
pub fn error(message: &str, fields: &[(&str, &str)]) {
    write(Level::Error, message, fields);
}

fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    if (level as u8) < LEAST.load(Ordering::Relaxed) {
        return;
    }
    let time = format!("{:.3}", jiff::Timestamp::now());
    let line = if JSON.load(Ordering::Relaxed) {
        json_line(&time, level, message, fields)
    } else {
        text_line(&time, level, message, fields)
    };
    // Nowhere is left to report that standard error cannot be written.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn text_line(time: &str, level: Level, message: &str, fields: &[(&str, &str)]) -> String {
    let mut line = format!("time={time} level={} msg={} argo=true", level.name(), quoted(message));
    for (key, value) in fields {
        line.push_str(&format!(" {key}={}", quoted(value)));
    }
    line.push('\n');
    line
}

fn json_line(time: &str, level: Level, message: &str, fields: &[(&str, &str)]) -> String {
    let mut line = serde_json::Map::new();
    line.insert("time".into(), time.into());
    line.insert("level".into(), level.name().into());
    line.insert("msg".into(), message.into());
    line.insert("argo".into(), true.into());
    for (key, value) in fields {
        line.insert((*key).into(), (*value).into());
    }
    format!("{}\n", serde_json::Value::Object(line))
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\'));
    if plain { text.into() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_carry_the_mark() {
        assert_eq!(
            text_line("T", Level::Warn, "no file", &[("path", "/a b"), ("n", "1")]),
            "time=T level=WARN msg=\"no file\" argo=true path=\"/a b\" n=1\n"
        );
        assert_eq!(
            json_line("T", Level::Info, "x", &[]),
            "{\"argo\":true,\"level\":\"INFO\",\"msg\":\"x\",\"time\":\"T\"}\n"
        );
    }
}
