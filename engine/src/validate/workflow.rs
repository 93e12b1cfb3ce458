//! The spec as a whole: entrypoint, arguments, volumes, exit handlers, and the templates by name.

use std::collections::{BTreeMap, BTreeSet};

use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lighter_api::{Template, TemplateRef, WorkflowSpec};

use super::Severity;
use super::call::{Call, certain_callees, check_hook};
use super::finding::Report;
use super::names::{self, Kind, shown, suggest};
use super::scope::Scope;
use super::{arguments, cycles, tags, template, unsupported};
use crate::config::Library;
use crate::expr::has_tags;
use crate::library::Templates;

/// What is validated, with what it may refer to.
pub(super) struct Spec<'a> {
    spec: &'a WorkflowSpec,
    metadata: Option<&'a ObjectMeta>,
    library: &'a Library,
    reusable: bool,
    /// As in the spec, with `templateDefaults` under them.
    templates: Vec<Template>,
    index: BTreeMap<&'a str, usize>,
    volumes: BTreeSet<&'a str>,
}

/// Checks the name of the object.
pub(super) fn check_name(metadata: Option<&ObjectMeta>, report: &mut Report) {
    let name = metadata.and_then(|metadata| metadata.name.as_deref()).unwrap_or_default();
    let path = "metadata.name";
    if name.len() > 63 {
        let message = format!(
            "name {} must not be more than 63 characters long (currently {})",
            shown(name),
            name.len()
        );
        return report.error(path, message);
    }
    let part = |part: &str| names::is_label(part);
    if !name.is_empty() && !name.split('.').all(part) {
        let hint = "use lower-case letters, digits, `-` and `.`".to_owned();
        report.error_with(path, format!("name {} is invalid", shown(name)), Some(hint));
    }
}

impl<'a> Spec<'a> {
    pub fn new(
        spec: &'a WorkflowSpec,
        metadata: Option<&'a ObjectMeta>,
        library: &'a Library,
        reusable: bool,
    ) -> Self {
        let defaults = Templates::with(spec.template_defaults.as_deref());
        let templates =
            spec.templates.iter().map(|template| defaults.with_defaults(template.clone()));
        let own = spec.volumes.iter().map(|volume| volume.name.as_str());
        let claims =
            spec.volume_claim_templates.iter().filter_map(|claim| claim.metadata.name.as_deref());
        Spec {
            spec,
            metadata,
            library,
            reusable,
            templates: templates.collect(),
            index: (spec.templates.iter().enumerate())
                .map(|(index, t)| (t.name.as_str(), index))
                .collect(),
            volumes: own.chain(claims).collect(),
        }
    }

    pub fn check(&self, report: &mut Report) {
        let spec = self.spec;
        let mut json = serde_json::to_value(spec).unwrap_or_default();
        unsupported::check_spec(&json, report);
        if let Some(given) = &spec.arguments {
            arguments::check("spec.arguments", given, !self.reusable, report);
        }
        let names = spec.templates.iter().map(|template| template.name.as_str());
        names::check_list("spec.templates", names, Kind::Field, report);
        let globals = self.globals();
        let mut around = globals.clone();
        for prefix in ["inputs.", "steps.", "tasks."] {
            around.open(prefix);
        }
        around.add("pod.name");
        if let Some(map) = json.as_object_mut() {
            for field in ["templates", "templateDefaults", "metrics", "hooks", "arguments"] {
                map.remove(field);
            }
        }
        tags::check("spec", &json, &around, report);
        self.check_settings(report);
        self.check_entrypoint(report);
        for (number, template) in self.templates.iter().enumerate() {
            report.template.clone_from(&template.name);
            template::check(&format!("spec.templates[{number}]"), template, self, &globals, report);
        }
        report.template.clear();
        self.check_ends(&globals, report);
        self.check_cycles(report);
    }

