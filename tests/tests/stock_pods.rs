//! Pods as Argo's own controller builds them, with our executor, on a real cluster: what that controller would read back.
//!
//! A test's name begins with the lines of the executor's compatibility checklist that it shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use lighter_tests::cluster::{self, Namespace, end_of};
use lighter_tests::stock_pod::{Layout, Step};
use serde_json::json;

fn main() {
    cluster::main(&[("11_a_missing_command_is_named", a_missing_command_is_named)]);
}

fn a_missing_command_is_named(namespace: &Namespace<'_>) {
    let container = json!({"name": "", "image": "busybox", "command": ["no-such-program"]});
    let step = Step::new(Layout::Legacy, json!({"name": "main", "container": container}));
    let pod = namespace.ended(&step.submit(namespace).pod);
    let (code, message) = end_of(&pod, "main");
    assert_eq!(code, 64);
    assert!(message.contains("executable file not found"), "{message}");
}
