//! The engine: a workflow, its running nodes, and `advance`.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use lighter_api::{ArtifactLocation, Workflow, WorkflowSpec, WorkflowStatus};

use crate::action::{Action, Observation, StopStrategy};
use crate::config::Config;
use crate::expr::{Context, Scope};
use crate::library::Templates;
use crate::limits::Limits;
use crate::phase;
use crate::progress::Tally;
use crate::run::{Key, Role, Run, State, Task};
use crate::seed;

/// Why a workflow cannot be run at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The workflow has no name: give it one before it is run.
    #[error(
        "the workflow has no name: set metadata.name (a generateName has to be completed first)"
    )]
    NoName,
    /// The workflow has no spec.
    #[error("workflow '{name}' has no spec")]
    NoSpec {
        /// The workflow's name.
        name: String,
    },
}

/// How far the workflow as a whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    New,
    /// Waits for its volume claims.
    Claims,
    Main,
    /// The entrypoint has ended; hooks and the exit handler run.
    Exit,
    Finished,
}

/// One workflow on its way. It does no I/O and reads no clock: the same calls give the same answers.
///
/// To go on after a crash, build a new engine from the saved workflow and give it, in the first call of
/// [`Engine::advance`], an observation of every pod, pod known to be gone, and task result there is.
#[derive(Debug)]
pub struct Engine {
    pub(crate) workflow: Workflow,
    pub(crate) config: Config,
    pub(crate) now: Timestamp,
    pub(crate) stage: Stage,
    /// The spec that is run, without templates, its `workflow.…` tags replaced.
    pub(crate) spec: Arc<WorkflowSpec>,
    pub(crate) templates: Templates,
    pub(crate) globals: Arc<Scope>,
    pub(crate) seed: u64,
    /// The artifact repository; its key is still a format.
    pub(crate) repository: Option<ArtifactLocation>,
    pub(crate) runs: Vec<Run>,
    /// Runs by node id.
    pub(crate) index: HashMap<String, Key>,
    pub(crate) tasks: VecDeque<Task>,
    pub(crate) limits: Limits,
    pub(crate) timers: BTreeSet<(Timestamp, Key)>,
    pub(crate) changed: BTreeSet<String>,
    /// Edges that were there when the engine was made, while it finds its place in the tree.
    pub(crate) restored_edges: HashSet<(String, String)>,
    pub(crate) tallies: HashMap<String, Tally>,
    pub(crate) actions: Vec<Action>,
    /// Takes over existing nodes only; new ones have to wait.
    pub(crate) adopting: bool,
    pub(crate) stop: Option<StopStrategy>,
    pub(crate) deadline_hit: bool,
    pub(crate) claims_open: BTreeSet<String>,
    pub(crate) images_asked: HashMap<String, Vec<Key>>,
    pub(crate) image_errors: HashMap<String, String>,
    /// Node ids by the names of their pods.
    pub(crate) pod_nodes: HashMap<String, String>,
    pub(crate) exit_open: usize,
    pub(crate) woken_at: Option<Timestamp>,
}

impl Engine {
    /// Takes over a workflow: a new one, or one with the status of an earlier engine.
    ///
    /// # Errors
    /// When the workflow has no name or no spec. Everything else ends the workflow with a message, in [`Engine::advance`].
    pub fn new(workflow: Workflow, config: Config, now: Timestamp) -> Result<Self, EngineError> {
        let name = workflow.metadata.as_ref().and_then(|m| m.name.clone()).unwrap_or_default();
        if name.is_empty() {
            return Err(EngineError::NoName);
        }
        if workflow.spec.is_none() {
            return Err(EngineError::NoSpec { name });
        }
        let mut engine = Self {
            seed: seed::seed(&workflow),
            workflow,
            config,
            now,
            stage: Stage::New,
            spec: Arc::default(),
            templates: Templates::default(),
            globals: Arc::default(),
            repository: None,
            runs: Vec::new(),
            index: HashMap::new(),
            tasks: VecDeque::new(),
            limits: Limits::default(),
            timers: BTreeSet::new(),
            changed: BTreeSet::new(),
            restored_edges: HashSet::new(),
            tallies: HashMap::new(),
            actions: Vec::new(),
            adopting: false,
            stop: None,
            deadline_hit: false,
            claims_open: BTreeSet::new(),
            images_asked: HashMap::new(),
            image_errors: HashMap::new(),
            pod_nodes: HashMap::new(),
            exit_open: 0,
            woken_at: None,
        };
        if engine.workflow.status.is_none() {
            engine.workflow.status = Some(WorkflowStatus::default());
        }
        if phase::completed(&engine.status().phase) {
            engine.stage = Stage::Finished;
        }
        Ok(engine)
    }

