//! Lists and reads the artifacts of a workflow from the stores where they lie.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lighter_api::{Artifact, Outputs, Workflow};
use lighter_artifacts::archive::{Limits, Unpacking};
use lighter_artifacts::{
    Details, Error, Mounts, Secret, Secrets, Store, Target, open_store, transfer,
};
use lighter_engine::location_of;
use lighter_local::state::{State, Surroundings};

use crate::args;
use crate::bar;
use crate::failure::Failure;
use crate::nodes::{self, all, workflow_name};
use crate::out;
use crate::text::{one_line, size, table};

/// `lighter artifacts`.
pub fn run(state: &State, command: &args::Artifacts) -> Result<(), Failure> {
    match command {
        args::Artifacts::Ls { workflow } => list(state, workflow),
        args::Artifacts::Cat { workflow, artifact } => cat(&Found::of(state, workflow, artifact)?),
        args::Artifacts::Cp { workflow, artifact, folder, raw } => {
            copy(&Found::of(state, workflow, artifact)?, folder, *raw)
        }
    }
}

fn list(state: &State, name: &str) -> Result<(), Failure> {
    let saved = state.load(&state.require(name)?)?;
    let workflow = &saved.workflow;
    let mut rows = vec![["ARTIFACT", "SIZE", "PATH"].map(String::from).to_vec()];
    let mut add = |owner: &str, outputs: Option<&Outputs>| {
        for artifact in outputs.iter().flat_map(|outputs| &outputs.artifacts) {
            let name = match owner.is_empty() {
                true => artifact.name.clone(),
                false => format!("{owner}/{}", artifact.name),
            };
            rows.push(vec![name, shown_size(artifact), one_line(&artifact.path, 80)]);
        }
    };
    let mut ordered: Vec<_> = all(workflow).values().collect();
    ordered.sort_by_cached_key(|node| nodes::begun(node));
    for node in ordered {
        add(&unique_name(workflow, node), node.outputs.as_ref());
    }
    add("", workflow.status.as_ref().and_then(|status| status.outputs.as_ref()));
    if rows.len() == 1 {
        out::warn(&format!("workflow `{}` has no artifacts", workflow_name(workflow)));
        return Ok(());
    }
    Ok(out::print(&table(&rows))?)
}

fn shown_size(artifact: &Artifact) -> String {
    match &artifact.collection {
        Some(collection) => format!("{} parts", collection.count),
        None => artifact.size.map(size).unwrap_or_default(),
    }
}

/// The display name where it is the node's alone, else the full name.
fn unique_name(workflow: &Workflow, node: &lighter_api::NodeStatus) -> String {
    let same = all(workflow).values().filter(|other| other.display_name == node.display_name);
    match same.count() {
        1 => node.display_name.clone(),
        _ => node.name.clone(),
    }
}

/// An artifact and the store where it lies.
struct Found {
    artifact: Artifact,
    store: Box<dyn Store>,
    key: String,
    state: PathBuf,
}

impl Found {
    fn of(state: &State, workflow: &str, name: &str) -> Result<Found, Failure> {
        let saved = state.load(&state.require(workflow)?)?;
        let artifact = find(&saved.workflow, name)?;
        if artifact.deleted == Some(true) {
            return Err(Failure::failed(format!("artifact `{name}` was deleted by `artifactGC`")));
        }
        if artifact.collection.is_some() {
            return Err(Failure::invalid(format!(
                "artifact `{name}` is a collection of a loop's artifacts; `lighter artifacts ls {workflow}` lists its parts"
            )));
        }
        let location = location_of(&saved.workflow, &artifact);
        let mounts = Mounts {
            folder_root: "/".into(),
            volume_root: state.folder().join("volumes").join(&saved.summary.namespace),
            ..Mounts::default()
        };
        let secrets = GivenSecrets(saved.surroundings);
        let (store, key) = open_store(&location, &mounts, &secrets).map_err(failed)?;
        Ok(Found { artifact, store, key, state: state.folder().to_path_buf() })
    }

    fn load(&self, how: Unpacking, target: &Path) -> Result<(), Failure> {
        let target = Target::at(target).map_err(failed)?;
        let digest = &self.artifact.sha256;
        let loaded = bar::watched(&self.artifact.name, |progress| {
            let target = target.with_progress(progress);
            transfer::load(&*self.store, &self.key, how, &target, &Limits::default(), digest)
        });
        loaded.map_err(failed)
    }

