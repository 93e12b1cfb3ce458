//! Runs one pod from start to end, in one thread that sleeps until something happens.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lighter_api::WorkflowTaskResult;
use lighter_api::k8s_openapi::api::core::v1::{
    Container, ContainerStatus, Pod, PodSpec, PodStatus,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::container::Setting;
use super::folder::PodFolder;
use super::last_words::last_words;
use super::limits::ControlGroup;
use super::process::{Happening, Running, start_error};
use super::status::{self, End};
use super::volumes::Volumes;
use crate::event::PodEvent;
use crate::host::{Command, Control, Shared};

const KILL: u8 = 9;
const TERM: u8 = 15;
/// Seconds between TERM and KILL where a pod does not say, as in Kubernetes.
const GRACE_SECONDS: i64 = 30;
/// How a pod's run ended.
pub struct Outcome {
    pub pod: Pod,
    pub task_result: Option<WorkflowTaskResult>,
    /// Nobody wants to hear of it: the pod was deleted.
    pub deleted: bool,
}

/// Runs `pod` to its end. Its last status is left for the caller to report.
pub fn run(shared: &Shared, control: &Arc<Control>, pod: Pod) -> Outcome {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let folder = shared.folders.pod(&name);
    let spec = pod.spec.clone().unwrap_or_default();
    let mut run = Run {
        shared,
        control,
        name,
        status: status::pending(&pod),
        deadline: deadline(&spec),
        pod,
        folder,
        kill_at: None,
        late: false,
        deleted: false,
        running: Vec::new(),
    };
    if let Err(message) = run.all(&spec) {
        run.status.phase = Some(String::from("Failed"));
        run.status.reason = Some(String::from("CreateError"));
        run.status.message = Some(message);
    }
    run.finish()
}

fn deadline(spec: &PodSpec) -> Option<Instant> {
    let seconds = u64::try_from(spec.active_deadline_seconds?.max(0)).ok()?;
    Instant::now().checked_add(Duration::from_secs(seconds))
}

struct Run<'a> {
    shared: &'a Shared,
    control: &'a Arc<Control>,
    name: String,
    pod: Pod,
    folder: PodFolder,
    status: PodStatus,
    deadline: Option<Instant>,
    kill_at: Option<Instant>,
    /// The pod's time is up.
    late: bool,
    deleted: bool,
    running: Vec<Running>,
}

/// Which list of statuses containers belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Init,
    Main,
}

