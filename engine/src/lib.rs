//! What happens next: validation, tags, steps, DAGs, loops, retries, node status, pods. Pure.

pub mod expr;
pub mod pod;
pub mod validate;

mod action;
mod begin;
mod boundary;
mod call;
mod claims;
mod config;
mod dag;
mod dag_run;
mod depends;
mod duration;
mod engine;
mod fan;
mod finish;
mod globals;
mod hooks;
mod library;
mod limits;
mod location;
mod loops;
mod outputs;
mod phase;
mod plan;
mod pod_status;
mod pods;
mod prepare;
mod progress;
mod refs;
mod retry;
mod run;
mod seed;
mod spec;
mod steps;
mod stop;
mod tree;
mod vars;

pub use action::{Action, Observation, StopStrategy};
pub use config::{Config, Library};
pub use engine::{Engine, EngineError, advance};
pub use location::location_of;
