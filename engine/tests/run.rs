//! Whole workflows through the engine, with made-up pods.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

mod run {
    mod fan_in;
    mod features;
    mod golden;
    mod limits;
    mod properties;
    mod scale;
    pub mod world;
}
