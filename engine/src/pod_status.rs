//! What a pod's status says about its node.

use std::collections::BTreeMap;

use lighter_api::k8s_openapi::api::core::v1::{
    Container, ContainerStateTerminated, ContainerStatus, Pod,
};
use lighter_api::k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::phase;

const INIT: &str = "init";
const MAIN: &str = "main";
const WAIT: &str = "wait";
/// Exit codes of containers that were ended by a signal from the executor.
const SIGNALLED: [i32; 2] = [137, 143];

/// What a finished pod means for its node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub phase: &'static str,
    pub message: String,
    /// Of the container `main`.
    pub exit_code: Option<i32>,
    /// The executor is not there, or not well, to say that its report is complete.
    pub no_report_comes: bool,
    /// Whole seconds by resource.
    pub resources: BTreeMap<String, i64>,
}

/// Judges a pod whose phase is Succeeded or Failed.
pub(crate) fn verdict(pod: &Pod) -> Verdict {
    let statuses = Statuses::of(pod);
    let wait = statuses.find(WAIT).and_then(terminated);
    let succeeded = statuses.phase == phase::SUCCEEDED;
    let (phase, message) =
        if succeeded { (phase::SUCCEEDED, String::new()) } else { statuses.blame() };
    Verdict {
        phase,
        message,
        exit_code: statuses.find(MAIN).and_then(terminated).map(|end| end.exit_code),
        no_report_comes: wait.is_none_or(|end| end.exit_code != 0) || statuses.reason == "Evicted",
        resources: resources(pod),
    }
}

struct Statuses<'a> {
    phase: &'a str,
    reason: &'a str,
    message: &'a str,
    init: &'a [ContainerStatus],
    regular: &'a [ContainerStatus],
}

impl<'a> Statuses<'a> {
    fn of(pod: &'a Pod) -> Self {
        let status = pod.status.as_ref();
        let text =
            |f: fn(&'a lighter_api::k8s_openapi::api::core::v1::PodStatus) -> Option<&'a str>| {
                status.and_then(f).unwrap_or_default()
            };
        let list = |s: Option<&'a Vec<ContainerStatus>>| s.map(Vec::as_slice).unwrap_or_default();
        Self {
            phase: text(|s| s.phase.as_deref()),
            reason: text(|s| s.reason.as_deref()),
            message: text(|s| s.message.as_deref()),
            init: list(status.and_then(|s| s.init_container_statuses.as_ref())),
            regular: list(status.and_then(|s| s.container_statuses.as_ref())),
        }
    }

    fn find(&self, name: &str) -> Option<&'a ContainerStatus> {
        self.regular.iter().find(|status| status.name == name)
    }

    /// Whose fault a Failed pod is.
    fn blame(&self) -> (&'static str, String) {
        if !self.message.is_empty() {
            return (phase::FAILED, self.message.to_owned());
        }
        let mut ordered: Vec<&ContainerStatus> = self.init.iter().chain(self.regular).collect();
        ordered.sort_by_key(|status| match status.name.as_str() {
            INIT => 0,
            MAIN => 1,
            WAIT => 2,
            _ => 3,
        });
        for status in ordered {
            if let Some(waiting) = status.state.as_ref().and_then(|state| state.waiting.as_ref()) {
                let reason = waiting.reason.clone().unwrap_or_default();
                let detail = waiting.message.as_deref().unwrap_or_default();
                return (
                    phase::ERROR,
                    format!(
                        "Pod failed before {} container starts due to {reason}: {detail}",
                        status.name
                    ),
                );
            }
            let Some(end) = terminated(status).filter(|end| end.exit_code != 0) else { continue };
            let phase = match status.name.as_str() {
                INIT | WAIT => phase::ERROR,
                MAIN => phase::FAILED,
                _ if SIGNALLED.contains(&end.exit_code) => continue,
                _ => phase::FAILED,
            };
            return (phase, told(&status.name, end));
        }
        if [MAIN, WAIT].iter().all(|name| self.find(name).and_then(terminated).is_some()) {
            return (phase::SUCCEEDED, String::new());
        }
        (phase::FAILED, self.reason.to_owned())
    }
}

fn terminated(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.state.as_ref()?.terminated.as_ref()
}

fn told(name: &str, end: &ContainerStateTerminated) -> String {
    let reason = end.reason.as_deref().unwrap_or("Error");
    let text = format!("{name}: {reason} (exit code {})", end.exit_code);
    match end.message.as_deref().map(str::trim).unwrap_or_default() {
        "" => text,
        message => format!("{text}: {message}"),
    }
}

