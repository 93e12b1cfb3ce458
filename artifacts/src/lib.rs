//! Stores, archives, digests, collections and merging.
//!
//! Knows nothing of Kubernetes or of workflows' logic. The pieces, from the top:
//! - [`transfer`] moves one artifact between a store and a path, packing or unpacking on the way;
//! - [`collect`] brings the parts of a loop together;
//! - [`store`] is where bytes lie, [`archive`] how they are packed;
//! - [`web`] makes HTTP clients for stores and for others;
//! - [`Source`] and [`Target`] are paths that a step controls, resolved so that its links lead nowhere else;
//! - [`place`] writes so that two writers never mix.

pub mod archive;
mod beneath;
mod budget;
pub mod collect;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod digest;
pub mod driver;
mod error;
mod name;
mod pipe;
pub mod place;
mod progress;
pub mod retry;
mod secret;
mod source;
pub mod store;
mod target;
pub mod transfer;
mod tree;
pub mod web;

pub use error::{Details, Error};
pub use progress::Progress;
pub use secret::{Secret, SecretFiles, Secrets};
pub use source::{Body, Source};
pub use store::{Memory, Method, Mounts, Object, Saved, Store, open_store};
pub use target::Target;
