//! The actions of a resource template as requests to the API server, where the stock executor runs kubectl.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Waiter;
use crate::failure::{Failure, path_error};
use crate::kube::{Error, Patch};
use crate::log;
use crate::retry::Backoff;
use crate::template::{Resource, Template};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    Create,
    Apply,
    Delete,
    Replace,
    Patch,
}

/// One object's place on the server.
pub(super) struct Object {
    pub path: String,
    pub name: String,
}

impl Action {
    pub fn parse(word: Option<&OsString>) -> Result<Self, Failure> {
        let word = word.map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(match word.as_str() {
            "get" => Self::Get,
            "create" => Self::Create,
            "apply" => Self::Apply,
            "delete" => Self::Delete,
            "replace" => Self::Replace,
            "patch" => Self::Patch,
            _ => {
                return Err(Failure::new(format!(
                    "resource takes one of get, create, apply, delete, replace and patch, not {word:?}"
                )));
            }
        })
    }
}

/// The manifest: inline, or the content of an input artifact.
pub(super) fn manifest(resource: &Resource, json: &[u8]) -> Result<Value, Failure> {
    let text = match resource.manifest_from["artifact"]["name"].as_str() {
        None => resource.manifest.clone(),
        Some(name) => {
            let inputs = Template::inputs(json)?;
            let input = inputs.iter().find(|input| input["name"] == name);
            let path = input.and_then(|input| input["path"].as_str()).ok_or_else(|| {
                Failure::new(format!("manifestFrom: there is no input artifact {name:?}"))
            })?;
            fs::read_to_string(path)
                .map_err(|error| Failure::new(path_error("open", Path::new(path), &error)))?
        }
    };
    if text.trim().is_empty() {
        return Err(Failure::new(
            "the manifest is empty; resource templates with flags alone are not supported by this version",
        ));
    }
    lighter_api::read_value("manifest", &text)
        .map_err(|problems| Failure::new(problems.to_string()))
}

/// What flags ask for; those of kubectl that change what is sent.
#[derive(Default)]
struct Flags {
    namespace: Option<String>,
    /// `--wait=false` of delete.
    at_once: bool,
}

impl Flags {
    fn parse(flags: &[String]) -> Result<Self, Failure> {
        let mut parsed = Self::default();
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
            match (name, value) {
                ("-n" | "--namespace", "") => parsed.namespace = flags.next().cloned(),
                ("-n" | "--namespace", value) => parsed.namespace = Some(value.into()),
                ("--wait", value) => parsed.at_once = value == "false",
                // The server checks manifests itself, and applies with forced conflicts as it is.
                (
                    "--validate" | "--server-side" | "--force-conflicts" | "--ignore-not-found",
                    _,
                ) => {}
                _ => {
                    return Err(Failure::new(format!(
                        "resource flag {flag:?} is not supported; there are --namespace, --wait, --validate, --server-side, --force-conflicts and --ignore-not-found"
                    )));
                }
            }
        }
        Ok(parsed)
    }
}

/// Does it. Gives the object that there is afterwards; `None` after a deletion.
pub(super) fn perform(
    action: Action,
    resource: &Resource,
    manifest: &Value,
    waiter: &mut Waiter<'_>,
) -> Result<Option<Object>, Failure> {
    let flags = Flags::parse(&resource.flags)?;
    let metadata = &manifest["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let (Some(version), Some(kind)) = (manifest["apiVersion"].as_str(), manifest["kind"].as_str())
    else {
        return Err(incomplete());
    };
    if name.is_empty() && (action != Action::Create || metadata["generateName"].is_null()) {
        return Err(incomplete());
    }
    let client = waiter.client;
    let found = retried(|| client.kind(version, kind))?;
    let namespace =
        metadata["namespace"].as_str().or(flags.namespace.as_deref()).unwrap_or(client.namespace());
    let mut object = Object { path: client.path(&found, namespace), name: name.into() };
    let path = object.path.clone();
    log::info("sending", &[("action", &format!("{action:?}")), ("kind", kind), ("name", name)]);
    let answer = match action {
        Action::Get => retried(|| client.get(&path, name))?,
        Action::Create => retried(|| client.create(&path, manifest))?,
        Action::Apply => retried(|| client.patch(&path, name, Patch::Apply, manifest))?,
        Action::Patch => {
            let kind = strategy(&resource.merge_strategy)?;
            retried(|| client.patch(&path, name, kind, manifest))?
        }
        Action::Replace => {
            let current = retried(|| client.get(&path, name))?;
            let mut new = manifest.clone();
            if new["metadata"]["resourceVersion"].is_null() {
                new["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"].clone();
            }
            retried(|| client.replace(&path, name, &new))?
        }
        Action::Delete => {
            delete(&object, &flags, waiter)?;
            return Ok(None);
        }
    };
    object.name = answer["metadata"]["name"].as_str().ok_or_else(incomplete)?.into();
    println!("{}/{}", kind.to_lowercase(), object.name);
    Ok(Some(object))
}

fn incomplete() -> Failure {
    Failure::new(
        "Kind and name are both required but at least one of them is missing from the manifest",
    )
}

fn strategy(text: &str) -> Result<Patch, Failure> {
    match text {
        "" | "strategic" => Ok(Patch::Strategic),
        "merge" => Ok(Patch::Merge),
        _ => Err(Failure::new(format!(
            "mergeStrategy {text:?} is not supported by this version; use strategic or merge"
        ))),
    }
}

/// As kubectl: what is gone already is no error, and finalizers are waited for.
fn delete(object: &Object, flags: &Flags, waiter: &mut Waiter<'_>) -> Result<(), Failure> {
    let client = waiter.client;
    let deleted = retried(|| match client.delete(&object.path, &object.name) {
        Err(Error::NotFound(_)) => Ok(None),
        deleted => deleted.map(Some),
    })?;
    let Some(deleted) = deleted else { return Ok(()) };
    if flags.at_once {
        return Ok(());
    }
    // The answer is the object, or a status that names it.
    let uid = match deleted["metadata"].get("uid") {
        Some(uid) => uid,
        None => &deleted["details"]["uid"],
    };
    waiter.until_gone(object, uid)
}

/// Tries again what may pass.
pub(super) fn retried<T>(call: impl FnMut() -> Result<T, Error>) -> Result<T, Failure> {
    let backoff = Backoff { tries: 6, first: Duration::from_millis(500), ..Backoff::for_reports() };
    backoff.run(call, Error::retryable).map_err(|error| {
        let text = error.to_string();
        Failure::new(if error.retryable() { format!("no more retries {text}") } else { text })
    })
}
