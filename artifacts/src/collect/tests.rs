//! Collections in all forms, from stores and from files.

use super::*;
use crate::archive::Archive;
use crate::secret::SecretFiles;
use crate::source::Source;
use crate::store::open_store;
use crate::transfer;
use lighter_api::{ArchiveStrategy, CollectForm, FolderArtifact};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// A folder store with parts in it.
struct World {
    dir: TempDir,
    repository: ArtifactLocation,
    mounts: Mounts,
    secrets: SecretFiles,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("store")).unwrap();
        let folder = FolderArtifact { path: "/store".into(), key: String::new() };
        World {
            repository: ArtifactLocation { folder: Some(folder), ..Default::default() },
            mounts: Mounts {
                folder_root: dir.path().into(),
                volume_root: dir.path().into(),
                ..Mounts::default()
            },
            secrets: SecretFiles { root: dir.path().into() },
            dir,
        }
    }

    /// Saves a file as step `index` would, and says so.
    fn part(&self, index: u64, item: Value, text: &[u8], archive: Option<Archive>) -> Part {
        let path = self.dir.path().join("message.json");
        std::fs::write(&path, text).unwrap();
        self.save(index, item, &path, archive)
    }

    fn save(&self, index: u64, item: Value, path: &Path, archive: Option<Archive>) -> Part {
        let (store, _) = open_store(&self.repository, &self.mounts, &self.secrets).unwrap();
        let key = format!("wf/pod-{index}/part");
        let saved =
            transfer::save(store.as_ref(), &Source::open(path).unwrap(), archive, &key).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        Part {
            index,
            item,
            file,
            key,
            size: Some(saved.size),
            sha256: saved.sha256,
            ..Default::default()
        }
    }

    fn collect(&self, parts: Vec<Part>, how: &Collect) -> Result<std::path::PathBuf, Error> {
        let collection = Collection {
            from: "steps.map.outputs.artifacts.part".into(),
            count: parts.len() as u64,
            parts,
        };
        let origin = Origin {
            repository: Some(&self.repository),
            mounts: &self.mounts,
            secrets: &self.secrets,
        };
        let out = self.dir.path().join("out");
        let before = self.entries();
        let done =
            materialise(&collection, how, &origin, &Target::at(&out).unwrap(), &Limits::default());
        match done {
            Ok(()) => Ok(out),
            Err(error) => {
                assert_eq!(self.entries(), before, "nothing is left behind");
                Err(error)
            }
        }
    }

    fn entries(&self) -> usize {
        std::fs::read_dir(self.dir.path()).unwrap().count()
    }

    fn text(&self, parts: Vec<Part>, form: CollectForm, jq: &str) -> Result<String, String> {
        let how = Collect { form: Some(form), jq: jq.into(), ..Default::default() };
        let out = self.collect(parts, &how).map_err(|error| error.to_string())?;
        Ok(std::fs::read_to_string(out).unwrap())
    }
}

const TGZ: Option<Archive> = Some(Archive::TarGz { level: 6 });

#[test]
fn json_is_printed_as_jq_prints_it() {
    let world = World::new();
    let zip = ArchiveStrategy { zip: Some(Default::default()), ..Default::default() };
    let parts = vec![
        world.part(0, json!("a"), b"{\"message\":\"hello\"}\n", TGZ),
        world.part(2, json!("b"), b" {\"message\" : \"w\\u00f6rld\", \"n\": 1.50, \"big\": 123456789012345678901234567890, \"e\": [], \"o\": {}} ", None),
        Part { archive: Some(zip), ..world.part(3, json!("c"), b"1 [2,\n[3]] \"x\"", Some(Archive::Zip)) },
        world.part(4, json!("d"), b"\n", TGZ),
    ];
    let expected = r#"[
  {
    "message": "hello"
  },
  {
    "message": "w\u00f6rld",
    "n": 1.50,
    "big": 123456789012345678901234567890,
    "e": [],
    "o": {}
  },
  1,
  [
    2,
    [
      3
    ]
  ],
  "x"
]
"#;
    assert_eq!(world.text(parts.clone(), CollectForm::Json, "").unwrap(), expected);
    assert_eq!(world.text(parts.clone(), CollectForm::Json, " . ").unwrap(), expected);
    assert_eq!(
        world.text(parts.clone(), CollectForm::Json, "length, .[0].message").unwrap(),
        "5\n\"hello\"\n"
    );
    assert_eq!(
        world.text(parts.clone(), CollectForm::Ndjson, "").unwrap().lines().collect::<Vec<_>>()
            [2..],
        ["1", "[2,[3]]", "\"x\""]
    );
    assert_eq!(
        world.text(parts, CollectForm::Ndjson, "objects|.message").unwrap(),
        "\"hello\"\n\"wörld\"\n"
    );
    assert_eq!(world.text(vec![], CollectForm::Json, "").unwrap(), "[]\n");
    assert_eq!(world.text(vec![], CollectForm::Json, "length").unwrap(), "0\n");
    assert_eq!(world.text(vec![], CollectForm::Ndjson, "").unwrap(), "");
}

