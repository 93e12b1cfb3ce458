//! Pods of nodes: creating them, and what their status and their results mean for the node.

use std::sync::Arc;

use jiff::Timestamp;
use lighter_api::k8s_openapi::api::core::v1::Pod;
use lighter_api::{ArtifactLocation, Template, WorkflowTaskResult};

use crate::action::Action;
use crate::call::Extra;
use crate::duration;
use crate::engine::Engine;
use crate::expr::{Mode, Scope, substitute};
use crate::location;
use crate::phase;
use crate::pod::{BuiltPod, PodError, PodRequest, build_pod};
use crate::pod_status::{self, Verdict};
use crate::run::{Call, Key, State, Task};

const NODE_ID: &str = "workflows.argoproj.io/node-id";
const REPORTED: &str = "workflows.argoproj.io/report-outputs-completed";

/// A node with a pod.
#[derive(Debug)]
pub(crate) struct PodRun {
    call: Arc<Call>,
    extra: Extra,
    pub pod_name: String,
    /// The pod was handed out or seen.
    created: bool,
    pub running: bool,
    /// What the finished pod means.
    verdict: Option<Verdict>,
    /// The executor said that all outputs are reported.
    reported: bool,
    /// The template's own place for artifacts.
    own_location: Option<ArtifactLocation>,
    /// From the template's `timeout` and `pendingTimeout`.
    timeout: Option<Timestamp>,
    pending_timeout: Option<Timestamp>,
}

impl PodRun {
    pub(crate) fn new(call: Arc<Call>, extra: Extra, template: &Template) -> Self {
        Self {
            call,
            extra,
            pod_name: String::new(),
            created: false,
            running: false,
            verdict: None,
            reported: false,
            own_location: template.archive_location.clone(),
            timeout: None,
            pending_timeout: None,
        }
    }
}

