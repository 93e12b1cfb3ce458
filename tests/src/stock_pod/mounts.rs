//! Volumes of a pod, and which container sees what of them where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::containers::Kind;
use super::{Layout, Step, list};

/// The volumes, and groups of mounts that containers choose from.
pub(super) struct Mounts {
    pub(super) volumes: Vec<Value>,
    /// Credentials, for the executor's containers.
    pub(super) secrets: Vec<Value>,
    /// The folder of loaded artifacts, where there are inputs.
    pub(super) inputs: Vec<Value>,
    /// The folder of scripts, where there is one.
    pub(super) staging: Vec<Value>,
    /// Volumes that the template mounts.
    pub(super) user: Vec<Value>,
    /// Loaded artifacts that `main` of the legacy layout sees at their paths.
    pub(super) artifacts: Vec<Value>,
}

impl Mounts {
    pub(super) fn of(step: &Step) -> Self {
        let template = &step.template;
        let secrets = secrets_of(template);
        let user = list(&template[step.kind().key()]["volumeMounts"]).to_vec();
        let artifacts = list(&template["inputs"]["artifacts"]);
        let has_script = step.kind() == Kind::Script;
        let mut volumes = vec![
            json!({"name": "var-run-argo", "emptyDir": {}}),
            json!({"name": "tmp-dir-argo", "emptyDir": {}}),
        ];
        volumes.extend(list(&template["volumes"]).iter().chain(&step.volumes).cloned());
        volumes.extend(secrets.iter().map(|(name, keys)| {
            let items: Vec<_> = keys.iter().map(|key| json!({"key": key, "path": key})).collect();
            json!({"name": name, "secret": {"secretName": name, "items": items}})
        }));
        if !artifacts.is_empty() {
            volumes.push(json!({"name": "input-artifacts", "emptyDir": {}}));
        }
        if has_script {
            volumes.push(json!({"name": "argo-staging", "emptyDir": {}}));
        }
        if step.layout == Layout::Initless {
            volumes.push(json!({"name": "argoexec-bin",
                "image": {"reference": step.executor, "pullPolicy": "IfNotPresent"}}));
        }
        Self {
            volumes,
            secrets: secrets
                .keys()
                .map(|name| json!({"name": name, "mountPath": format!("/argo/secret/{name}"), "readOnly": true}))
                .collect(),
            inputs: present(!artifacts.is_empty(), "input-artifacts", "/argo/inputs/artifacts"),
            staging: present(has_script, "argo-staging", "/argo/staging"),
            artifacts: artifacts
                .iter()
                .filter(|artifact| is_supplied(artifact) && !overlaps(artifact, &user))
                .map(|artifact| {
                    json!({"name": "input-artifacts", "mountPath": artifact["path"], "subPath": artifact["name"]})
                })
                .collect(),
            user,
        }
    }
}

/// The same mounts below `/mainctrfs`, for the executor's containers.
pub(super) fn mirrored<'a>(mounts: impl IntoIterator<Item = &'a Value>) -> Vec<Value> {
    let mirror = |mount: &Value| {
        let mut mount = mount.clone();
        mount["mountPath"] = format!("/mainctrfs{}", mount["mountPath"].as_str().unwrap()).into();
        mount
    };
    mounts.into_iter().map(mirror).collect()
}

/// Mounts that can be written.
pub(super) fn writable(mut mounts: Vec<Value>) -> Vec<Value> {
    for mount in &mut mounts {
        mount["readOnly"] = false.into();
    }
    mounts
}

fn present(condition: bool, volume: &str, path: &str) -> Vec<Value> {
    condition.then(|| json!({"name": volume, "mountPath": path})).into_iter().collect()
}

/// Whether an artifact is optional and nobody gave it.
fn is_supplied(artifact: &Value) -> bool {
    const STORES: [&str; 10] =
        ["s3", "git", "http", "artifactory", "hdfs", "raw", "oss", "gcs", "azure", "plugin"];
    artifact["optional"] != true || STORES.iter().any(|store| !artifact[store].is_null())
}

fn overlaps(artifact: &Value, user: &[Value]) -> bool {
    let path = Path::new(artifact["path"].as_str().unwrap());
    user.iter().any(|mount| path.starts_with(mount["mountPath"].as_str().unwrap()))
}

/// Secrets that a template refers to, with the keys it needs of each.
fn secrets_of(value: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let children: Vec<(&str, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.as_str(), field)).collect()
        }
        Value::Array(items) => items.iter().map(|item| ("", item)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        if let (true, Some(secret), Some(key)) =
            (name.ends_with("Secret"), child["name"].as_str(), child["key"].as_str())
        {
            found.entry(secret.into()).or_default().insert(key.into());
            continue;
        }
        for (secret, keys) in secrets_of(child) {
            found.entry(secret).or_default().extend(keys);
        }
    }
    found
}
