//! The status of a pod and its containers, as a kubelet would report it.

use jiff::Timestamp;
use lighter_api::k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, HostIP, Pod, PodIP, PodStatus,
};
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::env::POD_IP;

/// How a container ended.
#[derive(Clone, Debug, Default)]
pub struct End {
    pub code: i32,
    pub signal: Option<i32>,
    /// Other than what the code alone says.
    pub reason: Option<&'static str>,
    pub message: Option<String>,
}

/// The time now.
pub fn now() -> Time {
    Time(Timestamp::now())
}

/// A status in which nothing has started yet.
pub fn pending(pod: &Pod) -> PodStatus {
    let spec = pod.spec.as_ref();
    let inits = spec.and_then(|s| s.init_containers.as_deref()).unwrap_or_default();
    let mains = spec.map(|s| s.containers.as_slice()).unwrap_or_default();
    let initializing = if inits.is_empty() { "ContainerCreating" } else { "PodInitializing" };
    let statuses = |containers: &[Container]| {
        containers.iter().map(|c| waiting(c, initializing)).collect::<Vec<_>>()
    };
    PodStatus {
        phase: Some(String::from("Pending")),
        host_ip: Some(String::from(POD_IP)),
        host_ips: Some(vec![HostIP { ip: String::from(POD_IP) }]),
        pod_ip: Some(String::from(POD_IP)),
        pod_ips: Some(vec![PodIP { ip: String::from(POD_IP) }]),
        start_time: Some(now()),
        init_container_statuses: (!inits.is_empty()).then(|| statuses(inits)),
        container_statuses: Some(statuses(mains)),
        ..PodStatus::default()
    }
}

fn waiting(container: &Container, reason: &str) -> ContainerStatus {
    let state = ContainerStateWaiting { reason: Some(reason.to_owned()), message: None };
    ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        state: Some(ContainerState { waiting: Some(state), ..ContainerState::default() }),
        ..ContainerStatus::default()
    }
}

/// Notes that a container runs.
pub fn set_running(status: &mut ContainerStatus, pod: &str) {
    let running = ContainerStateRunning { started_at: Some(now()) };
    status.state = Some(ContainerState { running: Some(running), ..ContainerState::default() });
    status.container_id = Some(format!("lighter://{pod}/{}", status.name));
    status.ready = true;
    status.started = Some(true);
}

/// Notes that a container ended.
pub fn set_terminated(status: &mut ContainerStatus, end: End) {
    let started =
        status.state.as_ref().and_then(|s| s.running.as_ref()).and_then(|r| r.started_at.clone());
    let usual = if end.code == 0 { "Completed" } else { "Error" };
    let terminated = ContainerStateTerminated {
        exit_code: end.code,
        signal: end.signal,
        reason: Some(end.reason.unwrap_or(usual).to_owned()),
        message: end.message.filter(|message| !message.is_empty()),
        started_at: started.or_else(|| Some(now())),
        finished_at: Some(now()),
        container_id: status.container_id.clone(),
    };
    status.state =
        Some(ContainerState { terminated: Some(terminated), ..ContainerState::default() });
    status.ready = false;
    status.started = Some(false);
}

/// Exit code of a container that ended.
pub fn exit_code(status: &ContainerStatus) -> Option<i32> {
    status.state.as_ref()?.terminated.as_ref().map(|t| t.exit_code)
}

/// The first `limit` bytes of a text, cut between characters.
pub fn cut(bytes: &[u8], limit: usize) -> String {
    let mut text = String::from_utf8_lossy(bytes.get(..limit).unwrap_or(bytes)).into_owned();
    while text.len() > limit {
        text.pop();
    }
    text
}
