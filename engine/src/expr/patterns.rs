//! Regular expressions of Go's dialect, on an engine whose time is linear as Go's is.

use regex::{Regex, RegexBuilder};

use super::run::{Fail, Run};

/// Compiles a pattern; a pattern that is too large is an error.
pub(crate) fn compile(run: &Run<'_>, pattern: &str) -> Result<Regex, Fail> {
    run.spend(200 + pattern.len())?;
    build(pattern).map_err(Fail::from)
}

/// Compiles a pattern outside of an evaluation.
pub(crate) fn build(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern)).size_limit(1 << 20).nest_limit(100).build().map_err(
        |e| match e {
            regex::Error::CompiledTooBig(_) => "error parsing regexp: too large".to_owned(),
            other => {
                let text = other.to_string();
                let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ");
                format!("error parsing regexp: {reason}: `{pattern}`")
            }
        },
    )
}

/// The same pattern for the `regex` crate: Go's `\d`, `\w`, `\s` and `\b` are ASCII, it knows
/// `\Q…\E`, and in its classes `[`, `&&`, `--` and `~~` are ordinary characters.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut class = false;
    let mut class_start = false;
    while let Some(c) = chars.next() {
        let first = std::mem::take(&mut class_start);
        match c {
            '\\' => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                match escaped {
                    'd' if class => out.push_str("0-9"),
                    'w' if class => out.push_str("0-9A-Za-z_"),
                    's' if class => out.push_str("\\t\\n\\x0C\\r\\x20"),
                    'd' => out.push_str("[0-9]"),
                    'w' => out.push_str("[0-9A-Za-z_]"),
                    's' => out.push_str("[\\t\\n\\x0C\\r\\x20]"),
                    'D' => out.push_str("[^0-9]"),
                    'W' => out.push_str("[^0-9A-Za-z_]"),
                    'S' => out.push_str("[^\\t\\n\\x0C\\r\\x20]"),
                    'b' if !class => out.push_str("(?-u:\\b)"),
                    'B' if !class => out.push_str("(?-u:\\B)"),
                    'Q' if !class => {
                        while let Some(c) = chars.next() {
                            if c == '\\' && chars.next_if_eq(&'E').is_some() {
                                break;
                            }
                            out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
                        }
                    }
                    other => {
                        out.push('\\');
                        out.push(other);
                    }
                }
            }
            '[' if !class => {
                class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                class_start = true;
            }
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            ']' if class && first => out.push_str("\\]"),
            ']' if class => {
                class = false;
                out.push(']');
            }
            '[' => out.push_str("\\["),
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            '-' if class && chars.peek() == Some(&'-') => out.push_str("\\-"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::build;

    #[test]
    fn goes_dialect() {
        for (pattern, text, expected) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١", false),
            (r"[\w-]+@", "a-b@", true),
            (r"^[[:alpha:]]+$", "abc", true),
            (r"^[[]$", "[", true),
            (r"^[]a]$", "]", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"a&&b", "a&&b", true),
            (r"[a&&b]", "&", true),
        ] {
            assert_eq!(build(pattern).map(|p| p.is_match(text)), Ok(expected), "{pattern}");
        }
        assert!(build("[").is_err() && build("(a{1000}){1000}").is_err());
    }
}
