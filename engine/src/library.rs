//! Finding templates: by name in the workflow, by reference in the library, inline.

use std::collections::BTreeMap;
use std::sync::Arc;

use lighter_api::{Template, TemplateRef, WorkflowSpec};

use crate::engine::Engine;
use crate::run::{Home, Target};

/// The templates known so far, by where they live and their names; defaults are merged in.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    known: BTreeMap<(Home, String), Arc<Template>>,
    defaults: Option<Box<Template>>,
}

impl Templates {
    /// Takes the templates out of the spec that is run.
    pub(crate) fn take(spec: &mut WorkflowSpec) -> Self {
        let mut templates =
            Self { known: BTreeMap::new(), defaults: spec.template_defaults.take() };
        for template in std::mem::take(&mut spec.templates) {
            let name = template.name.clone();
            let merged = Arc::new(templates.with_defaults(template));
            templates.known.insert((Home::Local, name), merged);
        }
        templates
    }

    /// No templates, only the defaults of others.
    pub(crate) fn with(defaults: Option<&Template>) -> Self {
        Self { known: BTreeMap::new(), defaults: defaults.cloned().map(Box::new) }
    }

    /// A template with `templateDefaults` under it.
    pub(crate) fn with_defaults(&self, template: Template) -> Template {
        let Some(defaults) = &self.defaults else { return template };
        let (Ok(mut base), Ok(over)) =
            (serde_json::to_value(defaults), serde_json::to_value(&template))
        else {
            return template;
        };
        if template.steps.is_empty() && template.dag.is_none() {
            // A leaf takes all; only its own kind of work is its own.
            for kind in ["steps", "dag", "parallelism", "failFast"] {
                remove(&mut base, kind);
            }
        } else {
            for field in ["activeDeadlineSeconds", "timeout", "pendingTimeout", "volumes"] {
                remove(&mut base, field);
            }
        }
        for kind in ["container", "script", "suspend", "resource", "data", "http", "containerSet"] {
            if over.get(kind).is_none() {
                remove(&mut base, kind);
            }
        }
        merge(&mut base, over);
        serde_json::from_value(base).unwrap_or(template)
    }
}

fn remove(value: &mut serde_json::Value, field: &str) {
    if let Some(map) = value.as_object_mut() {
        map.remove(field);
    }
}

/// Puts `over` over `base`, field by field.
pub(crate) fn merge(base: &mut serde_json::Value, over: serde_json::Value) {
    match (base, over) {
        (serde_json::Value::Object(base), serde_json::Value::Object(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(place) => merge(place, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

impl Engine {
    /// The template that is called, and where the names in it are looked up.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) fn resolve(
        &mut self,
        target: &Target,
        home: &Home,
    ) -> Result<(Arc<Template>, Home), String> {
        if let Some(inline) = &target.inline {
            let merged = self.templates.with_defaults(inline.as_ref().clone());
            return Ok((Arc::new(merged), home.clone()));
        }
        let (home, name) = match &target.template_ref {
            Some(reference) => (home_of(reference), reference.template.clone()),
            None => (home.clone(), target.template.clone()),
        };
        let key = (home, name);
        if let Some(template) = self.templates.known.get(&key) {
            return Ok((Arc::clone(template), key.0));
        }
        let found = self.look_up(&key.0, &key.1)?;
        let merged = Arc::new(self.templates.with_defaults(found));
        self.templates.known.insert(key.clone(), Arc::clone(&merged));
        Ok((merged, key.0))
    }

    /// A template outside the workflow: as it was at its first use, else as the library has it.
    fn look_up(&mut self, home: &Home, name: &str) -> Result<Template, String> {
        let (place, holder) = match home {
            Home::Local => return Err(format!("template name '{name}' undefined")),
            Home::Namespaced(holder) => ("namespaced", holder),
            Home::Cluster(holder) => ("cluster", holder),
        };
        let stored = format!("{place}/{holder}/{name}");
        if let Some(template) = self.status().stored_templates.get(&stored) {
            return Ok(template.clone());
        }
        let is_cluster = matches!(home, Home::Cluster(_));
        let spec = self.config.library.spec(is_cluster, holder).ok_or_else(|| {
            let kind = if is_cluster { "clusterworkflowtemplate" } else { "workflowtemplate" };
            format!("{kind} '{holder}' was not found")
        })?;
        let template = spec
            .templates
            .iter()
            .find(|template| template.name == name)
            .cloned()
            .ok_or_else(|| format!("template '{name}' was not found in '{holder}'"))?;
        self.status_mut().stored_templates.insert(stored, template.clone());
        Ok(template)
    }
}

fn home_of(reference: &TemplateRef) -> Home {
    if reference.cluster_scope == Some(true) {
        Home::Cluster(reference.name.clone())
    } else {
        Home::Namespaced(reference.name.clone())
    }
}
