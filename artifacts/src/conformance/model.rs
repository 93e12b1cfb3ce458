//! A store beside a plain map: after the same operations both give the same answers.

use super::{Bytes, Directories, noise, saved};
use crate::error::Error;
use crate::source::Source;
use crate::store::{Object, Store};
use crate::target::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::io::Read;
use std::path::Path;

/// What a model can be asked to do. Keys of objects must not be directories of others: stores differ there.
#[derive(Clone, Debug)]
pub enum Operation {
    /// An object of so many bytes, which depend on the seed.
    Save {
        key: String,
        seed: u64,
        size: usize,
    },
    /// A directory with these files: name and size.
    SaveDirectory {
        key: String,
        files: Vec<(String, usize)>,
    },
    Load {
        key: String,
    },
    List {
        prefix: String,
    },
    Delete {
        key: String,
    },
    Look {
        key: String,
    },
}

/// What a store should hold.
#[derive(Debug)]
pub struct Model {
    directories: Directories,
    objects: BTreeMap<String, Vec<u8>>,
    /// Directories above objects, which stay where directories are things of their own.
    parents: BTreeSet<String>,
}

impl Model {
    /// An empty store that keeps directories in this way.
    pub fn new(directories: Directories) -> Model {
        Model { directories, objects: BTreeMap::new(), parents: BTreeSet::new() }
    }

    /// Does one operation on both. Panics where their answers differ.
    pub fn step(&mut self, store: &dyn Store, operation: &Operation, scratch: &Path) {
        match operation {
            Operation::Save { key, seed, size } => {
                let content = noise(*seed, *size);
                let answer = store.save_stream(&Bytes(content.clone()), key).unwrap();
                assert_eq!(answer, saved(&content), "{operation:?}");
                self.insert(key, content);
            }
            Operation::SaveDirectory { key, files } => {
                self.save_directory(store, key, files, scratch);
            }
            Operation::Load { key } => self.load(store, key, scratch),
            Operation::List { prefix } => {
                let expected: Vec<_> = self
                    .below(prefix)
                    .map(|(key, content)| Object { key: key.into(), size: content.len() as u64 })
                    .collect();
                assert_eq!(store.list(prefix).unwrap(), expected, "{operation:?}");
            }
            Operation::Delete { key } => {
                store.delete(key).unwrap();
                self.remove(key);
            }
            Operation::Look { key } => {
                let exists = self.exists(key);
                assert_eq!(store.exists(key).unwrap(), exists, "{operation:?}");
                let directory = exists.then(|| !self.objects.contains_key(key));
                same(store.is_directory(key), directory, operation);
            }
        }
    }

    fn save_directory(
        &mut self,
        store: &dyn Store,
        key: &str,
        files: &[(String, usize)],
        scratch: &Path,
    ) {
        let tree = scratch.join("tree");
        if self.directories != Directories::Merged {
            self.remove(key);
        }
        for (name, size) in files {
            let path = tree.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let content = noise(*size as u64, *size);
            std::fs::write(path, &content).unwrap();
            self.insert(&format!("{key}/{name}"), content);
        }
        store.save(&Source::open(&tree).unwrap(), key).unwrap();
        std::fs::remove_dir_all(tree).unwrap();
    }

    /// An object by its bytes, a directory by those of all its files.
    fn load(&self, store: &dyn Store, key: &str, scratch: &Path) {
        let operation = format!("load {key}");
        let opened = store.open(key).map(|mut reader| {
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            content
        });
        match self.objects.get(key) {
            Some(content) => assert!(opened.unwrap() == *content, "{operation}"),
            None => assert!(opened.is_err(), "{operation}"),
        }
        let out = scratch.join("out");
        let loaded = store.load(key, &Target::at(&out).unwrap());
        same(loaded, self.exists(key).then_some(()), &operation);
        for (name, content) in self.below(key) {
            let path = match name.strip_prefix(key).unwrap_or_default() {
                "" => out.clone(),
                below => out.join(&below[1..]),
            };
            assert!(std::fs::read(path).unwrap() == *content, "{operation}: {name}");
        }
        let _ = std::fs::remove_file(&out).or_else(|_| std::fs::remove_dir_all(&out));
        assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0, "{operation}");
    }

    fn insert(&mut self, key: &str, content: Vec<u8>) {
        self.objects.insert(key.to_owned(), content);
        if self.directories == Directories::Whole {
            let ends = key.match_indices('/').map(|(end, _)| key[..end].to_owned());
            self.parents.extend(ends);
        }
    }

    fn exists(&self, key: &str) -> bool {
        self.below(key).next().is_some() || self.parents.contains(key)
    }

    fn below<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a str, &'a Vec<u8>)> {
        let below = move |name: &str| match name.strip_prefix(key) {
            Some(rest) => key.is_empty() || rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        self.objects
            .iter()
            .filter(move |(name, _)| below(name))
            .map(|(name, content)| (name.as_str(), content))
    }

    fn remove(&mut self, key: &str) {
        let gone: Vec<_> = self.below(key).map(|(name, _)| name.to_owned()).collect();
        for name in gone {
            self.objects.remove(&name);
        }
        let below = format!("{key}/");
        self.parents.retain(|name| name != key && !name.starts_with(&below));
    }
}

/// `None` stands for `NotFound`.
fn same<T: Debug + PartialEq>(answer: Result<T, Error>, expected: Option<T>, what: impl Debug) {
    match (answer, expected) {
        (Err(Error::NotFound(_)), None) => {}
        (Ok(answer), Some(expected)) => assert_eq!(answer, expected, "{what:?}"),
        (answer, expected) => panic!("{what:?} answers {answer:?}, where {expected:?} is right"),
    }
}