impl Run<'_> {
    /// Runs the init containers in order, then the others together. An error means that the pod could not be made.
    fn all(&mut self, spec: &PodSpec) -> Result<(), String> {
        let objects = self.shared.objects(&self.pod);
        self.folder.make().map_err(|e| {
            format!(
                "cannot make the pod's folders in {}: {e}",
                self.shared.config.state_dir.display()
            )
        })?;
        let real_root = self.shared.real_root;
        let state = &self.shared.config.state_dir;
        let volumes = Volumes::make(&self.pod, &self.folder, state, &objects, real_root)?;
        volumes.notices.iter().for_each(|text| self.shared.notice(text));
        let pod = self.pod.clone();
        let folder = self.folder.clone();
        let setting = Setting {
            pod: &pod,
            spec,
            folder: &folder,
            scratch: &self.shared.folders.scratch(),
            volumes: &volumes,
            objects: &objects,
            policy: self.shared.config.images,
            executor_image: &self.shared.config.executor_image,
            argoexec: &self.shared.config.argoexec,
            argoexec_is_dynamic: self.shared.argoexec_is_dynamic,
            state,
            real_root,
        };
        let inits = spec.init_containers.as_deref().unwrap_or_default();
        // Images first: a pod whose last image is missing should not have run half.
        for container in inits.iter().chain(&spec.containers) {
            self.shared.root_of(&setting, container)?;
        }
        for (index, container) in inits.iter().enumerate() {
            self.start(&setting, container, index, Stage::Init)?;
            self.wait(Stage::Init);
            if self.deleted || self.late || self.exit_of(Stage::Init, index) != Some(0) {
                return Ok(());
            }
        }
        self.control.set_started();
        for (index, container) in spec.containers.iter().enumerate() {
            if let Err(message) = self.start(&setting, container, index, Stage::Main) {
                self.kill_all();
                self.wait(Stage::Main);
                return Err(message);
            }
        }
        self.wait(Stage::Main);
        Ok(())
    }

    fn start(
        &mut self,
        setting: &Setting<'_>,
        container: &Container,
        index: usize,
        stage: Stage,
    ) -> Result<(), String> {
        let in_container = |why: String| format!("container {:?}: {why}", container.name);
        let root = self.shared.root_of(setting, container)?;
        let (mut spec, limits) =
            setting.plan(container, stage == Stage::Init, root).map_err(in_container)?;
        let failed = |e: std::io::Error| in_container(format!("cannot be started: {e}"));
        let message = self.folder.message(&container.name);
        std::fs::write(&message, "").map_err(failed)?;
        std::fs::set_permissions(&message, std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .map_err(failed)?;
        let mut group = None;
        if !limits.is_none() {
            match ControlGroup::make(&format!("{}.{}", self.name, container.name), limits) {
                Ok(made) => {
                    spec.cgroups = made.procs();
                    group = Some(made);
                }
                Err(error) => {
                    self.shared.notice_as(
                        "limits",
                        &format!(
                            "CPU and memory limits of containers are not enforced here: {error}"
                        ),
                    );
                }
            }
        }
        self.shared.notices_for(container);
        let executor = setting.is_executor(container);
        let live = self.shared.config.live_logs && !executor;
        let log = self.folder.kept.log(&container.name);
        match Running::start(&self.shared.config.sandbox, &spec, &log, live, group) {
            Ok(mut running) => {
                running.index = index;
                running.is_aux =
                    executor && matches!(container.name.as_str(), "wait" | "supervisor");
                self.running.push(running);
            }
            Err(error) => {
                let program = self.shared.config.sandbox.display();
                self.ended(stage, index, start_error(format!("cannot start {program}: {error}")));
            }
        }
        Ok(())
    }

    /// Waits until no container runs, carrying out commands and keeping deadlines.
    fn wait(&mut self, stage: Stage) {
        loop {
            self.obey(stage);
            self.keep_time();
            for position in 0..self.running.len() {
                let happenings = self.running[position].happenings();
                let index = self.running[position].index;
                happenings.into_iter().for_each(|happening| self.happened(stage, index, happening));
            }
            self.running.retain(|running| !running.ended);
            if self.running.is_empty() {
                return;
            }
            self.sleep();
        }
    }

    fn sleep(&self) {
        let next = [self.deadline.filter(|_| !self.late), self.kill_at].into_iter().flatten().min();
        let timeout = next.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        let sockets: Vec<_> = self.running.iter().map(Running::socket).collect();
        let outputs: Vec<_> = self.running.iter().filter_map(Running::output).collect();
        let mut fds = vec![PollFd::new(self.control.wake(), PollFlags::IN)];
        fds.extend(sockets.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
        fds.extend(outputs.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
        // An interrupted sleep is as good as an event: everything is looked at again.
        let _ = poll(&mut fds, timeout.as_ref());
    }

    fn obey(&mut self, stage: Stage) {
        for command in self.control.take() {
            match command {
                Command::Delete => {
                    self.deleted = true;
                    self.kill_all();
                }
                Command::Signal { .. } if stage == Stage::Init => {
                    self.deleted = true;
                    self.kill_all();
                }
                Command::Signal { signal, grace } => {
                    self.running.iter_mut().for_each(|running| running.signal(signal));
                    let at = Instant::now().checked_add(grace);
                    self.kill_at = [self.kill_at, at].into_iter().flatten().min();
                }
            }
        }
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        if !self.late && self.deadline.is_some_and(|at| at <= now) {
            self.late = true;
            self.running.iter_mut().for_each(|running| running.signal(TERM));
            let seconds = self
                .pod
                .spec
                .as_ref()
                .and_then(|s| s.termination_grace_period_seconds)
                .unwrap_or(GRACE_SECONDS);
            self.kill_at =
                now.checked_add(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            // After its deadline a pod ends whole; otherwise the executor goes on to save outputs.
            let all = self.late;
            self.running
                .iter_mut()
                .filter(|r| all || !r.is_aux)
                .for_each(|running| running.signal(KILL));
        }
    }

    fn kill_all(&mut self) {
        self.running.iter_mut().for_each(|running| running.signal(KILL));
    }

    fn happened(&mut self, stage: Stage, index: usize, happening: Happening) {
        let name = self.name.clone();
        match happening {
            Happening::Notice(text) => self.shared.notice(&text),
            Happening::Line(line) => {
                let container =
                    self.status_of(stage, index).map(|s| s.name.clone()).unwrap_or_default();
                self.shared.send(PodEvent::Log { pod: name, container, line });
            }
            Happening::Started => {
                if let Some(status) = self.status_of(stage, index) {
                    status::set_running(status, &name);
                }
                self.started(stage);
            }
            Happening::Ended(end) => self.ended(stage, index, end),
        }
    }

    /// Says that the pod runs when the last of its containers has started.
    fn started(&mut self, stage: Stage) {
        let statuses = self.status.container_statuses.iter().flatten();
        let waiting = statuses
            .filter(|s| s.state.as_ref().is_some_and(|state| state.waiting.is_some()))
            .count();
        if stage == Stage::Main && waiting == 0 {
            self.status.phase = Some(String::from("Running"));
            self.report();
        }
    }

    fn ended(&mut self, stage: Stage, index: usize, mut end: End) {
        if end.message.is_none() {
            end.message = self.message(stage, index, end.code);
        }
        let Some(status) = self.status_of(stage, index) else { return };
        status::set_terminated(status, end);
        let others = self.running.iter().filter(|running| !running.ended).count();
        if stage == Stage::Main && others > 0 && !self.deleted {
            self.status.phase = Some(String::from("Running"));
            self.report();
        }
    }

    /// What the container left as its last words.
    fn message(&self, stage: Stage, index: usize, code: i32) -> Option<String> {
        let spec = self.pod.spec.as_ref()?;
        let container = match stage {
            Stage::Init => spec.init_containers.as_ref()?.get(index)?,
            Stage::Main => spec.containers.get(index)?,
        };
        last_words(&self.folder, container, code)
    }

    fn status_of(&mut self, stage: Stage, index: usize) -> Option<&mut ContainerStatus> {
        let list = match stage {
            Stage::Init => &mut self.status.init_container_statuses,
            Stage::Main => &mut self.status.container_statuses,
        };
        list.as_mut()?.get_mut(index)
    }

    fn exit_of(&mut self, stage: Stage, index: usize) -> Option<i32> {
        self.status_of(stage, index).and_then(|status| status::exit_code(status))
    }

    fn report(&self) {
        if !self.deleted {
            let pod = Pod { status: Some(self.status.clone()), ..self.pod.clone() };
            self.shared.send(PodEvent::Pod(Box::new(pod)));
        }
    }

    fn finish(mut self) -> Outcome {
        if self.late {
            self.status.phase = Some(String::from("Failed"));
            self.status.reason = Some(String::from("DeadlineExceeded"));
            self.status.message =
                Some(String::from("Pod was active on the node longer than the specified deadline"));
        } else if self.status.reason.is_none() {
            let codes = self.status.container_statuses.iter().flatten().map(status::exit_code);
            let phase =
                if codes.into_iter().all(|code| code == Some(0)) { "Succeeded" } else { "Failed" };
            self.status.phase = Some(phase.to_owned());
        }
        let task_result = if self.deleted { None } else { self.task_result() };
        let deleted = self.deleted;
        Outcome { pod: Pod { status: Some(self.status), ..self.pod }, task_result, deleted }
    }

    fn task_result(&self) -> Option<WorkflowTaskResult> {
        let path = self.folder.results().join("task-result.json");
        let bytes = std::fs::read(&path).ok()?;
        match serde_json::from_slice(&bytes) {
            Ok(result) => Some(result),
            Err(error) => {
                self.shared.notice(&format!(
                    "the task result of pod {} cannot be read: {error}",
                    self.name
                ));
                None
            }
        }
    }
}
