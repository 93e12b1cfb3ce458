//! Runs one workflow on this machine: tells the engine what happened, saves what it says, then does it.
//!
//! Everything is saved before it is acted upon, so that a process that is killed at any moment can be followed by
//! another that goes on from there.

mod control;
mod identity;
mod pods;
mod remove;
mod repository;
mod setup;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use jiff::Timestamp;
use lighter_api::Workflow;
use lighter_engine::{Action, Engine, EngineError, Observation, StopStrategy};

use crate::state::{Saver, State, StateError, Summary, Surroundings, WorkflowLock};
use crate::{HostError, ImagePolicy, PodEvent, PodHost};

use control::Control;
use pods::Pods;

pub use control::{ControlError, Request, ask};
pub use identity::{check_name, complete};
pub use remove::remove;
pub use setup::{EXECUTOR_IMAGE, library};

/// How a workflow is run here.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where the root folders of containers come from.
    pub images: ImagePolicy,
    /// Most pods that run at once.
    pub parallel: usize,
    /// The `lighter` program itself: it is `argoexec` in containers, and sets them up.
    pub program: PathBuf,
    /// Hand every line that steps write to [`Observer::log`].
    pub live_logs: bool,
}

/// Sees a run while it goes on. Called from the thread that runs the workflow.
pub trait Observer {
    /// The workflow after a turn, and the ids of the nodes that changed in it.
    fn changed(&mut self, workflow: &Workflow, nodes: &[String]);

    /// A line that a container of a pod wrote.
    fn log(&mut self, pod: &str, container: &str, line: &str);

    /// Something a person should know, said once.
    fn notice(&mut self, text: &str);

    /// Called when something happened and when it is due; returns after how long it wants to be called at the latest.
    fn tick(&mut self, workflow: &Workflow) -> Option<Duration>;
}

/// Why a run stopped without the workflow being finished.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("cannot use the artifact repository: {0}")]
    Repository(String),
    #[error("workflow `{name}` has finished: {phase}")]
    Finished { name: String, phase: String },
    #[error("workflow `{name}` was killed; `lighter resume {name}` goes on with it")]
    Killed { name: String },
}

/// What reaches the loop.
enum Input {
    Pod(PodEvent),
    /// What a person asks for, with what is to be said of it.
    Asked(Observation, String),
    Kill,
}

/// Reaches a running workflow from another thread.
#[derive(Clone)]
pub struct Handle(Sender<Input>);

impl Handle {
    /// Ends the workflow; with [`StopStrategy::Stop`] its exit handlers still run. `notice` is told to the observer.
    pub fn stop(&self, strategy: StopStrategy, notice: impl Into<String>) {
        self.ask(Observation::Stop { strategy }, notice.into());
    }

    /// Lets suspended nodes go on.
    pub fn resume(&self, notice: impl Into<String>) {
        self.ask(Observation::Resume { node: None }, notice.into());
    }

    /// Kills everything and leaves the workflow as it is.
    pub fn kill(&self) {
        let _ = self.0.send(Input::Kill);
    }

    fn ask(&self, observation: Observation, notice: String) {
        // A workflow that is over does not listen any more.
        let _ = self.0.send(Input::Asked(observation, notice));
    }
}

/// One workflow on its way.
pub struct Runner {
    state: State,
    summary: Summary,
    engine: Engine,
    saver: Saver,
    host: PodHost,
    pods: Pods,
    inputs: Receiver<Input>,
    sender: Sender<Input>,
    /// Came out of `inputs` too early.
    held: Option<Input>,
    wake: Option<Timestamp>,
    /// What the next turn begins with.
    observed: Vec<Observation>,
    notices: Vec<String>,
    control: Control,
    _lock: WorkflowLock,
}

impl Runner {
    /// Takes a new workflow in. It must be complete (see [`complete`]).
    pub fn start(
        mut state: State,
        workflow: Workflow,
        surroundings: Surroundings,
        options: &RunOptions,
    ) -> Result<Runner, RunError> {
        setup::repository_of(&workflow, &surroundings)?;
        let now = Timestamp::now();
        let summary = state.insert(&workflow, &surroundings, now.as_millisecond())?;
        let lock = WorkflowLock::take(state.folder(), &summary)?;
        let saver = Saver::new(&summary);
        Runner::assemble(state, summary, lock, saver, workflow, &surroundings, options)
    }

    /// Goes on with a workflow that no process runs.
    pub fn resume(
        state: State,
        summary: &Summary,
        options: &RunOptions,
    ) -> Result<Runner, RunError> {
        let lock = WorkflowLock::take(state.folder(), summary)?;
        // Read under the lock: the process that had it may have come further.
        let saved = state.load(summary)?;
        let phase = saved.workflow.status.as_ref().map(|s| s.phase.clone()).unwrap_or_default();
        if saved.summary.is_finished() {
            let name = summary.name.clone();
            return Err(RunError::Finished { name, phase });
        }
        let saver = Saver::resumed(&saved);
        let summary = saved.summary;
        Runner::assemble(state, summary, lock, saver, saved.workflow, &saved.surroundings, options)
    }

