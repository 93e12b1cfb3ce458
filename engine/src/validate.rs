//! Static validation: what is wrong with a workflow before anything of it runs.
//!
//! The rules are Argo 4.1's, and so are the texts that its users search for; beyond them every finding names its
//! field and, where there is one, the nearest right name.

mod arguments;
mod call;
mod cycles;
mod dag;
mod finding;
mod leaf;
mod names;
mod ports;
mod scope;
mod steps;
mod tags;
mod template;
mod unsupported;
mod workflow;

use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lighter_api::{Workflow, WorkflowSpec};

use crate::config::Library;
use crate::spec::complete;
use finding::Report;
pub use finding::{Finding, Severity};
use workflow::Spec;

/// Everything that is wrong with a workflow; nothing is found in one that can run.
///
/// `library` holds the templates that its `templateRef`s may name; those are looked into only as far as calls of
/// them go.
pub fn validate(workflow: &Workflow, library: &Library) -> Vec<Finding> {
    let mut report = Report::default();
    let empty = WorkflowSpec::default();
    let spec = workflow.spec.as_ref().unwrap_or(&empty);
    workflow::check_name(workflow.metadata.as_ref(), &mut report);
    match complete(spec, library) {
        Ok(spec) => {
            Spec::new(&spec, workflow.metadata.as_ref(), library, false).check(&mut report);
        }
        Err(message) => report.error("spec.workflowTemplateRef", message),
    }
    report.findings
}

/// Everything that is wrong with the spec of a WorkflowTemplate, ClusterWorkflowTemplate or CronWorkflow.
///
/// Unlike in a workflow, `entrypoint` may be absent and arguments may have no values.
pub fn validate_reusable(
    spec: &WorkflowSpec,
    metadata: Option<&ObjectMeta>,
    library: &Library,
) -> Vec<Finding> {
    let mut report = Report::default();
    workflow::check_name(metadata, &mut report);
    Spec::new(spec, metadata, library, true).check(&mut report);
    report.findings
}

#[cfg(test)]
mod tests;
