//! Removes a workflow that is over, with all that it left.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use lighter_api::{NodeStatus, Workflow};
use lighter_engine::pod::pod_name;

use crate::pod::folder::remove_tree;
use crate::state::{State, StateError, Summary, WorkflowLock};

/// Removes a workflow's row, logs, artifacts and claims. Claims that were given to it stay.
///
/// # Errors
/// [`StateError::Locked`] when a process runs it.
pub fn remove(state: &mut State, summary: &Summary) -> Result<(), StateError> {
    let lock = WorkflowLock::take(state.folder(), summary)?;
    let workflow = state.load(summary)?.workflow;
    for folder in folders(state.folder(), summary, &workflow) {
        remove_folder(&folder)?;
    }
    state.delete(summary)?;
    lock.forget(state.folder(), summary);
    Ok(())
}

fn folders(state: &Path, summary: &Summary, workflow: &Workflow) -> Vec<PathBuf> {
    let mut folders = vec![state.join("artifacts").join(&summary.name)];
    let Some(status) = &workflow.status else { return folders };
    let pods: HashSet<String> = status.nodes.values().map(|node| pod_of(summary, node)).collect();
    folders.extend(pods.iter().map(|pod| state.join("pods").join(pod)));
    let volumes = state.join("volumes").join(&summary.namespace);
    let claims = status.persistent_volume_claims.iter();
    let claims = claims.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    folders.extend(claims.map(|claim| volumes.join(&claim.claim_name)));
    folders
}

fn pod_of(summary: &Summary, node: &NodeStatus) -> String {
    let template = match &node.template_ref {
        Some(reference) => &reference.template,
        None => &node.template_name,
    };
    pod_name(&summary.name, template, &node.name)
}

fn remove_folder(path: &Path) -> Result<(), StateError> {
    remove_tree(path).map_err(|e| StateError::folder("remove", path, e))
}
