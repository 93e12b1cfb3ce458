//! Loops: the items of `withItems`, `withParam` and `withSequence`, their names and their variables.

use lighter_api::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use lighter_api::{Sequence, WorkflowStep};
use serde_json::Value;

use crate::expr::{Scope, Var};

/// The most items that a sequence may have: a typing error should not fill the memory.
const MAX_SEQUENCE: i64 = 1_000_000;

/// True for a step or task that has a loop.
pub(crate) fn is_loop(step: &WorkflowStep) -> bool {
    step.with_items.as_ref().is_some_and(|items| !items.is_empty())
        || !step.with_param.is_empty()
        || step.with_sequence.is_some()
}

/// The items of a loop, its tags replaced.
///
/// # Errors
/// When the list does not parse or the sequence makes no sense.
pub(crate) fn items(step: &WorkflowStep) -> Result<Vec<Value>, String> {
    if let Some(items) = step.with_items.as_ref().filter(|items| !items.is_empty()) {
        return Ok(items.iter().map(|item| item.0.clone()).collect());
    }
    if !step.with_param.is_empty() {
        return param(&step.with_param);
    }
    step.with_sequence.as_ref().map_or(Ok(Vec::new()), sequence)
}

fn param(text: &str) -> Result<Vec<Value>, String> {
    serde_json::from_str(text).map_err(|error| {
        format!("withParam value could not be parsed as a JSON list: {}: {error}", text.trim())
    })
}

fn sequence(sequence: &Sequence) -> Result<Vec<Value>, String> {
    let start = sequence.start.as_ref().map_or(Ok(0), |start| number("start", start))?;
    let end = match (&sequence.count, &sequence.end) {
        (Some(_), Some(_)) => {
            return Err("only one of count or end can be defined in withSequence".to_owned());
        }
        (None, None) => {
            return Err("neither end nor count was specified in withSequence".to_owned());
        }
        (Some(count), None) => match number("count", count)? {
            0 => return Ok(Vec::new()),
            count => start.saturating_add(count).saturating_sub(1),
        },
        (None, Some(end)) => number("end", end)?,
    };
    if start.abs_diff(end) >= MAX_SEQUENCE.unsigned_abs() {
        return Err(format!("withSequence has more than {MAX_SEQUENCE} items"));
    }
    let numbers: Vec<i64> =
        if start <= end { (start..=end).collect() } else { (end..=start).rev().collect() };
    let format = if sequence.format.is_empty() { "%d" } else { &sequence.format };
    numbers.into_iter().map(|n| print(format, n).map(Value::String)).collect()
}

fn number(field: &str, value: &IntOrString) -> Result<i64, String> {
    match value {
        IntOrString::Int(n) => Ok(i64::from(*n)),
        IntOrString::String(text) => text
            .trim()
            .parse()
            .map_err(|_| format!("withSequence.{field}: '{text}' is not a whole number")),
    }
}

/// Prints a number with one of Go's verbs d, x, X, o, b, with flags 0, - and +, and a width.
fn print(format: &str, number: i64) -> Result<String, String> {
    let wrong = || {
        format!(
            "withSequence.format: '{format}' is not a format for one whole number, e.g. item-%03d"
        )
    };
    let mut out = String::new();
    let mut used = false;
    let mut rest = format.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if rest.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = rest.next_if(|c| matches!(c, '0' | '-' | '+')) {
            flags.push(flag);
        }
        let mut width = String::new();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            width.push(digit);
        }
        let width: usize = if width.is_empty() { 0 } else { width.parse().map_err(|_| wrong())? };
        if used || width > 100 {
            return Err(wrong());
        }
        used = true;
        let magnitude = number.unsigned_abs();
        let digits = match rest.next() {
            Some('d') => magnitude.to_string(),
            Some('x') => format!("{magnitude:x}"),
            Some('X') => format!("{magnitude:X}"),
            Some('o') => format!("{magnitude:o}"),
            Some('b') => format!("{magnitude:b}"),
            _ => return Err(wrong()),
        };
        let sign = if number < 0 {
            "-"
        } else if flags.contains('+') {
            "+"
        } else {
            ""
        };
        let room = width.saturating_sub(sign.len() + digits.len());
        let text = if flags.contains('-') {
            format!("{sign}{digits}{}", " ".repeat(room))
        } else if flags.contains('0') {
            format!("{sign}{}{digits}", "0".repeat(room))
        } else {
            format!("{}{sign}{digits}", " ".repeat(room))
        };
        out.push_str(&text);
    }
    Ok(out)
}

