//! Calls: a template and its arguments become a node and a run.

use std::sync::Arc;

use lighter_api::{NodeFlag, Template};

use crate::boundary::Boundary;
use crate::dag::Dag;
use crate::engine::Engine;
use crate::phase::{self, kind};
use crate::pods::PodRun;
use crate::prepare::Prepared;
use crate::retry::Retry;
use crate::run::{Call, Home, Key, Role, State, Task};
use crate::steps::Steps;
use crate::tree::NewNode;

/// How deeply templates may call each other.
const MAX_DEPTH: usize = 100;

/// What a call has besides its arguments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// `retries`, `lastRetry.…`.
    pub locals: Vec<(String, String)>,
    /// When the executor has to give up, from a retry's `maxDuration`.
    pub deadline: Option<jiff::Timestamp>,
    /// Hosts to stay away from.
    pub failed_hosts: Vec<String>,
}

impl Engine {
    /// Starts a call, or takes over its node if there is one.
    pub(crate) fn start_call(
        &mut self,
        name: String,
        parent: Option<Key>,
        role: Role,
        boundary: Option<Key>,
        on_exit: bool,
        call: Call,
    ) -> Key {
        let key = self.add_run(name, parent, role, boundary, on_exit);
        if self.is_over(key) {
            return key;
        }
        if let Some(run) = self.runs.get_mut(key) {
            run.depth += 1;
        }
        if let Err(message) = self.try_start(key, call) {
            self.fail_start(key, &message);
        }
        key
    }

    /// Starts one attempt of a retried call.
    pub(crate) fn start_attempt(
        &mut self,
        retry: Key,
        name: String,
        call: Arc<Call>,
        extra: Extra,
    ) {
        let Some(parent) = self.runs.get(retry) else { return };
        let (boundary, on_exit) = (parent.boundary, parent.on_exit);
        let key = self.add_run(name, Some(retry), Role::Attempt, boundary, on_exit);
        if self.is_over(key) {
            return;
        }
        let started = self
            .resolve(&call.target, &call.home)
            .and_then(|(template, home)| self.start_template(key, &template, home, call, extra));
        if let Err(message) = started {
            self.fail_start(key, &message);
        }
    }

    /// True, and the parent is told, if the node was at its end before.
    fn is_over(&mut self, key: Key) -> bool {
        let over = self.runs.get(key).is_some_and(|run| phase::fulfilled(self.phase_of(&run.id)));
        if over {
            self.tasks.push_front(Task::Ended(key));
        }
        over
    }

    fn try_start(&mut self, key: Key, call: Call) -> Result<(), String> {
        let depth = self.runs.get(key).map_or(0, |run| run.depth);
        if depth > MAX_DEPTH {
            return Err(format!(
                "Maximum recursion depth exceeded: templates call each other more than {MAX_DEPTH} deep"
            ));
        }
        let (template, home) = self.resolve(&call.target, &call.home)?;
        let of_workflow = self.spec.retry_strategy.clone();
        if template.retry_strategy.is_none() && of_workflow.is_none() {
            return self.start_template(key, &template, home, Arc::new(call), Extra::default());
        }
        let prepared = self.prepare(key, &template, &call, &Extra::default())?;
        let strategy = prepared.template.retry_strategy.clone().or(of_workflow).unwrap_or_default();
        let hooked = call.hooked;
        self.create_call_node(
            key,
            kind::RETRY,
            phase::RUNNING,
            &call,
            &prepared.template,
            flag(hooked, false),
        );
        let retry = Retry::new(Arc::new(call), strategy, self.restored_attempts(key));
        self.set_state(key, State::Retry(Box::new(retry)));
        self.tasks.push_front(Task::Proceed(key));
        Ok(())
    }

