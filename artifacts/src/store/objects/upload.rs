//! Streams to objects: one request for what is small, parts in parallel for what is not.
//!
//! One thread reads and hashes, others send. A part stays in memory until it is stored, so that it can be sent again.

use super::media::media_type;
use super::{Bucket, Key};
use crate::budget::{self, BLOCK, Block};
use crate::digest::Hashing;
use crate::error::{Context, Error};
use crate::source::Body;
use crate::store::Saved;
use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::{
    Attribute, Attributes, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The smallest part that S3 takes.
const SMALLEST: u64 = 5 * 1024 * 1024;
/// Most parts that S3 and Google Cloud Storage take; Azure takes more.
const MOST: u64 = 10_000;
/// Parts of an unknown length grow from here on, twofold every `STEP` parts.
const GROWS: usize = 5_000;
const STEP: usize = 1_000;

impl Bucket {
    /// Stores the bytes of `body` under the key. Either all of them are there in the end, or nothing changed.
    pub(super) fn save_object(&self, body: &dyn Body, key: &Key) -> Result<Saved, Error> {
        let doing = self.doing("save", key.as_ref());
        let length = body.known_length()?;
        let part = self.part_blocks(length);
        // What grows meanwhile is saved as it was.
        let reader = body.open()?.take(length.unwrap_or(u64::MAX));
        let mut cutter = Cutter { reader: Hashing::new(reader), ahead: None };
        let small = length.map_or(part, |length| part.min(blocks(length)));
        let first = cutter.cut(small).doing(|| &doing)?;
        if cutter.is_at_end().doing(|| &doing)? {
            let attributes = attributes(key);
            self.call(&doing, || {
                let options =
                    PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
                self.remote.put_opts(key, first.clone(), options)
            })?;
            return Ok(cutter.reader.finish());
        }
        let upload = Upload::begin(self, key, &doing)?;
        match upload.send_all(&mut cutter, first, part) {
            Ok(parts) => upload.finish(parts)?,
            Err(error) => {
                upload.abort();
                return Err(error);
            }
        }
        Ok(cutter.reader.finish())
    }

    /// Blocks of a part, so that the parts are few enough.
    fn part_blocks(&self, length: Option<u64>) -> usize {
        let enough = length.map_or(SMALLEST, |length| length.div_ceil(MOST));
        blocks(enough.max(self.upload.part.unwrap_or(SMALLEST)).max(SMALLEST))
    }
}

fn blocks(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(BLOCK as u64)).unwrap_or(usize::MAX).max(1)
}

fn attributes(key: &Key) -> Attributes {
    let media = media_type(key.filename().unwrap_or_default());
    media.into_iter().map(|media| (Attribute::ContentType, media)).collect()
}

/// Cuts a stream into parts.
struct Cutter<R> {
    reader: Hashing<R>,
    /// A byte that was read to see whether the end has come.
    ahead: Option<u8>,
}

impl<R: Read> Cutter<R> {
    /// The next part: full, or the last.
    fn cut(&mut self, most: usize) -> io::Result<PutPayload> {
        let mut lease = budget::lease(most);
        let mut filled = Vec::with_capacity(most);
        while let Some(mut block) = lease.block() {
            if let Some(byte) = self.ahead.take() {
                block.push(&[byte]);
            }
            fill(&mut self.reader, &mut block)?;
            let full = block.is_full();
            filled.push(Bytes::from_owner(block));
            if !full {
                break;
            }
        }
        Ok(filled.into_iter().collect())
    }