    fn assemble(
        state: State,
        summary: Summary,
        lock: WorkflowLock,
        saver: Saver,
        mut workflow: Workflow,
        surroundings: &Surroundings,
        options: &RunOptions,
    ) -> Result<Runner, RunError> {
        let (host, events) = PodHost::new(setup::host_config(state.folder(), options))?;
        let (pods, mut observed) = Pods::take_over(&host, &mut workflow)?;
        observed.extend(setup::stop_again(&mut workflow));
        let (config, notices) = setup::engine_config(state.folder(), &workflow, surroundings)?;
        setup::provide(&host, &workflow, surroundings)?;
        let engine = Engine::new(workflow, config, Timestamp::now())?;
        let (sender, inputs) = channel();
        forward(events, sender.clone());
        let control = Control::listen(state.folder(), &summary, Handle(sender.clone()))?;
        Ok(Runner {
            state,
            summary,
            engine,
            saver,
            host,
            pods,
            inputs,
            sender,
            held: None,
            wake: None,
            observed,
            notices,
            control,
            _lock: lock,
        })
    }

    /// The workflow's line in the list.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The state folder.
    pub fn state_folder(&self) -> &Path {
        self.state.folder()
    }

    /// Reaches the workflow from other threads.
    pub fn handle(&self) -> Handle {
        Handle(self.sender.clone())
    }

    /// Runs the workflow to its end and gives it back, final. Whatever the end, no process of it is left.
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<Workflow, RunError> {
        for notice in std::mem::take(&mut self.notices) {
            observer.notice(&notice);
        }
        let done = self.turns(observer);
        self.host.shutdown();
        self.control.close();
        done.map(|()| self.engine.workflow().clone())
    }

    fn turns(&mut self, observer: &mut dyn Observer) -> Result<(), RunError> {
        loop {
            let observed = std::mem::take(&mut self.observed);
            let actions = self.engine.advance(observed, Timestamp::now());
            let changed = self.engine.take_changed_nodes();
            let workflow = self.engine.workflow();
            self.saver.save(&mut self.state, workflow, &changed)?;
            observer.changed(workflow, &changed);
            let finished = self.engine.is_finished();
            for action in actions {
                self.carry_out(action)?;
            }
            self.pods.clean_up(&self.host, self.engine.workflow())?;
            if finished {
                return Ok(());
            }
            if self.observed.is_empty() {
                self.wait(observer)?;
            }
        }
    }

    fn carry_out(&mut self, action: Action) -> Result<(), RunError> {
        let namespace = self.summary.namespace.as_str();
        match action {
            Action::CreatePod(pod) => {
                if let Some(failed) = self.pods.create(&self.host, *pod)? {
                    self.observed.push(Observation::Pod(Box::new(failed)));
                }
            }
            Action::CreateConfigMap(config_map) => self.host.create_config_map(*config_map),
            Action::DeletePod { name } => self.host.delete_pod(&name)?,
            Action::DeleteConfigMap { name } => self.host.delete_config_map(namespace, &name),
            Action::SignalPod { name } => self.pods.terminate(&self.host, &name),
            Action::CreateClaim(claim) => {
                let name = claim.metadata.name.clone().unwrap_or_default();
                let result = self.host.create_claim(&claim).map_err(|e| e.to_string());
                self.observed.push(Observation::Claim { name, result });
            }
            Action::DeleteClaim { name } => self.host.delete_claim(namespace, &name)?,
            Action::LookUpImage { image } => self.host.look_up_image(&image),
            Action::WakeAt(time) => self.wake = Some(time),
        }
        Ok(())
    }

    /// Waits until there is something to observe or the engine wants to be called.
    fn wait(&mut self, observer: &mut dyn Observer) -> Result<(), RunError> {
        loop {
            let wake = self.wake.map(|time| until(time, Timestamp::now()));
            if wake.is_some_and(|left| left.is_zero()) {
                self.wake = None;
                return Ok(());
            }
            let timeout = [wake, observer.tick(self.engine.workflow())].into_iter().flatten().min();
            match self.held.take().or_else(|| self.receive(timeout)) {
                Some(input) => self.take_in(input, observer)?,
                None => continue,
            }
            // What came together is handled and saved together; but a line is shown after what came before it.
            while self.observed.len() < MOST_PER_TURN {
                let Ok(input) = self.inputs.try_recv() else { break };
                if matches!(input, Input::Pod(PodEvent::Log { .. })) && !self.observed.is_empty() {
                    self.held = Some(input);
                    break;
                }
                self.take_in(input, observer)?;
            }
            if !self.observed.is_empty() {
                return Ok(());
            }
        }
    }

    fn receive(&self, timeout: Option<Duration>) -> Option<Input> {
        let Some(timeout) = timeout else {
            return self.inputs.recv().ok();
        };
        self.inputs.recv_timeout(timeout).ok()
    }

    fn take_in(&mut self, input: Input, observer: &mut dyn Observer) -> Result<(), RunError> {
        match input {
            Input::Asked(observation, notice) => {
                observer.notice(&notice);
                self.observed.push(observation);
            }
            Input::Kill => return Err(RunError::Killed { name: self.summary.name.clone() }),
            Input::Pod(PodEvent::Log { pod, container, line }) => {
                observer.log(&pod, &container, &line);
            }
            Input::Pod(PodEvent::Notice(text)) => observer.notice(&text),
            Input::Pod(event) => self.observed.extend(self.pods.observe(event)),
        }
        Ok(())
    }
}

/// Bounds the time between an event and its being saved.
const MOST_PER_TURN: usize = 1000;

fn until(time: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(now)).unwrap_or_default()
}

/// The pod host's events and those of other threads come to the loop through one channel.
fn forward(events: Receiver<PodEvent>, inputs: Sender<Input>) {
    std::thread::spawn(move || {
        for event in events {
            if inputs.send(Input::Pod(event)).is_err() {
                return;
            }
        }
    });
}
