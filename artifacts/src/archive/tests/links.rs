//! Links of both kinds in any combination: nothing is written outside, and nothing that is left leads there.

use super::hostile::{FILE, Raw, entry, tgz};
use super::*;
use proptest::prelude::*;

/// One entry: from anywhere, to anywhere.
#[derive(Clone, Debug)]
enum Step {
    File(String),
    Directory(String),
    Link(String, String),
    Hard(String, String),
}

fn step() -> impl Strategy<Value = Step> {
    let path = || {
        let part = prop::sample::select(vec!["a", "b", "c", ".", ".."]);
        prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
    };
    let aim = prop_oneof![
        4 => path(),
        1 => Just("/".to_owned()),
        1 => Just("OUTSIDE".to_owned()),
        1 => Just("../../outside/secret".to_owned()),
    ];
    prop_oneof![
        path().prop_map(Step::File),
        path().prop_map(Step::Directory),
        (path(), aim.clone()).prop_map(|(path, to)| Step::Link(path, to)),
        (path(), aim).prop_map(|(path, to)| Step::Hard(path, to)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn links_in_any_combination_lead_nowhere(steps in prop::collection::vec(step(), 1..8)) {
        let dir = tempfile::tempdir().unwrap();
        let (outside, inside) = (dir.path().join("outside"), dir.path().join("inside"));
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "secret").unwrap();
        std::fs::create_dir(&inside).unwrap();
        let before = tree(&outside);
        let absolute = |to: &str| to.replace("OUTSIDE", &outside.display().to_string());
        let entries: Vec<_> = steps.iter().map(|step| match step {
            Step::File(path) => entry(&Raw { name: path.as_bytes(), ..FILE }),
            Step::Directory(path) => entry(&Raw { name: path.as_bytes(), kind: b'5', data: b"", mode: 0o755, ..FILE }),
            Step::Link(path, to) => entry(&Raw { name: path.as_bytes(), kind: b'2', link: absolute(to).as_bytes(), data: b"", ..FILE }),
            Step::Hard(path, to) => entry(&Raw { name: path.as_bytes(), kind: b'1', link: absolute(to).as_bytes(), data: b"", ..FILE }),
        }).collect();
        let out = inside.join("out");
        let stream = Box::new(Cursor::new(tgz(&entries)));
        let done = unpack(stream, Unpacking::Tar, &Target::at(&out).unwrap(), &Limits::default(), "unpack it");
        prop_assert_eq!(tree(&outside), before);
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        prop_assert_eq!(std::fs::read_dir(&inside).unwrap().count(), usize::from(done.is_ok()));
        if done.is_ok() {
            for path in tree(&out).keys() {
                // What resolves at all resolves inside.
                if let Ok(real) = std::fs::canonicalize(out.join(path)) {
                    prop_assert!(real.starts_with(std::fs::canonicalize(&out).unwrap()), "{:?}", real);
                }
            }
        }
    }
}