    fn is_at_end(&mut self) -> io::Result<bool> {
        let mut byte = [0];
        while self.ahead.is_none() {
            match self.reader.read(&mut byte) {
                Ok(0) => return Ok(true),
                Ok(_) => self.ahead = Some(byte[0]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

fn fill(reader: &mut dyn Read, block: &mut Block) -> io::Result<()> {
    while !block.is_full() {
        match reader.read(block.space()) {
            Ok(0) => break,
            Ok(count) => block.fill(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// An upload in parts that was begun.
struct Upload<'a> {
    bucket: &'a Bucket,
    key: &'a Key,
    doing: &'a str,
    id: String,
}

/// What the sending threads have come to.
#[derive(Default)]
struct Sent {
    parts: BTreeMap<usize, PartId>,
    failed: Option<Error>,
}

impl<'a> Upload<'a> {
    /// Begins an upload, and ends those of the key that nobody will: a process that was killed leaves one.
    fn begin(bucket: &'a Bucket, key: &'a Key, doing: &'a str) -> Result<Upload<'a>, Error> {
        if let Some(admin) = &bucket.admin {
            for id in admin.open_uploads(key.as_ref())? {
                Upload { bucket, key, doing, id }.abort();
            }
        }
        let attributes = attributes(key);
        let id = bucket.call(doing, || {
            let options = PutMultipartOptions {
                attributes: attributes.clone(),
                ..PutMultipartOptions::default()
            };
            bucket.remote.create_multipart_opts(key, options)
        })?;
        Ok(Upload { bucket, key, doing, id })
    }

    fn send_all<R: Read>(
        &self,
        cutter: &mut Cutter<R>,
        first: PutPayload,
        blocks: usize,
    ) -> Result<Vec<PartId>, Error> {
        let sent = Mutex::new(Sent::default());
        let (sender, receiver) = sync_channel(0);
        let receiver = Mutex::new(receiver);
        let read = std::thread::scope(|scope| {
            let start = || {
                std::thread::Builder::new()
                    .name("upload".into())
                    .spawn_scoped(scope, || self.send_parts(&receiver, &sent))
                    .map(|_| ())
            };
            self.cut_parts(cutter, first, blocks, sender, &sent, start)
        });
        let sent = sent.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = sent.failed {
            return Err(error);
        }
        read?;
        Ok(sent.parts.into_values().collect())
    }

    /// Reads part after part and hands them to whoever is free; `start` starts one more thread.
    fn cut_parts<R: Read>(
        &self,
        cutter: &mut Cutter<R>,
        first: PutPayload,
        blocks: usize,
        sender: SyncSender<(usize, PutPayload)>,
        sent: &Mutex<Sent>,
        start: impl Fn() -> io::Result<()>,
    ) -> Result<(), Error> {
        let threads = self.bucket.upload.threads.max(1);
        let mut part = first;
        for index in 0.. {
            if index < threads
                && let Err(error) = start()
                && index == 0
            {
                return Err(Error::io(self.doing, error));
            }
            let gone = sender.send((index, part)).is_err();
            if gone || lock(sent).failed.is_some() || cutter.is_at_end().doing(|| self.doing)? {
                break;
            }
            let growth = (index + 1).saturating_sub(GROWS).div_ceil(STEP);
            let wanted = blocks << growth.min(16);
            part = cutter.cut(wanted).doing(|| self.doing)?;
        }
        Ok(())
    }

    /// What a sending thread does until there are no more parts.
    fn send_parts(&self, parts: &Mutex<Receiver<(usize, PutPayload)>>, sent: &Mutex<Sent>) {
        loop {
            let next = parts.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((index, part)) = next else { return };
            if lock(sent).failed.is_some() {
                continue;
            }
            let stored = self.bucket.call(self.doing, || {
                self.bucket.remote.put_part(self.key, &self.id, index, part.clone())
            });
            match stored {
                Ok(id) => drop(lock(sent).parts.insert(index, id)),
                Err(error) => drop(lock(sent).failed.get_or_insert(error)),
            }
        }
    }

    fn finish(&self, parts: Vec<PartId>) -> Result<(), Error> {
        let finished = self.bucket.call(self.doing, || {
            self.bucket.remote.complete_multipart(self.key, &self.id, parts.clone())
        });
        if finished.is_err() {
            self.abort();
        }
        finished.map(|_| ())
    }

    /// Gives back what the store keeps of it. What fails here is ended by the next save of the key.
    fn abort(&self) {
        let _ =
            self.bucket.call(self.doing, || self.bucket.remote.abort_multipart(self.key, &self.id));
    }
}

fn lock(sent: &Mutex<Sent>) -> MutexGuard<'_, Sent> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}
