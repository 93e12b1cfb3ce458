//! Parts: the containers and volumes of a pod while it is put together.

use lighter_api::k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, ObjectFieldSelector, Volume, VolumeMount,
};
use lighter_api::{Template, UserContainer, Workflow};

use super::merge::merge;
use super::{PodConfig, PodError};

/// The container that a template is about.
pub(super) const MAIN: &str = "main";
/// The executor's container that stages what main needs.
pub(super) const INIT: &str = "init";
/// The executor's container that collects what main leaves.
pub(super) const WAIT: &str = "wait";

/// The volume that all containers share with the executor.
pub(super) const SHARED_VOLUME: &str = "var-run-argo";
/// Where it is mounted.
pub(super) const SHARED_PATH: &str = "/var/run/argo";
/// The volume for the executor's temporary files.
pub(super) const TMP_VOLUME: &str = "tmp-dir-argo";
/// Where a script lies.
pub(super) const STAGING_PATH: &str = "/argo/staging";

/// Containers by role. Main is the one named `main`, or all of a container set.
pub(super) struct Parts {
    pub init: Container,
    pub user_inits: Vec<Container>,
    pub wait: Container,
    pub mains: Vec<Container>,
    pub sidecars: Vec<Container>,
    pub volumes: Vec<Volume>,
}

impl Parts {
    /// The containers without the volumes that the executor adds, and the volumes that every pod has.
    pub(super) fn new(
        workflow: &Workflow,
        template: &Template,
        config: &PodConfig,
    ) -> Result<Self, PodError> {
        let mut volumes = vec![empty_dir(SHARED_VOLUME), empty_dir(TMP_VOLUME)];
        volumes.extend(template.volumes.iter().cloned());
        Ok(Self {
            init: executor_container(INIT, workflow, config),
            user_inits: template.init_containers.iter().map(UserContainer::container).collect(),
            wait: executor_container(WAIT, workflow, config),
            mains: main_containers(template, config)?,
            sidecars: template.sidecars.iter().map(UserContainer::container).collect(),
            volumes,
        })
    }

    /// The container named `main`; a container set may have none.
    pub(super) fn main(&mut self) -> Option<&mut Container> {
        self.mains.iter_mut().find(|container| container.name == MAIN)
    }

    /// All but the executor's own.
    pub(super) fn user_containers(&self) -> impl Iterator<Item = &Container> {
        self.user_inits.iter().chain(&self.mains).chain(&self.sidecars)
    }

    /// The container that tools show first.
    pub(super) fn default_container(&self) -> String {
        let main = self.mains.iter().find(|container| container.name == MAIN);
        main.or(self.mains.last()).map(|container| container.name.clone()).unwrap_or_default()
    }

    /// What the container named `main` has mounted so far.
    pub(super) fn main_mounts(&mut self) -> Vec<VolumeMount> {
        self.main().and_then(|main| main.volume_mounts.clone()).unwrap_or_default()
    }

    /// Mounts the same into both of the executor's containers.
    pub(super) fn mount_executors(&mut self, mounts: &[VolumeMount]) {
        for container in [&mut self.init, &mut self.wait] {
            add_mounts(container, mounts.iter().cloned());
        }
    }

    /// A volume name made of `wish` that no volume has yet.
    pub(super) fn free_volume_name(&self, wish: &str) -> String {
        let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let wish: String =
            wish.chars().map(|c| if is_label(c) { c } else { '-' }).take(55).collect();
        let wish = wish.trim_matches('-');
        let wish = if wish.is_empty() { "volume" } else { wish };
        let taken = |name: &str| self.volumes.iter().any(|volume| volume.name == name);
        if !taken(wish) {
            return wish.to_owned();
        }
        (2_u64..).map(|n| format!("{wish}-{n}")).find(|name| !taken(name)).unwrap_or_default()
    }
}

/// An empty volume.
pub(super) fn empty_dir(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}

/// A whole volume at a path.
pub(super) fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

/// Appends mounts to a container.
pub(super) fn add_mounts(container: &mut Container, mounts: impl IntoIterator<Item = VolumeMount>) {
    container.volume_mounts.get_or_insert_default().extend(mounts);
}

