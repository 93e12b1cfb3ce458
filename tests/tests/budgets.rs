//! Budgets that are exact numbers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::path::PathBuf;

use lighter_tests::repository;

/// It is copied or mounted into every pod of a cluster.
#[test]
fn the_executor_stays_small() {
    let path = std::env::var_os("ARGOEXEC")
        .map_or_else(|| repository().join("dist/argoexec"), PathBuf::from);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size <= 12 << 20, "{} has {size} bytes", path.display());
}