    /// The variables that hold everywhere.
    fn globals(&self) -> Scope<'static> {
        let mut scope = Scope::default();
        let plain = [
            "name",
            "namespace",
            "uid",
            "mainEntrypoint",
            "serviceAccountName",
            "priority",
            "status",
            "failures",
        ];
        for name in plain {
            scope.add(format!("workflow.{name}"));
        }
        for prefix in
            ["creationTimestamp", "duration", "scheduledTime", "labels.workflows.argoproj.io/"]
        {
            scope.open(format!("workflow.{prefix}"));
        }
        for list in ["parameters", "labels", "annotations"] {
            scope.add(format!("workflow.{list}"));
            scope.add(format!("workflow.{list}.json"));
        }
        for parameter in self.spec.arguments.iter().flat_map(|given| &given.parameters) {
            scope.add(format!("workflow.parameters.{}", parameter.name));
        }
        if self.reusable {
            // The workflow that uses it may have more.
            for list in ["parameters", "labels", "annotations"] {
                scope.open(format!("workflow.{list}."));
            }
        }
        self.add_metadata(&mut scope);
        for outputs in self.templates.iter().filter_map(|template| template.outputs.as_ref()) {
            let parameters = outputs.parameters.iter().map(|p| ("parameters", &p.global_name));
            let artifacts = outputs.artifacts.iter().map(|a| ("artifacts", &a.global_name));
            for (list, name) in parameters.chain(artifacts).filter(|(_, name)| !name.is_empty()) {
                if has_tags(name) {
                    scope.open(format!("workflow.outputs.{list}."));
                }
                scope.add(format!("workflow.outputs.{list}.{name}"));
            }
        }
        // Templates elsewhere may have global outputs too.
        if !self.library.templates.is_empty() || !self.library.cluster_templates.is_empty() {
            scope.open("workflow.outputs.");
        }
        scope
    }

    fn add_metadata(&self, scope: &mut Scope<'_>) {
        let more = self.spec.workflow_metadata.as_ref();
        let labels = self.metadata.and_then(|metadata| metadata.labels.as_ref());
        let annotations = self.metadata.and_then(|metadata| metadata.annotations.as_ref());
        let labels = (labels.into_iter().flat_map(BTreeMap::keys))
            .chain(more.iter().flat_map(|more| more.labels.keys()))
            .chain(more.iter().flat_map(|more| more.labels_from.keys()));
        for key in labels {
            scope.add(format!("workflow.labels.{key}"));
        }
        let annotations = (annotations.into_iter().flat_map(BTreeMap::keys))
            .chain(more.iter().flat_map(|more| more.annotations.keys()));
        for key in annotations {
            scope.add(format!("workflow.annotations.{key}"));
        }
    }

    fn check_settings(&self, report: &mut Report) {
        let spec = self.spec;
        let volumes = spec.volumes.iter().map(|volume| volume.name.as_str());
        names::check_list("spec.volumes", volumes, Kind::Volume, report);
        let mut seen: BTreeSet<&str> =
            spec.volumes.iter().map(|volume| volume.name.as_str()).collect();
        for (number, claim) in spec.volume_claim_templates.iter().enumerate() {
            let path = format!("spec.volumeClaimTemplates[{number}].metadata.name");
            let name = claim.metadata.name.as_deref().unwrap_or_default();
            names::check(&path, name, Kind::Volume, &mut seen, report);
        }
        template::check_retry("spec.retryStrategy", spec.retry_strategy.as_ref(), report);
        let choices = [
            (
                "spec.podGC.strategy",
                spec.pod_gc.as_ref().map_or("", |gc| gc.strategy.as_str()),
                &["OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess"][..],
            ),
            (
                "spec.volumeClaimGC.strategy",
                spec.volume_claim_gc.as_ref().map_or("", |gc| gc.strategy.as_str()),
                &["OnWorkflowCompletion", "OnWorkflowSuccess"][..],
            ),
        ];
        for (path, strategy, known) in choices {
            if !strategy.is_empty() && !known.contains(&strategy) {
                let hint = suggest(strategy, known.iter().copied());
                report.error_with(path, format!("unknown strategy {}", shown(strategy)), hint);
            }
        }
        let negative = [
            ("spec.parallelism", spec.parallelism),
            ("spec.activeDeadlineSeconds", spec.active_deadline_seconds),
        ];
        for (path, number) in negative {
            if number.is_some_and(|number| number < 0) {
                report.error(path, "must not be negative");
            }
        }
    }

    fn check_entrypoint(&self, report: &mut Report) {
        let path = "spec.entrypoint";
        let entrypoint = self.spec.entrypoint.as_str();
        if entrypoint.is_empty() {
            if !self.reusable {
                let hint = self
                    .templates
                    .first()
                    .map(|template| format!("e.g. `entrypoint: {}`", template.name));
                report.error_with(path, "spec.entrypoint is required", hint);
            }
            return;
        }
        if let Some(callee) = self.check_target(path, entrypoint, None, report) {
            self.check_given("spec.arguments", callee, report);
        }
    }

    /// Checks that the workflow's arguments suffice for a template that is called with them.
    fn check_given(&self, path: &str, callee: &Template, report: &mut Report) {
        if self.reusable {
            return;
        }
        let mut found = Report::default();
        arguments::check_call(path, self.spec.arguments.as_ref(), callee, &mut found);
        // They need not be inputs of it.
        found.findings.retain(|finding| finding.severity == Severity::Error);
        report.findings.append(&mut found.findings);
    }

    /// Checks the exit handler and the hooks of the workflow.
    fn check_ends(&self, globals: &Scope<'_>, report: &mut Report) {
        if !self.spec.on_exit.is_empty()
            && let Some(callee) = self.check_target("spec.onExit", &self.spec.on_exit, None, report)
        {
            self.check_given("spec.onExit", callee, report);
        }
        for (name, hook) in &self.spec.hooks {
            let path = tags::join("spec.hooks", name);
            check_hook(&path, name, hook, self, globals, report);
            let Some(callee) = self.find(&hook.template, hook.template_ref.as_ref()) else {
                continue;
            };
            match &hook.arguments {
                Some(given) => {
                    arguments::check_call(
                        &format!("{path}.arguments"),
                        Some(given),
                        callee,
                        report,
                    );
                }
                None => self.check_given(&path, callee, report),
            }
        }
    }

    /// The template that a call names, if it is known.
    pub fn callee(&'a self, call: &Call<'a>) -> Option<&'a Template> {
        match call.inline {
            Some(inline) => Some(inline),
            None => self.find(call.template, call.template_ref),
        }
    }

    /// Reports a call that names no template, several, or one that does not exist.
    pub fn check_callee(&self, call: &Call<'_>, report: &mut Report) {
        let path = format!("{}.template", call.path);
        match (call.inline, call.template_ref, call.template) {
            (Some(_), Some(_), _) => {
                report.error(path, "`inline` and `templateRef` cannot be used together");
            }
            (Some(_), None, name) if !name.is_empty() => {
                report.error(path, "`inline` and `template` cannot be used together");
            }
            (Some(_), None, _) => {}
            (None, reference, name) => {
                self.check_target(&path, name, reference, report);
            }
        }
    }

    /// Checks the name of a template that is called, and finds it.
    pub fn check_target(
        &self,
        path: &str,
        name: &str,
        reference: Option<&TemplateRef>,
        report: &mut Report,
    ) -> Option<&Template> {
        let found = self.find(name, reference);
        let Some(reference) = reference else {
            if name.is_empty() {
                report.error(path, "template name is required");
            } else if found.is_none() && !has_tags(name) {
                let hint = suggest(name, self.index.keys().copied());
                report.error_with(path, format!("template name {} undefined", shown(name)), hint);
            }
            return found;
        };
        let path = path
            .strip_suffix(".template")
            .map_or_else(|| path.to_owned(), |path| format!("{path}.templateRef"));
        if !name.is_empty() {
            report.error(path, "template name cannot be specified with templateRef");
        } else if reference.name.is_empty() {
            report.error(format!("{path}.name"), "resource name is required");
        } else if reference.template.is_empty() {
            report.error(format!("{path}.template"), "template name is required");
        } else if found.is_none() && !has_tags(&reference.name) && !has_tags(&reference.template) {
            let message =
                format!("template reference {}.{} not found", reference.name, reference.template);
            let kind = if reference.cluster_scope == Some(true) {
                "ClusterWorkflowTemplate"
            } else {
                "WorkflowTemplate"
            };
            let hint = format!("give the file of the {kind} `{}` too", reference.name);
            report.error_with(path, message, Some(hint));
        }
        found
    }

    /// The volumes that templates may mount; those of a reusable spec may come from its workflow.
    pub fn volumes(&self) -> Option<&BTreeSet<&'a str>> {
        (!self.reusable).then_some(&self.volumes)
    }

    /// A template by its name or reference.
    pub fn find(&self, name: &str, reference: Option<&TemplateRef>) -> Option<&Template> {
        let Some(reference) = reference else {
            return self.templates.get(*self.index.get(name)?);
        };
        let spec = if reference.cluster_scope == Some(true) {
            self.library.cluster_templates.get(&reference.name)?.spec.as_ref()?
        } else {
            self.library.templates.get(&reference.name)?.spec.as_ref()?
        };
        spec.templates.iter().find(|template| template.name == reference.template)
    }

    /// Reports templates that call each other and cannot come to an end.
    fn check_cycles(&self, report: &mut Report) {
        let edges = self.templates.iter().map(|template| {
            let mut callees = BTreeSet::new();
            certain_callees(template, &mut callees);
            callees.iter().filter_map(|name| self.index.get(name).copied()).collect()
        });
        let Some(cycle) = cycles::find(&edges.collect::<Vec<_>>()) else { return };
        let names: Vec<&str> = (cycle.iter())
            .filter_map(|number| self.templates.get(*number))
            .map(|template| template.name.as_str())
            .collect();
        let path = format!("spec.templates[{}]", cycle.first().copied().unwrap_or_default());
        let message = format!("templates call each other without end: {}", names.join(" -> "));
        report.error_with(path, message, Some("guard one of the calls with `when`".to_owned()));
    }
}