/// A variable with a plain value.
pub(super) fn variable(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.into()), ..EnvVar::default() }
}

/// The options that every executor command takes.
pub(super) fn log_options(config: &PodConfig) -> Vec<String> {
    ["--loglevel", &config.log_level, "--log-format", &config.log_format, "--gloglevel", "0"]
        .map(str::to_owned)
        .to_vec()
}

fn executor_container(role: &str, workflow: &Workflow, config: &PodConfig) -> Container {
    let mut command = vec!["argoexec".to_owned(), role.to_owned()];
    command.extend(log_options(config));
    Container {
        name: role.to_owned(),
        image: Some(config.executor_image.clone()),
        image_pull_policy: config.executor_pull_policy.clone(),
        command: Some(command),
        args: Some(config.executor_args.clone()).filter(|args| !args.is_empty()),
        env: Some(executor_env(workflow, config)),
        resources: config.executor_resources.clone(),
        security_context: config.executor_security_context.clone(),
        ..Container::default()
    }
}

fn executor_env(workflow: &Workflow, config: &PodConfig) -> Vec<EnvVar> {
    let metadata = workflow.metadata.as_ref();
    let name = metadata.and_then(|metadata| metadata.name.clone()).unwrap_or_default();
    let uid = metadata.and_then(|metadata| metadata.uid.clone()).unwrap_or_default();
    let mut env = vec![
        pod_field("ARGO_POD_NAME", "metadata.name"),
        pod_field("ARGO_POD_UID", "metadata.uid"),
        variable("ARGO_WORKFLOW_NAME", name),
        variable("ARGO_WORKFLOW_UID", uid),
    ];
    if !config.instance_id.is_empty() {
        env.push(variable("ARGO_INSTANCE_ID", &config.instance_id));
    }
    env.extend(config.executor_env.iter().cloned());
    env
}

fn pod_field(name: &str, path: &str) -> EnvVar {
    let field =
        ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: path.to_owned() };
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
        ..EnvVar::default()
    }
}

fn main_containers(template: &Template, config: &PodConfig) -> Result<Vec<Container>, PodError> {
    let containers = if let Some(container) = &template.container {
        vec![Container { name: MAIN.to_owned(), ..container.clone() }]
    } else if let Some(script) = &template.script {
        let mut container = Container { name: MAIN.to_owned(), ..script.container() };
        if !script.source.is_empty() {
            container.args.get_or_insert_default().push(format!("{STAGING_PATH}/script"));
        }
        vec![container]
    } else if let Some(set) = &template.container_set {
        let with_mounts = |mut container: Container| {
            add_mounts(&mut container, set.volume_mounts.iter().cloned());
            container
        };
        set.containers.iter().map(|node| with_mounts(node.container())).collect()
    } else {
        return Err(no_pod(template));
    };
    if containers.is_empty() {
        let name = &template.name;
        return Err(PodError::Invalid(format!(
            "template '{name}': containerSet has no containers"
        )));
    }
    match &config.main_container {
        None => Ok(containers),
        Some(under) => containers.iter().map(|container| merged(under, container)).collect(),
    }
}

/// What a user wrote, over the configuration's defaults.
fn merged(under: &Container, container: &Container) -> Result<Container, PodError> {
    let failed = |problem: String| {
        PodError::Invalid(format!(
            "mainContainer does not merge with '{}': {problem}",
            container.name
        ))
    };
    let to_value =
        |it: &Container| serde_json::to_value(it).map_err(|error| failed(error.to_string()));
    let mut base = to_value(under)?;
    merge(&mut base, to_value(container)?).map_err(failed)?;
    serde_json::from_value(base).map_err(|error| failed(error.to_string()))
}

fn no_pod(template: &Template) -> PodError {
    let name = &template.name;
    let kind = match template {
        Template { resource: Some(_), .. } => "resource",
        Template { data: Some(_), .. } => "data",
        Template { http: Some(_), .. } => "http",
        Template { plugin: Some(_), .. } => "plugin",
        _ => {
            return PodError::Invalid(format!(
                "template '{name}' has no pod: it is neither a container nor a script nor a containerSet"
            ));
        }
    };
    PodError::Unsupported(format!("template '{name}': `{kind}` templates are not supported"))
}