#[test]
fn concat_joins_bytes() {
    let world = World::new();
    let parts = vec![
        world.part(0, json!(1), b"a\xff", TGZ),
        world.part(1, json!(2), b"", None),
        world.part(2, json!(3), b"b", TGZ),
    ];
    let how = Collect { form: Some(CollectForm::Concat), ..Default::default() };
    assert_eq!(std::fs::read(world.collect(parts, &how).unwrap()).unwrap(), b"a\xffb");
}

#[test]
fn directory_names() {
    let world = World::new();
    let tree = world.dir.path().join("tree");
    std::fs::create_dir_all(tree.join("deep")).unwrap();
    std::fs::write(tree.join("deep/file"), "x").unwrap();
    let parts = vec![
        world.part(0, json!({"host": "h1", "n": 1}), b"0", TGZ),
        world.save(7, json!({"host": "h2", "n": 2}), &tree, TGZ),
        world.save(8, json!({"host": "h3", "n": 2}), &tree, None),
    ];
    let how = |name: &str| Collect { name: name.into(), ..Default::default() };
    let out = world.collect(parts.clone(), &how("")).unwrap();
    assert_eq!(std::fs::read_to_string(out.join("00000-message.json")).unwrap(), "0");
    assert_eq!(std::fs::read_to_string(out.join("00007-tree/deep/file")).unwrap(), "x");
    assert_eq!(std::fs::read_to_string(out.join("00008-tree/deep/file")).unwrap(), "x");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3);
    std::fs::remove_dir_all(&out).unwrap();
    let out = world.collect(parts.clone(), &how("{{item.host}}-{{ index }}")).unwrap();
    assert!(out.join("h1-00000").is_file() && out.join("h2-00007").is_dir());
    std::fs::remove_dir_all(&out).unwrap();
    for (name, why) in [
        ("{{item.n}}", "parts 7 and 8 would both be `2`"),
        ("same", "parts 0 and 7 would both be `same`"),
        ("a/{{index}}", "a name cannot contain `/`"),
        ("..", "that is a directory already"),
        ("a\0{{index}}", "NUL"),
        ("{{item.absent}}", "has no `absent`"),
        ("{{other}}", "is none of index"),
        ("{{index", "has no `}}`"),
    ] {
        let text = world.collect(parts.clone(), &how(name)).unwrap_err().to_string();
        assert!(text.contains(why), "{name:?}: {text}");
    }
}

#[test]
fn parts_that_do_not_fit() {
    let world = World::new();
    let tree = world.dir.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("a.json"), "1").unwrap();
    let json = |part: Part| world.text(vec![part], CollectForm::Json, "").unwrap_err();
    assert!(json(world.save(0, json!(1), &tree, TGZ)).contains("holds more than one file"));
    assert!(json(world.save(1, json!(1), &tree, None)).contains("is a directory"));
    let text = json(world.part(2, json!(1), b"{\"a\":1,\n \"b\" 2}", None));
    assert!(text.starts_with("cannot collect part 2 (`message.json`): "), "{text}");
    assert!(text.contains("expected `:`, found `2` at line 2, byte 6"), "{text}");
    let mut gone = world.part(3, json!(1), b"1", TGZ);
    gone.key = "wf/gone".into();
    assert!(json(gone).contains("the part was deleted"));
    let mut changed = world.part(4, json!(1), b"1", TGZ);
    changed.sha256 = "0".repeat(64);
    assert!(json(changed.clone()).contains("SHA-256"));
    let text = world.collect(vec![changed], &Collect::default()).unwrap_err();
    assert!(matches!(text, Error::Corrupt(_)), "{text}");
}

#[test]
fn options_that_do_not_go_together() {
    let world = World::new();
    for how in [
        Collect { jq: ".".into(), ..Default::default() },
        Collect { form: Some(CollectForm::Concat), jq: ".".into(), ..Default::default() },
        Collect { form: Some(CollectForm::Json), name: "x".into(), ..Default::default() },
    ] {
        assert!(matches!(world.collect(vec![], &how), Err(Error::Invalid(_))), "{how:?}");
    }
}

