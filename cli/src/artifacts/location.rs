//! Where an artifact of a workflow's status lies: a bare key is one in the workflow's repository.

use lighter_api::{Artifact, ArtifactLocation, ArtifactRepository, Workflow};

/// The artifact's location, completed by the repository that the status names.
pub fn of(workflow: &Workflow, artifact: &Artifact) -> ArtifactLocation {
    let mut location = ArtifactLocation {
        archive_logs: None,
        artifactory: artifact.artifactory.clone(),
        azure: artifact.azure.clone(),
        gcs: artifact.gcs.clone(),
        git: artifact.git.clone(),
        hdfs: artifact.hdfs.clone(),
        http: artifact.http.clone(),
        oss: artifact.oss.clone(),
        plugin: artifact.plugin.clone(),
        raw: artifact.raw.clone(),
        s3: artifact.s3.clone(),
        folder: artifact.folder.clone(),
        volume: artifact.volume.clone(),
    };
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
