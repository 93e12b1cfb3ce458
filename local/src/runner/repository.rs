//! Which artifact repository a run uses: one that came with the workflow's files as a ConfigMap, else the state's own folder.

use lighter_api::k8s_openapi::api::core::v1::ConfigMap;
use lighter_api::{ArtifactRepository, ArtifactRepositoryRef, read_typed};

/// Where Argo looks when a workflow names no ConfigMap.
const DEFAULT_CONFIG_MAP: &str = "artifact-repositories";
/// On that ConfigMap: the key of the repository that is taken when a workflow names none.
const DEFAULT_KEY: &str = "workflows.argoproj.io/default-artifact-repository";
/// The controller's settings, whose `artifactRepository` is the last resort.
const CONTROLLER: &str = "workflow-controller-configmap";

/// What the ConfigMaps say about the repository.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    Repository(Box<ArtifactRepository>),
    /// Nothing names one.
    Nothing,
    /// A ConfigMap is named that did not come with the workflow.
    Elsewhere(String),
}

/// Looks a repository up as Argo's controller does, among the ConfigMaps that came with the workflow.
///
/// Errors, as texts that name the ConfigMap and the key: a key that is not there, a value that is no repository.
pub(super) fn find(
    reference: Option<&ArtifactRepositoryRef>,
    config_maps: &[ConfigMap],
) -> Result<Found, String> {
    let named = |name: &str| {
        config_maps.iter().find(|config_map| config_map.metadata.name.as_deref() == Some(name))
    };
    let asked = reference.map(|reference| reference.config_map.as_str()).unwrap_or_default();
    let name = if asked.is_empty() { DEFAULT_CONFIG_MAP } else { asked };
    match (named(name), reference) {
        (Some(config_map), _) => {
            let key = reference.map(|reference| reference.key.as_str()).unwrap_or_default();
            match key_in(config_map, key) {
                Some(key) => read(config_map, key),
                None if reference.is_none() => controllers(named(CONTROLLER)),
                None => Err(format!(
                    "ConfigMap `{name}`: `artifactRepositoryRef` names no key, and there is no annotation `{DEFAULT_KEY}`"
                )),
            }
        }
        (None, Some(_)) => Ok(Found::Elsewhere(name.to_owned())),
        (None, None) => controllers(named(CONTROLLER)),
    }
}

fn key_in<'a>(config_map: &'a ConfigMap, key: &'a str) -> Option<&'a str> {
    if !key.is_empty() {
        return Some(key);
    }
    config_map.metadata.annotations.as_ref()?.get(DEFAULT_KEY).map(String::as_str)
}

fn read(config_map: &ConfigMap, key: &str) -> Result<Found, String> {
    let name = config_map.metadata.name.as_deref().unwrap_or_default();
    let Some(text) = config_map.data.as_ref().and_then(|data| data.get(key)) else {
        return Err(format!(
            "ConfigMap `{name}` has no key `{key}`, which should hold a repository"
        ));
    };
    let place = format!("ConfigMap `{name}`, `{key}`");
    let repository: ArtifactRepository =
        read_typed(&place, text).map_err(|problems| problems.to_string())?;
    let bare = ArtifactRepository { archive_logs: repository.archive_logs, ..Default::default() };
    if repository == bare {
        return Err(format!("{place}: it names no store, such as `s3`"));
    }
    Ok(Found::Repository(Box::new(repository)))
}

fn controllers(config_map: Option<&ConfigMap>) -> Result<Found, String> {
    const KEY: &str = "artifactRepository";
    let has_one = |config_map: &&ConfigMap| {
        config_map.data.as_ref().is_some_and(|data| data.contains_key(KEY))
    };
    config_map.filter(has_one).map_or(Ok(Found::Nothing), |config_map| read(config_map, KEY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config_map(value: Value) -> ConfigMap {
        serde_json::from_value(value).unwrap()
    }

    fn bucket(found: Found) -> String {
        match found {
            Found::Repository(repository) => repository.s3.unwrap().bucket,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_nearest_repository_wins() {
        let repositories = config_map(json!({
            "metadata": {"name": "artifact-repositories", "annotations": {DEFAULT_KEY: "usual"}},
            "data": {"usual": "s3: {bucket: a}", "other": "s3:\n  bucket: b\n"}
        }));
        let own =
            config_map(json!({"metadata": {"name": "own"}, "data": {"x": "s3: {bucket: c}"}}));
        let controller = config_map(json!({
            "metadata": {"name": CONTROLLER}, "data": {"artifactRepository": "s3: {bucket: d}"}
        }));
        let all = [repositories, own];
        let reference = |name: &str, key: &str| ArtifactRepositoryRef {
            config_map: name.into(),
            key: key.into(),
        };
        for (asked, expected) in [
            (None, "a"),
            (Some(reference("", "other")), "b"),
            (Some(reference("", "")), "a"),
            (Some(reference("own", "x")), "c"),
        ] {
            assert_eq!(bucket(find(asked.as_ref(), &all).unwrap()), expected);
        }
        assert_eq!(bucket(find(None, &[controller]).unwrap()), "d");
        assert_eq!(find(None, &[]), Ok(Found::Nothing));
        assert_eq!(find(Some(&reference("far", "x")), &all), Ok(Found::Elsewhere("far".into())));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let map = config_map(json!({
            "metadata": {"name": "own"}, "data": {"bad": "s3: [", "none": "archiveLogs: true"}
        }));
        for (key, words) in [
            ("absent", "has no key `absent`"),
            ("bad", "`bad`"),
            ("none", "no store"),
            ("", "no key"),
        ] {
            let reference = ArtifactRepositoryRef { config_map: "own".into(), key: key.into() };
            let error = find(Some(&reference), std::slice::from_ref(&map)).unwrap_err();
            assert!(error.contains("`own`") && error.contains(words), "{error}");
        }
    }
}
