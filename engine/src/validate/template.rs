//! Templates: exactly one kind, and what holds for every kind.

use lighter_api::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use lighter_api::{RetryStrategy, Template};

use super::finding::Report;
use super::leaf::check_duration;
use super::ports::is_group;
use super::scope::Scope;
use super::workflow::Spec;
use super::{dag, leaf, ports, steps, tags, unsupported};
use crate::expr::has_tags;

const CHOICES: &str = "choose one of: container, script, steps, dag, suspend";

/// Checks the template at `path`. `scope` is what holds around it.
pub(super) fn check(
    path: &str,
    template: &Template,
    spec: &Spec<'_>,
    scope: &Scope<'_>,
    report: &mut Report,
) {
    let mut json = serde_json::to_value(template).unwrap_or_default();
    unsupported::check_template(path, template, &json, report);
    if !check_kind(path, template, report) {
        return;
    }
    ports::check(path, template, report);
    let scope = inside(template, scope);
    if let Some(map) = json.as_object_mut() {
        for field in ["metrics", "steps", "dag"] {
            map.remove(field);
        }
        // Checked with what the steps or tasks give.
        if is_group(template) {
            map.remove("outputs");
        }
    }
    tags::check(path, &json, &scope, report);
    check_retry(&format!("{path}.retryStrategy"), template.retry_strategy.as_ref(), report);
    if let Some(parallelism) = template.parallelism
        && parallelism < 0
    {
        report.error(format!("{path}.parallelism"), "parallelism must not be negative");
    }
    if !is_group(template) {
        leaf::check(path, template, spec.volumes(), report);
        return;
    }
    check_group(path, template, report);
    match &template.dag {
        Some(tasks) => dag::check(path, template, tasks, spec, &scope, report),
        None => steps::check(path, template, spec, &scope, report),
    }
}

/// Whether the template has exactly one kind.
fn check_kind(path: &str, template: &Template, report: &mut Report) -> bool {
    let kinds = [
        ("container", template.container.is_some()),
        ("script", template.script.is_some()),
        ("steps", !template.steps.is_empty()),
        ("dag", template.dag.is_some()),
        ("suspend", template.suspend.is_some()),
        ("containerSet", template.container_set.is_some()),
        ("resource", template.resource.is_some()),
        ("data", template.data.is_some()),
        ("http", template.http.is_some()),
        ("plugin", template.plugin.is_some()),
    ];
    let given: Vec<&str> =
        kinds.iter().filter(|(_, given)| *given).map(|(kind, _)| *kind).collect();
    match given.as_slice() {
        [_] => true,
        [] => {
            let hint = "an empty one such as `suspend:` is written `suspend: {}`".to_owned();
            report.error_with(path, format!("template type unspecified. {CHOICES}"), Some(hint));
            false
        }
        _ => {
            let message =
                format!("multiple template types specified: {}. {CHOICES}", given.join(", "));
            report.error(path, message);
            false
        }
    }
}

/// The variables inside of a template.
fn inside<'a>(template: &Template, around: &Scope<'a>) -> Scope<'a> {
    let mut scope = around.clone();
    for name in ["node.name", "pod.name", "steps.name", "tasks.name", "retries"] {
        scope.add(name);
    }
    if let Some(inputs) = &template.inputs {
        if !inputs.parameters.is_empty() {
            scope.add("inputs.parameters");
        }
        for input in &inputs.parameters {
            scope.add(format!("inputs.parameters.{}", input.name));
        }
        for input in &inputs.artifacts {
            scope.add(format!("inputs.artifacts.{}", input.name));
            scope.add(format!("inputs.artifacts.{}.path", input.name));
        }
    }
    if let Some(outputs) = &template.outputs {
        for output in &outputs.artifacts {
            scope.add(format!("outputs.artifacts.{}.path", output.name));
        }
        for output in &outputs.parameters {
            scope.add(format!("outputs.parameters.{}.path", output.name));
        }
    }
    scope
}

/// Checks that a steps or dag template has no fields of leaves.
fn check_group(path: &str, template: &Template, report: &mut Report) {
    let kind = if template.dag.is_some() { "dag" } else { "steps" };
    if template.active_deadline_seconds.is_some() {
        let message = "activeDeadlineSeconds is only valid for leaf templates";
        report.error(format!("{path}.activeDeadlineSeconds"), message);
    }
    for (field, text) in
        [("timeout", &template.timeout), ("pendingTimeout", &template.pending_timeout)]
    {
        if !text.is_empty() {
            report.error(
                format!("{path}.{field}"),
                format!("{kind} template doesn't support {field} field"),
            );
        }
    }
}

/// Checks a retry strategy of a template or workflow.
pub(super) fn check_retry(path: &str, strategy: Option<&RetryStrategy>, report: &mut Report) {
    let Some(strategy) = strategy else { return };
    let policies = ["Always", "OnFailure", "OnError", "OnTransientError"];
    let policy = strategy.retry_policy.as_str();
    if !policy.is_empty() && !has_tags(policy) && !policies.contains(&policy) {
        let hint = super::names::suggest(policy, policies.into_iter());
        report.error_with(
            format!("{path}.retryPolicy"),
            format!("`{policy}` is no retry policy"),
            hint,
        );
    }
    check_number(&format!("{path}.limit"), strategy.limit.as_ref(), report);
    if !strategy.expression.is_empty() {
        tags::check_expression(&format!("{path}.expression"), &strategy.expression, report);
    }
    let Some(backoff) = &strategy.backoff else { return };
    let path = format!("{path}.backoff");
    if backoff.duration.is_empty() {
        report.error(path.clone(), "no base duration specified for retryStrategy");
    }
    check_number(&format!("{path}.factor"), backoff.factor.as_ref(), report);
    for (field, text) in [
        ("duration", &backoff.duration),
        ("maxDuration", &backoff.max_duration),
        ("cap", &backoff.cap),
    ] {
        check_duration(&format!("{path}.{field}"), text, report);
    }
}

fn check_number(path: &str, number: Option<&IntOrString>, report: &mut Report) {
    let fits = match number {
        None => true,
        Some(IntOrString::Int(number)) => *number >= 0,
        Some(IntOrString::String(text)) => has_tags(text) || text.parse::<u32>().is_ok(),
    };
    if !fits {
        report.error(path, "must be a whole number, 0 or more, or a tag");
    }
}
