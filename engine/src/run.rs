//! Runs: what the engine keeps in memory about nodes that are not at their end, rebuilt from the status when needed.

use std::sync::Arc;

use lighter_api::{Arguments, Template, TemplateRef};

use crate::dag::Dag;
use crate::fan::Fan;
use crate::pods::PodRun;
use crate::retry::Retry;
use crate::steps::Steps;

/// A run's place in the arena.
pub(crate) type Key = usize;

/// A node on its way.
#[derive(Debug)]
pub(crate) struct Run {
    pub id: String,
    pub name: String,
    /// Is told when this run ends.
    pub parent: Option<Key>,
    pub role: Role,
    /// The steps or DAG that encloses this run.
    pub boundary: Option<Key>,
    /// How many template calls enclose this run.
    pub depth: usize,
    /// Belongs to an exit handler of the workflow.
    pub on_exit: bool,
    /// Stands in a queue for a free place.
    pub queued: bool,
    pub state: State,
}

/// What a run is to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The entrypoint.
    Entry,
    /// The workflow's exit handler or one of its hooks.
    WorkflowHook,
    /// A step, a task, or an item of a loop.
    Member(usize),
    /// A hook of a member.
    Hook(usize),
    /// An attempt of a retried call.
    Attempt,
    /// A group of steps.
    Group,
}

/// What a run does.
#[derive(Debug)]
pub(crate) enum State {
    Steps(Box<Steps>),
    Dag(Box<Dag>),
    Fan(Box<Fan>),
    Retry(Box<Retry>),
    Pod(Box<PodRun>),
    Suspend,
    Ended,
}

/// Where plain template names are looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Home {
    /// The workflow itself, or the spec of the template that it refers to.
    Local,
    /// A WorkflowTemplate.
    Namespaced(String),
    /// A ClusterWorkflowTemplate.
    Cluster(String),
}

/// A call of a template, all references resolved.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub target: Target,
    pub home: Home,
    pub arguments: Arguments,
    /// By artifact argument: the loop's items that gave no artifact.
    pub missing: Vec<(String, Vec<String>)>,
    /// `steps` or `tasks`, and the name of the caller before its loop was expanded.
    pub caller: Option<(&'static str, String)>,
    pub hooked: bool,
}

/// Which template is called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub template: String,
    pub template_ref: Option<TemplateRef>,
    pub inline: Option<Arc<Template>>,
}

/// Something to do before `advance` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Do what can be done now.
    Proceed(Key),
    /// The run has ended: tell its parent.
    Ended(Key),
}
