//! Fills in `{{pod.name}}` where a workflow's settings name the pod that is being built.

use std::borrow::Cow;

use jiff::Timestamp;
use lighter_api::WorkflowSpec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PodError;
use crate::expr::{Context, Mode, Scope, substitute, substitute_json};

const NAME: &str = "pod.name";

/// The settings with the pod's name in `podSpecPatch`, `podMetadata` and `volumes`; other tags stay.
pub(super) fn fill<'a>(
    spec: &'a WorkflowSpec,
    pod_name: &str,
) -> Result<Cow<'a, WorkflowSpec>, PodError> {
    let settings =
        serde_json::to_string(&(&spec.pod_spec_patch, &spec.pod_metadata, &spec.volumes));
    if !settings.is_ok_and(|text| text.contains(NAME)) {
        return Ok(Cow::Borrowed(spec));
    }
    let mut scope = Scope::new();
    scope.set(NAME, pod_name);
    let cx = Context::new(&scope, 0, Timestamp::UNIX_EPOCH);
    let mut spec = spec.clone();
    spec.pod_spec_patch = substitute(&spec.pod_spec_patch, &cx, Mode::AllowUnresolved)
        .map_err(|error| PodError::Invalid(format!("podSpecPatch: {error}")))?;
    spec.pod_metadata = in_json(&spec.pod_metadata, "podMetadata", &cx)?;
    spec.volumes = in_json(&spec.volumes, "volumes", &cx)?;
    Ok(Cow::Owned(spec))
}

fn in_json<T: Serialize + DeserializeOwned>(
    value: &T,
    field: &str,
    cx: &Context<'_>,
) -> Result<T, PodError> {
    substitute_json(value, cx, Mode::AllowUnresolved)
        .map_err(|error| PodError::Invalid(format!("{field}: {error}")))
}
