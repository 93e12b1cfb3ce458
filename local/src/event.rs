//! What a pod host tells its user: events and errors.

use std::path::PathBuf;

use lighter_api::WorkflowTaskResult;
use lighter_api::k8s_openapi::api::core::v1::Pod;

use crate::images::ImageCommand;

/// Something that happened on a [`PodHost`](crate::PodHost).
#[derive(Clone, Debug)]
pub enum PodEvent {
    /// A pod's status changed. The pod's last event has phase `Succeeded` or `Failed`.
    Pod(Box<Pod>),
    /// A pod is gone: it was deleted.
    PodDeleted { name: String },
    /// What the executor of a pod reports; comes before the pod's last event.
    TaskResult(Box<WorkflowTaskResult>),
    /// The answer to [`PodHost::look_up_image`](crate::PodHost::look_up_image).
    Image { image: String, command: Result<ImageCommand, String> },
    /// One line that a container wrote, without its line end; only when the host has live logs.
    Log { pod: String, container: String, line: String },
    /// Something that this machine cannot do for its pods. Each is said once.
    Notice(String),
}

/// Why a pod host could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The object asks for what this machine does not do, or is not valid. Another try cannot help.
    #[error("{0}")]
    Invalid(String),
    /// Reading or writing the state folder failed.
    #[error("{what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
}

impl HostError {
    /// For `map_err`: an I/O error with what was tried on which path.
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
