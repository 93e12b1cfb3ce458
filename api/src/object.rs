//! Object: any of the kinds that a manifest may hold.

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::read::{self, Flaw, Node};
use crate::{
    ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowArtifactGcTask, WorkflowEventBinding,
    WorkflowTaskResult, WorkflowTaskSet, WorkflowTemplate, write,
};

const ARGO: &str = "argoproj.io/v1alpha1";

macro_rules! objects {
    ($($variant:ident $kind:literal $version:expr,)*) => {
        /// One object of a manifest.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Object {
            $($variant(Box<$variant>),)*
        }

        /// The kinds that can be read.
        pub(crate) const KINDS: [&str; [$($kind),*].len()] = [$($kind),*];

        /// The `apiVersion` that a kind has here; `None` for a kind that cannot be read.
        pub(crate) fn api_version(kind: &str) -> Option<&'static str> {
            match kind {
                $($kind => Some($version),)*
                _ => None,
            }
        }

        pub(crate) fn decode(kind: &str, root: &Node, flaws: &mut Vec<Flaw>) -> Option<Object> {
            match kind {
                $($kind => boxed(root, flaws).map(Object::$variant),)*
                _ => None,
            }
        }

        impl Object {
            /// The object's kind.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Object::$variant(_) => $kind,)*
                }
            }
        }
    };
}

objects! {
    Workflow "Workflow" ARGO,
    WorkflowTemplate "WorkflowTemplate" ARGO,
    ClusterWorkflowTemplate "ClusterWorkflowTemplate" ARGO,
    CronWorkflow "CronWorkflow" ARGO,
    WorkflowTaskResult "WorkflowTaskResult" ARGO,
    WorkflowTaskSet "WorkflowTaskSet" ARGO,
    WorkflowArtifactGcTask "WorkflowArtifactGCTask" ARGO,
    WorkflowEventBinding "WorkflowEventBinding" ARGO,
    ConfigMap "ConfigMap" "v1",
    Secret "Secret" "v1",
    PersistentVolumeClaim "PersistentVolumeClaim" "v1",
}

fn boxed<T: DeserializeOwned>(root: &Node, flaws: &mut Vec<Flaw>) -> Option<Box<T>> {
    read::decode(root, flaws).map(Box::new)
}

impl Object {
    /// Name, namespace, labels and the like; `None` when the manifest has no `metadata`.
    pub fn metadata(&self) -> Option<&ObjectMeta> {
        match self {
            Object::Workflow(object) => object.metadata.as_ref(),
            Object::WorkflowTemplate(object) => object.metadata.as_ref(),
            Object::ClusterWorkflowTemplate(object) => object.metadata.as_ref(),
            Object::CronWorkflow(object) => object.metadata.as_ref(),
            Object::WorkflowTaskResult(object) => Some(&object.metadata),
            Object::WorkflowTaskSet(object) => Some(&object.metadata),
            Object::WorkflowArtifactGcTask(object) => Some(&object.metadata),
            Object::WorkflowEventBinding(object) => object.metadata.as_ref(),
            Object::ConfigMap(object) => Some(&object.metadata),
            Object::Secret(object) => Some(&object.metadata),
            Object::PersistentVolumeClaim(object) => Some(&object.metadata),
        }
    }

    /// The object as indented JSON, with a line's end.
    ///
    /// # Errors
    /// None that a manifest which was read can cause.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// The object as YAML that every Kubernetes tool reads back the same.
    ///
    /// # Errors
    /// None that a manifest which was read can cause.
    pub fn to_yaml(&self) -> Result<String, serde_json::Error> {
        write::to_yaml(self)
    }
}
