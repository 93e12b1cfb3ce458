//! Conditions of a resource: Kubernetes' label selector grammar over paths into the object, as Argo 4.1 reads them.

use serde_json::Value;

/// One requirement of a condition.
#[derive(Debug, PartialEq, Eq)]
pub struct Requirement {
    /// As it was written, for messages.
    text: String,
    /// Fields and list positions with dots between: `status.conditions.0.type`.
    path: String,
    test: Test,
}

#[derive(Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

/// What the conditions say of an object.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Met,
    NotYet,
    /// With the requirement of the failure condition that holds.
    Failed(String),
}

/// Success needs all of its requirements, failure only one. Without a success condition, what has not failed is met.
pub fn judge(success: &[Requirement], failure: &[Requirement], object: &Value) -> Verdict {
    if let Some(failed) = failure.iter().find(|requirement| requirement.holds(object)) {
        return Verdict::Failed(failed.text.clone());
    }
    let met = success.iter().all(|requirement| requirement.holds(object));
    if met { Verdict::Met } else { Verdict::NotYet }
}

/// Reads a condition; an empty one has no requirements. The error says what is wrong.
pub fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    split(text).into_iter().map(requirement).collect()
}

/// At commas that stand in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    if parts == [""] { Vec::new() } else { parts }
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let made = |path: &str, test| {
        let path = path.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if path.is_empty() || !path.chars().all(fits) {
            return Err(format!("{path:?} in {text:?} is no path such as status.phase"));
        }
        Ok(Requirement { text: text.into(), path: path.into(), test })
    };
    if let Some(path) = text.strip_prefix('!') {
        return made(path, Test::Absent);
    }
    if let Some((head, list)) = text.split_once('(') {
        let list =
            list.strip_suffix(')').ok_or_else(|| format!("{text:?} does not end in \")\""))?;
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        let (path, word) = head.trim().rsplit_once(char::is_whitespace).unwrap_or((head, ""));
        return match word {
            "in" => made(path, Test::In(values)),
            "notin" => made(path, Test::NotIn(values)),
            _ => Err(format!("{text:?}: expected \"in\" or \"notin\" before the parentheses")),
        };
    }
    let number = |value: &str| {
        value.trim().parse().map_err(|_| format!("{text:?} compares with what is no whole number"))
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((path, value)) = text.split_once("!=") {
        return made(path, Test::NotIn(one(value)));
    }
    if let Some((path, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return made(path, Test::In(one(value)));
    }
    if let Some((path, value)) = text.split_once('>') {
        return made(path, Test::Above(number(value)?));
    }
    if let Some((path, value)) = text.split_once('<') {
        return made(path, Test::Below(number(value)?));
    }
    made(text, Test::Exists)
}

impl Requirement {
    fn holds(&self, object: &Value) -> bool {
        let value = look_up(object, &self.path).map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        match (&self.test, value) {
            (Test::Exists, value) => value.is_some(),
            (Test::Absent, value) => value.is_none(),
            (Test::In(values), value) => value.is_some_and(|value| values.contains(&value)),
            (Test::NotIn(values), value) => value.is_none_or(|value| !values.contains(&value)),
            (Test::Above(limit), value) => integer(value).is_some_and(|value| value > *limit),
            (Test::Below(limit), value) => integer(value).is_some_and(|value| value < *limit),
        }
    }
}

fn integer(value: Option<String>) -> Option<i64> {
    value?.parse().ok()
}

fn look_up<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, part| match value {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_grammar_of_selectors() {
        let object = json!({"status": {"phase": "Done", "ready": 3, "ok": true, "list": [{"type": "A"}], "none": null}});
        for (text, holds) in [
            ("status.phase = Done", true),
            ("status.phase==Done,status.ok=true", true),
            ("status.phase in (Failed, Done)", true),
            ("status.phase notin (Failed,Done)", false),
            ("status.gone notin (x)", true),
            ("status.phase != Done", false),
            ("status.ready > 2, status.ready < 4", true),
            ("status.ready > 3", false),
            ("status.list.0.type=A", true),
            ("status.list.1.type", false),
            ("!status.gone", true),
            ("status.none", true),
            ("status.phase > 1", false),
        ] {
            let parsed = parse(text).unwrap();
            assert_eq!(parsed.iter().all(|one| one.holds(&object)), holds, "{text}");
        }
        for text in ["status.x > y", "a b", "x in (y", "x within (y)", "=x", "a#b=c", "a,"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(" "), Ok(Vec::new()));
    }

    #[test]
    fn failure_comes_first_and_one_is_enough() {
        let object = json!({"a": 1, "b": 2});
        let parsed = |text| parse(text).unwrap();
        assert_eq!(
            judge(&parsed("a=1"), &parsed("x=1,b=2"), &object),
            Verdict::Failed("b=2".into())
        );
        assert_eq!(judge(&parsed("a=1,b=3"), &[], &object), Verdict::NotYet);
        assert_eq!(judge(&[], &parsed("b=3"), &object), Verdict::Met);
    }
}
