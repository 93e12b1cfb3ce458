//! Pods as Argo's own controller (4.1) builds them from a template, in both layouts.
//!
//! What the controller does before is the test's: tags are filled in, locations of artifacts are resolved, commands are given.

mod containers;
mod mounts;

use serde_json::{Value, json};

use crate::cluster::{EXECUTOR, Namespace};
use containers::Kind;
use mounts::Mounts;

/// How the executor gets into the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `init` brings the program, `wait` collects.
    Legacy,
    /// The program comes in an image volume, `supervisor` loads and collects. Since 4.1.
    Initless,
}

impl Layout {
    /// The name of the container that collects.
    pub fn auxiliary(self) -> &'static str {
        if self == Self::Legacy { "wait" } else { "supervisor" }
    }

    /// Where user containers find the executor.
    pub fn program(self) -> &'static str {
        match self {
            Self::Legacy => "/var/run/argo/argoexec",
            Self::Initless => "/argo-bin/bin/argoexec",
        }
    }
}

/// Both layouts, for tests of what they have in common.
pub const LAYOUTS: [Layout; 2] = [Layout::Legacy, Layout::Initless];

/// A step of a workflow: what the controller knows when it builds the pod.
#[derive(Clone, Debug)]
pub struct Step {
    /// A template of Argo, with `archiveLocation`.
    pub template: Value,
    pub layout: Layout,
    /// The workflow's volumes that the template mounts.
    pub volumes: Vec<Value>,
    /// Whether another step refers to `outputs.result`.
    pub wants_result: bool,
    /// RFC 3339; the zero time is no deadline.
    pub deadline: String,
    /// The executor's image.
    pub executor: String,
    /// The pod's service account.
    pub account: String,
    pub grace_period: Option<u32>,
    /// `instanceID` of the controller's configuration.
    pub instance: Option<String>,
}

/// A pod that was created, and the names of what belongs to it.
#[derive(Clone, Debug)]
pub struct Submitted {
    pub pod: String,
    /// Also the name of the WorkflowTaskResult.
    pub node: String,
    pub workflow: Value,
}

impl Submitted {
    /// The task result as it is now.
    pub fn result(&self, namespace: &Namespace<'_>) -> Value {
        namespace.get("workflowtaskresult", &self.node)
    }
}

/// The label that says whether more will be reported: `"true"` when not.
pub fn completed(result: &Value) -> &Value {
    &result["metadata"]["labels"]["workflows.argoproj.io/report-outputs-completed"]
}

/// A template with one busybox container that runs a script of the shell.
pub fn shell(script: &str) -> Value {
    let container =
        json!({"name": "", "image": "busybox", "command": ["sh", "-ec"], "args": [script]});
    json!({"name": "main", "container": container})
}

impl Step {
    /// A step in a layout, with no deadline and the account `executor`.
    pub fn new(layout: Layout, template: Value) -> Self {
        Self {
            template,
            layout,
            volumes: Vec::new(),
            wants_result: false,
            deadline: "0001-01-01T00:00:00Z".into(),
            executor: EXECUTOR.into(),
            account: "executor".into(),
            grace_period: None,
            instance: None,
        }
    }

    /// Creates a workflow that owns the step, and the step's pod.
    pub fn submit(&self, namespace: &Namespace<'_>) -> Submitted {
        let workflow = namespace.create(&json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"generateName": "wf-"}, "spec": {"templates": [self.template]}}));
        let name = workflow["metadata"]["name"].as_str().unwrap();
        let submitted = Submitted {
            pod: format!("{name}-{}-1234567890", self.template["name"].as_str().unwrap()),
            node: format!("{name}-1234567890"),
            workflow,
        };
        namespace.create(&self.pod(&submitted));
        submitted
    }

    /// Runs the step to its end, and gives the pod as it ended.
    pub fn run(&self, namespace: &Namespace<'_>) -> (Submitted, Value) {
        let submitted = self.submit(namespace);
        let pod = namespace.ended(&submitted.pod);
        (submitted, pod)
    }

    /// The Pod object.
    pub fn pod(&self, names: &Submitted) -> Value {
        let mounts = Mounts::of(self);
        let workflow = names.workflow["metadata"]["name"].as_str().unwrap();
        let mut labels = json!({
            "workflows.argoproj.io/workflow": workflow, "workflows.argoproj.io/completed": "false"});
        if let Some(instance) = &self.instance {
            labels["workflows.argoproj.io/controller-instanceid"] = instance.as_str().into();
        }
        let containers = self.containers(names, &mounts);
        let init_containers = self.init_containers(names, &mounts);
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": names.pod, "labels": labels,
                "annotations": {
                    "workflows.argoproj.io/node-name": workflow, "workflows.argoproj.io/node-id": names.node,
                    "kubectl.kubernetes.io/default-container": "main"},
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": workflow,
                    "uid": names.workflow["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}]},
            "spec": {
                "restartPolicy": "Never", "serviceAccountName": self.account,
                "terminationGracePeriodSeconds": self.grace_period,
                "initContainers": init_containers, "containers": containers, "volumes": mounts.volumes}})
    }

    /// The template's type: the first of these keys that it has.
    fn kind(&self) -> Kind {
        [Kind::Container, Kind::ContainerSet, Kind::Script, Kind::Resource, Kind::Data]
            .into_iter()
            .find(|kind| !self.template[kind.key()].is_null())
            .expect("a template with a pod")
    }

    /// The container that loads and collects: all but data, and resource without logs, have one.
    fn auxiliary(&self) -> Option<&'static str> {
        let archives_logs = self.template["archiveLocation"]["archiveLogs"] == true;
        let needed = match self.kind() {
            Kind::Data => false,
            Kind::Resource => {
                let from_artifact = !self.template["resource"]["manifestFrom"].is_null();
                archives_logs || (from_artifact && self.layout == Layout::Initless)
            }
            _ => true,
        };
        needed.then_some(self.layout.auxiliary())
    }
}

/// The elements of a list in a template; none where it is absent.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