/// The name of an expanded step: `step(3:text)`.
pub(crate) fn item_name(step: &str, index: usize, item: &Value) -> String {
    let text = match item {
        Value::Null => "[]".to_owned(),
        Value::Bool(_) | Value::Number(_) => item.to_string(),
        Value::String(text) => {
            // As it stands between the quotes in JSON.
            let quoted = Value::String(text.clone()).to_string();
            quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
        }
        Value::Array(list) => {
            let words: Vec<String> = list.iter().map(plain).collect();
            format!("[{}]", words.join(" "))
        }
        Value::Object(map) => {
            let mut pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect();
            pairs.sort_unstable();
            pairs.join(",")
        }
    };
    format!("{step}({index}:{})", text.replace(['(', ')'], ""))
}

/// A value as `{{item}}` shows it: a string as it is, anything else as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Sets `item` and `item.KEY`.
pub(crate) fn set_item(scope: &mut Scope, item: &Value) {
    scope.set("item", Var::Text(plain(item)));
    if let Value::Object(map) = item {
        for (key, value) in map {
            scope.set(format!("item.{key}"), Var::Text(plain(value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loop_of(yaml_json: &str) -> Result<Vec<Value>, String> {
        items(&serde_json::from_str::<WorkflowStep>(yaml_json).unwrap())
    }

    fn texts(json: &str) -> String {
        let items = loop_of(&format!(r#"{{"withSequence":{json}}}"#)).unwrap();
        items.iter().map(plain).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn sequences_are_argos() {
        assert_eq!(texts(r#"{"count":3}"#), "0,1,2");
        assert_eq!(texts(r#"{"count":"0"}"#), "");
        assert_eq!(texts(r#"{"start":"2","end":5}"#), "2,3,4,5");
        assert_eq!(texts(r#"{"start":5,"end":2}"#), "5,4,3,2");
        assert_eq!(
            texts(r#"{"count":3,"start":10,"format":"testuser%02X"}"#),
            "testuser0A,testuser0B,testuser0C"
        );
        assert_eq!(texts(r#"{"end":2,"format":"%03d"}"#), "000,001,002");
        assert_eq!(texts(r#"{"count":-1}"#), "0,-1,-2");
        for bad in [
            r#"{"start":1}"#,
            r#"{"count":1,"end":1}"#,
            r#"{"count":"x"}"#,
            r#"{"end":2,"format":"%s"}"#,
            r#"{"end":2147483647}"#,
        ] {
            assert!(loop_of(&format!(r#"{{"withSequence":{bad}}}"#)).is_err(), "{bad}");
        }
    }

    #[test]
    fn items_are_named_as_argo_names_them() {
        for (json, name) in [
            ("1.5", "s(0:1.5)"),
            ("12345678901234567890", "s(0:12345678901234567890)"),
            ("true", "s(0:true)"),
            ("null", "s(0:[])"),
            (r#""5""#, "s(0:5)"),
            (r#""a(b)c""#, "s(0:abc)"),
            (r#""<a&b>""#, "s(0:<a&b>)"),
            (r#""line\nbreak""#, r"s(0:line\nbreak)"),
            (
                r#"{"k":"v","n":1,"b":true,"nested":{"x":[1,2]},"s":"a,b"}"#,
                r#"s(0:b:true,k:v,n:1,nested:{"x":[1,2]},s:a,b)"#,
            ),
            (r#"[1,"a",{"b":2}]"#, r#"s(0:[1 a {"b":2}])"#),
            (r#""""#, "s(0:)"),
            ("[]", "s(0:[])"),
            ("{}", "s(0:)"),
        ] {
            assert_eq!(item_name("s", 0, &serde_json::from_str(json).unwrap()), name);
        }
    }

    #[test]
    fn a_bad_list_is_named() {
        let error = loop_of(r#"{"withParam":"notjson"}"#).unwrap_err();
        assert!(error.starts_with("withParam value could not be parsed as a JSON list: notjson: "));
    }
}
