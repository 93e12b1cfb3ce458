//! Directories saved as they are.

use super::{Bytes, Case, Directories, names};
use crate::error::Error;
use std::path::Path;

const FILES: [(&str, &str); 6] = [
    ("plain", "1"),
    ("with space/ünï", "22"),
    ("a/b/c/d/e/f/g/deep", "333"),
    ("zero", ""),
    ("a.b", "dot"),
    ("%2e%2e/x#y?z", "quoted"),
];

fn make(tree: &Path) {
    for (name, content) in FILES {
        let path = tree.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::fs::create_dir(tree.join("empty")).unwrap();
}

/// Every file comes back, by directory and by key; empty directories where they are kept.
pub(super) fn as_they_are(case: &Case<'_>) {
    let tree = case.path("tree");
    make(&tree);
    let kept = case.store.save(&case.source("tree"), "d/tree");
    if case.abilities.directories == Directories::No {
        let error = kept.unwrap_err();
        assert!(matches!(error, Error::Invalid(_) | Error::Unsupported(_)), "{error:?}");
        return case.done();
    }
    let kept = kept.unwrap();
    let size: usize = FILES.iter().map(|(_, content)| content.len()).sum();
    assert_eq!((kept.size, kept.sha256.as_str()), (size as u64, ""));
    assert!(case.store.is_directory("d/tree").unwrap() && case.store.exists("d/tree").unwrap());

    let mut keys = FILES.map(|(name, _)| format!("d/tree/{name}"));
    keys.sort();
    assert_eq!(case.keys("d/tree"), keys);
    case.store.load("d/tree", &case.target("out")).unwrap();
    for (name, content) in FILES {
        assert_eq!(std::fs::read_to_string(case.path("out").join(name)).unwrap(), content);
        assert_eq!(case.read(&format!("d/tree/{name}")).unwrap(), content.as_bytes(), "{name}");
    }
    let empty = case.path("out/empty").is_dir();
    assert_eq!(empty, case.abilities.directories == Directories::Whole);
    case.done();
}

/// A directory saved again leaves nothing of the old one; where it is one thing, it and an object replace each other.
pub(super) fn replaced(case: &Case<'_>) {
    if case.abilities.directories == Directories::No {
        return;
    }
    let tree = case.path("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("old"), "old").unwrap();
    case.store.save(&case.source("tree"), "d/again").unwrap();
    std::fs::rename(tree.join("old"), tree.join("new")).unwrap();
    case.store.save(&case.source("tree"), "d/again").unwrap();
    if case.abilities.directories == Directories::Merged {
        assert_eq!(case.keys("d/again"), ["d/again/new", "d/again/old"]);
        case.store.delete("d/again").unwrap();
        assert_eq!(case.keys("d/again"), [""; 0]);
        return case.done();
    }
    assert_eq!(case.keys("d/again"), ["d/again/new"]);
    case.store.save_stream(&Bytes(b"file".to_vec()), "d/again").unwrap();
    assert!(!case.store.is_directory("d/again").unwrap());
    assert_eq!(case.keys("d/again"), ["d/again"]);
    assert_eq!(case.read("d/again").unwrap(), b"file");
    case.store.save(&case.source("tree"), "d/again").unwrap();
    assert!(case.store.is_directory("d/again").unwrap());
    assert_eq!(case.keys("d/again"), ["d/again/new"]);
    case.store.load("d/again", &case.target("out")).unwrap();
    assert_eq!(names(&case.path("out")), ["new"]);
    case.done();
}
