//! Puts user containers under the emissary, and moves what is too large for a pod into a ConfigMap.

use std::collections::BTreeMap;

use lighter_api::k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, PodSpec, Volume, VolumeMount,
};

use super::environment::TEMPLATE;
use super::parts::{
    SHARED_PATH, SHARED_VOLUME, TMP_VOLUME, WAIT, add_mounts, log_options, mount, variable,
};
use super::settings::config_map_metadata;
use super::{PodConfig, PodError, PodRequest};

/// Longest environment variable or argument list that goes into a pod, in bytes.
const MAX_INLINE: usize = 131_072;
const CONFIG_VOLUME: &str = "argo-env-config";
const CONFIG_PATH: &str = "/argo/config";
const ARGS_FILE: &str = "ARGO_CONTAINER_ARGS_FILE";

/// Wraps the command of every container but `wait`, and mounts what all containers need.
pub(super) fn wrap(spec: &mut PodSpec, config: &PodConfig) -> Result<(), PodError> {
    let grace = spec.termination_grace_period_seconds;
    for (index, container) in spec.containers.iter_mut().enumerate() {
        if container.name != WAIT {
            under_emissary(container, config)?;
        }
        if container.image.as_deref() == Some(config.executor_image.as_str()) {
            let sub_path = Some(index.to_string());
            add_mounts(container, [VolumeMount { sub_path, ..mount(TMP_VOLUME, "/tmp") }]);
        }
        add_mounts(container, [mount(SHARED_VOLUME, SHARED_PATH)]);
        if let Some(grace) = grace {
            let seconds = variable("ARGO_TERMINATION_GRACE_PERIOD_SECONDS", grace.to_string());
            container.env.get_or_insert_default().push(seconds);
        }
    }
    Ok(())
}

fn under_emissary(container: &mut Container, config: &PodConfig) -> Result<(), PodError> {
    if container.command.as_ref().is_none_or(Vec::is_empty) {
        take_image_command(container, config)?;
    }
    let mut command = vec![format!("{SHARED_PATH}/argoexec"), "emissary".to_owned()];
    command.extend(log_options(config));
    command.push("--".to_owned());
    command.extend(container.command.take().unwrap_or_default());
    container.command = Some(command);
    Ok(())
}

/// As the image alone would run. An empty list of arguments stays empty; only an absent one becomes the image's.
fn take_image_command(container: &mut Container, config: &PodConfig) -> Result<(), PodError> {
    let Some(image) = container.image.as_deref().filter(|image| !image.is_empty()) else {
        return Err(PodError::Invalid(format!("container '{}': needs `image`", container.name)));
    };
    let Some(known) = config.images.get(image) else {
        return Err(PodError::NeedsImage {
            container: container.name.clone(),
            image: image.to_owned(),
        });
    };
    let args = container.args.as_ref().unwrap_or(&known.cmd);
    if known.entrypoint.is_empty() && args.is_empty() {
        return Err(PodError::Invalid(format!(
            "container '{}': nothing to run: image '{image}' has neither entrypoint nor cmd; set `command`",
            container.name
        )));
    }
    if container.args.is_none() && !known.cmd.is_empty() {
        container.args = Some(known.cmd.clone());
    }
    container.command = Some(known.entrypoint.clone());
    Ok(())
}

/// Moves a large template and large arguments out of the pod. Returns the object that then holds them.
///
/// Only the first container with large arguments is served: there is one key for them.
pub(super) fn offload(
    spec: &mut PodSpec,
    request: &PodRequest<'_>,
) -> Result<Option<ConfigMap>, PodError> {
    let mut data = BTreeMap::new();
    let config = || mount(CONFIG_VOLUME, CONFIG_PATH);
    for container in spec.init_containers.iter_mut().flatten() {
        let env = container.env.iter_mut().flatten();
        let mut templates = env.filter(|variable| variable.name == TEMPLATE);
        let Some(template) = templates.find_map(|variable| variable.value.as_mut()) else {
            continue;
        };
        if template.len() <= MAX_INLINE {
            // A kubelet takes `$$` and `$(NAME)` in a value for its own: a script's `$$` would lose a sign.
            *template = template.replace('$', "$$");
            continue;
        }
        let text = std::mem::replace(template, "offloaded".to_owned());
        data.insert(TEMPLATE.to_owned(), text);
        add_mounts(container, [config()]);
    }
    for container in spec.containers.iter_mut().filter(|container| container.name != WAIT) {
        let Some(json) = container.args.as_ref().map(args_json).transpose()? else { continue };
        if json.len() <= MAX_INLINE {
            continue;
        }
        data.insert(ARGS_FILE.to_owned(), json);
        container.args = None;
        let path = format!("{CONFIG_PATH}/{ARGS_FILE}");
        container.env.get_or_insert_default().push(variable(ARGS_FILE, path));
        add_mounts(container, [config()]);
        break;
    }
    if data.is_empty() {
        return Ok(None);
    }
    spec.volumes.get_or_insert_default().push(config_volume(request.pod_name));
    let metadata = config_map_metadata(request);
    Ok(Some(ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }))
}

fn args_json(args: &Vec<String>) -> Result<String, PodError> {
    serde_json::to_string(args)
        .map_err(|error| PodError::Invalid(format!("args cannot be written as JSON: {error}")))
}

fn config_volume(config_map: &str) -> Volume {
    let source =
        ConfigMapVolumeSource { name: config_map.to_owned(), ..ConfigMapVolumeSource::default() };
    Volume { name: CONFIG_VOLUME.to_owned(), config_map: Some(source), ..Volume::default() }
}
