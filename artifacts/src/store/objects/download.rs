//! Objects to files: large ones by ranges in parallel, each written at its place and resumed where it broke.

use super::parallel::each;
use super::refusal::Refusal;
use super::remote::{block_on, fault};
use super::{Bucket, Key};
use crate::error::{Context, Error};
use crate::place::{Pending, Policy};
use crate::retry::Fault;
use crate::target::Target;
use futures_util::StreamExt;
use object_store::{GetOptions, GetRange};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Bytes of a range of its own.
const RANGE: u64 = 8 * 1024 * 1024;
/// Ranges on their way at once.
const THREADS: usize = 4;

/// What must be the same for two ranges to be pieces of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub size: u64,
    pub tag: Option<String>,
}

/// Takes bytes in order.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), Error> + 'a;

/// A range of an object that is being read, and what has come of it.
struct Progress<'a, 'b> {
    bucket: &'a Bucket,
    key: &'a Key,
    known: Option<Identity>,
    range: Range<u64>,
    sink: &'a mut Sink<'b>,
}

impl Bucket {
    /// Reads a range, less what lies behind the object's end. `known` is what an earlier range was part of.
    pub(super) fn fetch(
        &self,
        key: &Key,
        known: Option<&Identity>,
        range: Range<u64>,
        sink: &mut Sink<'_>,
    ) -> Result<Identity, Error> {
        let doing = self.doing("load", key.as_ref());
        let mut progress = Progress { bucket: self, key, known: known.cloned(), range, sink };
        self.retry.run(&doing, || progress.go_on())?;
        Ok(progress.known.unwrap_or_default())
    }

    /// Loads the object as a file.
    pub(super) fn load_file(&self, key: &Key, target: &Target) -> Result<(), Error> {
        let (pending, file) = Pending::file(target, 0o666)?;
        let first = self.fetch_to(&file, target, key, None, 0..RANGE)?;
        target.progress.expect(first.size);
        let rest: Vec<u64> = (1..first.size.div_ceil(RANGE)).map(|index| index * RANGE).collect();
        each(&rest, THREADS, |start| {
            let range = *start..first.size.min(start + RANGE);
            self.fetch_to(&file, target, key, Some(&first), range).map(|_| ())
        })?;
        pending.commit(Policy::Replace)?;
        Ok(())
    }

    fn fetch_to(
        &self,
        file: &File,
        target: &Target,
        key: &Key,
        known: Option<&Identity>,
        range: Range<u64>,
    ) -> Result<Identity, Error> {
        let mut at = range.start;
        self.fetch(key, known, range, &mut |bytes| {
            file.write_all_at(bytes, at).doing(|| target.doing())?;
            target.progress.add(bytes.len() as u64);
            at += bytes.len() as u64;
            Ok(())
        })
    }
}

impl Progress<'_, '_> {
    /// One try to read what is missing of the range.
    fn go_on(&mut self) -> Result<(), Fault> {
        if self.known.as_ref().is_some_and(|known| known.size <= self.range.start) {
            return Ok(());
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(self.range.clone())),
            if_match: self.known.as_ref().and_then(|known| known.tag.clone()),
            ..GetOptions::default()
        };
        let (bucket, key) = (self.bucket, self.key);
        let read = block_on(async {
            match bucket.remote.get_opts(key, options).await {
                Ok(answer) => Ok(self.take(answer).await.map(|()| false)),
                Err(error) => match Refusal::find(&error).map(|refusal| refusal.status) {
                    Some(RANGE_NOT_SATISFIABLE) => Ok(Ok(true)),
                    Some(PRECONDITION_FAILED) => Ok(Err(changed())),
                    _ => Err(error),
                },
            }
        })?;
        if read? { self.take_empty() } else { Ok(()) }
    }

    async fn take(&mut self, answer: object_store::GetResult) -> Result<(), Fault> {
        let identity = Identity { size: answer.meta.size, tag: answer.meta.e_tag.clone() };
        if self.known.get_or_insert_with(|| identity.clone()) != &identity {
            return Err(changed());
        }
        let end = self.range.end.min(identity.size);
        let mut stream = answer.into_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(fault)?;
            self.range.start += chunk.len() as u64;
            if self.range.start > end {
                return Err(Fault::ours(Error::new(
                    Error::Corrupt,
                    "",
                    "the server sent more than it was asked for",
                )));
            }
            (self.sink)(&chunk).map_err(Fault::ours)?;
        }
        if self.range.start < end {
            let why = format!("the answer ended {} bytes early", end - self.range.start);
            return Err(Fault::ours(Error::new(Error::Transient, "", why)));
        }
        Ok(())
    }

    /// No range of an empty object can be had: that it is empty is to be asked for.
    fn take_empty(&mut self) -> Result<(), Fault> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let meta = block_on(self.bucket.remote.get_opts(self.key, options))?.meta;
        if meta.size > self.range.start {
            return Err(changed());
        }
        self.known.get_or_insert(Identity { size: meta.size, tag: meta.e_tag });
        Ok(())
    }
}

/// The range lies behind the end.
const RANGE_NOT_SATISFIABLE: u16 = 416;
/// The object is not the one that `If-Match` names.
const PRECONDITION_FAILED: u16 = 412;

fn changed() -> Fault {
    Fault::ours(
        Error::new(Error::Corrupt, "", "the object changed while it was read")
            .advise("load it again when nobody writes it"),
    )
}