#[test]
fn documents_that_are_no_json() {
    let world = World::new();
    let deep = "[".repeat(5000);
    for text in [
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        "-",
        "+1",
        "1e",
        "nul",
        "truex",
        "NaN",
        "'a'",
        "\"a\nb\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"",
        "]",
        "{1:2}",
        "[1 2]",
        "1 2 x",
        "\u{feff}\u{feff}1",
        &deep,
    ] {
        let part = world.part(0, json!(1), text.as_bytes(), None);
        let error = world.text(vec![part], CollectForm::Json, "").unwrap_err();
        assert!(error.contains("it is no JSON"), "{text}: {error}");
    }
    let part = world.part(0, json!(1), b"\"\xff\"", None);
    assert!(world.text(vec![part], CollectForm::Json, "").unwrap_err().contains("UTF-8"));
    let part = world.part(0, json!(1), "\u{feff}\"ä\"".as_bytes(), None);
    assert_eq!(world.text(vec![part], CollectForm::Ndjson, "").unwrap(), "\"ä\"\n");
}

#[test]
fn characters_across_the_borders_of_buffers() {
    let world = World::new();
    // Every character straddles some border for one of the offsets.
    for offset in 0..4 {
        let text = format!("\"{}{}\"", "x".repeat(offset), "\u{1F600}".repeat(100_000));
        let part = world.part(0, json!(1), text.as_bytes(), None);
        assert_eq!(world.text(vec![part], CollectForm::Ndjson, "").unwrap(), format!("{text}\n"));
    }
}

#[test]
fn ten_thousand_parts() {
    let world = World::new();
    let path = world.dir.path().join("message.json");
    let parts: Vec<_> = (0..10_000_u64)
        .map(|index| {
            let key = format!("wf/{index}");
            let stored = world.dir.path().join("store").join(&key);
            std::fs::create_dir_all(stored.parent().unwrap()).unwrap();
            std::fs::write(stored, format!("{{\"n\":{index}}}")).unwrap();
            Part {
                index,
                item: json!(index),
                file: "message.json".into(),
                key,
                ..Default::default()
            }
        })
        .collect();
    std::fs::write(path, "").unwrap();
    let text = world.text(parts.clone(), CollectForm::Json, "").unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(all.iter().enumerate().all(|(index, document)| document == &json!({"n": index})));
    assert_eq!(all.len(), 10_000);
    assert_eq!(world.text(parts.clone(), CollectForm::Json, "map(.n)|add").unwrap(), "49995000\n");
    assert_eq!(
        world.text(parts.clone(), CollectForm::Ndjson, ".n").unwrap().lines().last(),
        Some("9999")
    );
    std::fs::remove_file(world.dir.path().join("out")).unwrap();
    let out = world.collect(parts, &Collect::default()).unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!((names.len(), names[9_999].to_str()), (10_000, Some("09999-message.json")));
}

#[test]
fn files_by_pattern() {
    let world = World::new();
    let mnt = world.dir.path().join("mnt");
    std::fs::create_dir(&mnt).unwrap();
    for (name, text) in [
        ("message-b.json", "{\"message\":\"world\"}"),
        ("message-a.json", "{\"message\":\"hello\"}"),
        ("other.json", "3"),
    ] {
        std::fs::write(mnt.join(name), text).unwrap();
    }
    let paths = from_files(&mnt.join("message-*.json").display().to_string()).unwrap();
    let target = Target::at(&world.dir.path().join("messages.json")).unwrap();
    let how =
        |jq: &str| Collect { form: Some(CollectForm::Json), jq: jq.into(), ..Default::default() };
    let out = files(&paths, &how("."), &target, Policy::Fail, &Limits::default()).unwrap();
    let expected =
        "[\n  {\n    \"message\": \"hello\"\n  },\n  {\n    \"message\": \"world\"\n  }\n]\n";
    assert_eq!(std::fs::read_to_string(&out).unwrap(), expected);
    assert!(matches!(
        files(&paths, &how("."), &target, Policy::Fail, &Limits::default()),
        Err(Error::Exists(_))
    ));
    let numbered = files(
        &paths,
        &how("map(.message)|join(\" \")"),
        &target,
        Policy::Number,
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(numbered.file_name().unwrap(), "messages-1.json");
    assert_eq!(std::fs::read_to_string(numbered).unwrap(), "\"hello world\"\n");
    let target = Target::at(&world.dir.path().join("all")).unwrap();
    let how = Collect { name: "{{item}}".into(), ..Default::default() };
    let all = files(&paths, &how, &target, Policy::Fail, &Limits::default()).unwrap();
    assert!(all.join("message-a.json").is_file() && all.join("message-b.json").is_file());
    assert!(matches!(from_files("/mnt/[x"), Err(Error::Invalid(_))));
    assert!(from_files("/nowhere/*").unwrap().is_empty());
}
