//! Keys: odd ones work, hostile ones are refused, and a prefix ends where a name does.

use super::{Bytes, Case, invalid, not_found, unsupported};
use crate::error::Error;
use crate::store::Object;

/// Names that are plain, if unusual.
pub(super) fn odd(case: &Case<'_>) {
    let long = "l".repeat(200);
    let names = [
        "with space",
        "ünïcödé",
        "日本/語",
        "a+b&c=d",
        "percent%41",
        "question?mark",
        "hash#tag",
        "semi;colon,comma",
        "quote'\"s",
        "back\\slash",
        "(round) [square] {curly}",
        "tilde~star*",
        "at@colon:",
        "dot.",
        "...",
        &long,
    ];
    let (names, refused): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| case.abilities.backslashes || !name.contains('\\'));
    for name in refused {
        let refused = case.store.save_stream(&Bytes(vec![1]), &format!("odd/{name}"));
        assert!(matches!(refused, Err(Error::Invalid(_))), "{name}: {refused:?}");
    }
    for name in &names {
        let key = format!("odd/{name}");
        case.store.save_stream(&Bytes(name.as_bytes().to_vec()), &key).unwrap();
    }
    for name in &names {
        let key = format!("odd/{name}");
        assert_eq!(case.read(&key).unwrap(), name.as_bytes(), "{key}");
        assert!(case.store.exists(&key).unwrap(), "{key}");
    }
    if case.abilities.lists {
        let mut expected: Vec<_> = names.iter().map(|name| format!("odd/{name}")).collect();
        expected.sort();
        assert_eq!(case.keys("odd"), expected);
    }
}

/// Keys that could lead elsewhere are refused by every operation, and do nothing.
pub(super) fn hostile(case: &Case<'_>) {
    if !case.abilities.checks_keys {
        return;
    }
    let source = case.file(b"evil");
    for key in ["../evil", "a/../../evil", "a/..", "..", "/etc/evil", "a\0b"] {
        invalid(case.read(key), key);
        invalid(case.loaded(key), key);
        invalid(case.store.save(&source, key), key);
        invalid(case.store.save_stream(&Bytes(b"evil".to_vec()), key), key);
        invalid(case.store.list(key), key);
        invalid(case.store.delete(key), key);
        invalid(case.store.exists(key), key);
        invalid(case.store.is_directory(key), key);
    }
    invalid(case.store.save(&source, ""), "");
    invalid(case.store.delete(""), "");
    case.done();
}

/// `a` lists and deletes neither `ab` nor `a-b`.
pub(super) fn listed_and_deleted(case: &Case<'_>) {
    let store = case.store;
    let keys = ["l/a", "l/a-b", "l/ab", "l/b/c", "l/b/d/e", "l/b.c"];
    for key in keys {
        store.save_stream(&Bytes(b"12".to_vec()), key).unwrap();
    }
    if !case.abilities.lists {
        unsupported(store.list("l"));
    }
    if !case.abilities.deletes {
        unsupported(store.delete("l/a"));
    }
    if !case.abilities.lists || !case.abilities.deletes {
        return;
    }
    let mut sorted = keys.map(str::to_owned);
    sorted.sort();
    assert_eq!(case.keys("l"), sorted);
    assert_eq!(case.keys("l/"), sorted);
    assert_eq!(store.list("l/a").unwrap(), [Object { key: "l/a".into(), size: 2 }]);
    assert_eq!(case.keys("l/b"), ["l/b/c", "l/b/d/e"]);
    assert_eq!(case.keys("nothing"), [""; 0]);
    assert!(case.keys("").contains(&"l/b/c".to_owned()));

    assert!(store.is_directory("l/b").unwrap() && store.exists("l/b").unwrap());
    assert!(!store.is_directory("l/a").unwrap());
    not_found(store.is_directory("l/nothing"));
    assert!(!store.exists("l/b/c/d").unwrap(), "nothing lies below an object");

    store.delete("l/b").unwrap();
    store.delete("l/b").unwrap();
    store.delete("l/a").unwrap();
    store.delete("l/nothing").unwrap();
    assert_eq!(case.keys("l"), ["l/a-b", "l/ab", "l/b.c"]);
    not_found(case.read("l/b/c"));
    not_found(store.is_directory("l/b"));
}
