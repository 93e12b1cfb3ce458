//! Completes a template's archive location, and refuses artifacts that have nowhere to come from or to go.

use lighter_api::{Artifact, ArtifactLocation, Template, WorkflowSpec};

use super::PodError;
use super::paths::artifact_path;
use super::places::{Place, of_artifact, of_location, of_template};

/// Sets `archiveLocation` to the repository, if an artifact or the logs need it and the template has none of its own.
pub(super) fn locate(
    template: &mut Template,
    spec: &WorkflowSpec,
    repository: Option<&ArtifactLocation>,
) -> Result<(), PodError> {
    let archive_logs = archives_logs(template, spec, repository);
    let own = template.archive_location.as_ref().map(has_place).transpose()? == Some(true);
    if archive_logs && !own && repository.is_none() {
        return Err(PodError::Invalid(
            "archiveLogs is on, but there is no artifact repository to keep the logs in".to_owned(),
        ));
    }
    let needed = needs_repository(template, archive_logs);
    match (&mut template.archive_location, repository) {
        (Some(location), _) if own => {
            location.archive_logs = archive_logs.then_some(true).or(location.archive_logs);
        }
        (location, Some(repository)) if needed => {
            let logs = Some(archive_logs);
            *location = Some(ArtifactLocation { archive_logs: logs, ..repository.clone() });
        }
        _ => {}
    }
    check_artifacts(template, own || repository.is_some())
}

/// The repository's `true` wins; else the template says it, else the workflow.
fn archives_logs(
    template: &Template,
    spec: &WorkflowSpec,
    repository: Option<&ArtifactLocation>,
) -> bool {
    let forced = repository.and_then(|repository| repository.archive_logs).unwrap_or(false);
    let own = template.archive_location.as_ref().and_then(|location| location.archive_logs);
    forced || own.or(spec.archive_logs).unwrap_or(false)
}

/// Whether a location can hold artifacts without a repository behind it.
fn has_place(location: &ArtifactLocation) -> Result<bool, PodError> {
    match of_location(location) {
        None => Ok(false),
        Some(place) if place.is_whole() => Ok(true),
        Some(Place::Folder(_)) => {
            Err(PodError::Invalid("archiveLocation.folder: needs both `path` and `key`".to_owned()))
        }
        Some(Place::Volume(_)) => Err(PodError::Invalid(
            "archiveLocation.volume: needs both `claimName` and `key`".to_owned(),
        )),
        Some(_) => Ok(false),
    }
}

fn needs_repository(template: &Template, archive_logs: bool) -> bool {
    let inputs = template.inputs.iter().flat_map(|inputs| &inputs.artifacts);
    let outputs = template.outputs.iter().flat_map(|outputs| &outputs.artifacts);
    let whole = |artifact: &Artifact| of_artifact(artifact).is_some_and(Place::is_whole);
    archive_logs || inputs.chain(outputs).any(|artifact| !whole(artifact))
}

fn check_artifacts(template: &Template, located: bool) -> Result<(), PodError> {
    if of_template(template).any(|place| matches!(place, Place::Plugin(_))) {
        return Err(PodError::Unsupported(
            "artifacts of type `plugin` are not supported; use another store".to_owned(),
        ));
    }
    for artifact in template.inputs.iter().flat_map(|inputs| &inputs.artifacts) {
        check_input(artifact, located).map_err(|error| within("inputs", artifact, error))?;
    }
    for artifact in template.outputs.iter().flat_map(|outputs| &outputs.artifacts) {
        check_output(artifact, located).map_err(|error| within("outputs", artifact, error))?;
    }
    Ok(())
}

fn check_input(artifact: &Artifact, located: bool) -> Result<(), String> {
    check_name(artifact)?;
    artifact_path(&artifact.name, &artifact.path).map_err(|error| error.to_string())?;
    if is_absent(artifact) {
        return match artifact.optional {
            Some(true) => Ok(()),
            _ => Err(format!("required artifact '{}' not supplied", artifact.name)),
        };
    }
    let completes_itself = match &artifact.collection {
        Some(collection) => collection.parts.iter().all(|part| part.location.is_some()),
        None => of_artifact(artifact).is_some_and(Place::is_whole),
    };
    if !completes_itself && !located {
        return Err(
            "only a key is known, and there is no artifact repository to find it in".to_owned()
        );
    }
    Ok(())
}

fn check_output(artifact: &Artifact, located: bool) -> Result<(), String> {
    check_name(artifact)?;
    artifact_path(&artifact.name, &artifact.path).map_err(|error| error.to_string())?;
    let whole = of_artifact(artifact).is_some_and(Place::is_whole);
    if !whole && !located && artifact.optional != Some(true) {
        return Err(
            "there is no place to save it: configure an artifact repository, or give the artifact a place of its own"
                .to_owned(),
        );
    }
    Ok(())
}

/// An artifact's name is a file name below `/argo/inputs/artifacts`.
fn check_name(artifact: &Artifact) -> Result<(), String> {
    let name = &artifact.name;
    if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
        return Err(format!(
            "{name:?} cannot be an artifact's name: use letters, digits, '-' and '_'"
        ));
    }
    Ok(())
}

/// Nothing was supplied for this input.
pub(super) fn is_absent(artifact: &Artifact) -> bool {
    let known = |place: Place<'_>| place.is_whole() || place.has_key();
    artifact.collection.is_none() && !of_artifact(artifact).is_some_and(known)
}

fn within(list: &str, artifact: &Artifact, problem: String) -> PodError {
    PodError::Invalid(format!("{list}.artifacts.{}: {problem}", artifact.name))
}
