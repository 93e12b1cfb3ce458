//! Runs Pod objects on this machine, with Linux namespaces and no container engine.
//!
//! [`PodHost`] takes the Pod objects that a cluster would take and reports their status as a cluster would.
//! Every container has its own mount, PID, IPC and UTS namespaces; the network stays the machine's.
//! A program that uses it must call [`sandbox_main`] when its first argument is [`SANDBOX_ROLE`].

mod event;
mod host;
mod images;
mod pod;
pub mod runner;
mod sandbox;
pub mod state;
mod sys;

pub use event::{HostError, PodEvent};
pub use host::{FinishedPod, PodHost, PodHostConfig};
pub use images::{Image, ImageCommand, ImageError, ImagePolicy, ImageStore};
pub use sandbox::sandbox_main;

/// First argument of the process that sets up one container.
pub const SANDBOX_ROLE: &str = "__sandbox";