    /// Takes in what was observed and says what to do. Call it once with no observations to start.
    pub fn advance(&mut self, observed: Vec<Observation>, now: Timestamp) -> Vec<Action> {
        self.now = now.max(self.now);
        if self.stage == Stage::Finished {
            return Vec::new();
        }
        let first = self.stage == Stage::New;
        if first {
            self.adopting = true;
            self.begin();
            self.drain();
        }
        for observation in observed {
            self.observe(observation);
        }
        self.check_deadline();
        self.drain();
        if first {
            self.end_adoption();
        }
        self.fire_timers();
        self.drain();
        self.wake_later();
        std::mem::take(&mut self.actions)
    }

    /// The workflow with its status, always up to date.
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// The ids of the nodes that changed since the last call, sorted.
    pub fn take_changed_nodes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    /// True when the workflow has its final phase. Actions of the last call have still to be carried out.
    pub fn is_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    fn observe(&mut self, observation: Observation) {
        if self.stage == Stage::Finished {
            return;
        }
        match observation {
            Observation::Pod(pod) => self.observe_pod(&pod),
            Observation::PodDeleted { name } => self.observe_pod_deleted(&name),
            Observation::TaskResult(result) => self.observe_result(*result),
            Observation::Claim { name, result } => self.observe_claim(&name, result),
            Observation::Image { image, result } => self.observe_image(image, result),
            Observation::Stop { strategy } => self.observe_stop(strategy),
            Observation::Resume { node } => self.observe_resume(node.as_deref()),
        }
    }

    /// Does what is to be done until nothing is left.
    fn drain(&mut self) {
        loop {
            while let Some(task) = self.tasks.pop_front() {
                match task {
                    Task::Proceed(key) => self.proceed(key),
                    Task::Ended(key) => self.ended(key),
                }
            }
            if !self.wake_waiters() {
                return;
            }
        }
    }

    fn proceed(&mut self, key: Key) {
        match self.runs.get(key).map(|run| &run.state) {
            Some(State::Steps(_)) => self.steps_proceed(key),
            Some(State::Dag(_)) => self.dag_proceed(key),
            Some(State::Fan(_)) => self.fan_proceed(key),
            Some(State::Retry(_)) => self.retry_proceed(key),
            Some(State::Pod(_)) => self.pod_proceed(key),
            Some(State::Suspend) => self.suspend_proceed(key),
            Some(State::Ended) | None => {}
        }
    }

    fn ended(&mut self, key: Key) {
        let Some(run) = self.runs.get(key) else { return };
        match (run.role, run.parent) {
            (Role::Entry, _) => self.entry_ended(key),
            (Role::WorkflowHook, _) => self.workflow_hook_ended(),
            (Role::Member(member), Some(owner)) => self.member_call_ended(owner, member),
            (Role::Hook(member), Some(owner)) => self.member_hook_ended(owner, member),
            (Role::Attempt | Role::Group, Some(parent)) => {
                self.tasks.push_front(Task::Proceed(parent));
            }
            (_, None) => {}
        }
    }

    /// Adds a run; its state is still to be set.
    pub(crate) fn add_run(
        &mut self,
        name: String,
        parent: Option<Key>,
        role: Role,
        boundary: Option<Key>,
        on_exit: bool,
    ) -> Key {
        let key = self.runs.len();
        let depth = parent.and_then(|p| self.runs.get(p)).map_or(0, |run| run.depth);
        let id = self.id_of(&name);
        self.index.insert(id.clone(), key);
        self.runs.push(Run {
            id,
            name,
            parent,
            role,
            boundary,
            depth,
            on_exit,
            queued: false,
            state: State::Ended,
        });
        key
    }

    /// Ends a run: sets its node's phase, frees its places, and has its parent told.
    pub(crate) fn end(&mut self, key: Key, phase: &str, message: Option<&str>) {
        let Some(run) = self.runs.get(key) else { return };
        let id = run.id.clone();
        self.set_phase(&id, phase, message);
        self.export_outputs(&id);
        self.release(key);
        if let Some(run) = self.runs.get_mut(key) {
            run.state = State::Ended;
        }
        self.tasks.push_front(Task::Ended(key));
    }

    /// Everything for an evaluation.
    pub(crate) fn context<'a>(&self, scope: &'a Scope, what: &str) -> Context<'a> {
        Context::new(scope, seed::mix(self.seed, what), self.now)
    }
}

/// The pure function behind the engine: the same workflow, observations and time give the same status and actions.
///
/// # Errors
/// As [`Engine::new`].
pub fn advance(
    workflow: &Workflow,
    config: Config,
    observed: Vec<Observation>,
    now: Timestamp,
) -> Result<(WorkflowStatus, Vec<Action>), EngineError> {
    let mut engine = Engine::new(workflow.clone(), config, now)?;
    let actions = engine.advance(observed, now);
    Ok((engine.workflow.status.unwrap_or_default(), actions))
}
