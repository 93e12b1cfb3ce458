//! What happens next: validation, tags, steps, DAGs, loops, retries, node status, pods. Pure.

pub mod pod;

pub mod expr;
