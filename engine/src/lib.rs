//! What happens next: validation, tags, steps, DAGs, loops, retries, node status, pods. Pure.

pub mod expr;
pub mod pod;

mod action;
mod config;
mod engine;

pub use action::{Action, Observation, StopStrategy};
pub use config::{Config, Library};
pub use engine::{Engine, EngineError, advance};
