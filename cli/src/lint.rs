//! Checks a workflow before anything is run: what the reader and the engine's validation find, with its place.

use lighter_api::{Problem, Source};
use lighter_engine::validate::{Finding, Severity, validate, validate_reusable};
use lighter_local::runner::library;
use lighter_local::state::Surroundings;

use crate::args;
use crate::failure::{Failure, INVALID};
use crate::files::{self, Runnable};
use crate::out;

/// `lighter lint`: all files together, nothing is run.
pub fn run(options: &args::Lint) -> Result<(), Failure> {
    let manifests = files::read(&options.files)?;
    let library = library(&manifests.surroundings);
    let mut messages = Vec::new();
    for runnable in &manifests.runnable {
        let workflow = &runnable.workflow;
        let findings = match (runnable.kind, &workflow.spec) {
            ("Workflow", _) | (_, None) => validate(workflow, &library),
            (_, Some(spec)) => validate_reusable(spec, workflow.metadata.as_ref(), &library),
        };
        messages.extend(sorted_out(findings, runnable));
    }
    if !messages.is_empty() {
        return Err(Failure { messages, code: INVALID });
    }
    let count = manifests.runnable.len();
    out::warn(&format!("no problems in {count} {}", if count == 1 { "object" } else { "objects" }));
    Ok(())
}

/// Refuses a workflow that cannot be run, with everything that is wrong.
pub fn refuse_invalid(runnable: &Runnable, around: &Surroundings) -> Result<(), Failure> {
    let mut findings = validate(&runnable.workflow, &library(around));
    for finding in findings.iter_mut().filter(|f| f.path.starts_with("spec.arguments.parameters")) {
        finding.hint.get_or_insert_with(|| "give it with `-p NAME=VALUE`".to_string());
    }
    match sorted_out(findings, runnable) {
        messages if messages.is_empty() => Ok(()),
        messages => Err(Failure { messages, code: INVALID }),
    }
}

/// The errors, in the order of the text; warnings are printed at once.
fn sorted_out(findings: Vec<Finding>, runnable: &Runnable) -> Vec<String> {
    let mut problems: Vec<(Severity, Problem)> = findings
        .into_iter()
        .map(|finding| (finding.severity, problem(finding, &runnable.source, runnable.kind)))
        .collect();
    problems.sort_by_key(|(_, problem)| (problem.line, problem.column));
    let mut errors = Vec::new();
    for (severity, problem) in problems {
        match severity {
            Severity::Error => errors.push(problem.to_string()),
            Severity::Warning => out::warn(&format!("warning: {problem}")),
        }
    }
    errors
}

/// A finding with the place of its field in the file.
fn problem(finding: Finding, source: &Source, kind: &str) -> Problem {
    let path = match kind {
        // The workflow's spec is one level further down there.
        "CronWorkflow" => finding.path.replacen("spec", "spec.workflowSpec", 1),
        _ => finding.path,
    };
    let (line, column) = source.position(&path).unwrap_or_default();
    let message = match finding.template.as_str() {
        "" => finding.message,
        template => format!("template `{template}`: {}", finding.message),
    };
    Problem { file: source.file().to_string(), line, column, path, message, hint: finding.hint }
}
