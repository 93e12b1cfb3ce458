//! The pods of a run: which exist, which have ended, and when their folders can go.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lighter_api::k8s_openapi::api::core::v1::{Pod, PodStatus};
use lighter_api::{NodeStatus, Workflow};
use lighter_engine::{Observation, pod as engine_pod};

use crate::{FinishedPod, HostError, PodEvent, PodHost};

const NODE_ID: &str = "workflows.argoproj.io/node-id";
const SIGTERM: i32 = 15;
/// Kubernetes' default of `terminationGracePeriodSeconds`.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Pods {
    /// Grace periods of pods that were created and have not ended.
    grace: HashMap<String, Duration>,
    /// Pods that have ended, with their node's id: they are removed once the node's end is saved.
    ended: Vec<(String, String)>,
    /// Pods whose removal is nothing to tell the engine.
    removed: HashSet<String>,
}

impl Pods {
    /// Takes over what an earlier process left: pods that ended are told to the engine, and the nodes of those that
    /// were cut off become Pending again, so that the engine makes new pods for them.
    pub(super) fn take_over(
        host: &PodHost,
        workflow: &mut Workflow,
    ) -> Result<(Pods, Vec<Observation>), HostError> {
        let mut pods = Pods::default();
        if workflow.status.is_none() {
            return Ok((pods, Vec::new()));
        }
        let name = workflow.metadata.as_ref().and_then(|m| m.name.clone()).unwrap_or_default();
        let mut observed = Vec::new();
        for FinishedPod { pod, task_result } in host.finished_pods(&name)? {
            pods.ended.push((node_of(&pod), name_of(&pod)));
            observed.extend(task_result.map(|result| Observation::TaskResult(Box::new(result))));
            observed.push(Observation::Pod(Box::new(pod)));
        }
        let ended: HashSet<&str> = pods.ended.iter().map(|(node, _)| node.as_str()).collect();
        let nodes = workflow.status.iter_mut().flat_map(|status| status.nodes.values_mut());
        for node in nodes.filter(|node| is_cut_off(node) && !ended.contains(node.id.as_str())) {
            node.phase = "Pending".into();
            node.message.clear();
            node.daemoned = None;
            node.pod_ip.clear();
        }
        Ok((pods, observed))
    }

    /// Hands a pod to the host. What the host refuses comes back as a failed pod with the reason.
    pub(super) fn create(&mut self, host: &PodHost, pod: Pod) -> Result<Option<Pod>, HostError> {
        let name = name_of(&pod);
        let seconds = pod.spec.as_ref().and_then(|s| s.termination_grace_period_seconds);
        let grace = seconds.and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs);
        let mut failed = Pod { metadata: pod.metadata.clone(), ..Default::default() };
        self.removed.remove(&name);
        match host.create_pod(pod) {
            Ok(()) => {
                self.grace.insert(name, grace.unwrap_or(GRACE));
                Ok(None)
            }
            Err(HostError::Invalid(reason)) => {
                failed.status = Some(PodStatus {
                    phase: Some("Failed".into()),
                    message: Some(reason),
                    ..Default::default()
                });
                Ok(Some(failed))
            }
            Err(e) => Err(e),
        }
    }

    /// SIGTERM to a pod's containers, SIGKILL after its grace period.
    pub(super) fn terminate(&self, host: &PodHost, name: &str) {
        let grace = self.grace.get(name).copied().unwrap_or(GRACE);
        host.signal_pod(name, SIGTERM, grace);
    }

    /// What the engine is to know of an event.
    pub(super) fn observe(&mut self, event: PodEvent) -> Option<Observation> {
        match event {
            PodEvent::Pod(pod) => {
                if has_ended(&pod) {
                    let name = name_of(&pod);
                    self.grace.remove(&name);
                    self.ended.push((node_of(&pod), name));
                }
                Some(Observation::Pod(pod))
            }
            PodEvent::PodDeleted { name } if self.removed.remove(&name) => None,
            PodEvent::PodDeleted { name } => {
                self.grace.remove(&name);
                Some(Observation::PodDeleted { name })
            }
            PodEvent::TaskResult(result) => Some(Observation::TaskResult(result)),
            PodEvent::Image { image, command } => {
                let result = command.map(|command| engine_pod::ImageCommand {
                    entrypoint: command.entrypoint,
                    cmd: command.cmd,
                });
                Some(Observation::Image { image, result })
            }
            // The runner takes these out before.
            PodEvent::Log { .. } | PodEvent::Notice(_) => None,
        }
    }

    /// Removes the folders of pods whose nodes are over and saved; their logs stay.
    pub(super) fn clean_up(
        &mut self,
        host: &PodHost,
        workflow: &Workflow,
    ) -> Result<(), HostError> {
        let Some(status) = &workflow.status else { return Ok(()) };
        let finished = status.finished_at.is_some();
        let is_over = |id: &str| finished || status.nodes.get(id).is_none_or(is_over);
        for (node, pod) in std::mem::take(&mut self.ended) {
            if !is_over(&node) {
                self.ended.push((node, pod));
                continue;
            }
            host.delete_pod(&pod)?;
            self.removed.insert(pod);
        }
        Ok(())
    }
}

/// Whether a node has its final phase, as far as its pod is concerned.
fn is_over(node: &NodeStatus) -> bool {
    matches!(node.phase.as_str(), "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted")
}

/// Whether a node has, or is about to have, a pod that ended with the process that ran it.
fn is_cut_off(node: &NodeStatus) -> bool {
    node.r#type == "Pod" && !is_over(node)
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn name_of(pod: &Pod) -> String {
    pod.metadata.name.clone().unwrap_or_default()
}

fn node_of(pod: &Pod) -> String {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(NODE_ID)).cloned().unwrap_or_default()
}
