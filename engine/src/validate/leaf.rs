//! Leaves: templates that run a container, a script or wait.

use std::collections::{BTreeMap, BTreeSet};

use lighter_api::Template;
use lighter_api::k8s_openapi::api::core::v1::VolumeMount;
use lighter_api::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::finding::Report;
use super::names::{self, Kind, shown, suggest};
use crate::duration;
use crate::expr::has_tags;

/// Container names that the executor's own containers have.
const RESERVED: [&str; 3] = ["init", "wait", "supervisor"];

/// Checks a template that calls no others. `volumes` are those of the whole workflow, if they are known.
pub(super) fn check(
    path: &str,
    template: &Template,
    volumes: Option<&BTreeSet<&str>>,
    report: &mut Report,
) {
    if let Some(container) = &template.container {
        let path = format!("{path}.container");
        check_image(&path, container.image.as_deref(), report);
        check_mounts(&path, template, container.volume_mounts.as_deref(), volumes, report);
    }
    if let Some(script) = &template.script {
        let path = format!("{path}.script");
        check_image(&path, script.image.as_deref(), report);
        check_mounts(&path, template, script.volume_mounts.as_deref(), volumes, report);
        if script.source.is_empty() {
            let message = "a script without `source` is an empty file";
            report.warning(path, message, None);
        }
    }
    let mut seen = BTreeSet::new();
    for (index, container) in template.init_containers.iter().enumerate() {
        let path = format!("{path}.initContainers[{index}]");
        let name_path = format!("{path}.name");
        let name = container.name.as_str();
        if name.is_empty() {
            report.error(&name_path, "initContainers must all have container name");
        } else {
            names::check(&name_path, name, Kind::Volume, &mut seen, report);
        }
        if name == "main" || RESERVED.contains(&name) || name.starts_with("artifact-plugin-") {
            report.error(&name_path, format!("{} is a reserved Argo container name", shown(name)));
        }
        check_image(&path, container.image.as_deref(), report);
        check_mounts(&path, template, container.volume_mounts.as_deref(), volumes, report);
    }
    let names = template.volumes.iter().map(|volume| volume.name.as_str());
    names::check_list(&format!("{path}.volumes"), names, Kind::Volume, report);
    check_limits(path, template, report);
}

fn check_image(path: &str, image: Option<&str>, report: &mut Report) {
    if image.is_none_or(str::is_empty) {
        report.error(format!("{path}.image"), "image may not be empty");
    }
}

fn check_mounts(
    path: &str,
    template: &Template,
    mounts: Option<&[VolumeMount]>,
    volumes: Option<&BTreeSet<&str>>,
    report: &mut Report,
) {
    let own = template.volumes.iter().map(|volume| volume.name.as_str());
    let known: BTreeSet<&str> = volumes.into_iter().flatten().copied().chain(own).collect();
    let mut places: BTreeMap<&str, String> = BTreeMap::new();
    for (index, mount) in mounts.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        if volumes.is_some() && !has_tags(&mount.name) && !known.contains(mount.name.as_str()) {
            let message = format!("volume {} is not defined", shown(&mount.name));
            let hint = suggest(&mount.name, known.iter().copied())
                .or_else(|| Some("define it in `volumes` or `volumeClaimTemplates`".to_owned()));
            report.error_with(format!("{path}.name"), message, hint);
        }
        let place = mount.mount_path.as_str();
        if place.is_empty() {
            report.error(format!("{path}.mountPath"), "mountPath is required");
        } else if let Some(first) = places.insert(place, format!("volume `{}`", mount.name)) {
            let message = format!("mountPath `{place}` already mounted in {first}");
            report.error(format!("{path}.mountPath"), message);
        }
    }
    for artifact in template.inputs.iter().flat_map(|inputs| &inputs.artifacts) {
        let place = artifact.path.as_str();
        if place.is_empty() {
            continue;
        }
        if let Some(first) = places.insert(place, format!("input artifact `{}`", artifact.name)) {
            let message = format!(
                "path `{place}` of input artifact `{}` already mounted in {first}",
                artifact.name
            );
            report.error(path, message);
        }
    }
}

fn check_limits(path: &str, template: &Template, report: &mut Report) {
    if let Some(limit) = &template.active_deadline_seconds {
        let fits = match limit {
            IntOrString::Int(seconds) => *seconds > 0,
            IntOrString::String(text) => {
                has_tags(text) || text.parse::<i64>().is_ok_and(|seconds| seconds > 0)
            }
        };
        if !fits {
            let message =
                "activeDeadlineSeconds must be a positive integer > 0 or an argo variable";
            report.error(format!("{path}.activeDeadlineSeconds"), message);
        }
    }
    if template.parallelism.is_some() {
        let message = "parallelism is only valid for steps and dag templates";
        report.error(format!("{path}.parallelism"), message);
    }
    if template.timeout.parse::<i64>().is_ok() {
        let hint = format!("write {}s", template.timeout);
        let message = "has invalid duration format in timeout";
        report.error_with(format!("{path}.timeout"), message, Some(hint));
    }
    let suspend = template.suspend.as_ref().map_or("", |suspend| suspend.duration.as_str());
    let fields = [
        ("timeout", template.timeout.as_str()),
        ("pendingTimeout", &template.pending_timeout),
        ("suspend.duration", suspend),
    ];
    for (field, text) in fields {
        check_duration(&format!("{path}.{field}"), text, report);
    }
}

/// Checks a duration; empty and templated ones pass.
pub(super) fn check_duration(path: &str, text: &str, report: &mut Report) {
    if !text.is_empty()
        && !has_tags(text)
        && let Err(message) = duration::parse(text)
    {
        report.error(path, message);
    }
}
