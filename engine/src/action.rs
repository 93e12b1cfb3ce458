//! What goes into the engine and what comes out: observations and actions.

use jiff::Timestamp;
use lighter_api::WorkflowTaskResult;
use lighter_api::k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod};

use crate::pod::ImageCommand;

/// What the world says. Observations may come in any order, and more than once.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A pod as it is now, with its status.
    Pod(Box<Pod>),
    /// There is no pod of this name any more (or none was found after a restart).
    PodDeleted {
        /// The pod's name.
        name: String,
    },
    /// What an executor reports; named as the node's id.
    TaskResult(Box<WorkflowTaskResult>),
    /// A claim is there, or cannot be made.
    Claim {
        /// The claim's name.
        name: String,
        /// Why the claim cannot be made, if so.
        result: Result<(), String>,
    },
    /// The answer to [`Action::LookUpImage`].
    Image {
        /// The image as it was asked for.
        image: String,
        /// What it runs, or why that cannot be found out.
        result: Result<ImageCommand, String>,
    },
    /// The workflow is to be stopped.
    Stop {
        /// Whether exit handlers still run.
        strategy: StopStrategy,
    },
    /// Suspended nodes go on.
    Resume {
        /// The node's id; all suspended nodes if absent.
        node: Option<String>,
    },
}

/// How a workflow is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopStrategy {
    /// Exit handlers still run.
    Stop,
    /// Nothing runs any more.
    Terminate,
}

impl StopStrategy {
    /// As in `spec.shutdown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "Stop",
            Self::Terminate => "Terminate",
        }
    }
}

/// What is to be done. Carrying out an action twice, or after a crash again, does no harm: names are deterministic,
/// and to create what exists or delete what is gone means to do nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Create this pod, unless one of its name exists.
    CreatePod(Box<Pod>),
    /// Create this ConfigMap before the pod of the same name.
    CreateConfigMap(Box<ConfigMap>),
    /// Delete a pod that is not needed, whatever it does.
    DeletePod {
        /// The pod's name.
        name: String,
    },
    /// Delete a ConfigMap.
    DeleteConfigMap {
        /// The ConfigMap's name.
        name: String,
    },
    /// Send SIGTERM to each running container of the pod, and SIGKILL after its grace period.
    SignalPod {
        /// The pod's name.
        name: String,
    },
    /// Create this claim and say so with [`Observation::Claim`].
    CreateClaim(Box<PersistentVolumeClaim>),
    /// Delete a claim and its data.
    DeleteClaim {
        /// The claim's name.
        name: String,
    },
    /// Find out what an image runs and say so with [`Observation::Image`].
    LookUpImage {
        /// The image as written in the template.
        image: String,
    },
    /// Call [`crate::Engine::advance`] at this time, even if nothing was observed. The last one counts.
    WakeAt(Timestamp),
}
