//! What an API server would give a new workflow: its name, uid, namespace and time.

use std::fs;
use std::io;

use jiff::Timestamp;
use lighter_api::Workflow;
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Kubernetes' letters for `generateName`: no vowels, nothing that looks like another.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX: usize = 5;
/// Longest name of a workflow: Argo puts it into label values.
const LONGEST: usize = 63;

/// Gives a workflow what it has not: a name (from `generateName`, else its kind's), a uid, the namespace `default`.
///
/// # Errors
/// When the kernel gives no random number.
pub fn complete(workflow: &mut Workflow, now: Timestamp) -> io::Result<()> {
    let metadata = workflow.metadata.get_or_insert_default();
    let uid = fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_string();
    if metadata.name.as_deref().unwrap_or_default().is_empty() {
        let prefix = metadata.generate_name.as_deref().unwrap_or("workflow-");
        metadata.name = Some(format!("{}{}", shortened(prefix), suffix(&uid)));
    }
    if metadata.namespace.as_deref().unwrap_or_default().is_empty() {
        metadata.namespace = Some("default".into());
    }
    metadata.uid = Some(uid);
    metadata.creation_timestamp = Some(Time(now));
    Ok(())
}

/// Whether a name can be a workflow's: a DNS label, with dots allowed, of at most 63 characters.
pub fn check_name(name: &str) -> Result<(), String> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if name.len() > LONGEST {
        return Err(format!("the name `{}…` has more than {LONGEST} characters", cut(name, 20)));
    }
    if !edge(name.chars().next()) || !edge(name.chars().last()) || !name.chars().all(inner) {
        let shown: String = name.escape_debug().take(80).collect();
        return Err(format!(
            "the name `{shown}` may have only lower-case letters, digits, `-` and `.`, and must begin and end with a letter or digit"
        ));
    }
    Ok(())
}

fn shortened(prefix: &str) -> &str {
    cut(prefix, LONGEST - SUFFIX)
}

fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Five letters out of a random uuid's digits.
fn suffix(uid: &str) -> String {
    let digits: String = uid.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let mut number = u64::from_str_radix(&digits, 16).unwrap_or_default();
    let base = LETTERS.len() as u64;
    let mut text = String::new();
    for _ in 0..SUFFIX {
        let letter = LETTERS.get((number % base) as usize).copied().unwrap_or(b'x');
        text.push(char::from(letter));
        number /= base;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn named(generate_name: &str) -> String {
        let metadata =
            ObjectMeta { generate_name: Some(generate_name.into()), ..Default::default() };
        let mut workflow = Workflow { metadata: Some(metadata), ..Default::default() };
        complete(&mut workflow, Timestamp::UNIX_EPOCH).unwrap();
        workflow.metadata.unwrap().name.unwrap()
    }

    #[test]
    fn generated_names_differ_and_are_valid() {
        let (one, other) = (named("hello-"), named("hello-"));
        assert_ne!(one, other);
        assert_eq!(one.len(), "hello-".len() + 5);
        check_name(&one).unwrap();
        assert_eq!(named(&"x".repeat(100)).len(), 63);
    }

    #[test]
    fn bad_names_are_refused() {
        for name in ["", "-a", "a-", "A", "a b", "a\0", "ä", "a/b", &"a".repeat(64)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        check_name("a").unwrap();
        check_name("a-b.c-9").unwrap();
    }
}
