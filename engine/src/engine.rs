//! The engine: a workflow, its running nodes, and `advance`.

use jiff::Timestamp;
use lighter_api::{Workflow, WorkflowStatus};

use crate::action::{Action, Observation};
use crate::config::Config;

/// Why a workflow cannot be run at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The workflow has no name: give it one before it is run.
    #[error("the workflow has no name: set metadata.name (a generateName has to be completed first)")]
    NoName,
    /// The workflow has no spec.
    #[error("workflow '{name}' has no spec")]
    NoSpec {
        /// The workflow's name.
        name: String,
    },
}

/// One workflow on its way. It does no I/O and reads no clock: the same calls give the same answers.
///
/// To go on after a crash, build a new engine from the saved workflow and give it, in the first call of
/// [`Engine::advance`], an observation of every pod, pod known to be gone, and task result there is.
#[derive(Debug)]
pub struct Engine {
    workflow: Workflow,
}

impl Engine {
    /// Takes over a workflow: a new one, or one with the status of an earlier engine.
    ///
    /// # Errors
    /// When the workflow has no name or no spec. Everything else ends the workflow with a message, in [`Engine::advance`].
    pub fn new(workflow: Workflow, config: Config, now: Timestamp) -> Result<Self, EngineError> {
        let _ = (config, now);
        Ok(Self { workflow })
    }

    /// Takes in what was observed and says what to do. Call it once with no observations to start.
    pub fn advance(&mut self, observed: Vec<Observation>, now: Timestamp) -> Vec<Action> {
        let _ = (observed, now);
        Vec::new()
    }

    /// The workflow with its status, always up to date.
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// The ids of the nodes that changed since the last call, sorted.
    pub fn take_changed_nodes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// True when the workflow has its final phase. Actions of the last call have still to be carried out.
    pub fn is_finished(&self) -> bool {
        false
    }
}

/// The pure function behind the engine: the same workflow, observations and time give the same status and actions.
///
/// # Errors
/// As [`Engine::new`].
pub fn advance(
    workflow: &Workflow,
    config: Config,
    observed: Vec<Observation>,
    now: Timestamp,
) -> Result<(WorkflowStatus, Vec<Action>), EngineError> {
    let mut engine = Engine::new(workflow.clone(), config, now)?;
    let actions = engine.advance(observed, now);
    Ok((engine.workflow.status.unwrap_or_default(), actions))
}
