//! Takes pods, queues them, and runs as many at once as allowed.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use lighter_api::WorkflowTaskResult;
use lighter_api::k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret};

use crate::event::{HostError, PodEvent};
use crate::images::ImagePolicy;

/// How a [`PodHost`] runs pods.
#[derive(Clone, Debug)]
pub struct PodHostConfig {
    /// Folder of all state: `pods/`, `volumes/`, `images/`. Only its owner should be able to read it.
    pub state_dir: PathBuf,
    /// Where root folders come from.
    pub images: ImagePolicy,
    /// Most pods that run at once; others wait in order, Pending.
    pub parallel: usize,
    /// The static binary that is `argoexec` inside containers.
    pub argoexec: PathBuf,
    /// Program that calls [`sandbox_main`](crate::sandbox_main) when started with
    /// [`SANDBOX_ROLE`](crate::SANDBOX_ROLE); usually the same file.
    pub sandbox: PathBuf,
    /// Containers of this image run `argoexec` in a tiny root of its own.
    pub executor_image: String,
    /// Send each line that containers of other images write as [`PodEvent::Log`].
    pub live_logs: bool,
}

/// Runs pods on this machine. Clones are the same host; [`PodHost::shutdown`] ends everything.
#[derive(Clone)]
pub struct PodHost {}

/// A pod that had ended before its user could take note of it.
#[derive(Clone, Debug)]
pub struct FinishedPod {
    pub pod: Pod,
    pub task_result: Option<WorkflowTaskResult>,
}

impl PodHost {
    /// Opens the state folder, removes what a killed predecessor left, and starts no pod.
    pub fn new(config: PodHostConfig) -> Result<(Self, Receiver<PodEvent>), HostError> {
        let _ = config;
        Err(HostError::Invalid(String::from("not there yet")))
    }

    /// Takes a pod to run. It is an error if it asks for what this machine does not do; the text names the field.
    /// A pod of a name that is known already is left as it is.
    pub fn create_pod(&self, pod: Pod) -> Result<(), HostError> {
        let _ = pod;
        Ok(())
    }

    /// Ends a pod at once (SIGKILL), removes it but for its logs, and says [`PodEvent::PodDeleted`].
    /// Deleting a pod that is not there is no error.
    pub fn delete_pod(&self, name: &str) -> Result<(), HostError> {
        let _ = name;
        Ok(())
    }

    /// Sends `signal` to the first process of every running container of a pod, and SIGKILL after `grace` to those
    /// that still run, but never to `wait` and `supervisor`, which go on to save outputs. A pod that has not
    /// started its main containers is deleted instead, as Argo does.
    pub fn signal_pod(&self, name: &str, signal: i32, grace: Duration) {
        let _ = (name, signal, grace);
    }

    /// Makes a ConfigMap known to the pods of its namespace, or replaces it.
    pub fn create_config_map(&self, config_map: ConfigMap) {
        let _ = config_map;
    }

    /// Forgets a ConfigMap.
    pub fn delete_config_map(&self, namespace: &str, name: &str) {
        let _ = (namespace, name);
    }

    /// Makes a Secret known to the pods of its namespace, or replaces it. It is kept in memory only.
    pub fn create_secret(&self, secret: Secret) {
        let _ = secret;
    }

    /// Makes the folder of a claim: `<state>/volumes/<namespace>/<claim>`. A claim that is there is left as it is.
    pub fn create_claim(&self, claim: &PersistentVolumeClaim) -> Result<(), HostError> {
        let _ = claim;
        Ok(())
    }

    /// Removes a claim's folder with all that is in it.
    pub fn delete_claim(&self, namespace: &str, name: &str) -> Result<(), HostError> {
        let _ = (namespace, name);
        Ok(())
    }

    /// Finds what `image` runs by itself, pulling it if the policy says so; the answer is a [`PodEvent::Image`].
    pub fn look_up_image(&self, image: &str) {
        let _ = image;
    }

    /// Pods of a workflow that had ended, but were not deleted, before this host was opened.
    pub fn finished_pods(&self, workflow: &str) -> Result<Vec<FinishedPod>, HostError> {
        let _ = workflow;
        Ok(Vec::new())
    }

    /// The file that holds what a container wrote.
    pub fn log_path(&self, pod: &str, container: &str) -> PathBuf {
        let _ = (pod, container);
        PathBuf::new()
    }

    /// Removes the logs of a pod.
    pub fn remove_logs(&self, pod: &str) -> Result<(), HostError> {
        let _ = pod;
        Ok(())
    }

    /// Ends all pods at once and returns when nothing of them runs. Their folders stay for the next host.
    pub fn shutdown(&self) {}
}
