//! The stages of a workflow as a whole: validation, claims, the entrypoint, hooks and the exit handler, the end.

use std::sync::Arc;

use lighter_api::k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Volume,
};
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use lighter_api::{ArtifactRepositoryRefStatus, Condition, LifecycleHook};
use serde_json::json;

use crate::action::{Action, StopStrategy};
use crate::engine::{Engine, Stage};
use crate::expr::{Mode, evaluate_bool, substitute_json};
use crate::globals::globals;
use crate::library::Templates;
use crate::location;
use crate::phase::{self, kind};
use crate::run::{Call, Home, Key, Role, State, Target, Task};
use crate::seed;
use crate::validate::{Severity, validate};

const LABEL_PHASE: &str = "workflows.argoproj.io/phase";
const LABEL_COMPLETED: &str = "workflows.argoproj.io/completed";
const POD_NAME_FORMAT: &str = "workflows.argoproj.io/pod-name-format";

impl Engine {
    /// Takes up the workflow, or ends it at once if it cannot run.
    pub(crate) fn begin(&mut self) {
        let is_new = self.status().phase.is_empty();
        if is_new && let Some(problem) = self.first_problem() {
            return self.finish(phase::FAILED, &format!("invalid spec: {problem}"));
        }
        if let Err(message) = self.take_spec() {
            return self.finish(phase::FAILED, &message);
        }
        if is_new {
            self.mark_running();
        } else {
            self.restore();
        }
        self.stage = Stage::Claims;
        self.request_claims();
        self.start_when_claimed();
    }

    fn first_problem(&self) -> Option<String> {
        let findings = validate(&self.workflow, &self.config.library);
        let error = findings.into_iter().find(|finding| finding.severity == Severity::Error)?;
        Some(format!("{}: {}", error.path, error.message))
    }

    /// Prepares templates, global variables, the spec that is run, and the repository.
    fn take_spec(&mut self) -> Result<(), String> {
        let mut spec = self.workflow.spec.clone().unwrap_or_default();
        self.templates = Templates::take(&mut spec);
        let meta = self.workflow.metadata.clone().unwrap_or_default();
        self.globals = Arc::new(globals(&meta, &spec, &self.config)?);
        let cx = self.context(&self.globals, "spec");
        let filled = substitute_json(&spec, &cx, Mode::AllowUnresolved);
        self.spec = Arc::new(filled.map_err(|error| error.to_string())?);
        let kept = self.status().artifact_repository_ref.as_ref();
        let repository = kept
            .and_then(|kept| kept.artifact_repository.clone())
            .or_else(|| self.config.repository.clone());
        self.repository = repository.as_ref().and_then(location::from_repository);
        self.stop = match self.spec.shutdown.as_str() {
            "Stop" => Some(StopStrategy::Stop),
            "Terminate" => Some(StopStrategy::Terminate),
            _ => None,
        };
        if let Some(repository) = repository {
            self.status_mut().artifact_repository_ref = Some(ArtifactRepositoryRefStatus {
                artifact_repository: Some(repository),
                default: Some(true),
                ..ArtifactRepositoryRefStatus::default()
            });
        }
        Ok(())
    }

    fn mark_running(&mut self) {
        let now = self.second();
        let seed = self.seed.to_string();
        let status = self.status_mut();
        phase::RUNNING.clone_into(&mut status.phase);
        status.started_at = Some(now);
        let annotations =
            self.workflow.metadata.get_or_insert_default().annotations.get_or_insert_default();
        annotations.insert(seed::ANNOTATION.to_owned(), seed);
        annotations.entry(POD_NAME_FORMAT.to_owned()).or_insert_with(|| "v2".to_owned());
        self.set_labels();
    }

    fn set_labels(&mut self) {
        let phase = self.status().phase.clone();
        let completed = phase::completed(&phase).to_string();
        let labels = self.workflow.metadata.get_or_insert_default().labels.get_or_insert_default();
        labels.insert(LABEL_PHASE.to_owned(), phase);
        labels.insert(LABEL_COMPLETED.to_owned(), completed);
    }

    /// After a restart: the edges that are there already, and what the outputs of nodes said to the workflow.
    fn restore(&mut self) {
        let mut edges = std::collections::HashSet::new();
        for node in self.status().nodes.values() {
            edges.extend(node.children.iter().map(|child| (node.id.clone(), child.clone())));
        }
        self.restored_edges = edges;
        for id in self.status().nodes.keys().cloned().collect::<Vec<_>>() {
            self.export_outputs(&id);
        }
    }

