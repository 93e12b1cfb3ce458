//! Argo's objects (`argoproj.io/v1alpha1`, v4.1) as Rust types, with Lighter's additions. No I/O.
//!
//! Fields are named as in the YAML and mean what Argo's documentation says. As in Go, an empty string or
//! list is an absent one, except where `Option` says that absence means something.

mod any_string;
mod artifact;
mod collection;
mod container;
mod cron;
mod event;
mod flow;
mod io;
mod item;
mod nearest;
mod object;
mod policy;
mod read;
mod repository;
mod result;
mod status;
mod steps;
mod template;
mod workflow;
mod write;

pub use any_string::AnyString;
pub use artifact::*;
pub use collection::{Collect, CollectForm, Collection, Missing, Part};
pub use cron::*;
pub use event::*;
pub use flow::*;
pub use io::*;
pub use item::Item;
pub use nearest::nearest;
pub use object::Object;
pub use policy::*;
pub use read::{Document, MAX_FILE_SIZE, Problem, Problems, Source, read, read_typed, read_value};
pub use repository::*;
pub use result::*;
pub use status::*;
pub use steps::ParallelSteps;
pub use template::*;
pub use workflow::*;
pub use write::to_yaml;

pub use k8s_openapi;