/// Why a pod does not run yet.
pub(crate) fn pending_reason(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let empty = Vec::new();
    let containers = status
        .init_container_statuses
        .as_ref()
        .unwrap_or(&empty)
        .iter()
        .chain(status.container_statuses.as_ref().unwrap_or(&empty));
    for container in containers {
        let Some(waiting) = container.state.as_ref().and_then(|state| state.waiting.as_ref())
        else {
            continue;
        };
        let reason = waiting.reason.clone().unwrap_or_default();
        return Some(match waiting.message.as_deref().unwrap_or_default() {
            "" => reason,
            message => format!("{reason}: {message}"),
        });
    }
    let conditions = status.conditions.as_ref().unwrap_or(const { &Vec::new() });
    let stuck = conditions.iter().find(|c| c.reason.as_deref() == Some("Unschedulable"))?;
    Some(format!("Unschedulable: {}", stuck.message.as_deref().unwrap_or_default()))
}

/// Resource seconds of a finished pod, as Argo counts them.
fn resources(pod: &Pod) -> BTreeMap<String, i64> {
    let (Some(spec), Some(status)) = (&pod.spec, &pod.status) else { return BTreeMap::new() };
    let empty = Vec::new();
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let statuses = status.init_container_statuses.as_ref().unwrap_or(&empty);
    let all = statuses.iter().chain(status.container_statuses.as_ref().unwrap_or(&empty));
    let seconds: BTreeMap<&str, i64> = all
        .filter_map(|status| {
            let end = terminated(status)?;
            let from = end.started_at.as_ref()?.0.as_second();
            let to = end.finished_at.as_ref()?.0.as_second();
            Some((status.name.as_str(), (to - from).max(0)))
        })
        .collect();
    let mut total = BTreeMap::new();
    for container in containers {
        let Some(seconds) = seconds.get(container.name.as_str()) else { continue };
        for (resource, milli) in milli_of(container) {
            let unit = match resource.as_str() {
                "memory" => 100 * 1024 * 1024 * 1000,
                "storage" | "ephemeral-storage" => 10 * 1024 * 1024 * 1024 * 1000,
                _ => 1000,
            };
            let used = i64::try_from(milli * i128::from(*seconds) / unit).unwrap_or(i64::MAX);
            let sum = total.entry(resource).or_insert(0_i64);
            *sum = sum.saturating_add(used);
        }
    }
    total
}

/// A container's resources in thousandths: requests over limits over a small default.
fn milli_of(container: &Container) -> BTreeMap<String, i128> {
    let mut milli =
        BTreeMap::from([("cpu".to_owned(), 100), ("memory".to_owned(), 100 * 1024 * 1024 * 1000)]);
    let Some(resources) = &container.resources else { return milli };
    for list in [&resources.limits, &resources.requests].into_iter().flatten() {
        for (name, Quantity(text)) in list {
            if let Some(value) = quantity_milli(text) {
                milli.insert(name.clone(), value);
            }
        }
    }
    milli
}

/// A Kubernetes quantity in thousandths.
fn quantity_milli(text: &str) -> Option<i128> {
    const SUFFIXES: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let suffix =
        SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, factor)));
    let (number, factor) = suffix.unwrap_or((text, &1.0));
    let value = number.parse::<f64>().ok()? * factor * 1000.0;
    // Past this a float is no longer exact, and no machine is that large.
    (value.is_finite() && value.abs() < 1e24).then_some(value.ceil() as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(json: serde_json::Value) -> Pod {
        serde_json::from_value(json).unwrap()
    }

    fn ended(name: &str, code: i32) -> serde_json::Value {
        serde_json::json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" },
                "startedAt": "2024-01-01T00:00:00Z", "finishedAt": "2024-01-01T00:00:10Z"}}})
    }

    #[test]
    fn failures_are_blamed_as_argo_does() {
        for (main, wait, sidecar, phase, message) in [
            (1, 0, 0, "Failed", "main: Error (exit code 1)"),
            (0, 64, 0, "Error", "wait: Error (exit code 64)"),
            (0, 0, 137, "Succeeded", ""),
            (0, 0, 3, "Failed", "side: Error (exit code 3)"),
            (1, 64, 3, "Failed", "main: Error (exit code 1)"),
        ] {
            let verdict = verdict(&pod(serde_json::json!({"status": {"phase": "Failed",
                "initContainerStatuses": [ended("init", 0)],
                "containerStatuses": [ended("side", sidecar), ended("wait", wait), ended("main", main)]}})));
            assert_eq!((verdict.phase, verdict.message.as_str()), (phase, message));
            assert_eq!(verdict.no_report_comes, wait != 0);
            assert_eq!(verdict.exit_code, Some(main));
        }
    }

    #[test]
    fn resource_seconds_are_whole() {
        let pod = pod(serde_json::json!({
            "spec": {"containers": [
                {"name": "main", "resources": {"requests": {"cpu": "2", "memory": "1Gi"}}}, {"name": "wait"}]},
            "status": {"phase": "Succeeded", "containerStatuses": [ended("main", 0), ended("wait", 0)]}}));
        let verdict = verdict(&pod);
        assert_eq!(verdict.resources, BTreeMap::from([("cpu".into(), 21), ("memory".into(), 112)]));
    }
}
