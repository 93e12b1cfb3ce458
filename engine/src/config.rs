//! What the engine knows besides the workflow.

use std::collections::BTreeMap;

use lighter_api::{ArtifactRepository, ClusterWorkflowTemplate, WorkflowSpec, WorkflowTemplate};

use crate::pod::PodConfig;

/// What holds for every workflow that an engine runs.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// How pods are built.
    pub pod: PodConfig,
    /// Where artifacts go that name no place of their own. Read once: the workflow's status keeps it.
    pub repository: Option<ArtifactRepository>,
    /// ConfigMaps by name, for parameters with `valueFrom.configMapKeyRef`.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// WorkflowTemplates and ClusterWorkflowTemplates that may be referred to.
    pub library: Library,
    /// At most so many pods wait for a place to run; further ones are created when these have started.
    pub max_pending_pods: Option<usize>,
}

/// Templates outside the workflow, by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// Those of the workflow's namespace.
    pub templates: BTreeMap<String, WorkflowTemplate>,
    /// Those of the cluster.
    pub cluster_templates: BTreeMap<String, ClusterWorkflowTemplate>,
}

impl Library {
    /// The spec of a ClusterWorkflowTemplate, or of a WorkflowTemplate.
    pub fn spec(&self, is_cluster: bool, name: &str) -> Option<&WorkflowSpec> {
        if is_cluster {
            return self.cluster_templates.get(name)?.spec.as_ref();
        }
        self.templates.get(name)?.spec.as_ref()
    }
}
