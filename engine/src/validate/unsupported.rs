//! What Argo has and this version does not: one table, to shrink.

use lighter_api::Template;
use serde_json::Value;

use super::finding::Report;

/// A field that is refused, or passed over with a warning.
struct Gap {
    /// Names from the object around it; `*` stands for every element of a list.
    path: &'static [&'static str],
    refused: bool,
    instead: &'static str,
}

const fn refused(path: &'static [&'static str], instead: &'static str) -> Gap {
    Gap { path, refused: true, instead }
}

const fn ignored(path: &'static [&'static str], instead: &'static str) -> Gap {
    Gap { path, refused: false, instead }
}

const SEE: &str = "see docs/compatibility.md";

/// Fields of a workflow's spec.
const SPEC: &[Gap] = &[
    refused(&["synchronization"], "run such workflows one after the other, or use `parallelism`"),
    refused(&["executorPlugins"], SEE),
    refused(
        &["suspend"],
        "leave it out, and use a `suspend` template where the workflow is to wait",
    ),
    ignored(&["metrics"], "no metrics are emitted"),
    ignored(&["artifactGC"], "artifacts are kept"),
    ignored(&["ttlStrategy"], "the workflow is kept until it is deleted"),
    ignored(&["podDisruptionBudget"], "none is made"),
];

/// Fields of a template.
const TEMPLATE: &[Gap] = &[
    refused(&["synchronization"], "use `parallelism` to run fewer at once"),
    refused(&["memoize"], SEE),
    refused(&["daemon"], "start the server in the step that uses it"),
    refused(&["sidecars"], "start the server in the container that uses it"),
    refused(&["containerSet"], "make each of its containers a template of its own"),
    refused(&["resource"], "call kubectl in a container"),
    refused(&["data"], "list and transform in a script"),
    refused(&["http"], "call curl in a container"),
    refused(&["plugin"], SEE),
    ignored(&["metrics"], "no metrics are emitted"),
    ignored(&["outputs", "artifacts", "*", "artifactGC"], "artifacts are kept"),
];

/// Reports the fields of a workflow's spec, given as JSON.
pub(super) fn check_spec(spec: &Value, report: &mut Report) {
    check("spec", spec, SPEC, report);
    each(spec, &["arguments", "artifacts", "*"], "spec", &mut |path, artifact| {
        check_store(path, artifact, report);
    });
}

/// Reports the fields of the template at `path`, given as JSON too.
pub(super) fn check_template(path: &str, template: &Template, json: &Value, report: &mut Report) {
    check(path, json, TEMPLATE, report);
    let places: [&[&str]; 6] = [
        &["inputs", "artifacts", "*"],
        &["outputs", "artifacts", "*"],
        &["archiveLocation"],
        &["steps", "*", "*", "arguments", "artifacts", "*"],
        &["dag", "tasks", "*", "arguments", "artifacts", "*"],
        &["dag", "tasks", "*", "hooks", "*", "arguments", "artifacts", "*"],
    ];
    // Templates of an unsupported kind have one finding already.
    if template.data.is_some() || template.resource.is_some() {
        return;
    }
    for place in places {
        each(json, place, path, &mut |path, artifact| check_store(path, artifact, report));
    }
}

/// A plugin is a container that the controller puts beside the step's.
fn check_store(path: &str, artifact: &Value, report: &mut Report) {
    if artifact.get("plugin").is_none() {
        return;
    }
    report.error_with(
        format!("{path}.plugin"),
        "artifacts of a plugin are not supported yet".to_owned(),
        Some("use another store".to_owned()),
    );
}

fn check(base: &str, value: &Value, gaps: &[Gap], report: &mut Report) {
    for gap in gaps {
        let name = gap.path.last().copied().unwrap_or_default();
        each(value, gap.path, base, &mut |path, found| {
            if matches!(found, Value::Bool(false)) {
                return;
            }
            let hint = Some(gap.instead.to_owned());
            if gap.refused {
                report.error_with(path, format!("`{name}` is not supported yet"), hint);
            } else {
                report.warning(path, format!("`{name}` has no effect yet"), hint);
            }
        });
    }
}

/// Calls `f` with every value that a pattern leads to.
fn each(value: &Value, pattern: &[&str], path: &str, f: &mut dyn FnMut(&str, &Value)) {
    let Some((first, rest)) = pattern.split_first() else {
        f(path, value);
        return;
    };
    match (value, *first) {
        (Value::Array(items), "*") => {
            for (index, item) in items.iter().enumerate() {
                each(item, rest, &format!("{path}[{index}]"), f);
            }
        }
        (Value::Object(map), "*") => {
            for (key, item) in map {
                each(item, rest, &format!("{path}.{key}"), f);
            }
        }
        (Value::Object(map), key) => {
            if let Some(next) = map.get(key) {
                each(next, rest, &format!("{path}.{key}"), f);
            }
        }
        _ => {}
    }
}
