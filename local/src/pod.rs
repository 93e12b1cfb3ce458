//! From a Pod object to running containers and back to its status.

pub(crate) mod check;
pub(crate) mod container;
pub(crate) mod env;
pub(crate) mod folder;
pub(crate) mod last_words;
pub(crate) mod limits;
pub(crate) mod linking;
pub(crate) mod process;
pub(crate) mod run;
pub(crate) mod security;
pub(crate) mod status;
pub(crate) mod volumes;
