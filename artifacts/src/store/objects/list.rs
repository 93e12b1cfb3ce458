//! What lies below a key, and removing it.

use super::parallel::each;
use super::{Bucket, Key};
use crate::error::Error;
use crate::store::Object;
use futures_util::{StreamExt, stream};
use object_store::ObjectStore;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Requests at once for many small things.
pub(super) const THREADS: usize = 16;
/// Keys that one request of S3 may delete.
const BATCH: usize = 1000;

impl Bucket {
    /// Objects below the key, in order; an empty key means all. Markers of directories, as consoles make them, are no objects.
    pub(super) fn list_below(&self, key: &Key) -> Result<Vec<Object>, Error> {
        let listed = self.list_all(key)?;
        let directories: HashSet<&str> = listed.iter().flat_map(|o| parents(&o.key)).collect();
        let (empty, mut objects): (Vec<Object>, Vec<Object>) = listed
            .iter()
            .filter(|object| object.size > 0 || !directories.contains(object.key.as_str()))
            .cloned()
            .partition(|object| object.size == 0);
        // The list does not tell `a` from a marker `a/`; a look does.
        let real = Mutex::new(Vec::new());
        each(&empty, THREADS, |object| {
            match self.head("look up", &self.key("look up", &object.key)?) {
                Ok(_) => {
                    real.lock().unwrap_or_else(PoisonError::into_inner).push(object.clone());
                    Ok(())
                }
                Err(Error::NotFound(_)) => Ok(()),
                Err(error) => Err(error),
            }
        })?;
        objects.extend(real.into_inner().unwrap_or_else(PoisonError::into_inner));
        objects.sort();
        Ok(objects)
    }

    /// As the store lists them: sorted, each once.
    fn list_all(&self, key: &Key) -> Result<Vec<Object>, Error> {
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let (page, next) = self.list_page(key, token.clone(), None)?;
            objects.extend(page);
            if next.is_none() {
                break;
            }
            if next == token {
                let doing = self.doing("list", key.as_ref());
                return Err(Error::new(Error::Corrupt, doing, "the server lists in circles"));
            }
            token = next;
        }
        objects.sort();
        objects.dedup();
        Ok(objects)
    }

    fn list_page(
        &self,
        key: &Key,
        token: Option<String>,
        most: Option<usize>,
    ) -> Result<(Vec<Object>, Option<String>), Error> {
        let prefix = (!key.as_ref().is_empty()).then(|| format!("{key}/"));
        let below = prefix.clone().unwrap_or_default();
        let page = self.call(&self.doing("list", key.as_ref()), || {
            let options = PaginatedListOptions {
                page_token: token.clone(),
                max_keys: most,
                ..PaginatedListOptions::default()
            };
            PaginatedListStore::list_paginated(&*self.remote, prefix.as_deref(), options)
        })?;
        let objects = page.result.objects.into_iter().filter_map(|meta| {
            let key = meta.location.to_string();
            // The marker of the directory itself has lost its `/`.
            (key.starts_with(&below) && !key.is_empty()).then_some(Object { key, size: meta.size })
        });
        Ok((objects.collect(), page.page_token.filter(|token| !token.is_empty())))
    }

    /// Whether anything lies below the key.
    pub(super) fn has_below(&self, key: &Key) -> Result<bool, Error> {
        let mut token = None;
        loop {
            // One may be the directory's own marker.
            let (page, next) = self.list_page(key, token, Some(2))?;
            if !page.is_empty() || next.is_none() {
                return Ok(!page.is_empty());
            }
            token = next;
        }
    }

    /// Removes the object; one that is gone already is no error.
    pub(super) fn delete_object(&self, key: &Key) -> Result<(), Error> {
        self.delete_batch(std::slice::from_ref(key), &self.doing("delete", key.as_ref()))
    }

    pub(super) fn delete_below(&self, key: &Key) -> Result<(), Error> {
        let doing = self.doing("delete", key.as_ref());
        let listed = self.list_all(key)?;
        let keys: Vec<Key> = listed
            .iter()
            .map(|object| self.key("delete", &object.key))
            .collect::<Result<_, _>>()?;
        let batches: Vec<&[Key]> = keys.chunks(BATCH).collect();
        each(&batches, 2, |batch| self.delete_batch(batch, &doing))
    }

    fn delete_batch(&self, keys: &[Key], doing: &str) -> Result<(), Error> {
        self.call(doing, || async {
            let keys = stream::iter(keys.to_vec()).map(Ok).boxed();
            let mut deleted = ObjectStore::delete_stream(&*self.remote, keys);
            while let Some(result) = deleted.next().await {
                if let Err(error) = result
                    && !matches!(error, object_store::Error::NotFound { .. })
                {
                    // The library's own sorting of a 404 comes through a refusal.
                    if !matches!(fault_of(&error), Some(404)) {
                        return Err(error);
                    }
                }
            }
            Ok(())
        })
    }
}

fn fault_of(error: &object_store::Error) -> Option<u16> {
    super::refusal::Refusal::find(error).map(|refusal| refusal.status)
}

/// `a` and `a/b` of `a/b/c`.
fn parents(key: &str) -> impl Iterator<Item = &str> {
    key.match_indices('/').filter_map(|(at, _)| key.get(..at))
}
