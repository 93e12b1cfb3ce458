//! ParallelSteps: a group of steps that run at once, a bare list on the wire.

use serde::{Deserialize, Serialize};

use crate::flow::WorkflowStep;

/// A group of steps that run at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParallelSteps(pub Vec<WorkflowStep>);
