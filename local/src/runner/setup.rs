//! What a run begins with: the pod host's and the engine's settings, and the objects that pods refer to.

use std::collections::BTreeMap;
use std::path::Path;

use lighter_api::k8s_openapi::api::core::v1::ConfigMap;
use lighter_api::{ArtifactRepository, FolderArtifactRepository, Workflow};
use lighter_engine::pod::PodConfig;
use lighter_engine::{Config, Library, Observation, StopStrategy};

use super::repository::{self, Found};
use super::{RunError, RunOptions};
use crate::state::{StateError, Surroundings, make_folder};
use crate::{HostError, PodHost, PodHostConfig};

/// The name under which pods ask for this program as their executor.
pub const EXECUTOR_IMAGE: &str = "lighter.local/argoexec";

/// Below the store of all runs: a folder per workflow, in it a folder per pod.
const KEY_FORMAT: &str = "{{workflow.name}}/{{pod.name}}";

/// Pods that wait for a place: enough that none stays empty, few enough that a wide loop's pods are not all in memory.
const MOST_WAITING: usize = 16;

pub(super) fn host_config(folder: &Path, options: &RunOptions) -> PodHostConfig {
    PodHostConfig {
        state_dir: folder.to_path_buf(),
        images: options.images,
        parallel: options.parallel,
        argoexec: options.program.clone(),
        sandbox: options.program.clone(),
        executor_image: EXECUTOR_IMAGE.into(),
        live_logs: options.live_logs,
    }
}

/// The engine's settings, and what a person should know of them.
pub(super) fn engine_config(
    folder: &Path,
    workflow: &Workflow,
    surroundings: &Surroundings,
) -> Result<(Config, Vec<String>), RunError> {
    let artifacts = folder.join("artifacts");
    make_folder(&artifacts)?;
    let artifacts =
        std::fs::canonicalize(&artifacts).map_err(|e| StateError::folder("find", &artifacts, e))?;
    let path = artifacts.to_string_lossy().into_owned();
    let own = ArtifactRepository {
        folder: Some(FolderArtifactRepository { path, key_format: KEY_FORMAT.into() }),
        ..Default::default()
    };
    let mut notices = Vec::new();
    let repository = match repository_of(workflow, surroundings)? {
        Found::Repository(repository) => *repository,
        Found::Nothing => own,
        Found::Elsewhere(config_map) => {
            notices.push(format!(
                "`artifactRepositoryRef` names the ConfigMap `{config_map}`, which is not among the files; artifacts are kept in the state folder instead"
            ));
            own
        }
    };
    let config = Config {
        pod: PodConfig {
            executor_image: EXECUTOR_IMAGE.into(),
            progress: None,
            ..Default::default()
        },
        repository: Some(repository),
        config_maps: surroundings.config_maps.iter().map(values).collect(),
        library: library(surroundings),
        max_pending_pods: Some(MOST_WAITING),
    };
    Ok((config, notices))
}

/// A stop that was asked for while no process ran the workflow, or was cut off: the engine hears of it anew, so that
/// it also ends what had begun.
pub(super) fn stop_again(workflow: &mut Workflow) -> Option<Observation> {
    let spec = workflow.spec.as_mut()?;
    let strategy = match std::mem::take(&mut spec.shutdown).as_str() {
        "Stop" => StopStrategy::Stop,
        "Terminate" => StopStrategy::Terminate,
        _ => return None,
    };
    Some(Observation::Stop { strategy })
}

/// Makes the objects known that pods refer to.
pub(super) fn provide(
    host: &PodHost,
    workflow: &Workflow,
    surroundings: &Surroundings,
) -> Result<(), HostError> {
    let namespace = workflow.metadata.as_ref().and_then(|m| m.namespace.clone());
    for config_map in &surroundings.config_maps {
        let mut config_map = config_map.clone();
        config_map.metadata.namespace.clone_from(&namespace);
        host.create_config_map(config_map);
    }
    for secret in &surroundings.secrets {
        let mut secret = secret.clone();
        secret.metadata.namespace.clone_from(&namespace);
        host.create_secret(secret);
    }
    for claim in &surroundings.claims {
        let mut claim = claim.clone();
        claim.metadata.namespace.clone_from(&namespace);
        host.create_claim(&claim)?;
    }
    Ok(())
}

/// The repository that the workflow, or the template that it refers to, asks for.
pub(super) fn repository_of(
    workflow: &Workflow,
    surroundings: &Surroundings,
) -> Result<Found, RunError> {
    let own = workflow.spec.as_ref();
    let reference = own.and_then(|spec| spec.workflow_template_ref.as_ref());
    let library = library(surroundings);
    let template = reference.and_then(|reference| {
        library.spec(reference.cluster_scope.unwrap_or_default(), &reference.name)
    });
    let asked = [own, template]
        .into_iter()
        .flatten()
        .find_map(|spec| spec.artifact_repository_ref.as_ref());
    repository::find(asked, &surroundings.config_maps).map_err(RunError::Repository)
}

fn values(config_map: &ConfigMap) -> (String, BTreeMap<String, String>) {
    let name = config_map.metadata.name.clone().unwrap_or_default();
    (name, config_map.data.clone().unwrap_or_default())
}

/// The templates around a workflow, by name.
pub fn library(surroundings: &Surroundings) -> Library {
    let mut library = Library::default();
    for template in &surroundings.templates {
        let name = template.metadata.as_ref().and_then(|m| m.name.clone()).unwrap_or_default();
        library.templates.insert(name, template.clone());
    }
    for template in &surroundings.cluster_templates {
        let name = template.metadata.as_ref().and_then(|m| m.name.clone()).unwrap_or_default();
        library.cluster_templates.insert(name, template.clone());
    }
    library
}
