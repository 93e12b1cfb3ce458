//! The parts of a pod's template that the executor reads. Parameters and artifacts stay raw: unknown fields survive.

use std::fs;
use std::io;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::failure::Failure;
use crate::paths::Paths;
use crate::settings;

/// What every role reads. Input artifacts are left out: collections can make them large. See [`Template::inputs`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Template {
    pub outputs: Outputs,
    pub container: Option<Mounts>,
    pub script: Option<Script>,
    pub container_set: Option<ContainerSet>,
    pub sidecars: Vec<Named>,
    pub archive_location: Option<Value>,
    pub resource: Option<Resource>,
    pub data: Option<IgnoredAny>,
    pub http: Option<IgnoredAny>,
    pub plugin: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Outputs {
    pub parameters: Vec<Value>,
    pub artifacts: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mounts {
    pub volume_mounts: Vec<VolumeMount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeMount {
    pub mount_path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Script {
    pub source: String,
    pub volume_mounts: Vec<VolumeMount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerSet {
    pub containers: Vec<Named>,
    pub volume_mounts: Vec<VolumeMount>,
    pub retry_strategy: Option<RetryStrategy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Named {
    pub name: String,
    pub dependencies: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RetryStrategy {
    pub duration: String,
    pub retries: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resource {
    pub manifest: String,
    pub manifest_from: Value,
    pub merge_strategy: String,
    pub success_condition: String,
    pub failure_condition: String,
    pub flags: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WithInputs {
    inputs: Inputs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Inputs {
    artifacts: Vec<Value>,
}

impl Template {
    /// Reads the template from its JSON.
    pub fn parse(json: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(json)
            .map_err(|error| Failure::new(format!("failed to unmarshal template: {error}")))
    }

    /// The template's input artifacts, each as it stands in the JSON.
    pub fn inputs(json: &[u8]) -> Result<Vec<Value>, Failure> {
        let parsed: WithInputs = serde_json::from_slice(json).map_err(|error| {
            Failure::new(format!("failed to unmarshal template inputs: {error}"))
        })?;
        Ok(parsed.inputs.artifacts)
    }

    /// The containers whose end is the end of the step.
    pub fn main_containers(&self) -> Vec<&str> {
        match &self.container_set {
            Some(set) => set.containers.iter().map(|container| container.name.as_str()).collect(),
            None => vec!["main"],
        }
    }

    /// Where the user mounted volumes.
    pub fn volume_mounts(&self) -> &[VolumeMount] {
        match (&self.container, &self.script, &self.container_set) {
            (Some(container), ..) => &container.volume_mounts,
            (None, Some(script), _) => &script.volume_mounts,
            (None, None, Some(set)) => &set.volume_mounts,
            (None, None, None) => &[],
        }
    }

    /// Whether a path equals a volume mount of the user's or lies below one.
    pub fn on_user_volume(&self, path: &str) -> bool {
        self.volume_mounts().iter().any(|mount| lies_below(path, &mount.mount_path))
    }

    /// Whether the logs of the main containers are kept.
    pub fn archives_logs(&self) -> bool {
        self.archive_location.as_ref().is_some_and(|location| location["archiveLogs"] == true)
    }
}

/// Whether a path equals another or lies below it, by whole components.
pub fn lies_below(path: &str, above: &str) -> bool {
    let (path, above) = (crate::paths::clean(path), crate::paths::clean(above));
    match path.strip_prefix(&above) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || above == "/",
        None => false,
    }
}

/// The JSON of the pod's template, for `init`: from the environment, else from the shared volume.
pub fn read_environment_first(paths: &Paths) -> Result<Vec<u8>, Failure> {
    match std::env::var("ARGO_TEMPLATE") {
        Ok(value) => from_environment(paths, value),
        Err(_) => read_file(paths)?.ok_or_else(|| nowhere(paths)),
    }
}

/// The JSON of the pod's template, for containers that start after `init`: from the shared volume, else from the environment.
pub fn read_file_first(paths: &Paths) -> Result<Vec<u8>, Failure> {
    if let Some(json) = read_file(paths)? {
        return Ok(json);
    }
    match std::env::var("ARGO_TEMPLATE") {
        Ok(value) => from_environment(paths, value),
        Err(_) => Err(nowhere(paths)),
    }
}

fn from_environment(paths: &Paths, value: String) -> Result<Vec<u8>, Failure> {
    if value != "offloaded" {
        return Ok(value.into_bytes());
    }
    let path = paths.config.join("ARGO_TEMPLATE");
    fs::read(&path).map_err(|error| {
        Failure::new(format!(
            "failed to read template: {}",
            crate::failure::path_error("open", &path, &error)
        ))
    })
}

fn read_file(paths: &Paths) -> Result<Option<Vec<u8>>, Failure> {
    let path = paths.template();
    match fs::read(&path) {
        Ok(json) => Ok(Some(json)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(format!(
            "failed to read template: {}",
            crate::failure::path_error("open", &path, &error)
        ))),
    }
}

fn nowhere(paths: &Paths) -> Failure {
    Failure::new(format!(
        "failed to read template: neither {} nor ARGO_TEMPLATE is available",
        paths.template().display()
    ))
}

impl RetryStrategy {
    /// Runs in all (at least one) and the pause; as Argo 4.1, `retries` counts the runs.
    pub fn runs(&self) -> Result<(u64, std::time::Duration), Failure> {
        let retries = match &self.retries {
            None => 1,
            Some(Value::String(text)) => text.trim().parse().map_err(|_| bad_retries(text))?,
            Some(number) => number.as_i64().ok_or_else(|| bad_retries(&number.to_string()))?,
        };
        let pause = match self.duration.as_str() {
            "" => std::time::Duration::ZERO,
            text => settings::go_duration(text).ok_or_else(|| {
                Failure::new(format!("failed to get retry strategy: duration {text:?} is not a duration such as \"10s\""))
            })?,
        };
        Ok((u64::try_from(retries).unwrap_or(0).max(1), pause))
    }
}

fn bad_retries(text: &str) -> Failure {
    Failure::new(format!("failed to get retry strategy: retries {text:?} is not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_is_by_components() {
        let json =
            br#"{"container":{"volumeMounts":[{"name":"w","mountPath":"/data/"}]},"unknown":1}"#;
        let template = Template::parse(json).unwrap();
        for (path, on) in [
            ("/data", true),
            ("/data/x", true),
            ("/database", false),
            ("/data/../x", false),
            ("/", false),
        ] {
            assert_eq!(template.on_user_volume(path), on, "{path}");
        }
    }

    #[test]
    fn retry_strategies() {
        let runs = |json: &str| serde_json::from_str::<RetryStrategy>(json).unwrap().runs();
        let seconds = std::time::Duration::from_secs;
        assert_eq!(runs(r#"{"retries":"2","duration":"1s"}"#), Ok((2, seconds(1))));
        assert_eq!(runs(r#"{"retries":3}"#), Ok((3, seconds(0))));
        assert_eq!(runs(r#"{"retries":0}"#), Ok((1, seconds(0))));
        assert!(runs(r#"{"retries":1,"duration":"-1s"}"#).is_err());
        assert!(runs(r#"{"retries":"x"}"#).is_err());
    }
}
