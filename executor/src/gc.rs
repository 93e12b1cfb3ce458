//! `artifact delete`: removes the artifacts that the controller lists in tasks for this pod, and says how each went.

use nix::sys::stat::{Mode, umask};
use serde_json::{Map, Value, json};

use crate::cli::Invocation;
use crate::events::Events;
use crate::failure::{Failure, os_text};
use crate::init;
use crate::kube::{Client, Config, Error};
use crate::location::{self, Stores};
use crate::log;
use crate::parallel;
use crate::paths::Paths;
use crate::retry::Backoff;
use crate::settings;
use crate::wait;

const VERSION: &str = "argoproj.io/v1alpha1";
const PLURAL: &str = "workflowartifactgctasks";
/// By this label the controller says which pod does a task.
const POD_LABEL: &str = "workflows.argoproj.io/artifact-gc-pod";

/// Deletes what this pod's tasks list. An artifact that cannot be deleted is reported in its task's status and is no failure here.
pub fn run(asked: &Invocation, paths: &Paths) -> Result<(), Failure> {
    if asked.words.first().is_none_or(|word| word != "delete") {
        return Err(Failure::new("artifact takes the command delete"));
    }
    let Some(pod) = settings::text("ARGO_ARTIFACT_POD_NAME") else {
        log::warn("ARGO_ARTIFACT_POD_NAME is not set: there is nothing to delete", &[]);
        return Ok(());
    };
    umask(Mode::empty());
    let mut config = Config::load(asked)?;
    if let Some(namespace) = settings::text("ARGO_NAMESPACE") {
        config.namespace = namespace;
    }
    let client = Client::new(config)?;
    init::end_on_sigterm(paths, "terminated before all artifacts were deleted")?;
    let deleter = Deleter { stores: Stores::new(paths)? };
    let path = client.objects(VERSION, PLURAL);
    let reports = Backoff::for_reports();
    let sent = |error: Error| Failure::new(error.to_string());
    let tasks = reports
        .run(|| client.list(&path, &format!("{POD_LABEL}={pod}")), Error::retryable)
        .map_err(sent)?;
    for task in tasks {
        let name = task["metadata"]["name"].as_str().unwrap_or_default();
        let patch = json!({"status": {"artifactResultsByNode": deleter.delete_all(&task)}});
        reports.run(|| client.merge_status(&path, name, &patch), Error::retryable).map_err(sent)?;
    }
    end_plugins(paths)
}

fn end_plugins(paths: &Paths) -> Result<(), Failure> {
    if settings::text("ARGO_ARTIFACT_PLUGIN_NAMES").is_none() {
        return Ok(());
    }
    let mut events = Events::new().map_err(|error| {
        Failure::new(format!("failed to listen to signals: {}", os_text(&error)))
    })?;
    let mut errors = wait::Errors::default();
    wait::plugins::end(paths, &mut events, &mut errors);
    Ok(())
}

struct Deleter {
    stores: Stores,
}

impl Deleter {
    /// By node: how the deletion of each of its artifacts went.
    fn delete_all(&self, task: &Value) -> Map<String, Value> {
        let nodes = task["spec"]["artifactsByNode"].as_object().into_iter().flatten();
        nodes.map(|(id, node)| (id.clone(), self.delete_of_node(node))).collect()
    }

    fn delete_of_node(&self, node: &Value) -> Value {
        let artifacts: Vec<_> = node["artifacts"].as_object().into_iter().flatten().collect();
        let repository = node.get("archiveLocation").filter(|location| !location.is_null());
        let results = parallel::map(&artifacts, |(name, artifact)| {
            let result = match self.delete(artifact, repository) {
                Ok(()) => json!({"name": name, "success": true}),
                Err(failure) => json!({"name": name, "error": failure.to_string()}),
            };
            ((*name).clone(), result)
        });
        json!({"artifactResults": Map::from_iter(results)})
    }

    fn delete(&self, artifact: &Value, repository: Option<&Value>) -> Result<(), Failure> {
        let place = location::place(artifact, repository, None)?;
        let (store, key) = self.stores.open(&place)?;
        log::info("deleting artifact", &[("key", &key), ("store", &store.describe())]);
        store.delete(&key).map_err(|error| Failure::new(error.to_string()))
    }
}
