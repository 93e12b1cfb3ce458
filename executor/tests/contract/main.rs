//! The executor's contract with pods, checked from outside: the real binary, real files, exit codes and signals.

// Tests may fail loudly, their helpers too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod api_server;
mod collect;
mod emissary;
mod emissary_limits;
mod gc;
mod handover;
mod inputs;
mod outputs;
mod plugins;
mod pod;
mod program;
mod reports;
mod resource;
mod supervisor;
mod wait;
