//! Builds the Kubernetes Pod of a node, with the executor injected. Pure: the same request gives the same pod.
//!
//! The layout is Argo's classic one: an init container stages the template and the input artifacts, every user
//! container runs under the emissary, and `wait` collects what they leave behind.

mod check;
mod environment;
mod locate;
mod merge;
mod names;
mod own_name;
mod parts;
mod patch;
pub(crate) mod paths;
mod places;
mod settings;
mod volumes;
mod wrap;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lighter_api::k8s_openapi::api::core::v1 as core;
use lighter_api::{ArtifactLocation, Template, Workflow, WorkflowSpec};

use parts::{Parts, SHARED_PATH, SHARED_VOLUME, add_mounts, mount};

pub use names::{node_id, pod_name, pod_name_v1};

/// What holds for all pods of a controller or a local runner.
#[derive(Clone, Debug, PartialEq)]
pub struct PodConfig {
    /// The image that has `argoexec` in its path.
    pub executor_image: String,
    /// `Always`, `IfNotPresent` or `Never`; absent leaves it to Kubernetes.
    pub executor_pull_policy: Option<String>,
    /// Appended to the command line of the executor's own containers.
    pub executor_args: Vec<String>,
    /// Environment of the executor's own containers only.
    pub executor_env: Vec<core::EnvVar>,
    /// Requests and limits of the executor's own containers.
    pub executor_resources: Option<core::ResourceRequirements>,
    /// Security context of the executor's own containers; absent leaves it unset, as Argo 4.1 does.
    pub executor_security_context: Option<core::SecurityContext>,
    /// `debug`, `info`, `warn` or `error`.
    pub log_level: String,
    /// `text` or `json`.
    pub log_format: String,
    /// The controller's instance ID; empty when it has none.
    pub instance_id: String,
    /// Merged under every main container: what the user wrote wins.
    pub main_container: Option<core::Container>,
    /// Entry points of images, by the image's name as it stands in a container.
    pub images: BTreeMap<String, ImageCommand>,
    /// How progress is reported; absent turns it off.
    pub progress: Option<Progress>,
    /// How long a finished pod is kept when `podGC` does not say, as a Go duration.
    pub pod_gc_delay: String,
    /// The node label that tells hosts apart, for retries on another host.
    pub host_label: String,
    /// The secret with the token of each executor service account, by the account's name. Absent where there are no
    /// service accounts: then `executor.serviceAccountName` means nothing.
    pub service_account_tokens: Option<BTreeMap<String, String>>,
}

impl Default for PodConfig {
    /// Argo 4.1's defaults. The executor's image has none.
    fn default() -> Self {
        Self {
            executor_image: String::new(),
            executor_pull_policy: None,
            executor_args: Vec::new(),
            executor_env: Vec::new(),
            executor_resources: None,
            executor_security_context: None,
            log_level: "info".to_owned(),
            log_format: "text".to_owned(),
            instance_id: String::new(),
            main_container: None,
            images: BTreeMap::new(),
            progress: Some(Progress::default()),
            pod_gc_delay: "5s".to_owned(),
            host_label: "kubernetes.io/hostname".to_owned(),
            service_account_tokens: None,
        }
    }
}

/// How often progress is read and reported, as Go durations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Between two reports.
    pub patch_tick: String,
    /// Between two looks at the progress file.
    pub file_tick: String,
}

impl Default for Progress {
    fn default() -> Self {
        Self { patch_tick: "1m0s".to_owned(), file_tick: "3s".to_owned() }
    }
}

/// What an image runs when a container names no command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageCommand {
    /// Becomes the command.
    pub entrypoint: Vec<String>,
    /// Becomes the arguments, if the container has none of its own.
    pub cmd: Vec<String>,
}

