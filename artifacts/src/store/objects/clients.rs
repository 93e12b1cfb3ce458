//! Clients of this process, by what they are for: ten thousand parts of a bucket share one, and its connections.

use super::{Bucket, Objects};
use crate::error::Error;
use crate::secret::Secrets;
use k8s_openapi::api::core::v1::SecretKeySelector;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// More places than that and all are forgotten; whoever uses one keeps it.
const MOST: usize = 64;

type Print = [u8; 32];

static CLIENTS: Mutex<Option<HashMap<Print, Arc<Bucket>>>> = Mutex::new(None);

/// The client for a location (without its key) and what its secrets say now; made by `open` if there is none.
pub(in crate::store) fn shared(
    location: &impl serde::Serialize,
    selectors: &[Option<&SecretKeySelector>],
    secrets: &dyn Secrets,
    open: impl FnOnce() -> Result<Objects, Error>,
) -> Result<Objects, Error> {
    let print = print(location, selectors, secrets)?;
    let known = |clients: &mut HashMap<Print, Arc<Bucket>>| clients.get(&print).map(Arc::clone);
    if let Some(bucket) = with(known) {
        return Ok(Objects(bucket));
    }
    let opened = open()?;
    with(|clients| {
        if clients.len() >= MOST {
            clients.clear();
        }
        clients.insert(print, Arc::clone(&opened.0));
    });
    Ok(opened)
}

fn with<T>(work: impl FnOnce(&mut HashMap<Print, Arc<Bucket>>) -> T) -> T {
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    work(clients.get_or_insert_with(HashMap::new))
}

fn print(
    location: &impl serde::Serialize,
    selectors: &[Option<&SecretKeySelector>],
    secrets: &dyn Secrets,
) -> Result<Print, Error> {
    let mut hash = Sha256::new();
    let text = serde_json::to_string(location)
        .map_err(|error| Error::new(Error::Invalid, "read a location", error.to_string()))?;
    let mut add = |text: &str| {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    };
    add(&text);
    for selector in selectors.iter().flatten() {
        add(secrets.read(&selector.name, &selector.key)?.expose());
    }
    Ok(hash.finalize().into())
}
