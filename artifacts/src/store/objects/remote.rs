//! Calls to the client library: on this thread, tried again where that may help.

use super::refusal::Refusal;
use super::{Bucket, Key};
use crate::error::Error;
use crate::retry::Fault;
use object_store::client::HttpError;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::signer::Signer;
use object_store::{GetOptions, ObjectMeta, ObjectStore};
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

/// All that a client of a cloud can do.
pub(in crate::store) trait Remote:
    ObjectStore + MultipartStore + PaginatedListStore + Signer
{
}

impl<T: ObjectStore + MultipartStore + PaginatedListStore + Signer> Remote for T {}

/// What the client library cannot do and one kind of store can.
pub(in crate::store) trait Admin: Send + Sync {
    /// Makes the bucket and sets it up, where the location asks for it.
    fn prepare(&self) -> Result<(), Error>;

    /// Ids of uploads of exactly this key that were begun and not ended.
    fn open_uploads(&self, key: &str) -> Result<Vec<String>, Error>;
}

thread_local! {
    /// The library's time-outs need a runtime; nothing ever waits in it but this thread.
    static RUNTIME: std::io::Result<Runtime> = Builder::new_current_thread().enable_time().build();
}

/// Runs a future of the library to its end.
pub(super) fn block_on<T>(
    future: impl Future<Output = object_store::Result<T>>,
) -> Result<T, Fault> {
    RUNTIME.with(|runtime| match runtime {
        Ok(runtime) => runtime.block_on(future).map_err(fault),
        Err(error) => Err(Fault::ours(Error::new(Error::Io, "", error.to_string()))),
    })
}

/// Runs one request to its end.
pub(in crate::store) fn wait<T>(
    future: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, Box<Refusal>> {
    let done = block_on(async { Ok(future.await) });
    let lost = |fault| Box::new(Refusal::transport(fault));
    done.map_err(lost)?.map_err(|error| match Refusal::find(&error) {
        Some(refusal) => Box::new(refusal.clone()),
        None => lost(Fault::ours(Error::new(Error::Transient, "", error.to_string()))),
    })
}

/// Finds out what an error of the library means: what the server said, if it said something.
pub(super) fn fault(error: object_store::Error) -> Fault {
    if let Some(refusal) = Refusal::find(&error) {
        return refusal.fault();
    }
    let why = error.to_string();
    Fault::ours(match error {
        object_store::Error::NotFound { .. } => Error::new(Error::NotFound, "", why),
        object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => {
            Error::new(Error::Unsupported, "", why)
        }
        object_store::Error::InvalidPath { .. } => Error::new(Error::Invalid, "", why).advise(
            "rename the object: its key has an empty part, `.`, `..` or a control character",
        ),
        _ => Error::new(Error::Io, "", why),
    })
}

impl Bucket {
    /// Calls the library; `Error::doing` becomes `doing`.
    pub(super) fn call<T, F>(&self, doing: &str, make: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        self.retry.run(doing, || block_on(make()))
    }

    pub(super) fn prepare(&self) -> Result<(), Error> {
        self.admin.as_ref().map_or(Ok(()), |admin| admin.prepare())
    }

    /// What the store knows of exactly this object.
    pub(super) fn head(&self, verb: &str, key: &Key) -> Result<ObjectMeta, Error> {
        let options = || GetOptions { head: true, ..GetOptions::default() };
        let doing = self.doing(verb, key.as_ref());
        Ok(self.call(&doing, || self.remote.get_opts(key, options()))?.meta)
    }
}
