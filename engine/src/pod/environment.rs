//! The variables that tell every container where it is, after the user's own.

use jiff::Timestamp;
use lighter_api::k8s_openapi::api::core::v1::{Container, EnvVar};
use lighter_api::{Inputs, Template};

use super::parts::{Parts, SHARED_PATH, variable};
use super::settings::owner_name;
use super::{PodConfig, PodError, PodRequest};

/// Carries the template to the init containers.
pub(super) const TEMPLATE: &str = "ARGO_TEMPLATE";
/// No deadline, as Go prints the zero time.
const NO_DEADLINE: &str = "0001-01-01T00:00:00Z";

/// Adds the variables to all containers; `template` goes to the init containers, without its input parameters.
pub(super) fn add(
    parts: &mut Parts,
    template: Template,
    request: &PodRequest<'_>,
    config: &PodConfig,
) -> Result<(), PodError> {
    let text = template_json(template)?;
    let common = common(request, config);
    parts.wait.env.get_or_insert_default().push(variable("ARGO_ARTIFACT_PLUGIN_NAMES", ""));
    for container in std::iter::once(&mut parts.init).chain(&mut parts.user_inits) {
        add_to(container, &common);
        container.env.get_or_insert_default().push(variable(TEMPLATE, text.as_str()));
    }
    let running =
        std::iter::once(&mut parts.wait).chain(&mut parts.mains).chain(&mut parts.sidecars);
    for container in running {
        add_to(container, &common);
    }
    Ok(())
}

fn add_to(container: &mut Container, common: &[EnvVar]) {
    let name = variable("ARGO_CONTAINER_NAME", &container.name);
    let env = container.env.get_or_insert_default();
    env.push(name);
    env.extend(common.iter().cloned());
}

fn common(request: &PodRequest<'_>, config: &PodConfig) -> Vec<EnvVar> {
    let mut env = vec![
        variable("ARGO_NODE_ID", request.node_id),
        variable("ARGO_INCLUDE_SCRIPT_OUTPUT", request.include_result.to_string()),
        variable("ARGO_DEADLINE", deadline(request.deadline)),
        variable("ARGO_WORKFLOW_NAME", owner_name(request)),
    ];
    if let Some(progress) = &config.progress {
        env.extend([
            variable("ARGO_PROGRESS_FILE", format!("{SHARED_PATH}/progress")),
            variable("ARGO_PROGRESS_PATCH_TICK_DURATION", &progress.patch_tick),
            variable("ARGO_PROGRESS_FILE_TICK_DURATION", &progress.file_tick),
        ]);
    }
    env
}

/// RFC 3339 in whole seconds.
fn deadline(deadline: Option<Timestamp>) -> String {
    match deadline {
        Some(deadline) => deadline.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        None => NO_DEADLINE.to_owned(),
    }
}

fn template_json(mut template: Template) -> Result<String, PodError> {
    let artifacts = template.inputs.take().map(|inputs| inputs.artifacts).unwrap_or_default();
    template.inputs = Some(Inputs { artifacts, parameters: Vec::new() });
    serde_json::to_string(&template).map_err(|error| {
        PodError::Invalid(format!(
            "template '{}' cannot be written as JSON: {error}",
            template.name
        ))
    })
}
