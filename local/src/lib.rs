//! Runs Pod objects on this machine.
