//! The lighter command line.

fn main() {}
