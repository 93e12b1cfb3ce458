//! Steps templates: groups one after the other, the steps of a group at once.

use std::collections::{BTreeMap, BTreeSet};

use lighter_api::Template;

use super::call::Call;
use super::finding::Report;
use super::names::{self, Kind};
use super::scope::{Given, Others, Scope, Siblings};
use super::tags;
use super::workflow::Spec;

/// The number of each step's group.
struct Groups<'a>(BTreeMap<&'a str, usize>);

impl Siblings for Groups<'_> {
    fn sees(&self, from: Option<&str>, name: &str) -> bool {
        match from.and_then(|from| self.0.get(from)) {
            None => true,
            Some(group) => self.0.get(name).is_some_and(|other| other < group),
        }
    }

    fn advice(&self, name: &str) -> String {
        format!(
            "step `{name}` does not come before: put this step into a later group, `- - name: …`"
        )
    }
}

/// Checks the steps of the template at `path`, and its outputs.
pub(super) fn check(
    path: &str,
    template: &Template,
    spec: &Spec<'_>,
    scope: &Scope<'_>,
    report: &mut Report,
) {
    let calls: Vec<Vec<Call<'_>>> = template
        .steps
        .iter()
        .enumerate()
        .map(|(group, steps)| {
            let call =
                |(index, step)| Call::of_step(step, format!("{path}.steps[{group}][{index}]"));
            steps.0.iter().enumerate().map(call).collect()
        })
        .collect();
    let mut seen = BTreeSet::new();
    let mut groups = Groups(BTreeMap::new());
    let mut outputs = BTreeMap::new();
    for (number, group) in calls.iter().enumerate() {
        for call in group {
            names::check(&format!("{}.name", call.path), call.name, Kind::Field, &mut seen, report);
            groups.0.insert(call.name, number);
            spec.check_callee(call, report);
            outputs.insert(call.name, Given::of(spec.callee(call), call.is_loop()));
        }
    }
    let others = Others { outputs, order: &groups };
    let inside = scope.among("steps", &others);
    for call in calls.iter().flatten() {
        call.check("steps", spec, &inside.of_member(call.name), report);
    }
    let json = serde_json::to_value(&template.outputs).unwrap_or_default();
    tags::check(&format!("{path}.outputs"), &json, &inside, report);
}
