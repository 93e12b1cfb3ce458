//! Takes pods, queues them, and runs as many at once as allowed.

mod orphans;
mod shared;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lighter_api::WorkflowTaskResult;
use lighter_api::k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret};
use serde::{Deserialize, Serialize};

use crate::event::{HostError, PodEvent};
use crate::images::{ImagePolicy, ImageStore};
use crate::pod::check;
use crate::pod::folder::{Kept, private_folder, remove_tree};
use crate::pod::volumes::{claim_folder, make_claim};
pub(crate) use shared::{Command, Control, Shared, random_id};

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
pub struct PodHost {
    shared: Arc<Shared>,
}

/// A pod that had ended before its user could take note of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishedPod {
    pub pod: Pod,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_result: Option<WorkflowTaskResult>,
}

impl PodHost {
    /// Opens the state folder, removes what a killed predecessor left, and starts no pod.
    pub fn new(mut config: PodHostConfig) -> Result<(Self, Receiver<PodEvent>), HostError> {
        let state = config.state_dir.clone();
        private_folder(&state).map_err(HostError::io("cannot make the state folder", &state))?;
        config.state_dir =
            state.canonicalize().map_err(HostError::io("cannot use the state folder", &state))?;
        let argoexec = config.argoexec.clone();
        config.argoexec =
            argoexec.canonicalize().map_err(HostError::io("cannot use the executor", argoexec))?;
        let images = ImageStore::open(&config.state_dir.join("images"))
            .map_err(|error| HostError::Invalid(error.to_string()))?;
        let (folders, lock) = orphans::claim(&config.state_dir)?;
        let (sender, receiver) = channel();
        let shared = Shared::new(config, images, folders, lock, sender);
        Ok((Self { shared: Arc::new(shared) }, receiver))
    }

    /// Takes a pod to run. It is an error if it asks for what this machine does not do; the text names the field.
    /// A pod of a name that is known already is left as it is.
    pub fn create_pod(&self, mut pod: Pod) -> Result<(), HostError> {
        check::check(&pod).map_err(HostError::Invalid)?;
        if pod.metadata.uid.is_none() {
            pod.metadata.uid = Some(shared::random_id());
        }
        self.shared.enqueue(pod);
        Ok(())
    }

    /// Ends a pod at once (SIGKILL), removes it but for its logs, and says [`PodEvent::PodDeleted`].
    /// Deleting a pod that is not there is no error.
    pub fn delete_pod(&self, name: &str) -> Result<(), HostError> {
        if !check::is_object_name(name) {
            return Err(HostError::Invalid(format!("{name:?} is not the name of a pod")));
        }
        if self.shared.delete(name) {
            return Ok(());
        }
        let kept = self.kept(name);
        orphans::forget(&kept)
            .map_err(HostError::io("cannot remove what is kept of the pod in", kept.path()))?;
        self.shared.send(PodEvent::PodDeleted { name: name.to_owned() });
        Ok(())
    }

    /// Sends `signal` to the first process of every running container of a pod, and SIGKILL after `grace` to those
    /// that still run, but never to `wait` and `supervisor`, which go on to save outputs. A pod that has not
    /// started its main containers is deleted instead, as Argo does.
    pub fn signal_pod(&self, name: &str, signal: i32, grace: Duration) {
        match u8::try_from(signal) {
            Ok(signal @ 1..=64) => self.shared.signal(name, signal, grace),
            _ => self.shared.notice(&format!("there is no signal {signal}")),
        }
    }

    /// Makes a ConfigMap known to the pods of its namespace, or replaces it.
    pub fn create_config_map(&self, config_map: ConfigMap) {
        self.shared.add_config_map(config_map);
    }

    /// Forgets a ConfigMap.
    pub fn delete_config_map(&self, namespace: &str, name: &str) {
        self.shared.remove_config_map(namespace, name);
    }

    /// Makes a Secret known to the pods of its namespace, or replaces it. It is kept in memory only.
    pub fn create_secret(&self, secret: Secret) {
        self.shared.add_secret(secret);
    }

    /// Makes the folder of a claim: `<state>/volumes/<namespace>/<claim>`. A claim that is there is left as it is.
    pub fn create_claim(&self, claim: &PersistentVolumeClaim) -> Result<(), HostError> {
        let namespace = claim.metadata.namespace.as_deref().unwrap_or("default");
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        let folder = self.claim_folder(namespace, name)?;
        make_claim(&folder)
            .map(drop)
            .map_err(HostError::io("cannot make the folder of the claim", folder))
    }

    /// Removes a claim's folder with all that is in it.
    pub fn delete_claim(&self, namespace: &str, name: &str) -> Result<(), HostError> {
        let folder = self.claim_folder(namespace, name)?;
        remove_tree(&folder).map_err(HostError::io("cannot remove the folder of the claim", folder))
    }

    /// The folder that stands for a claim.
    pub fn claim_folder(&self, namespace: &str, name: &str) -> Result<PathBuf, HostError> {
        claim_folder(&self.shared.config.state_dir, namespace, name).map_err(HostError::Invalid)
    }

    /// Finds what `image` runs by itself, pulling it if the policy says so; the answer is a [`PodEvent::Image`].
    pub fn look_up_image(&self, image: &str) {
        let (shared, image) = (Arc::clone(&self.shared), image.to_owned());
        std::thread::spawn(move || {
            let command = shared.image_command(&image);
            shared.send(PodEvent::Image { image, command });
        });
    }

    /// Pods of a workflow that had ended, but were not deleted, before this host was opened.
    pub fn finished_pods(&self, workflow: &str) -> Result<Vec<FinishedPod>, HostError> {
        orphans::finished(&self.shared.config.state_dir, workflow)
    }

    /// The file that holds what a container wrote.
    pub fn log_path(&self, pod: &str, container: &str) -> PathBuf {
        self.kept(pod).log(container)
    }

    /// Removes the logs of a pod that is deleted.
    pub fn remove_logs(&self, pod: &str) -> Result<(), HostError> {
        if !check::is_object_name(pod) {
            return Err(HostError::Invalid(format!("{pod:?} is not the name of a pod")));
        }
        let kept = self.kept(pod);
        remove_tree(kept.path()).map_err(HostError::io("cannot remove", kept.path()))
    }

    /// Ends all pods at once and returns when nothing of them is left but logs and how they ended. Those that wait
    /// are forgotten, and no more are taken.
    pub fn shutdown(&self) {
        self.shared.shutdown();
    }

    fn kept(&self, pod: &str) -> Kept {
        Kept::new(&self.shared.config.state_dir, pod)
    }
}
