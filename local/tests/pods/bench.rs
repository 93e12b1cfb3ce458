//! A host in a temporary folder, and short ways to make pods and to learn how they ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use lighter_api::k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use lighter_local::{ImagePolicy, PodEvent, PodHost, PodHostConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const EXECUTOR: &str = "lighter/argoexec:test";
/// No pod here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Bench {
    pub folder: TempDir,
}

/// A host and its events.
pub struct Run {
    pub host: PodHost,
    pub events: Receiver<PodEvent>,
    pub notices: Vec<String>,
    pub log_lines: Vec<String>,
    pub task_results: usize,
}

impl Bench {
    pub fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("lighter-pods-").tempdir().unwrap() }
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn config(&self, images: ImagePolicy) -> PodHostConfig {
        let program = std::env::current_exe().unwrap();
        PodHostConfig {
            state_dir: self.state(),
            images,
            parallel: 2,
            argoexec: program.clone(),
            sandbox: program,
            executor_image: EXECUTOR.to_owned(),
            live_logs: false,
        }
    }

    pub fn open(&self, images: ImagePolicy) -> Run {
        Run::new(self.config(images))
    }

    /// A host on this machine's own root.
    pub fn host(&self) -> Run {
        self.open(ImagePolicy::Host)
    }
}

impl Run {
    pub fn new(config: PodHostConfig) -> Self {
        let (host, events) = PodHost::new(config).unwrap();
        Self { host, events, notices: Vec::new(), log_lines: Vec::new(), task_results: 0 }
    }

    /// The next event; notes those that are not about a pod's state.
    pub fn next(&mut self) -> PodEvent {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("an event");
            match event {
                PodEvent::Notice(text) => self.notices.push(text),
                PodEvent::Log { pod, container, line } => {
                    self.log_lines.push(format!("{pod}/{container}: {line}"));
                }
                PodEvent::TaskResult(_) => self.task_results += 1,
                other => return other,
            }
        }
    }

    pub fn create(&self, pod: Pod) {
        self.host.create_pod(pod).unwrap();
    }

    /// Waits for a pod of that phase.
    pub fn until(&mut self, name: &str, phases: &[&str]) -> Pod {
        loop {
            match self.next() {
                PodEvent::Pod(pod)
                    if pod.metadata.name.as_deref() == Some(name)
                        && phases.contains(&phase(&pod)) =>
                {
                    return *pod;
                }
                PodEvent::PodDeleted { name: gone } if gone == name => panic!("{name} was deleted"),
                _ => {}
            }
        }
    }

    /// Runs a pod to its end.
    pub fn finish(&mut self, pod: Pod) -> Pod {
        let name = pod.metadata.name.clone().unwrap();
        self.create(pod);
        self.until(&name, &["Succeeded", "Failed"])
    }

    /// Runs a pod that must succeed; gives what its container `main` wrote.
    pub fn output(&mut self, pod: Pod) -> String {
        let name = pod.metadata.name.clone().unwrap();
        let ended = self.finish(pod);
        let log = self.log(&name, "main");
        assert_eq!(phase(&ended), "Succeeded", "{:?}\n{log}", ended.status);
        log
    }

    pub fn log(&self, pod: &str, container: &str) -> String {
        fs::read_to_string(self.host.log_path(pod, container)).unwrap_or_default()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.host.shutdown();
    }
}

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default()
}

/// How a container of a pod ended.
pub fn end(pod: &Pod, container: &str) -> ContainerStateTerminated {
    let status = pod.status.as_ref().unwrap();
    let lists = [&status.init_container_statuses, &status.container_statuses];
    let found = lists.into_iter().flatten().flatten().find(|s| s.name == container);
    let state = found.and_then(|s| s.state.clone()).unwrap_or_default();
    state.terminated.unwrap_or_else(|| panic!("{container} has not ended: {status:?}"))
}

/// A pod of one container `main` that runs a script; `more` is laid over the container.
pub fn script(name: &str, source: &str, more: Value) -> Pod {
    let mut container = json!({"name": "main", "image": "any", "command": ["sh", "-c", source]});
    merge(&mut container, more);
    pod(name, json!({"containers": [container]}))
}

pub fn pod(name: &str, spec: Value) -> Pod {
    let mut whole = json!({
        "metadata": {"name": name, "labels": {"workflows.argoproj.io/workflow": "wf"}},
        "spec": {"restartPolicy": "Never"},
    });
    merge(&mut whole["spec"], spec);
    serde_json::from_value(whole).unwrap()
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

/// A folder that everybody may enter, with a copy of this program.
pub fn readable_copy() -> TempDir {
    let folder = tempfile::Builder::new().prefix("lighter-pods-").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("pods");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Ids of processes whose command line contains `text`.
pub fn processes_with(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(text) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Nothing may be left mounted below a folder.
pub fn assert_no_mounts(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&folder.display().to_string()), "{mounts}");
}
