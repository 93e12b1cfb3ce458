//! Where an artifact of a workflow's status lies: a bare key is one in the workflow's repository.

use lighter_api::{Artifact, ArtifactLocation, ArtifactRepository, Workflow};

/// The artifact's location, completed by the repository that the status names.
pub fn of(workflow: &Workflow, artifact: &Artifact) -> ArtifactLocation {
    let mut location = artifact.location();
    let reference = workflow.status.as_ref().and_then(|s| s.artifact_repository_ref.as_ref());
    if let Some(repository) = reference.and_then(|r| r.artifact_repository.as_ref()) {
        complete(&mut location, repository);
    }
    location
}

/// Repositories of a run on this machine are folders or claims; those of clusters are not looked at.
fn complete(location: &mut ArtifactLocation, repository: &ArtifactRepository) {
    if let (Some(folder), Some(root)) = (&mut location.folder, &repository.folder)
        && folder.path.is_empty()
    {
        folder.path.clone_from(&root.path);
    }
    if let (Some(volume), Some(root)) = (&mut location.volume, &repository.volume)
        && volume.claim_name.is_empty()
    {
        volume.claim_name.clone_from(&root.claim_name);
    }
}