    fn start_template(
        &mut self,
        key: Key,
        template: &Template,
        home: Home,
        call: Arc<Call>,
        extra: Extra,
    ) -> Result<(), String> {
        let Prepared { template: filled, inputs } = self.prepare(key, template, &call, &extra)?;
        let retried = self.runs.get(key).is_some_and(|run| run.role == Role::Attempt);
        let flag = flag(call.hooked, retried);
        let (kind, phase) = kind_of(&filled)?;
        self.create_call_node(key, kind, phase, &call, &filled, flag);
        let filled = Arc::new(filled);
        let state = match kind {
            kind::STEPS => State::Steps(Box::new(Steps::new(Boundary::new(
                Arc::clone(&filled),
                home,
                inputs,
                "steps",
            )))),
            kind::DAG => {
                let boundary = Boundary::new(Arc::clone(&filled), home, inputs, "tasks");
                match Dag::new(boundary) {
                    Ok(dag) => State::Dag(Box::new(dag)),
                    Err(message) => {
                        self.end(key, phase::ERROR, Some(&message));
                        return Ok(());
                    }
                }
            }
            kind::SUSPEND => State::Suspend,
            _ => State::Pod(Box::new(PodRun::new(call, extra, &filled))),
        };
        self.set_state(key, state);
        self.occupy(key);
        match kind {
            kind::POD => self.start_pod(key, &filled),
            kind::SUSPEND => self.start_suspend(key, &filled),
            _ => self.tasks.push_front(Task::Proceed(key)),
        }
        Ok(())
    }

    pub(crate) fn set_state(&mut self, key: Key, state: State) {
        if let Some(run) = self.runs.get_mut(key) {
            run.state = state;
        }
    }

    fn create_call_node(
        &mut self,
        key: Key,
        r#type: &'static str,
        phase: &'static str,
        call: &Call,
        filled: &Template,
        flag: Option<NodeFlag>,
    ) {
        let Some(run) = self.runs.get(key) else { return };
        let (name, boundary) = (run.name.clone(), run.boundary);
        let display = filled.annotations.get("workflows.argoproj.io/display-name").cloned();
        let is_new = self.node(&self.id_of(&name)).is_none();
        let id = self.create_node(
            &name,
            NewNode {
                r#type,
                phase,
                boundary,
                template_name: call.target.template.clone(),
                template_ref: call.target.template_ref.clone(),
                template_scope: self.scope_text(&call.home),
                flag,
                inputs: crate::prepare::inputs_for_status(filled),
                ..NewNode::default()
            },
        );
        if let (true, Some(display)) = (is_new, display)
            && let Some(node) = self.node_mut(&id)
        {
            node.display_name = display;
        }
        if is_new && r#type == kind::POD {
            self.count_new_pod(key);
        }
    }

    /// The call cannot be started: its node ends in error.
    pub(crate) fn fail_start(&mut self, key: Key, message: &str) {
        let Some(run) = self.runs.get(key) else { return };
        let (name, boundary) = (run.name.clone(), run.boundary);
        self.create_node(
            &name,
            NewNode {
                r#type: kind::SKIPPED,
                phase: phase::ERROR,
                boundary,
                message: message.to_owned(),
                ..NewNode::default()
            },
        );
        self.end(key, phase::ERROR, Some(message));
    }
}

fn flag(hooked: bool, retried: bool) -> Option<NodeFlag> {
    (hooked || retried)
        .then(|| NodeFlag { hooked: hooked.then_some(true), retried: retried.then_some(true) })
}

/// The node type of a template, and the phase it starts in.
fn kind_of(template: &Template) -> Result<(&'static str, &'static str), String> {
    let unsupported = [
        ("containerSet", template.container_set.is_some()),
        ("resource", template.resource.is_some()),
        ("data", template.data.is_some()),
        ("http", template.http.is_some()),
        ("plugin", template.plugin.is_some()),
        ("daemon", template.daemon == Some(true)),
        ("synchronization", template.synchronization.is_some()),
        ("memoize", template.memoize.is_some()),
    ];
    if let Some((field, _)) = unsupported.iter().find(|(_, used)| *used) {
        return Err(format!(
            "template '{}': {field} is not supported by Lighter yet",
            template.name
        ));
    }
    if template.container.is_some() || template.script.is_some() {
        Ok((kind::POD, phase::PENDING))
    } else if template.dag.is_some() {
        Ok((kind::DAG, phase::RUNNING))
    } else if template.suspend.is_some() {
        Ok((kind::SUSPEND, phase::RUNNING))
    } else if !template.steps.is_empty() {
        Ok((kind::STEPS, phase::RUNNING))
    } else {
        Err(format!(
            "Template '{}' missing specification: give it container, script, steps, dag or suspend",
            template.name
        ))
    }
}
