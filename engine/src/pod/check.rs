//! The last look at a pod: what Kubernetes would refuse, said in the workflow's own words.

use std::collections::BTreeSet;

use lighter_api::k8s_openapi::api::core::v1::{Container, PodSpec};

use super::PodError;
use super::parts::{INIT, WAIT};

/// Refuses container names that are taken, before the executor's containers are added.
pub(super) fn names<'a>(containers: impl Iterator<Item = &'a Container>) -> Result<(), PodError> {
    let mut seen = BTreeSet::new();
    for container in containers {
        let name = container.name.as_str();
        if name.is_empty() {
            return Err(invalid("a container needs `name`"));
        }
        if matches!(name, INIT | WAIT | "supervisor") || name.starts_with("artifact-plugin-") {
            return Err(invalid(format!(
                "container '{name}': this name is the executor's; choose another"
            )));
        }
        if !seen.insert(name) {
            return Err(invalid(format!("container '{name}': two containers have this name")));
        }
    }
    Ok(())
}

/// Refuses containers without an image, and volumes and mounts that contradict each other.
pub(super) fn spec(spec: &PodSpec) -> Result<(), PodError> {
    let mut volumes = BTreeSet::new();
    for volume in spec.volumes.iter().flatten() {
        if !volumes.insert(volume.name.as_str()) {
            return Err(invalid(format!("volumes: '{}' is there twice; rename one", volume.name)));
        }
    }
    // The user's containers first: the executor's repeat their mounts.
    let inits = spec.init_containers.iter().flatten().rev();
    spec.containers.iter().rev().chain(inits).try_for_each(|container| {
        if container.image.as_ref().is_none_or(String::is_empty) {
            return Err(invalid(format!("container '{}': needs `image`", container.name)));
        }
        container_mounts(container, &volumes)
    })
}

fn container_mounts(container: &Container, volumes: &BTreeSet<&str>) -> Result<(), PodError> {
    let name = &container.name;
    let mut paths = BTreeSet::new();
    for mount in container.volume_mounts.iter().flatten() {
        let path = mount.mount_path.as_str();
        if !volumes.contains(mount.name.as_str()) {
            return Err(invalid(format!(
                "container '{name}': volumeMounts: volume '{}' not found in workflow spec",
                mount.name
            )));
        }
        if path.is_empty() || path.contains(['\0', ':']) {
            return Err(invalid(format!(
                "container '{name}': volumeMounts: mountPath {path:?} must be a path without ':' and NUL"
            )));
        }
        if !paths.insert(path.trim_end_matches('/')) {
            return Err(invalid(format!(
                "container '{name}': volumeMounts: two mounts at '{path}'; give one another path"
            )));
        }
    }
    Ok(())
}

fn invalid(problem: impl Into<String>) -> PodError {
    PodError::Invalid(problem.into())
}
