//! Many at once: of different keys all arrive, of one key one wins.

use super::{Bytes, Case, noise};

const WRITERS: usize = 4;

/// Small objects from several threads through one store.
pub(super) fn of_many_keys(case: &Case<'_>) {
    let each = 50;
    let key = |number: usize| format!("many/{}/{number:03}", number % 7);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for number in (0..each).map(|number| number * WRITERS + writer) {
                    let content = noise(number as u64, 1000 + number);
                    case.store.save_stream(&Bytes(content), &key(number)).unwrap();
                }
            });
        }
    });
    for number in 0..each * WRITERS {
        let content = noise(number as u64, 1000 + number);
        assert!(case.read(&key(number)).unwrap() == content, "{}", key(number));
    }
    if case.abilities.lists {
        assert_eq!(case.store.list("many").unwrap().len(), each * WRITERS);
    }
}

/// Whoever reads sees one writer's object as a whole or an error, and in the end one is there.
pub(super) fn of_one_key(case: &Case<'_>) {
    let key = "one/deep/key";
    for size in [300_000, case.abilities.part + 1] {
        let objects: Vec<_> = (0..WRITERS).map(|writer| noise(writer as u64, size)).collect();
        std::thread::scope(|scope| {
            for object in &objects {
                let objects = &objects;
                scope.spawn(move || {
                    for _ in 0..3 {
                        case.store.save_stream(&Bytes(object.clone()), key).unwrap();
                        let read = case.read(key);
                        assert!(read.is_err() || read.is_ok_and(|read| objects.contains(&read)));
                    }
                });
            }
        });
        assert!(objects.contains(&case.read(key).unwrap()));
    }
}
