//! The volumes of a pod: the user's, credentials, stores, input artifacts, the script.

use std::collections::{BTreeMap, BTreeSet};

use lighter_api::k8s_openapi::api::core::v1::{
    Container, HostPathVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource,
    SecretVolumeSource, Volume, VolumeMount,
};
use lighter_api::{Template, UserContainer};

use super::locate::is_absent;
use super::parts::{Parts, STAGING_PATH, add_mounts, empty_dir, mount};
use super::paths::{artifact_path, below, clean, in_volume};
use super::places::{Place, of_template};
use super::{PodError, PodRequest};

const INPUTS_VOLUME: &str = "input-artifacts";
const INPUTS_PATH: &str = "/argo/inputs/artifacts";
const STAGING_VOLUME: &str = "argo-staging";
const TOKEN_VOLUME: &str = "exec-sa-token";
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Where the executor sees the file system of main.
const MAIN_FILES: &str = "/mainctrfs";

/// The mounts that the template itself asks for; artifacts at or below them go into the user's volume.
pub(super) fn user_mounts(template: &Template) -> &[VolumeMount] {
    let mounts = match template {
        Template { container: Some(container), .. } => container.volume_mounts.as_deref(),
        Template { script: Some(script), .. } => script.volume_mounts.as_deref(),
        Template { container_set: Some(set), .. } => Some(set.volume_mounts.as_slice()),
        _ => None,
    };
    mounts.unwrap_or_default()
}

/// Mounts the token of the executor's own service account.
pub(super) fn add_token(parts: &mut Parts, secret: &str) {
    parts.volumes.push(secret_volume(TOKEN_VOLUME, secret, None));
    parts.mount_executors(&[VolumeMount {
        read_only: Some(true),
        ..mount(TOKEN_VOLUME, TOKEN_PATH)
    }]);
}

/// Adds the workflow's volumes and claims that a container mounts. The template's own are there already.
pub(super) fn add_referenced(parts: &mut Parts, request: &PodRequest<'_>) -> Result<(), PodError> {
    let mounts: Vec<(String, String)> = parts
        .user_containers()
        .flat_map(|container| {
            let mounts = container.volume_mounts.iter().flatten();
            mounts.map(|mount| (container.name.clone(), mount.name.clone()))
        })
        .collect();
    for (container, name) in mounts {
        if request.template.volumes.iter().any(|volume| volume.name == name) {
            continue;
        }
        let volume = workflow_volume(request, &name).ok_or_else(|| {
            PodError::Invalid(format!(
                "container '{container}': volumeMounts: volume '{name}' not found in workflow spec"
            ))
        })?;
        if !parts.volumes.contains(&volume) {
            parts.volumes.push(volume);
        }
    }
    Ok(())
}

fn workflow_volume(request: &PodRequest<'_>, name: &str) -> Option<Volume> {
    let made = request.workflow.status.iter().flat_map(|status| &status.persistent_volume_claims);
    if let Some(volume) = request.spec.volumes.iter().chain(made).find(|volume| volume.name == name)
    {
        return Some(volume.clone());
    }
    let is_claimed = request
        .spec
        .volume_claim_templates
        .iter()
        .any(|claim| claim.metadata.name.as_deref() == Some(name));
    let workflow = request.workflow.metadata.as_ref()?.name.as_ref()?;
    is_claimed.then(|| claim_volume(name, &format!("{workflow}-{name}")))
}

/// Mounts the credentials of all stores at `/argo/secret/<name>`, only the keys that are referred to.
pub(super) fn add_secrets(parts: &mut Parts, template: &Template) {
    let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for secret in of_template(template).flat_map(Place::secrets) {
        if !order.contains(&secret.name.as_str()) {
            order.push(&secret.name);
        }
        keys.entry(&secret.name).or_default().insert(&secret.key);
    }
    for secret in order {
        let name = parts.free_volume_name(secret);
        let items = keys.remove(secret).unwrap_or_default();
        parts.volumes.push(secret_volume(&name, secret, Some(items)));
        let path = format!("/argo/secret/{secret}");
        parts.mount_executors(&[VolumeMount { read_only: Some(true), ..mount(&name, &path) }]);
    }
}

/// Mounts folder stores at `/argo/folder/<path>` and volume stores at `/argo/volume/<claim>`.
pub(super) fn add_stores(parts: &mut Parts, template: &Template) -> Result<(), PodError> {
    let mut folders = BTreeSet::new();
    let mut claims = BTreeSet::new();
    for place in of_template(template) {
        match place {
            Place::Folder(at) if !at.path.is_empty() => folders.insert(folder_path(&at.path)?),
            Place::Volume(at) if !at.claim_name.is_empty() => claims.insert(claim(&at.claim_name)?),
            _ => false,
        };
    }
    for path in folders {
        let name = parts.free_volume_name("folder-store");
        parts.volumes.push(host_folder(&name, &path));
        parts.mount_executors(&[mount(&name, &below("/argo/folder", &path))]);
    }
    for claim in claims {
        let name = parts.free_volume_name("volume-store");
        parts.volumes.push(claim_volume(&name, claim));
        parts.mount_executors(&[mount(&name, &format!("/argo/volume/{claim}"))]);
    }
    Ok(())
}

