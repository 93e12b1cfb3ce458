//! The start of a workflow, or of an engine for one that runs already.

use std::sync::Arc;

use lighter_api::{ArtifactRepositoryRefStatus, WorkflowSpec};

use crate::action::StopStrategy;
use crate::engine::{Engine, Stage};
use crate::expr::{Mode, substitute_json};
use crate::globals::{apply_metadata, globals};
use crate::library::Templates;
use crate::location;
use crate::phase;
use crate::run::{Call, Home, Role, Target};
use crate::seed;
use crate::spec::complete;
use crate::validate::{Severity, validate};

const PREFIX: &str = "workflows.argoproj.io";

impl Engine {
    /// Does all that comes before the entrypoint. What fails here fails the workflow.
    pub(crate) fn begin(&mut self) {
        self.stage = Stage::Main;
        if let Err(message) = self.try_begin() {
            return self.finish(phase::FAILED, &message);
        }
        self.collect_edges();
        if self.make_claims() {
            self.start_entry();
        }
    }

    fn try_begin(&mut self) -> Result<(), String> {
        let first = self.status().phase.is_empty();
        let now = self.second();
        self.mark_metadata();
        if first {
            self.check()?;
        }
        let mut spec = self.exec_spec()?;
        self.templates = Templates::take(&mut spec);
        let mut meta = self.workflow.metadata.clone().unwrap_or_default();
        let scope = globals(&meta, &spec, &self.config)?;
        self.globals = Arc::new(scope);
        let cx = self.context(&self.globals, "spec");
        let filled = substitute_json(&spec, &cx, Mode::AllowUnresolved)
            .map_err(|error| format!("failed to set global parameters: {error}"))?;
        if first {
            apply_metadata(&mut meta, &filled, &cx)?;
        }
        self.spec = Arc::new(filled);
        if first {
            self.workflow.metadata = Some(meta.clone());
            self.globals = Arc::new(globals(&meta, &self.spec, &self.config)?);
        }
        self.restore_global_outputs();
        self.stop = match self.workflow.spec.as_ref().map(|spec| spec.shutdown.as_str()) {
            Some("Stop") => Some(StopStrategy::Stop),
            Some("Terminate") => Some(StopStrategy::Terminate),
            _ => None,
        };
        self.keep_repository();
        let status = self.status_mut();
        if first {
            status.started_at = Some(now);
        }
        self.mark_phase(phase::RUNNING);
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let findings = validate(&self.workflow, &self.config.library);
        let first = findings.iter().find(|finding| finding.severity == Severity::Error);
        first.map_or(Ok(()), |finding| Err(format!("invalid spec: {finding}")))
    }

    /// The spec that is run: the workflow's own, or merged with the template that it refers to, once.
    fn exec_spec(&mut self) -> Result<WorkflowSpec, String> {
        if let Some(stored) = &self.status().stored_workflow_template_spec {
            return Ok(stored.as_ref().clone());
        }
        let own = self.workflow.spec.clone().unwrap_or_default();
        if own.workflow_template_ref.is_none() {
            return Ok(own);
        }
        let merged = complete(&own, &self.config.library)?;
        self.status_mut().stored_workflow_template_spec = Some(Box::new(merged.clone()));
        Ok(merged)
    }

    /// What identifies the run: its time, its seed, the format of its pods' names.
    fn mark_metadata(&mut self) {
        let seed = seed::seed(&self.workflow);
        let now = self.second();
        let meta = self.workflow.metadata.get_or_insert_default();
        meta.creation_timestamp.get_or_insert(now);
        let annotations = meta.annotations.get_or_insert_default();
        annotations.entry(seed::ANNOTATION.to_owned()).or_insert_with(|| seed.to_string());
        annotations.entry(format!("{PREFIX}/pod-name-format")).or_insert_with(|| "v2".to_owned());
    }

    /// Sets the workflow's phase and the labels that show it.
    pub(crate) fn mark_phase(&mut self, phase: &str) {
        phase.clone_into(&mut self.status_mut().phase);
        let labels = self.workflow.metadata.get_or_insert_default().labels.get_or_insert_default();
        labels.insert(format!("{PREFIX}/phase"), phase.to_owned());
        labels.insert(format!("{PREFIX}/completed"), phase::completed(phase).to_string());
    }

    /// The repository is looked up once; later changes of the configuration do not matter.
    fn keep_repository(&mut self) {
        let given = self.config.repository.clone();
        let status = self.status_mut();
        if status.artifact_repository_ref.is_none() && given.is_some() {
            status.artifact_repository_ref = Some(ArtifactRepositoryRefStatus {
                artifact_repository: given,
                r#default: Some(true),
                ..ArtifactRepositoryRefStatus::default()
            });
        }
        let kept = status.artifact_repository_ref.as_ref();
        let repository = kept.and_then(|kept| kept.artifact_repository.as_ref());
        self.repository = repository.and_then(location::from_repository);
    }

    /// The variables of outputs that the whole workflow sees, from before a restart.
    fn restore_global_outputs(&mut self) {
        let Some(outputs) = self.status().outputs.clone() else { return };
        for parameter in outputs.parameters {
            let value = parameter.value.map(|value| value.0).unwrap_or_default();
            self.set_global(&format!("workflow.outputs.parameters.{}", parameter.name), value);
        }
        for artifact in outputs.artifacts {
            let value = serde_json::to_value(&artifact).unwrap_or_default();
            self.set_global(&format!("workflow.outputs.artifacts.{}", artifact.name), value);
        }
    }

    fn collect_edges(&mut self) {
        let nodes = &self.status().nodes;
        let edges = nodes
            .values()
            .flat_map(|node| node.children.iter().map(|child| (node.id.clone(), child.clone())))
            .collect();
        self.restored_edges = edges;
    }

    /// Starts the entrypoint.
    pub(crate) fn start_entry(&mut self) {
        self.stage = Stage::Main;
        self.set_global("workflow.status", phase::RUNNING);
        let call = Call {
            target: Target { template: self.spec.entrypoint.clone(), ..Target::default() },
            home: Home::Local,
            arguments: self.spec.arguments.clone().unwrap_or_default(),
            missing: Vec::new(),
            caller: None,
            hooked: false,
        };
        let name = self.name().to_owned();
        self.start_call(name, None, Role::Entry, None, false, call);
        self.fire_workflow_hooks();
    }

    /// Everything that was there before is known again: new nodes may start, and lost pods are made again.
    pub(crate) fn end_adoption(&mut self) {
        self.adopting = false;
        self.restored_edges.clear();
        self.restore_progress();
        let waiting: Vec<_> = (0..self.runs.len()).filter(|key| self.pod(*key).is_some()).collect();
        self.tasks.extend(waiting.into_iter().map(crate::run::Task::Proceed));
    }
}
