//! Objects without the parts that are kept in rows of their own.

use std::collections::BTreeMap;

use lighter_api::{NodeStatus, Template, WorkflowSpec, WorkflowStatus};
use serde::{Deserialize, Serialize};

/// The parts of a status that are large and hardly ever change.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Stored {
    stored_templates: BTreeMap<String, Template>,
    stored_workflow_template_spec: Option<Box<WorkflowSpec>>,
}

impl Stored {
    pub(super) fn of(status: &WorkflowStatus) -> Stored {
        Stored {
            stored_templates: status.stored_templates.clone(),
            stored_workflow_template_spec: status.stored_workflow_template_spec.clone(),
        }
    }

    pub(super) fn give_back(self, status: &mut WorkflowStatus) {
        status.stored_templates = self.stored_templates;
        status.stored_workflow_template_spec = self.stored_workflow_template_spec;
    }

    /// Changes whenever what is stored does: it only ever grows.
    pub(super) fn size(status: &WorkflowStatus) -> (usize, bool) {
        (status.stored_templates.len(), status.stored_workflow_template_spec.is_some())
    }
}

/// The status without nodes and stored templates, and until the end without the map of task results, which grows
/// with the nodes and follows from them.
pub(super) fn status(full: &WorkflowStatus) -> WorkflowStatus {
    let results = full.finished_at.is_some().then(|| full.task_results_completion_status.clone());
    WorkflowStatus {
        nodes: BTreeMap::new(),
        stored_templates: BTreeMap::new(),
        stored_workflow_template_spec: None,
        task_results_completion_status: results.unwrap_or_default(),
        artifact_gc_status: full.artifact_gc_status.clone(),
        artifact_repository_ref: full.artifact_repository_ref.clone(),
        compressed_nodes: full.compressed_nodes.clone(),
        conditions: full.conditions.clone(),
        estimated_duration: full.estimated_duration,
        finished_at: full.finished_at.clone(),
        message: full.message.clone(),
        offload_node_status_version: full.offload_node_status_version.clone(),
        outputs: full.outputs.clone(),
        persistent_volume_claims: full.persistent_volume_claims.clone(),
        phase: full.phase.clone(),
        progress: full.progress.clone(),
        resources_duration: full.resources_duration.clone(),
        started_at: full.started_at.clone(),
        synchronization: full.synchronization.clone(),
    }
}

/// The node without its children.
pub(super) fn node(full: &NodeStatus) -> NodeStatus {
    NodeStatus {
        children: Vec::new(),
        id: full.id.clone(),
        name: full.name.clone(),
        boundary_id: full.boundary_id.clone(),
        daemoned: full.daemoned,
        display_name: full.display_name.clone(),
        estimated_duration: full.estimated_duration,
        failed_pod_restarts: full.failed_pod_restarts,
        finished_at: full.finished_at.clone(),
        host_node_name: full.host_node_name.clone(),
        inputs: full.inputs.clone(),
        memoization_status: full.memoization_status.clone(),
        message: full.message.clone(),
        node_flag: full.node_flag.clone(),
        outbound_nodes: full.outbound_nodes.clone(),
        outputs: full.outputs.clone(),
        phase: full.phase.clone(),
        pod_ip: full.pod_ip.clone(),
        progress: full.progress.clone(),
        resources_duration: full.resources_duration.clone(),
        restarting_pod_uid: full.restarting_pod_uid.clone(),
        started_at: full.started_at.clone(),
        synchronization_status: full.synchronization_status.clone(),
        task_result_synced: full.task_result_synced,
        template_name: full.template_name.clone(),
        template_ref: full.template_ref.clone(),
        template_scope: full.template_scope.clone(),
        r#type: full.r#type.clone(),
    }
}
