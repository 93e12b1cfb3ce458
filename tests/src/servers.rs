//! Real servers of stores on free loopback ports: each lives as long as its value, and not longer than the test process.
//!
//! `scripts/servers.sh` installs them.

mod azurite;
mod dav;
mod gcs;
mod process;
mod s3;

pub use azurite::Azurite;
pub use dav::Dav;
pub use gcs::Gcs;
pub use process::{Server, free_port};
pub use s3::S3;

use std::path::PathBuf;
use std::process::Command;

/// Where `scripts/servers.sh` puts programs.
fn program(name: &str) -> PathBuf {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let path = home.join(".cache/lighter/servers/bin").join(name);
    assert!(path.exists(), "{} is not there: run scripts/servers.sh", path.display());
    path
}

/// Runs a Python script to its success.
fn python(script: &str, args: &[&str]) {
    let ran = Command::new("python3").args(["-c", script]).args(args).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
