//! Whole pods, as snapshots, and what is refused.

mod build;
mod odd;
mod refused;
mod stores;

use lighter_api::{ArtifactLocation, Template, Workflow, WorkflowSpec, read_value};
use serde::de::DeserializeOwned;

use super::*;

/// An object written as YAML.
fn yaml<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(read_value("test", text).unwrap()).unwrap()
}

/// The command line of an image, and an executor.
fn config() -> PodConfig {
    let command = ImageCommand {
        entrypoint: vec!["/entry".to_owned()],
        cmd: vec!["serve".to_owned(), "--all".to_owned()],
    };
    PodConfig {
        executor_image: "lighter/argoexec:1".to_owned(),
        images: BTreeMap::from([("with-entry:1".to_owned(), command)]),
        ..PodConfig::default()
    }
}

/// A workflow named `harbour`, with a spec and a repository in a folder.
struct Case {
    workflow: Workflow,
    spec: WorkflowSpec,
    template: Template,
    boundary: Option<Template>,
    repository: Option<ArtifactLocation>,
    config: PodConfig,
}

impl Case {
    fn new(template: &str) -> Self {
        Self {
            workflow: yaml("{metadata: {name: harbour, namespace: docks, uid: 11-22}}"),
            spec: WorkflowSpec::default(),
            template: yaml(template),
            boundary: None,
            repository: Some(yaml("{folder: {path: /srv/store, key: harbour/pod}}")),
            config: config(),
        }
    }

    fn spec(mut self, spec: &str) -> Self {
        self.spec = yaml(spec);
        self
    }

    fn request(&self) -> PodRequest<'_> {
        PodRequest {
            workflow: &self.workflow,
            spec: &self.spec,
            template: &self.template,
            boundary_template: self.boundary.as_ref(),
            node_id: "harbour-4014604545",
            node_name: "harbour[0].load",
            pod_name: "harbour-load-4014604545",
            archive_location: self.repository.as_ref(),
            include_result: false,
            deadline: None,
            active_deadline_seconds: None,
            on_exit: false,
            failed_hosts: &[],
        }
    }

    fn build(&self) -> Result<BuiltPod, PodError> {
        build_pod(&self.request(), &self.config)
    }

    fn pod(&self) -> core::Pod {
        self.build().unwrap().pod
    }

    fn pod_spec(&self) -> core::PodSpec {
        self.pod().spec.unwrap()
    }

    /// The text of the error.
    fn refusal(&self) -> String {
        self.build().unwrap_err().to_string()
    }
}

/// A container of a pod, init containers first.
fn container<'s>(spec: &'s core::PodSpec, name: &str) -> &'s core::Container {
    let mut all = spec.init_containers.iter().flatten().chain(&spec.containers);
    all.find(|container| container.name == name).unwrap()
}

fn mount_paths(container: &core::Container) -> Vec<&str> {
    container.volume_mounts.iter().flatten().map(|mount| mount.mount_path.as_str()).collect()
}

fn variable_of<'c>(container: &'c core::Container, name: &str) -> Option<&'c str> {
    let mut env = container.env.iter().flatten().filter(|variable| variable.name == name);
    env.next_back().and_then(|variable| variable.value.as_deref())
}
