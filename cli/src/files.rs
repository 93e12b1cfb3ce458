//! Reads manifests and finds out what is to be run with what around it.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lighter_api::{Document, Object, Source, Workflow, WorkflowSpec};
use lighter_local::state::Surroundings;

use crate::failure::{Failure, INVALID};

/// Everything that some files hold.
#[derive(Default)]
pub struct Manifests {
    /// What could be run: Workflows, and what wraps a workflow's spec.
    pub runnable: Vec<Runnable>,
    pub surroundings: Surroundings,
}

/// A workflow, or what stands for one, with the places of its fields.
pub struct Runnable {
    pub workflow: Workflow,
    pub kind: &'static str,
    /// The name or generateName in the file.
    pub called: String,
    pub source: Source,
}

/// Reads all files; `-` is standard input. All problems of all files are in the failure.
pub fn read(paths: &[PathBuf]) -> Result<Manifests, Failure> {
    let mut manifests = Manifests::default();
    let mut messages = Vec::new();
    for path in paths {
        let (name, text) = match read_one(path) {
            Ok(file) => file,
            Err(message) => {
                messages.push(message);
                continue;
            }
        };
        match lighter_api::read(&name, &text) {
            Ok(documents) if documents.is_empty() => {
                messages.push(format!("{name}: there is nothing in it"));
            }
            Ok(documents) => {
                for document in documents {
                    messages.extend(manifests.add(document, &name));
                }
            }
            Err(problems) => messages.extend(problems.0.iter().map(ToString::to_string)),
        }
    }
    match messages.is_empty() {
        true => Ok(manifests),
        false => Err(Failure { messages, code: INVALID }),
    }
}

/// The name to print and the bytes of a file.
pub fn read_one(path: &Path) -> Result<(String, Vec<u8>), String> {
    if path.as_os_str() == "-" {
        let mut text = Vec::new();
        let limit = lighter_api::MAX_FILE_SIZE as u64 + 1;
        return match io::stdin().lock().take(limit).read_to_end(&mut text) {
            Ok(_) => Ok(("<stdin>".into(), text)),
            Err(e) => Err(format!("cannot read standard input: {e}")),
        };
    }
    let name = path.display().to_string();
    match fs::read(path) {
        Ok(text) => Ok((name, text)),
        Err(e) => Err(format!("cannot read `{name}`: {e}")),
    }
}

impl Manifests {
    /// The one thing to run: the only Workflow, or else the only object that wraps one.
    pub fn only(mut self) -> Result<(Runnable, Surroundings), Failure> {
        if self.runnable.iter().any(|each| each.kind == "Workflow") {
            self.runnable.retain(|each| each.kind == "Workflow");
        }
        if self.runnable.len() > 1 {
            let names: Vec<_> = self.runnable.iter().map(|r| format!("`{}`", r.called)).collect();
            return Err(Failure::invalid(format!(
                "the files hold {} things to run ({}); give the files of one",
                names.len(),
                names.join(", ")
            )));
        }
        match self.runnable.pop() {
            Some(runnable) => Ok((runnable, self.surroundings)),
            None => Err(Failure::invalid(
                "the files hold nothing to run: no Workflow, WorkflowTemplate or CronWorkflow",
            )),
        }
    }

    /// Sorts a document in; a message comes back for an object that has no use here.
    fn add(&mut self, document: Document, file: &str) -> Option<String> {
        let kind = document.object.kind();
        let metadata = document.object.metadata().cloned().unwrap_or_default();
        let called = name_of(&metadata);
        if called.is_empty() && kind != "Workflow" {
            return Some(format!("{file}: a {kind} has no `metadata.name`; give it one"));
        }
        let around = &mut self.surroundings;
        let workflow = match document.object {
            Object::Workflow(workflow) => *workflow,
            Object::CronWorkflow(cron) => {
                let spec = cron.spec.unwrap_or_default();
                let more = spec.workflow_metadata.unwrap_or_default();
                wrapped(&metadata, more, spec.workflow_spec.unwrap_or_default())
            }
            Object::WorkflowTemplate(template) => {
                let spec = template.spec.clone().unwrap_or_default();
                around.templates.push(*template);
                wrapped(&metadata, ObjectMeta::default(), spec)
            }
            Object::ClusterWorkflowTemplate(template) => {
                let spec = template.spec.clone().unwrap_or_default();
                around.cluster_templates.push(*template);
                wrapped(&metadata, ObjectMeta::default(), spec)
            }
            Object::ConfigMap(object) => {
                around.config_maps.push(*object);
                return None;
            }
            Object::Secret(object) => {
                around.secrets.push(*object);
                return None;
            }
            Object::PersistentVolumeClaim(object) => {
                around.claims.push(*object);
                return None;
            }
            Object::WorkflowTaskResult(_)
            | Object::WorkflowTaskSet(_)
            | Object::WorkflowArtifactGcTask(_)
            | Object::WorkflowEventBinding(_) => {
                return Some(format!("{file}: a {kind} (`{called}`) has no use outside a cluster"));
            }
        };
        self.runnable.push(Runnable { workflow, kind, called, source: document.source });
        None
    }
}

/// A Workflow that runs the spec that another object wraps.
fn wrapped(wrapper: &ObjectMeta, more: ObjectMeta, spec: WorkflowSpec) -> Workflow {
    let metadata = ObjectMeta {
        generate_name: Some(format!("{}-", name_of(wrapper))),
        namespace: wrapper.namespace.clone(),
        labels: more.labels,
        annotations: more.annotations,
        ..Default::default()
    };
    Workflow {
        api_version: "argoproj.io/v1alpha1".into(),
        kind: "Workflow".into(),
        metadata: Some(metadata),
        spec: Some(spec),
        status: None,
    }
}

fn name_of(metadata: &ObjectMeta) -> String {
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    given(&metadata.name).or_else(|| given(&metadata.generate_name)).unwrap_or_default()
}
