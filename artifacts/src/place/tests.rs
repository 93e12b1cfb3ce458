//! Two writers of one name, and what is left behind.

use super::*;
use std::io::Write;

fn write(target: &Target, text: &str, policy: Policy) -> Result<OsString, Error> {
    let (pending, mut file) = Pending::file(target, 0o644)?;
    file.write_all(text.as_bytes()).unwrap();
    pending.commit(policy)
}

#[test]
fn policies() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::at(&dir.path().join("sub/out.json")).unwrap();
    assert_eq!(write(&target, "1", Policy::Fail).unwrap(), "out.json");
    assert!(matches!(write(&target, "2", Policy::Fail), Err(Error::Exists(_))));
    assert_eq!(write(&target, "3", Policy::Number).unwrap(), "out-1.json");
    assert_eq!(write(&target, "4", Policy::Number).unwrap(), "out-2.json");
    assert_eq!(write(&target, "5", Policy::Replace).unwrap(), "out.json");
    let read = |name: &str| std::fs::read_to_string(dir.path().join("sub").join(name)).unwrap();
    assert_eq!([read("out.json"), read("out-1.json"), read("out-2.json")], ["5", "3", "4"]);
    assert_eq!(
        std::fs::read_dir(dir.path().join("sub")).unwrap().count(),
        3,
        "nothing else is left"
    );
}

#[test]
fn a_directory_with_something_in_it_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("out/inner")).unwrap();
    let target = Target::at(&dir.path().join("out")).unwrap();
    assert!(matches!(write(&target, "1", Policy::Replace), Err(Error::Exists(_))));
    let (pending, _) = Pending::directory(&target).unwrap();
    assert!(matches!(pending.commit(Policy::Replace), Err(Error::Exists(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn of_many_writers_one_wins_and_numbers_do_not_collide() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::at(&dir.path().join("out")).unwrap();
    let all = |policy| -> Vec<bool> {
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8)
                .map(|number| {
                    let target = &target;
                    scope.spawn(move || {
                        write(target, &number.to_string().repeat(100_000), policy).is_ok()
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        })
    };
    assert_eq!(all(Policy::Fail).into_iter().filter(|won| *won).count(), 1);
    assert!(all(Policy::Number).into_iter().all(|won| won));
    let files: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert_eq!(files.len(), 9);
    for file in files {
        assert_eq!(file.len(), 100_000);
        assert!(file.iter().all(|byte| *byte == file[0]), "two writers were mixed");
    }
}
