//! Objects in this process's memory: as a bucket is, without a server. For tests and for programs that link this crate.

use super::{Object, Saved, Store};
use crate::beneath::{Dir, file_type};
use crate::digest::{Hashing, copy};
use crate::error::{Context, Error};
use crate::name::Relative;
use crate::place::{Pending, Policy};
use crate::source::{Body, FileReader, Handle, Source};
use crate::target::Target;
use crate::tree::{MAX_DEPTH, odd};
use rustix::fs::FileType;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Objects = BTreeMap<String, Arc<[u8]>>;

/// An empty store that lives as long as its value. Directories are their files; links in them are refused.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<Objects>,
}

impl Memory {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        // A panic elsewhere leaves the map whole.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The objects at and below a key, by key.
    fn found(&self, verb: &str, key: &str) -> Result<Objects, Error> {
        let key = checked(verb, key)?;
        let objects = self.objects();
        let below = objects.range(key.clone()..).take_while(|(name, _)| name.starts_with(&key));
        Ok(below
            .filter(|(name, _)| is_at_or_below(name, &key))
            .map(|(name, bytes)| (name.clone(), Arc::clone(bytes)))
            .collect())
    }

    fn object(&self, key: &str) -> Result<Arc<[u8]>, Error> {
        let name = checked("load", key)?;
        self.objects().get(&name).cloned().ok_or_else(|| missing("load", key))
    }

    /// Puts the objects in the place of all at and below the key.
    fn replace(&self, key: &str, new: Objects) -> Result<(), Error> {
        let key = named("save", key)?;
        let mut objects = self.objects();
        objects.retain(|name, _| !is_at_or_below(name, &key));
        objects.extend(new);
        Ok(())
    }
}

fn doing(verb: &str, key: &str) -> String {
    format!("{verb} key `{key}` in memory")
}

fn missing(verb: &str, key: &str) -> Error {
    Error::new(Error::NotFound, doing(verb, key), "no such object")
}

/// The key without what means nothing in it.
fn checked(verb: &str, key: &str) -> Result<String, Error> {
    let relative = Relative::parse(key.as_bytes()).map_err(|why| {
        let why = why.replace("its name", "the key");
        Error::new(Error::Invalid, doing(verb, key), why)
            .advise("use a relative path of plain names as key")
    })?;
    Ok(relative.as_path().to_string_lossy().into_owned())
}

fn named(verb: &str, key: &str) -> Result<String, Error> {
    let name = checked(verb, key)?;
    if name.is_empty() {
        return Err(
            Error::new(Error::Invalid, doing(verb, key), "the key is empty").advise("set `key`")
        );
    }
    Ok(name)
}

fn is_at_or_below(name: &str, key: &str) -> bool {
    let rest = name.strip_prefix(key);
    key.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn write(bytes: &[u8], target: &Target) -> Result<(), Error> {
    let (pending, mut file) = Pending::file(target, 0o666)?;
    file.write_all(bytes).doing(|| target.doing())?;
    pending.commit(Policy::Replace).map(|_| ())
}

/// All files below `dir` as objects below `key`.
fn gather(dir: &Dir, key: &str, depth: usize, objects: &mut Objects) -> Result<(), Error> {
    let doing = || doing("save", key);
    if depth > MAX_DEPTH {
        let why = format!("it lies more than {MAX_DEPTH} directories deep");
        return Err(Error::new(Error::Invalid, doing(), why));
    }
    for name in dir.names().doing(doing)? {
        let path = Path::new(&name);
        let text = name.to_str().ok_or_else(|| {
            let why = format!("{} is no UTF-8 text", path.display());
            Error::new(Error::Invalid, doing(), why).advise("rename it, or pack it")
        })?;
        let below = format!("{key}/{text}");
        match file_type(&dir.stat(&name).doing(doing)?) {
            FileType::Directory => {
                gather(&dir.sub(path).doing(doing)?, &below, depth + 1, objects)?;
            }
            FileType::RegularFile => {
                let file = Arc::new(dir.open_read(path).doing(doing)?);
                let mut bytes = Vec::new();
                copy(&mut FileReader { file, offset: 0 }, &mut bytes).doing(doing)?;
                objects.insert(below, bytes.into());
            }
            _ => return Err(odd(&doing(), path)),
        }
    }
    Ok(())
}

impl Store for Memory {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn load(&self, key: &str, target: &Target) -> Result<(), Error> {
        if let Ok(bytes) = self.object(key) {
            return write(&bytes, target);
        }
        let found = self.found("load", key)?;
        if found.is_empty() {
            return Err(missing("load", key));
        }
        let base = checked("load", key)?;
        let (pending, dir) = Pending::directory(target)?;
        for (name, bytes) in found {
            let below = name.strip_prefix(&base).unwrap_or(&name).trim_start_matches('/');
            let path = Path::new(below);
            let parent = dir.make(path.parent().unwrap_or(Path::new("")), 0o777);
            let parent = Arc::new(parent.doing(|| target.doing())?);
            let shown = target.path().join(path);
            let name = path.file_name().unwrap_or_default();
            write(&bytes, &Target::inside(parent, name, shown))?;
        }
        pending.commit(Policy::Replace).map(|_| ())
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(Cursor::new(self.object(key)?)))
    }

    fn save(&self, source: &Source, key: &str) -> Result<Saved, Error> {
        let Handle::Directory(dir) = source.handle() else {
            return self.save_stream(source, key);
        };
        let mut objects = Objects::new();
        gather(dir, &named("save", key)?, 0, &mut objects)?;
        let size = objects.values().map(|bytes| bytes.len() as u64).sum();
        self.replace(key, objects)?;
        Ok(Saved { size, sha256: String::new() })
    }

    fn save_stream(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        let name = named("save", key)?;
        let mut bytes = Vec::new();
        let mut reader = Hashing::new(body.open()?);
        copy(&mut reader, &mut bytes).doing(|| doing("save", key))?;
        self.replace(key, Objects::from([(name, bytes.into())]))?;
        Ok(reader.finish())
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, Error> {
        let object = |(key, bytes): (String, Arc<[u8]>)| Object { key, size: bytes.len() as u64 };
        Ok(self.found("list", prefix)?.into_iter().map(object).collect())
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        let key = named("delete", key)?;
        self.objects().retain(|name, _| !is_at_or_below(name, &key));
        Ok(())
    }

    fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(!self.found("look up", key)?.is_empty())
    }

    fn is_directory(&self, key: &str) -> Result<bool, Error> {
        match self.found("look up", key)?.first_key_value() {
            None => Err(missing("look up", key)),
            Some((name, _)) => Ok(*name != checked("look up", key)?),
        }
    }
}