/// One pod to build.
#[derive(Clone, Debug)]
pub struct PodRequest<'a> {
    /// Names the pod's owner; its status knows the claims made for the workflow. Its spec is not read.
    pub workflow: &'a Workflow,
    /// The spec that is run (of the workflow or of the template it refers to), with the workflow's own tags filled in.
    /// `{{pod.name}}` may still stand in its `podSpecPatch`, `podMetadata` and `volumes`.
    pub spec: &'a WorkflowSpec,
    /// The template with all tags filled in, parameters valued, artifacts and collections located.
    pub template: &'a Template,
    /// The template of the enclosing steps or DAG: a second choice for node selector, affinity and tolerations.
    pub boundary_template: Option<&'a Template>,
    /// See [`node_id`].
    pub node_id: &'a str,
    /// The node's full name, e.g. `wf[0].step(1:b)`.
    pub node_name: &'a str,
    /// See [`pod_name`].
    pub pod_name: &'a str,
    /// The artifact repository as a location, its key formatted for this pod. A template's own location goes first.
    pub archive_location: Option<&'a ArtifactLocation>,
    /// Somebody reads this node's `outputs.result`.
    pub include_result: bool,
    /// When the executor stops waiting. The caller leaves the workflow's deadline out for exit handlers.
    pub deadline: Option<Timestamp>,
    /// A limit from outside the template (workflow deadline, `timeout`), in seconds from the pod's start.
    /// The template's own `activeDeadlineSeconds` is read here; the smaller one counts.
    pub active_deadline_seconds: Option<i64>,
    /// The pod belongs to an exit handler.
    pub on_exit: bool,
    /// Hosts to stay away from; given only if the retry strategy asks for it.
    pub failed_hosts: &'a [String],
}

/// A pod, and the object that must exist before it.
#[derive(Clone, Debug, PartialEq)]
pub struct BuiltPod {
    /// Ready to be created.
    pub pod: core::Pod,
    /// Holds what is too large for the pod itself. Create it first; that it exists already is fine.
    pub config_map: Option<core::ConfigMap>,
}

/// Why no pod can be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PodError {
    /// Look the image up, add it to [`PodConfig::images`] and build again.
    #[error(
        "container '{container}': no command is given and the entrypoint of image '{image}' is not known; set `command`, or list the image under `images` in the configuration"
    )]
    NeedsImage {
        /// The container that names it.
        container: String,
        /// As written in the container.
        image: String,
    },
    /// The template or the workflow has to be changed; the text names the field.
    #[error("{0}")]
    Invalid(String),
    /// This is Argo, but Lighter does not do it; the text names the field.
    #[error("{0}")]
    Unsupported(String),
    /// The time for this node is over.
    #[error("{node} exceeded its deadline")]
    Deadline {
        /// The node's name.
        node: String,
    },
}

/// Builds the pod of a node.
///
/// Containers stand in the order `wait`, main, sidecars; init containers in the order `init`, the user's. Names,
/// mounts and environment are those of Argo 4.1.
///
/// # Errors
/// [`PodError::NeedsImage`] if an image has to be looked up first; otherwise the reason why this can never be a pod.
pub fn build_pod(request: &PodRequest<'_>, config: &PodConfig) -> Result<BuiltPod, PodError> {
    let filled = own_name::fill(request.spec, request.pod_name)?;
    let request = &PodRequest { spec: &filled, ..request.clone() };
    let mut template = request.template.clone();
    locate::locate(&mut template, request.spec, request.archive_location)?;

    let mut parts = Parts::new(request.workflow, &template, config)?;
    check::names(parts.user_containers())?;
    add_volumes(&mut parts, &template, request, config)?;
    let default_container = parts.default_container();
    environment::add(&mut parts, template, request, config)?;

    let metadata = settings::metadata(request, config, &default_container);
    let spec = settings::pod_spec(request, parts)?;
    let mut spec =
        patch::apply(spec, [&request.spec.pod_spec_patch, &request.template.pod_spec_patch])?;
    wrap::wrap(&mut spec, config)?;
    let config_map = wrap::offload(&mut spec, request)?;
    settings::avoid_hosts(&mut spec, &config.host_label, request.failed_hosts);
    check::spec(&spec)?;
    let pod = core::Pod { metadata, spec: Some(spec), ..core::Pod::default() };
    Ok(BuiltPod { pod, config_map })
}

/// The order is that of Argo's mounts. Mirrors come after all that they mirror.
fn add_volumes(
    parts: &mut Parts,
    template: &Template,
    request: &PodRequest<'_>,
    config: &PodConfig,
) -> Result<(), PodError> {
    if let Some(secret) = settings::executor_token(request, config)? {
        volumes::add_token(parts, secret);
    }
    volumes::add_referenced(parts, request)?;
    volumes::add_secrets(parts, template);
    volumes::add_stores(parts, template)?;
    volumes::add_inputs(parts, template)?;
    volumes::add_staging(parts, template);
    volumes::mirror_to_users(parts, template);
    volumes::mirror_to_wait(parts);
    let inits = std::iter::once(&mut parts.init).chain(&mut parts.user_inits);
    inits.for_each(|init| add_mounts(init, [mount(SHARED_VOLUME, SHARED_PATH)]));
    Ok(())
}

#[cfg(test)]
mod tests;
