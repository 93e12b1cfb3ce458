//! The names of node phases and types, and what they mean.

pub(crate) const PENDING: &str = "Pending";
pub(crate) const RUNNING: &str = "Running";
pub(crate) const SUCCEEDED: &str = "Succeeded";
pub(crate) const SKIPPED: &str = "Skipped";
pub(crate) const FAILED: &str = "Failed";
pub(crate) const ERROR: &str = "Error";
pub(crate) const OMITTED: &str = "Omitted";

pub(crate) mod kind {
    //! Node types.
    pub(crate) const POD: &str = "Pod";
    pub(crate) const STEPS: &str = "Steps";
    pub(crate) const STEP_GROUP: &str = "StepGroup";
    pub(crate) const DAG: &str = "DAG";
    pub(crate) const TASK_GROUP: &str = "TaskGroup";
    pub(crate) const RETRY: &str = "Retry";
    pub(crate) const SKIPPED: &str = "Skipped";
    pub(crate) const SUSPEND: &str = "Suspend";
}

/// The node ran to an end.
pub(crate) fn completed(phase: &str) -> bool {
    matches!(phase, SUCCEEDED | FAILED | ERROR)
}

/// Nothing more happens to the node.
pub(crate) fn fulfilled(phase: &str) -> bool {
    completed(phase) || matches!(phase, SKIPPED | OMITTED)
}

/// The node ended badly.
pub(crate) fn bad(phase: &str) -> bool {
    matches!(phase, FAILED | ERROR)
}