    fn unpacking(&self) -> Result<Unpacking, Failure> {
        Unpacking::for_loading(self.artifact.archive.as_ref()).map_err(failed)
    }
}

/// Finds `NODE/ARTIFACT`, or a global artifact by its name alone.
fn find(workflow: &Workflow, name: &str) -> Result<Artifact, Failure> {
    let Some((node_name, artifact_name)) = name.rsplit_once('/') else {
        let outputs = workflow.status.as_ref().and_then(|status| status.outputs.as_ref());
        return named(outputs, name).ok_or_else(|| missing(workflow, name));
    };
    let found = nodes::find(workflow, node_name)?;
    let mut having = found.iter().filter_map(|node| {
        named(node.outputs.as_ref(), artifact_name).map(|artifact| (node.name.clone(), artifact))
    });
    let Some((_, artifact)) = having.next() else {
        return Err(missing(workflow, name));
    };
    if let Some((other, _)) = having.next() {
        return Err(Failure::invalid(format!(
            "several nodes are called `{node_name}`; give the full name of one, such as `{other}/{artifact_name}`"
        )));
    }
    Ok(artifact)
}

fn named(outputs: Option<&Outputs>, name: &str) -> Option<Artifact> {
    outputs?.artifacts.iter().find(|artifact| artifact.name == name).cloned()
}

fn missing(workflow: &Workflow, name: &str) -> Failure {
    let workflow = workflow_name(workflow);
    Failure::invalid(format!(
        "workflow `{workflow}` has no artifact `{name}`; `lighter artifacts ls {workflow}` lists them as NODE/ARTIFACT"
    ))
}

fn cat(found: &Found) -> Result<(), Failure> {
    let folder = scratch(&found.state)?;
    let path = folder.path().join("artifact");
    found.load(found.unpacking()?, &path)?;
    if path.is_dir() {
        return Err(Failure::invalid(format!(
            "artifact `{}` is a directory; copy it with `lighter artifacts cp`",
            found.artifact.name
        )));
    }
    let mut file = File::open(&path)
        .map_err(|e| Failure::failed(format!("cannot read `{}`: {e}", path.display())))?;
    let mut out = io::stdout().lock();
    io::copy(&mut file, &mut out)?;
    Ok(out.flush()?)
}

fn copy(found: &Found, folder: &Path, raw: bool) -> Result<(), Failure> {
    let (name, how) = match raw {
        true => (last_part(&found.key), Unpacking::None),
        false => (last_part(&found.artifact.path), found.unpacking()?),
    };
    let target = folder.join(name.unwrap_or(&found.artifact.name));
    if fs::symlink_metadata(&target).is_ok() {
        return Err(Failure::invalid(format!(
            "`{}` is there already; give another folder",
            target.display()
        )));
    }
    found.load(how, &target)?;
    Ok(out::print(&format!("{}\n", target.display()))?)
}

fn last_part(path: &str) -> Option<&str> {
    let name = path.trim_end_matches('/').rsplit('/').next()?;
    (!matches!(name, "" | "." | "..")).then_some(name)
}

fn scratch(state: &Path) -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("artifact-")
        .tempdir_in(state)
        .map_err(|e| Failure::failed(format!("cannot make a folder in `{}`: {e}", state.display())))
}

fn failed(error: Error) -> Failure {
    Failure::failed(error.to_string())
}

/// The Secrets that came with the workflow.
struct GivenSecrets(Surroundings);

impl Secrets for GivenSecrets {
    fn read(&self, name: &str, key: &str) -> Result<Secret, Error> {
        let is_named = |metadata: &Option<String>| metadata.as_deref() == Some(name);
        let secret = self.0.secrets.iter().find(|secret| is_named(&secret.metadata.name));
        let bytes = secret.and_then(|secret| {
            let text = secret.string_data.as_ref().and_then(|data| data.get(key));
            let data = secret.data.as_ref().and_then(|data| data.get(key));
            text.map(|text| text.clone().into_bytes()).or_else(|| data.map(|data| data.0.clone()))
        });
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
            Error::NotFound(Box::new(Details {
                doing: format!("read key `{key}` of secret `{name}`"),
                why: "no such text came with the workflow".into(),
                advice: String::new(),
            }))
        })?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }
}