fn folder_path(path: &str) -> Result<String, PodError> {
    let leads_up = path.split('/').any(|part| part == "..");
    if !path.starts_with('/') || leads_up || path.contains(['\0', ':']) || clean(path) == "/" {
        return Err(PodError::Invalid(format!(
            "folder.path: {path:?} must be an absolute path below '/', without '..', ':' and NUL"
        )));
    }
    Ok(clean(path))
}

fn claim(name: &str) -> Result<&str, PodError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if name.len() > 253 || !name.chars().all(fits) || name.starts_with(['.', '-']) {
        return Err(PodError::Invalid(format!(
            "volume.claimName: {name:?} cannot be the name of a PersistentVolumeClaim"
        )));
    }
    Ok(name)
}

/// Gives the init container a place to load input artifacts to, and main each one at its path.
///
/// An artifact at or below one of the user's mounts is loaded into that volume instead; one that is optional and was
/// not supplied is not mounted.
pub(super) fn add_inputs(parts: &mut Parts, template: &Template) -> Result<(), PodError> {
    let artifacts =
        template.inputs.as_ref().map(|inputs| inputs.artifacts.as_slice()).unwrap_or_default();
    if artifacts.is_empty() {
        return Ok(());
    }
    let volumes = user_mounts(template);
    parts.volumes.push(empty_dir(INPUTS_VOLUME));
    add_mounts(&mut parts.init, [mount(INPUTS_VOLUME, INPUTS_PATH)]);
    add_mounts(&mut parts.init, volumes.iter().map(mirrored));
    let Some(main) = parts.main() else { return Ok(()) };
    for artifact in artifacts {
        let path = artifact_path(&artifact.name, &artifact.path)?;
        if is_absent(artifact) || in_volume(volumes, &path) {
            continue;
        }
        let part =
            VolumeMount { sub_path: Some(artifact.name.clone()), ..mount(INPUTS_VOLUME, &path) };
        add_mounts(main, [part]);
    }
    Ok(())
}

/// Shares the script between the init container and main.
pub(super) fn add_staging(parts: &mut Parts, template: &Template) {
    if template.script.is_none() {
        return;
    }
    parts.volumes.push(empty_dir(STAGING_VOLUME));
    let staging = mount(STAGING_VOLUME, STAGING_PATH);
    add_mounts(&mut parts.init, [staging.clone()]);
    if let Some(main) = parts.main() {
        add_mounts(main, [staging]);
    }
}

/// Gives main's mounts to the init containers and sidecars that ask for them.
pub(super) fn mirror_to_users(parts: &mut Parts, template: &Template) {
    let mounts = parts.main_mounts();
    mirror_to(&mut parts.user_inits, &template.init_containers, &mounts);
    mirror_to(&mut parts.sidecars, &template.sidecars, &mounts);
}

fn mirror_to(containers: &mut [Container], asked: &[UserContainer], mounts: &[VolumeMount]) {
    for (container, asked) in containers.iter_mut().zip(asked) {
        if asked.mirror_volume_mounts == Some(true) {
            add_mounts(container, mounts.iter().cloned());
        }
    }
}

/// Lets the wait container see all that main has mounted, so that outputs there can be read, or written over.
pub(super) fn mirror_to_wait(parts: &mut Parts) {
    let mounts = parts.main_mounts();
    let writable = |mount: &VolumeMount| VolumeMount {
        read_only: None,
        recursive_read_only: None,
        ..mirrored(mount)
    };
    add_mounts(&mut parts.wait, mounts.iter().map(writable));
}

fn mirrored(mount: &VolumeMount) -> VolumeMount {
    VolumeMount { mount_path: below(MAIN_FILES, &mount.mount_path), ..mount.clone() }
}

fn secret_volume(name: &str, secret: &str, keys: Option<BTreeSet<&str>>) -> Volume {
    let item = |key: &str| KeyToPath { key: key.to_owned(), path: key.to_owned(), mode: None };
    let source = SecretVolumeSource {
        secret_name: Some(secret.to_owned()),
        items: keys.map(|keys| keys.into_iter().map(item).collect()),
        ..SecretVolumeSource::default()
    };
    Volume { name: name.to_owned(), secret: Some(source), ..Volume::default() }
}

fn claim_volume(name: &str, claim: &str) -> Volume {
    let source =
        PersistentVolumeClaimVolumeSource { claim_name: claim.to_owned(), read_only: None };
    Volume { name: name.to_owned(), persistent_volume_claim: Some(source), ..Volume::default() }
}

fn host_folder(name: &str, path: &str) -> Volume {
    let source =
        HostPathVolumeSource { path: path.to_owned(), type_: Some("DirectoryOrCreate".to_owned()) };
    Volume { name: name.to_owned(), host_path: Some(source), ..Volume::default() }
}