    /// From now on new nodes may start; pods that were not found are made.
    pub(crate) fn end_adoption(&mut self) {
        self.adopting = false;
        if !self.restored_edges.is_empty() {
            self.restore_progress();
            self.restored_edges.clear();
        }
        for (key, run) in self.runs.iter().enumerate() {
            if matches!(run.state, State::Pod(_)) {
                self.tasks.push_back(Task::Proceed(key));
            }
        }
        self.wake_all();
    }

    fn request_claims(&mut self) {
        let known: Vec<String> =
            self.status().persistent_volume_claims.iter().map(|v| v.name.clone()).collect();
        for claim in self.spec.volume_claim_templates.clone() {
            let name = claim.metadata.name.clone().unwrap_or_default();
            if known.contains(&name) {
                continue;
            }
            let claim = self.owned_claim(&name, claim);
            self.claims_open.insert(claim.metadata.name.clone().unwrap_or_default());
            self.actions.push(Action::CreateClaim(Box::new(claim)));
        }
    }

    fn owned_claim(&self, name: &str, mut claim: PersistentVolumeClaim) -> PersistentVolumeClaim {
        let meta = self.workflow.metadata.clone().unwrap_or_default();
        claim.metadata.name = Some(format!("{}-{name}", self.name()));
        claim.metadata.namespace = meta.namespace;
        claim.metadata.owner_references = Some(vec![OwnerReference {
            api_version: "argoproj.io/v1alpha1".to_owned(),
            kind: "Workflow".to_owned(),
            name: self.name().to_owned(),
            uid: meta.uid.unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]);
        claim
    }

    pub(crate) fn observe_claim(&mut self, name: &str, result: Result<(), String>) {
        if !self.claims_open.remove(name) {
            return;
        }
        if let Err(error) = result {
            return self.finish(phase::ERROR, &format!("pvc '{name}' cannot be created: {error}"));
        }
        let short = name.strip_prefix(self.name()).and_then(|rest| rest.strip_prefix('-'));
        let volume = Volume {
            name: short.unwrap_or(name).to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: name.to_owned(),
                read_only: None,
            }),
            ..Volume::default()
        };
        self.status_mut().persistent_volume_claims.push(volume);
        self.start_when_claimed();
    }

    fn start_when_claimed(&mut self) {
        if self.stage != Stage::Claims || !self.claims_open.is_empty() {
            return;
        }
        self.stage = Stage::Main;
        self.set_global("workflow.status", phase::RUNNING);
        let target = Target { template: self.spec.entrypoint.clone(), ..Target::default() };
        let call = self.plain_call(target, self.spec.arguments.clone().unwrap_or_default());
        self.start_call(self.name().to_owned(), None, Role::Entry, None, false, call);
        self.fire_workflow_hooks();
    }

    fn plain_call(&self, target: Target, arguments: lighter_api::Arguments) -> Call {
        Call {
            target,
            home: Home::Local,
            arguments,
            missing: Vec::new(),
            caller: None,
            hooked: false,
        }
    }

    /// The entrypoint is at its end: hooks and the exit handler have their turn.
    pub(crate) fn entry_ended(&mut self, _key: Key) {
        if self.stage != Stage::Main {
            return;
        }
        self.stage = Stage::Exit;
        let (ended, _) = self.outcome();
        self.set_global("workflow.status", ended);
        self.set_global("workflow.failures", self.failures());
        self.fire_workflow_hooks();
        let exit = self.spec.hooks.get("exit").cloned().or_else(|| {
            let template = self.spec.on_exit.clone();
            (!template.is_empty()).then(|| LifecycleHook { template, ..LifecycleHook::default() })
        });
        if let Some(hook) = exit
            && self.stop != Some(StopStrategy::Terminate)
        {
            self.start_workflow_hook("onExit", &hook, true);
        }
        self.finish_when_done();
    }

    pub(crate) fn workflow_hook_ended(&mut self) {
        self.exit_open = self.exit_open.saturating_sub(1);
        self.finish_when_done();
    }

    fn fire_workflow_hooks(&mut self) {
        let spec = Arc::clone(&self.spec);
        let root = self.name().to_owned();
        for (name, hook) in spec.hooks.iter().filter(|(name, _)| *name != "exit") {
            let suffix = format!("hooks.{name}");
            let id = self.id_of(&format!("{root}.{suffix}"));
            let cx = self.context(&self.globals, &suffix);
            let due = self.node(&id).is_some() || evaluate_bool(&hook.expression, &cx) == Ok(true);
            if due && !self.index.contains_key(&id) {
                self.start_workflow_hook(&suffix, hook, false);
                self.link(&root, &id);
            }
        }
    }

    fn start_workflow_hook(&mut self, suffix: &str, hook: &LifecycleHook, on_exit: bool) {
        let name = format!("{}.{suffix}", self.name());
        let cx = self.context(&self.globals, suffix);
        let filled: LifecycleHook =
            substitute_json(hook, &cx, Mode::AllowUnresolved).unwrap_or_else(|_| hook.clone());
        let arguments = filled.arguments.or_else(|| self.spec.arguments.clone());
        let target =
            Target { template: filled.template, template_ref: filled.template_ref, inline: None };
        let mut call = self.plain_call(target, arguments.unwrap_or_default());
        call.hooked = true;
        self.exit_open += 1;
        self.start_call(name, None, Role::WorkflowHook, None, on_exit, call);
    }

    /// The quoted JSON list behind `{{workflow.failures}}`.
    fn failures(&self) -> String {
        let failed = self.status().nodes.values().filter(|node| {
            phase::bad(&node.phase) && matches!(node.r#type.as_str(), kind::POD | kind::SKIPPED)
        });
        let list: Vec<_> = failed
            .map(|node| {
                json!({
                    "displayName": node.display_name,
                    "message": node.message,
                    "templateName": node.template_name,
                    "phase": node.phase,
                    "podName": crate::pod::pod_name(self.name(), &node.template_name, &node.name),
                    "finishedAt": node.finished_at,
                })
            })
            .collect();
        json!(json!(list).to_string()).to_string()
    }

    /// What the entrypoint came to.
    fn outcome(&self) -> (&'static str, String) {
        let Some(node) = self.node(self.name()) else { return (phase::ERROR, String::new()) };
        match (node.phase.as_str(), self.stop) {
            (phase::FAILED, Some(strategy)) => {
                (phase::FAILED, format!("Stopped with strategy '{}'", strategy.as_str()))
            }
            (phase::FAILED, None) => (phase::FAILED, node.message.clone()),
            (phase::ERROR, _) => (phase::ERROR, node.message.clone()),
            _ => (phase::SUCCEEDED, String::new()),
        }
    }

    fn finish_when_done(&mut self) {
        if self.stage != Stage::Exit || self.exit_open > 0 {
            return;
        }
        let (mut ended, mut message) = self.outcome();
        let exit = self.node(&self.id_of(&format!("{}.onExit", self.name())));
        if let Some(exit) = exit.filter(|node| ended == phase::SUCCEEDED && phase::bad(&node.phase))
        {
            ended = if exit.phase == phase::ERROR { phase::ERROR } else { phase::FAILED };
            message.clone_from(&exit.message);
        }
        self.finish(ended, &message);
    }

    /// Sets the final phase and cleans up.
    fn finish(&mut self, ended: &'static str, message: &str) {
        self.stage = Stage::Finished;
        let now = self.second();
        let status = self.status_mut();
        ended.clone_into(&mut status.phase);
        message.clone_into(&mut status.message);
        status.started_at.get_or_insert_with(|| now.clone());
        status.finished_at = Some(now);
        status.conditions.retain(|condition| condition.r#type != "Completed");
        status.conditions.push(Condition {
            r#type: "Completed".to_owned(),
            status: "True".to_owned(),
            message: String::new(),
        });
        self.set_labels();
        self.delete_claims(ended);
        self.delete_pods(ended);
    }

    fn delete_claims(&mut self, ended: &str) {
        let gc = self.spec.volume_claim_gc.as_ref().map(|gc| gc.strategy.as_str());
        if ended != phase::SUCCEEDED && gc != Some("OnWorkflowCompletion") {
            return;
        }
        for volume in std::mem::take(&mut self.status_mut().persistent_volume_claims) {
            if let Some(claim) = volume.persistent_volume_claim {
                self.actions.push(Action::DeleteClaim { name: claim.claim_name });
            }
        }
    }

    fn delete_pods(&mut self, ended: &str) {
        let strategy = self.spec.pod_gc.as_ref().map(|gc| gc.strategy.as_str()).unwrap_or_default();
        let delete = match strategy {
            "OnWorkflowCompletion" => true,
            "OnWorkflowSuccess" => ended == phase::SUCCEEDED,
            _ => false,
        };
        let names: Vec<String> = self.pod_nodes.keys().cloned().collect();
        self.actions
            .extend(names.into_iter().filter(|_| delete).map(|name| Action::DeletePod { name }));
    }
}