impl Engine {
    fn pod_mut(&mut self, key: Key) -> Option<&mut PodRun> {
        match &mut self.runs.get_mut(key)?.state {
            State::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    pub(crate) fn pod(&self, key: Key) -> Option<&PodRun> {
        match &self.runs.get(key)?.state {
            State::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// Sets the pod's clock, and creates the pod unless the node was there before.
    pub(crate) fn start_pod(&mut self, key: Key, template: &Template) {
        let Some(run) = self.runs.get(key) else { return };
        let (id, node_name) = (run.id.clone(), run.name.clone());
        let name = self.pod_name_of(&template.name, &node_name, &id);
        self.pod_nodes.insert(name.clone(), id.clone());
        let reported = self.status().task_results_completion_status.get(&id) == Some(&true);
        let started = self.node(&id).and_then(|n| n.started_at.as_ref()).map_or(self.now, |t| t.0);
        let limit = |text: &str| match text {
            "" => Ok(None),
            text => duration::parse(text).map(|d| started.checked_add(d).ok()),
        };
        let (timeout, pending_timeout) =
            match (limit(&template.timeout), limit(&template.pending_timeout)) {
                (Ok(timeout), Ok(pending)) => (timeout, pending),
                (Err(error), _) => {
                    return self.end(key, phase::ERROR, Some(&format!("timeout: {error}")));
                }
                (_, Err(error)) => {
                    return self.end(key, phase::ERROR, Some(&format!("pendingTimeout: {error}")));
                }
            };
        for time in [timeout, pending_timeout].into_iter().flatten() {
            self.timers.insert((time, key));
        }
        let Some(pod) = self.pod_mut(key) else { return };
        pod.pod_name = name;
        pod.reported = reported;
        pod.timeout = timeout;
        pod.pending_timeout = pending_timeout;
        if self.phase_of(&id) == phase::RUNNING {
            self.pod_runs(key);
        } else if !self.adopting {
            self.build_and_create(key, template);
        }
    }

    /// Creates the pod if it still has to be, or ends a node that waited too long.
    pub(crate) fn pod_proceed(&mut self, key: Key) {
        let Some(pod) = self.pod(key) else { return };
        let late = [pod.timeout, pod.pending_timeout].into_iter().flatten().min();
        if !pod.running && late.is_some_and(|time| self.now >= time) {
            return self.kill_pod(key, "timeout");
        }
        if pod.created || self.adopting {
            return;
        }
        let (call, extra) = (Arc::clone(&pod.call), pod.extra.clone());
        let filled = self
            .resolve(&call.target, &call.home)
            .and_then(|(template, _)| self.prepare(key, &template, &call, &extra));
        match filled {
            Ok(prepared) => self.build_and_create(key, &prepared.template),
            Err(message) => self.end(key, phase::ERROR, Some(&message)),
        }
    }

    fn build_and_create(&mut self, key: Key, template: &Template) {
        let caller = self.pod(key).and_then(|pod| pod.call.caller.clone()).map(|(_, name)| name);
        let boundary = self.runs.get(key).and_then(|run| run.boundary);
        let include_result = self.result_is_read(boundary, caller.as_deref());
        match self.build(key, template, include_result) {
            Ok(built) => {
                if let Some(pod) = self.pod_mut(key) {
                    pod.created = true;
                }
                if let Some(config_map) = built.config_map {
                    self.actions.push(Action::CreateConfigMap(Box::new(config_map)));
                }
                self.actions.push(Action::CreatePod(Box::new(built.pod)));
            }
            Err(PodError::NeedsImage { image, .. }) => self.ask_image(key, image),
            Err(error) => self.end(key, phase::ERROR, Some(&error.to_string())),
        }
    }

    fn build(
        &self,
        key: Key,
        template: &Template,
        include_result: bool,
    ) -> Result<BuiltPod, PodError> {
        let (Some(run), Some(pod)) = (self.runs.get(key), self.pod(key)) else {
            return Err(PodError::Invalid("the node is gone".to_owned()));
        };
        let workflow_end = self.workflow_deadline().filter(|_| !run.on_exit);
        let left = |end: Timestamp| (end.as_second() - self.now.as_second()).max(1);
        let active = [workflow_end, pod.timeout].into_iter().flatten().map(left).min();
        let deadline = [workflow_end, pod.extra.deadline].into_iter().flatten().min();
        let location = self.location_for(template, &pod.pod_name, &run.name);
        let request = PodRequest {
            workflow: &self.workflow,
            spec: &self.spec,
            template,
            boundary_template: run.boundary.and_then(|b| self.boundary(b)).map(|b| &*b.template),
            node_id: &run.id,
            node_name: &run.name,
            pod_name: &pod.pod_name,
            archive_location: location.as_ref(),
            include_result,
            deadline,
            active_deadline_seconds: active,
            on_exit: run.on_exit,
            failed_hosts: &pod.extra.failed_hosts,
        };
        build_pod(&request, &self.config.pod)
    }

    /// The repository as a location, its key filled in for this pod.
    fn location_for(
        &self,
        template: &Template,
        pod_name: &str,
        node_name: &str,
    ) -> Option<ArtifactLocation> {
        let mut location = self.repository.clone()?;
        let mut scope = Scope::child(&self.globals);
        scope.set("pod.name", pod_name);
        scope.set("node.name", node_name);
        for parameter in template.inputs.iter().flat_map(|inputs| &inputs.parameters) {
            let value = parameter.value.as_ref().map(|v| v.0.clone()).unwrap_or_default();
            scope.set(format!("inputs.parameters.{}", parameter.name), value);
        }
        let cx = self.context(&scope, node_name);
        if let Some(key) = location::key_mut(&mut location)
            && let Ok(filled) = substitute(key, &cx, Mode::AllowUnresolved)
        {
            *key = filled;
        }
        Some(location)
    }

    fn ask_image(&mut self, key: Key, image: String) {
        if let Some(error) = self.image_errors.get(&image) {
            let text = format!("failed to look-up entrypoint/cmd for image \"{image}\": {error}");
            return self.end(key, phase::ERROR, Some(&text));
        }
        let waiting = self.images_asked.entry(image.clone()).or_default();
        waiting.push(key);
        if waiting.len() == 1 {
            self.actions.push(Action::LookUpImage { image });
        }
    }

    pub(crate) fn observe_image(
        &mut self,
        image: String,
        result: Result<crate::pod::ImageCommand, String>,
    ) {
        let waiting = self.images_asked.remove(&image).unwrap_or_default();
        match result {
            Ok(command) => {
                self.config.pod.images.insert(image, command);
            }
            Err(error) => {
                self.image_errors.insert(image, error);
            }
        }
        self.tasks.extend(waiting.into_iter().map(Task::Proceed));
    }

    pub(crate) fn observe_pod(&mut self, pod: &Pod) {
        let annotations = pod.metadata.annotations.as_ref();
        let named = pod.metadata.name.as_deref().and_then(|name| self.pod_nodes.get(name));
        let Some(id) = annotations.and_then(|a| a.get(NODE_ID)).or(named).cloned() else { return };
        let Some(key) = self.index.get(&id).copied() else { return };
        let Some(run) = self.pod_mut(key) else { return };
        run.created = true;
        if run.verdict.is_some() {
            return;
        }
        let host = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        if !host.is_empty()
            && self.node(&id).is_some_and(|node| node.host_node_name != host)
            && let Some(node) = self.node_mut(&id)
        {
            node.host_node_name = host;
        }
        match pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default() {
            phase::RUNNING => {
                self.pod_runs(key);
                if self.phase_of(&id) == phase::PENDING {
                    self.set_phase(&id, phase::RUNNING, Some(""));
                    self.fire_hooks_of(key);
                }
            }
            phase::SUCCEEDED | phase::FAILED => {
                self.pod_runs(key);
                let verdict = pod_status::verdict(pod);
                if let Some(run) = self.pod_mut(key) {
                    run.verdict = Some(verdict);
                }
                self.finish_pod(key);
            }
            _ => {
                if let Some(reason) = pod_status::pending_reason(pod)
                    && self.phase_of(&id) == phase::PENDING
                {
                    self.set_phase(&id, phase::PENDING, Some(&reason));
                }
            }
        }
    }

    fn fire_hooks_of(&mut self, key: Key) {
        let Some(run) = self.runs.get(key) else { return };
        if let (crate::run::Role::Member(member), Some(owner)) = (run.role, run.parent) {
            self.fire_hooks(owner, member);
        }
    }

    /// Ends the node of a pod that has ended, once its results are in.
    fn finish_pod(&mut self, key: Key) {
        let Some(run) = self.runs.get(key) else { return };
        let id = run.id.clone();
        let Some(pod) = self.pod_mut(key) else { return };
        let Some(verdict) = pod.verdict.clone() else { return };
        if !(pod.reported || verdict.no_report_comes) {
            return;
        }
        if let Some(node) = self.node_mut(&id) {
            node.task_result_synced = Some(true);
            if let Some(code) = verdict.exit_code {
                node.outputs.get_or_insert_default().exit_code = Some(code.to_string());
            }
        }
        self.count_pod_end(key, &verdict);
        let name = self.pod(key).map(|pod| pod.pod_name.clone()).unwrap_or_default();
        self.end(key, verdict.phase, Some(&verdict.message));
        self.collect_pod(&name, verdict.phase);
    }

    /// Deletes a finished pod if `podGC` says so.
    fn collect_pod(&mut self, name: &str, ended: &str) {
        let strategy = self.spec.pod_gc.as_ref().map(|gc| gc.strategy.as_str()).unwrap_or_default();
        let delete = match strategy {
            "OnPodCompletion" => true,
            "OnPodSuccess" => ended == phase::SUCCEEDED,
            _ => false,
        };
        if delete {
            self.actions.push(Action::DeletePod { name: name.to_owned() });
        }
    }

    pub(crate) fn observe_pod_deleted(&mut self, name: &str) {
        let Some(key) = self.pod_nodes.get(name).and_then(|id| self.index.get(id)).copied() else {
            return;
        };
        let Some(pod) = self.pod_mut(key) else { return };
        if let Some(verdict) = &mut pod.verdict {
            verdict.no_report_comes = true;
            return self.finish_pod(key);
        }
        if pod.running {
            return self.end(key, phase::ERROR, Some("pod deleted"));
        }
        // It never ran: it may be created again.
        pod.created = false;
        self.tasks.push_back(Task::Proceed(key));
    }

    pub(crate) fn observe_result(&mut self, result: WorkflowTaskResult) {
        let id = result.metadata.name.clone().unwrap_or_default();
        let Some(key) = self.index.get(&id).copied() else { return };
        let Some(pod) = self.pod(key) else { return };
        if pod.reported {
            return;
        }
        let own_location = pod.own_location.clone();
        let label = result.metadata.labels.as_ref().and_then(|labels| labels.get(REPORTED));
        let reported = label.is_some_and(|value| value == "true");
        if let Some(node) = self.node_mut(&id) {
            node.task_result_synced = Some(reported);
            if let Some(mut outputs) = result.outputs {
                outputs.exit_code = node.outputs.take().and_then(|outputs| outputs.exit_code);
                for artifact in &mut outputs.artifacts {
                    if let Some(own) = &own_location {
                        let full = location::complete(artifact.location(), own);
                        location::put(artifact, full);
                    }
                }
                node.outputs = Some(outputs);
            }
        }
        self.set_progress(key, &result.progress);
        self.status_mut().task_results_completion_status.insert(id, reported);
        if let Some(pod) = self.pod_mut(key) {
            pod.reported = reported;
        }
        self.finish_pod(key);
    }

    /// Ends a pod's node from outside, and the pod with it.
    pub(crate) fn kill_pod(&mut self, key: Key, message: &str) {
        let Some(pod) = self.pod(key) else { return };
        let (name, running, created) = (pod.pod_name.clone(), pod.running, pod.created);
        if running {
            self.actions.push(Action::SignalPod { name });
        } else if created {
            self.actions.push(Action::DeletePod { name });
        }
        self.end(key, phase::FAILED, Some(message));
    }
}
