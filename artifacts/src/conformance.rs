//! What every store must do, as functions that drive any [`Store`]; a failure panics and says what differs.
//!
//! What a kind of store cannot do is declared in [`Abilities`], and then it must say `Unsupported`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the suite")]

mod directories;
mod keys;
mod model;
mod objects;
mod packed;
mod writers;

pub use model::{Model, Operation};

use crate::digest::{Hashing, copy};
use crate::error::{Context, Error};
use crate::source::{Body, Source};
use crate::store::{Saved, Store};
use crate::target::Target;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// What a kind of store can do.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// Lists objects and tells directories from them.
    pub lists: bool,
    /// Deletes.
    pub deletes: bool,
    /// Refuses keys that are no plain paths. Else the other side decides what they mean.
    pub checks_keys: bool,
    /// Takes keys with `\\`. Else they are refused.
    pub backslashes: bool,
    pub directories: Directories,
    /// Bytes at which objects start to travel in parts, or any number where they never do.
    pub part: usize,
}

/// How a directory is stored as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directories {
    /// Not at all.
    No,
    /// An object for each of its files; an empty directory leaves no trace.
    Files,
    /// As `Files`, beside what the key has below it already: several steps fill one directory, as with Argo.
    Merged,
    /// With empty directories and links.
    Whole,
}

impl Abilities {
    /// A folder of the machine.
    pub const FOLDER: Abilities = Abilities {
        lists: true,
        deletes: true,
        checks_keys: true,
        backslashes: true,
        directories: Directories::Whole,
        part: 1 << 20,
    };

    /// Objects without directories.
    pub const OBJECTS: Abilities = Abilities { directories: Directories::Files, ..Self::FOLDER };

    /// A bucket in a cloud.
    pub const BUCKET: Abilities = Abilities { directories: Directories::Merged, ..Self::FOLDER };

    /// A server that knows GET, HEAD and PUT.
    pub const HTTP: Abilities = Abilities {
        lists: false,
        deletes: false,
        checks_keys: false,
        directories: Directories::No,
        ..Self::FOLDER
    };
}

/// Runs the whole suite in an empty store, which it leaves with objects in it.
///
/// `scratch` is an empty directory on this machine; in the end there is nothing in it that the store has left behind.
pub fn conforms(store: &dyn Store, abilities: &Abilities, scratch: &Path) {
    let case = Case { store, abilities, scratch };
    objects::missing(&case);
    objects::sizes(&case);
    objects::replaced(&case);
    objects::broken_sources(&case);
    keys::odd(&case);
    keys::hostile(&case);
    keys::listed_and_deleted(&case);
    directories::as_they_are(&case);
    directories::replaced(&case);
    packed::with_digest(&case);
    writers::of_many_keys(&case);
    writers::of_one_key(&case);
    assert_eq!(names(scratch), [""; 0], "something is left behind");
}

/// Checks a store that can only be read and holds one object.
pub fn conforms_read_only(store: &dyn Store, key: &str, content: &[u8], scratch: &Path) {
    let abilities = Abilities::HTTP;
    let case = Case { store, abilities: &abilities, scratch };
    assert!(case.read(key).unwrap() == content);
    assert!(case.loaded(key).unwrap() == content);
    assert!(store.exists(key).unwrap() && !store.is_directory(key).unwrap());
    unsupported(store.save(&case.file(b"x"), key));
    unsupported(store.save_stream(&Bytes(vec![1]), key));
    unsupported(store.delete(key));
    case.done();
    assert_eq!(names(scratch), [""; 0], "something is left behind");
}

/// A store under test.
struct Case<'a> {
    store: &'a dyn Store,
    abilities: &'a Abilities,
    scratch: &'a Path,
}

impl Case<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    fn target(&self, name: &str) -> Target {
        Target::at(&self.path(name)).unwrap()
    }

    fn file(&self, content: &[u8]) -> Source {
        std::fs::write(self.path("file"), content).unwrap();
        Source::open(&self.path("file")).unwrap()
    }

    fn source(&self, name: &str) -> Source {
        Source::open(&self.path(name)).unwrap()
    }

    /// The object by `open`.
    fn read(&self, key: &str) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        self.store.open(key)?.read_to_end(&mut content).doing(|| "read")?;
        Ok(content)
    }

    /// The object by `load`.
    fn loaded(&self, key: &str) -> Result<Vec<u8>, Error> {
        self.store.load(key, &self.target("loaded"))?;
        Ok(std::fs::read(self.path("loaded")).unwrap())
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.store.list(prefix).unwrap().into_iter().map(|object| object.key).collect()
    }

    /// Removes what the case itself has put into the scratch directory.
    fn done(&self) {
        for name in ["file", "loaded", "tree", "out"] {
            let path = self.path(name);
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
        }
    }
}

/// Bytes that can be produced again.
struct Bytes(Vec<u8>);

impl Body for Bytes {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }

    fn length(&self) -> Result<u64, Error> {
        Ok(self.0.len() as u64)
    }
}

/// Bytes of which no two stretches are the same: xorshift.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

fn saved(content: &[u8]) -> Saved {
    let mut hashing = Hashing::new(content);
    copy(&mut hashing, &mut std::io::sink()).unwrap();
    hashing.finish()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn not_found<T>(result: Result<T, Error>) {
    let error = result.err().expect("there is nothing");
    assert!(matches!(error, Error::NotFound(_)), "not `NotFound`: {error:?}");
}

fn unsupported<T>(result: Result<T, Error>) {
    let error = result.err().expect("this kind of store cannot do it");
    assert!(matches!(error, Error::Unsupported(_)), "not `Unsupported`: {error:?}");
}

fn invalid<T>(result: Result<T, Error>, what: &str) {
    let error = result.err().unwrap_or_else(|| panic!("{what:?} is taken"));
    assert!(matches!(error, Error::Invalid(_)), "{what:?} is not `Invalid`: {error:?}");
}
