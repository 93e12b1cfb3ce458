//! Where an artifact lies: its own location, or a key in the pod's repository. Works on raw JSON.

use lighter_api::ArtifactLocation;
use lighter_artifacts::{Error, Mounts, SecretFiles, Store, open_store};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::paths::{Paths, clean};
use crate::retry;

/// A kind of location: its JSON field, the field that holds the key, and the fields that make it complete.
struct Kind {
    field: &'static str,
    key: &'static str,
    required: &'static [&'static str],
}

/// In the order in which Argo 4.1 looks at them; ours first.
const KINDS: &[Kind] = &[
    Kind { field: "folder", key: "key", required: &["path", "key"] },
    Kind { field: "volume", key: "key", required: &["claimName", "key"] },
    Kind { field: "s3", key: "key", required: &["endpoint", "bucket", "key"] },
    Kind { field: "http", key: "", required: &["url"] },
    Kind { field: "git", key: "", required: &["repo"] },
    Kind { field: "artifactory", key: "", required: &["url", "usernameSecret"] },
    Kind { field: "hdfs", key: "path", required: &["addresses"] },
    Kind { field: "raw", key: "", required: &[] },
    Kind { field: "oss", key: "key", required: &["endpoint", "bucket", "key"] },
    Kind { field: "gcs", key: "key", required: &["bucket", "key"] },
    Kind { field: "azure", key: "blob", required: &["endpoint", "container", "blob"] },
    Kind { field: "plugin", key: "key", required: &["name", "configuration", "key"] },
];

const DOCS: &str = "https://argo-workflows.readthedocs.io/en/latest/configure-artifact-repository/";

impl Kind {
    fn of(value: &Value) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| value[kind.field].is_object())
    }

    fn is_complete(&self, value: &Value) -> bool {
        let location = &value[self.field];
        self.required.iter().all(|field| match &location[*field] {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            _ => true,
        })
    }
}

/// Whether an artifact says where it lies, at least by a key.
pub fn is_given(artifact: &Value) -> bool {
    Kind::of(artifact).is_some_and(|kind| kind.is_complete(artifact) || own_key(artifact).is_some())
}

fn own_key(artifact: &Value) -> Option<&str> {
    let kind = Kind::of(artifact)?;
    artifact[kind.field][kind.key].as_str().filter(|key| !key.is_empty())
}

/// The plugin that serves an artifact, if one does.
pub fn plugin(artifact: &Value, repository: Option<&Value>) -> Option<String> {
    let place = place(artifact, repository, None).ok()?;
    place.location["plugin"]["name"].as_str().map(str::to_owned)
}

/// A place in a store, and how it is written into a report.
#[derive(Debug, PartialEq)]
pub struct Place {
    /// The whole location, to open the store with.
    pub location: Value,
    /// What the report says: only the key, unless the artifact has a whole location of its own.
    pub reported: (String, Value),
}

/// The place of an artifact that is loaded or saved. `file_name` gives saved artifacts without a key one.
pub fn place(
    artifact: &Value,
    repository: Option<&Value>,
    file_name: Option<&str>,
) -> Result<Place, Failure> {
    if let Some(kind) = Kind::of(artifact).filter(|kind| kind.is_complete(artifact)) {
        let own = artifact[kind.field].clone();
        return Ok(Place {
            location: wrap(kind.field, own.clone()),
            reported: (kind.field.into(), own),
        });
    }
    let Some(repository) = repository else {
        return Err(Failure::new("template artifact location not set"));
    };
    let Some(kind) = Kind::of(repository).filter(|kind| !kind.key.is_empty()) else {
        return Err(Failure::new(format!(
            "artifact storage is not configured; see the docs for setup instructions: {DOCS}"
        )));
    };
    let mut location = repository[kind.field].clone();
    let base = location[kind.key].as_str().unwrap_or_default();
    let key = match (own_key(artifact), file_name) {
        (Some(key), _) => key.to_owned(),
        (None, Some(name)) => join(base, name),
        (None, None) => return Err(Failure::new("the artifact has neither a location nor a key")),
    };
    location[kind.key] = key.clone().into();
    Ok(Place {
        location: wrap(kind.field, location),
        reported: (kind.field.into(), wrap(kind.key, key.into())),
    })
}

fn join(base: &str, name: &str) -> String {
    if base.is_empty() { name.into() } else { clean(&format!("{base}/{name}")) }
}

fn wrap(field: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(field.to_owned(), value)]))
}

/// Opens stores with the pod's mounts and secrets.
pub struct Stores {
    pub mounts: Mounts,
    pub secrets: SecretFiles,
}

impl Stores {
    /// Errors: retry settings in the environment that are no numbers.
    pub fn new(paths: &Paths) -> Result<Self, Failure> {
        retry::set_patience()?;
        Ok(Self {
            mounts: Mounts {
                folder_root: paths.folders.clone(),
                volume_root: paths.volumes.clone(),
                ..Mounts::default()
            },
            secrets: SecretFiles { root: paths.secrets.clone() },
        })
    }

    /// The store of a place, and the key in it.
    pub fn open(&self, place: &Place) -> Result<(Box<dyn Store>, String), Failure> {
        let location = parse(&place.location)?;
        open_store(&location, &self.mounts, &self.secrets)
            .map_err(|error: Error| Failure::new(error.to_string()))
    }
}

/// A location as the store library takes it.
pub fn parse(location: &Value) -> Result<ArtifactLocation, Failure> {
    serde_json::from_value(location.clone())
        .map_err(|error| Failure::new(format!("artifact location: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys() {
        let repository =
            json!({"archiveLogs": true, "folder": {"path": "/store", "key": "wf/pod"}});
        let saved = |artifact: Value| place(&artifact, Some(&repository), Some("a.tgz")).unwrap();
        assert_eq!(
            saved(json!({"name": "a"})),
            Place {
                location: json!({"folder": {"path": "/store", "key": "wf/pod/a.tgz"}}),
                reported: ("folder".into(), json!({"key": "wf/pod/a.tgz"})),
            }
        );
        assert_eq!(
            saved(json!({"s3": {"key": "own"}})).location,
            json!({"folder": {"path": "/store", "key": "own"}})
        );
        let whole = json!({"volume": {"claimName": "c", "key": "k"}});
        assert_eq!(
            saved(whole.clone()),
            Place { location: whole.clone(), reported: ("volume".into(), whole["volume"].clone()) }
        );
    }

    #[test]
    fn without_a_repository() {
        assert_eq!(
            place(&json!({}), None, Some("x")).unwrap_err(),
            Failure::new("template artifact location not set")
        );
        let unset = place(&json!({}), Some(&json!({"archiveLogs": false})), Some("x")).unwrap_err();
        assert!(unset.to_string().starts_with("artifact storage is not configured"));
        for (artifact, given) in [
            (json!({}), false),
            (json!({"raw": {"data": ""}}), true),
            (json!({"s3": {"key": ""}}), false),
            (json!({"s3": {"key": "k"}}), true),
        ] {
            assert_eq!(is_given(&artifact), given, "{artifact}");
        }
    }
}
