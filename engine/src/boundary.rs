//! Boundaries: what steps and DAG instances have in common.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lighter_api::Template;
use serde_json::Value;

use crate::engine::Engine;
use crate::expr::{Scope, Var};
use crate::limits::Places;
use crate::run::{Home, Key, State};

/// A running steps or DAG template.
#[derive(Debug)]
pub(crate) struct Boundary {
    /// With inputs filled in.
    pub template: Arc<Template>,
    /// Where the names in the template are looked up.
    pub home: Home,
    /// The inputs, and for steps the outputs of the groups that are done.
    pub scope: Arc<Scope>,
    /// What each step or task came to.
    pub results: BTreeMap<String, Nodes>,
    pub places: Places,
    /// `steps` or `tasks`.
    pub prefix: &'static str,
    /// The template as JSON, to find out whose results are read.
    text: String,
    read: HashMap<String, bool>,
}

/// The nodes of a step or task.
#[derive(Clone, Debug)]
pub(crate) enum Nodes {
    One(String),
    /// The items of a loop, in order.
    Loop(Arc<Vec<LoopNode>>),
}

/// One item of a loop.
#[derive(Clone, Debug)]
pub(crate) struct LoopNode {
    pub index: usize,
    pub item: Value,
    pub id: String,
}

impl Boundary {
    pub(crate) fn new(
        template: Arc<Template>,
        home: Home,
        inputs: Vec<(String, Var)>,
        prefix: &'static str,
    ) -> Self {
        let mut scope = Scope::new();
        scope.extend(inputs);
        let text = serde_json::to_string(template.as_ref()).unwrap_or_default();
        Self {
            template,
            home,
            scope: Arc::new(scope),
            results: BTreeMap::new(),
            places: Places::default(),
            prefix,
            text,
            read: HashMap::new(),
        }
    }

    /// True if somebody in the template reads the `outputs.result` of this step or task.
    fn reads_result_of(&mut self, name: &str) -> bool {
        if let Some(known) = self.read.get(name) {
            return *known;
        }
        let prefix = self.prefix;
        let read = self.text.contains(&format!("{prefix}.{name}.outputs.result"))
            || self.text.contains(&format!("{prefix}['{name}'].outputs.result"))
            || self.text.contains(&format!(r#"{prefix}[\"{name}\"].outputs.result"#));
        self.read.insert(name.to_owned(), read);
        read
    }
}

impl Engine {
    pub(crate) fn boundary(&self, key: Key) -> Option<&Boundary> {
        match &self.runs.get(key)?.state {
            State::Steps(steps) => Some(&steps.boundary),
            State::Dag(dag) => Some(&dag.boundary),
            _ => None,
        }
    }

    pub(crate) fn boundary_mut(&mut self, key: Key) -> Option<&mut Boundary> {
        match &mut self.runs.get_mut(key)?.state {
            State::Steps(steps) => Some(&mut steps.boundary),
            State::Dag(dag) => Some(&mut dag.boundary),
            _ => None,
        }
    }

    /// True if a pod of this caller has to report its standard output.
    pub(crate) fn result_is_read(&mut self, boundary: Option<Key>, caller: Option<&str>) -> bool {
        let (Some(boundary), Some(name)) = (boundary, caller) else { return false };
        self.boundary_mut(boundary).is_some_and(|boundary| boundary.reads_result_of(name))
    }
}
