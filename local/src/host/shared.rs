//! What the threads of a host share: the queue, the pods that run, known objects, images.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lighter_api::k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, Secret};
use rustix::event::{EventfdFlags, eventfd};

use super::{FinishedPod, PodHostConfig, orphans};
use crate::event::PodEvent;
use crate::images::{ImageCommand, ImagePolicy, ImageStore, RootSource, host_root};
use crate::pod::container::Setting;
use crate::pod::env::Objects;
use crate::pod::folder::HostFolders;
use crate::pod::linking::is_dynamic;
use crate::pod::run;
use crate::pod::security::is_real_root;
use crate::sandbox::spec::Root;

/// What a pod's thread is asked to do.
#[derive(Debug)]
pub enum Command {
    Signal { signal: u8, grace: Duration },
    Delete,
}

/// The way to a pod's thread.
#[derive(Debug)]
pub struct Control {
    commands: Mutex<Vec<Command>>,
    wake: OwnedFd,
    started: AtomicBool,
}

impl Control {
    fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { commands: Mutex::default(), wake, started: AtomicBool::new(false) })
    }

    fn send(&self, command: Command) {
        lock(&self.commands).push(command);
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    /// Readable when there are commands.
    pub fn wake(&self) -> &OwnedFd {
        &self.wake
    }

    /// The commands since the last call.
    pub fn take(&self) -> Vec<Command> {
        let _ = rustix::io::read(self.wake.as_fd(), &mut [0; 8]);
        std::mem::take(&mut *lock(&self.commands))
    }

    /// Notes that the main containers are about to start.
    pub fn set_started(&self) {
        self.started.store(true, Ordering::Release);
    }
}

/// Where a pod is in its life.
enum Place {
    Queued,
    Running(Arc<Control>),
    Finished,
}

#[derive(Default)]
struct Pods {
    places: HashMap<String, Place>,
    queue: VecDeque<Pod>,
    threads: usize,
    closing: bool,
}

pub struct Shared {
    pub config: PodHostConfig,
    pub folders: HostFolders,
    pub real_root: bool,
    pub argoexec_is_dynamic: bool,
    images: ImageStore,
    _lock: File,
    events: Mutex<Sender<PodEvent>>,
    pods: Mutex<Pods>,
    idle: Condvar,
    objects: Mutex<BTreeMap<String, Objects>>,
    roots: Mutex<HashMap<String, RootSource>>,
    host_root: std::sync::OnceLock<Result<Root, String>>,
    said: Mutex<HashSet<String>>,
}

impl Shared {
    pub fn new(
        config: PodHostConfig,
        images: ImageStore,
        folders: HostFolders,
        lock: File,
        events: Sender<PodEvent>,
    ) -> Self {
        Self {
            // A file that cannot be looked into is taken for what it should be.
            argoexec_is_dynamic: is_dynamic(&config.argoexec).unwrap_or(false),
            config,
            folders,
            real_root: is_real_root(),
            images,
            _lock: lock,
            events: Mutex::new(events),
            pods: Mutex::default(),
            idle: Condvar::new(),
            objects: Mutex::default(),
            roots: Mutex::default(),
            host_root: std::sync::OnceLock::new(),
            said: Mutex::default(),
        }
    }

    /// Sends an event; a user that no longer listens misses it.
    pub fn send(&self, event: PodEvent) {
        let _ = lock(&self.events).send(event);
    }

    /// Says something, once.
    pub fn notice(&self, text: &str) {
        self.notice_as(text, text);
    }

    /// Says something of a kind of which one is enough.
    pub fn notice_as(&self, kind: &str, text: &str) {
        if lock(&self.said).insert(kind.to_owned()) {
            self.send(PodEvent::Notice(text.to_owned()));
        }
    }

    /// Says what of a container's security context has no effect here.
    pub fn notices_for(&self, container: &Container) {
        let Some(context) = &container.security_context else { return };
        if context.privileged == Some(true) {
            self.notice("privileged containers get all capabilities that the caller has, but no devices of the machine");
        }
        let profiles = context.app_armor_profile.is_some() || context.se_linux_options.is_some();
        let custom_seccomp =
            context.seccomp_profile.as_ref().is_some_and(|profile| profile.type_ == "Localhost");
        if profiles || custom_seccomp {
            self.notice(
                "seccomp, AppArmor and SELinux profiles of containers are not applied here",
            );
        }
    }

    pub fn enqueue(self: &Arc<Self>, pod: Pod) {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let mut pods = lock(&self.pods);
        if pods.closing || pods.places.contains_key(&name) {
            return;
        }
        pods.places.insert(name, Place::Queued);
        pods.queue.push_back(pod);
        if pods.threads < self.config.parallel.max(1) {
            pods.threads += 1;
            let shared = Arc::clone(self);
            std::thread::spawn(move || shared.work());
        }
    }

    /// Runs pods one after another until none waits.
    fn work(&self) {
        while let Some((pod, control)) = self.next() {
            self.run(pod, &control);
        }
    }

    fn next(&self) -> Option<(Pod, Arc<Control>)> {
        let mut pods = lock(&self.pods);
        while let Some(pod) = pods.queue.pop_front() {
            let name = pod.metadata.name.clone().unwrap_or_default();
            match Control::new() {
                Ok(control) => {
                    let control = Arc::new(control);
                    pods.places.insert(name, Place::Running(Arc::clone(&control)));
                    return Some((pod, control));
                }
                Err(error) => {
                    pods.places.insert(name, Place::Finished);
                    let mut failed = pod;
                    let status = failed.status.get_or_insert_default();
                    status.phase = Some(String::from("Failed"));
                    status.message = Some(format!("cannot watch the pod: {error}"));
                    self.send(PodEvent::Pod(Box::new(failed)));
                }
            }
        }
        pods.threads -= 1;
        self.idle.notify_all();
        None
    }

    fn run(&self, pod: Pod, control: &Arc<Control>) {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let folder = self.folders.pod(&name);
        let outcome = run::run(self, control, pod);
        let finished = FinishedPod { pod: outcome.pod, task_result: outcome.task_result };
        if !outcome.deleted
            && let Err(error) = orphans::save(&folder.kept, &finished)
        {
            self.notice_as("save", &format!("cannot keep how pod {name} ended: {error}"));
        }
        let deleted = self.note_end(&name, control, outcome.deleted);
        if !deleted {
            let FinishedPod { pod, task_result } = finished;
            if let Some(result) = task_result {
                self.send(PodEvent::TaskResult(Box::new(result)));
            }
            self.send(PodEvent::Pod(Box::new(pod)));
        }
        let forgotten = if deleted { orphans::forget(&folder.kept) } else { Ok(()) };
        if let Err(error) = folder.remove().and(forgotten) {
            self.notice(&format!("cannot remove the workings of pod {name}: {error}"));
        }
        if deleted {
            self.send(PodEvent::PodDeleted { name });
        }
    }

    /// Takes note of a pod's end; says whether it was deleted meanwhile.
    fn note_end(&self, name: &str, control: &Control, deleted: bool) -> bool {
        let mut pods = lock(&self.pods);
        let deleted =
            deleted || control.take().iter().any(|command| matches!(command, Command::Delete));
        if deleted {
            pods.places.remove(name);
        } else {
            pods.places.insert(name.to_owned(), Place::Finished);
        }
        deleted
    }

    /// Deletes a pod that waits or runs; says whether there was one, and the rest happens by itself.
    pub fn delete(&self, name: &str) -> bool {
        let mut pods = lock(&self.pods);
        match pods.places.get(name) {
            Some(Place::Running(control)) => {
                control.send(Command::Delete);
                return true;
            }
            Some(Place::Queued) => {
                pods.queue.retain(|pod| pod.metadata.name.as_deref() != Some(name));
            }
            Some(Place::Finished) | None => {}
        }
        pods.places.remove(name);
        false
    }

    pub fn signal(&self, name: &str, signal: u8, grace: Duration) {
        let mut pods = lock(&self.pods);
        match pods.places.get(name) {
            Some(Place::Running(control)) if control.started.load(Ordering::Acquire) => {
                control.send(Command::Signal { signal, grace });
            }
            Some(Place::Running(control)) => control.send(Command::Delete),
            Some(Place::Queued) => {
                pods.queue.retain(|pod| pod.metadata.name.as_deref() != Some(name));
                pods.places.remove(name);
                self.send(PodEvent::PodDeleted { name: name.to_owned() });
            }
            Some(Place::Finished) | None => {}
        }
    }

    pub fn shutdown(&self) {
        let mut pods = lock(&self.pods);
        pods.closing = true;
        pods.queue.clear();
        pods.places.retain(|_, place| !matches!(place, Place::Queued));
        for place in pods.places.values() {
            if let Place::Running(control) = place {
                control.send(Command::Delete);
            }
        }
        while pods.threads > 0 {
            pods = self.idle.wait(pods).unwrap_or_else(PoisonError::into_inner);
        }
        drop(pods);
        if let Err(error) = self.folders.remove() {
            self.notice(&format!("cannot remove the folders of this host: {error}"));
        }
    }

    pub fn add_config_map(&self, map: ConfigMap) {
        let namespace = namespace(map.metadata.namespace.as_deref());
        let name = map.metadata.name.clone().unwrap_or_default();
        lock(&self.objects).entry(namespace).or_default().config_maps.insert(name, map);
    }

    pub fn remove_config_map(&self, namespace: &str, name: &str) {
        if let Some(objects) = lock(&self.objects).get_mut(namespace) {
            objects.config_maps.remove(name);
        }
    }

    pub fn add_secret(&self, secret: Secret) {
        let namespace = namespace(secret.metadata.namespace.as_deref());
        let name = secret.metadata.name.clone().unwrap_or_default();
        lock(&self.objects).entry(namespace).or_default().secrets.insert(name, secret);
    }

    /// The objects that a pod may refer to.
    pub fn objects(&self, pod: &Pod) -> Objects {
        let namespace = namespace(pod.metadata.namespace.as_deref());
        lock(&self.objects).get(&namespace).cloned().unwrap_or_default()
    }

    /// Where the root folder of a container comes from; may pull its image.
    pub fn root_of(
        &self,
        setting: &Setting<'_>,
        container: &Container,
    ) -> Result<RootSource, String> {
        if setting.is_executor(container) {
            return Ok(RootSource::new(Root::Empty));
        }
        if self.config.images == ImagePolicy::Host {
            let root =
                self.host_root.get_or_init(|| host_root(&self.folders.skeleton())).clone()?;
            return Ok(RootSource::new(root));
        }
        let image = container.image.as_deref().unwrap_or_default();
        let never = container.image_pull_policy.as_deref() == Some("Never");
        let policy = if never { ImagePolicy::Local } else { self.config.images };
        self.image(image, policy).map_err(|why| format!("container {:?}: {why}", container.name))
    }

    fn image(&self, image: &str, policy: ImagePolicy) -> Result<RootSource, String> {
        if let Some(known) = lock(&self.roots).get(image) {
            return Ok(known.clone());
        }
        let source = self.images.root_source(image, policy).map_err(|error| error.to_string())?;
        lock(&self.roots).insert(image.to_owned(), source.clone());
        Ok(source)
    }

    /// What an image runs by itself; may pull it.
    pub fn image_command(&self, image: &str) -> Result<ImageCommand, String> {
        if self.config.images == ImagePolicy::Host {
            return Err(format!(
                "with images from this machine (host) the command of image {image:?} is not known; give the template a `command`"
            ));
        }
        self.image(image, self.config.images).map(|source| source.config.command)
    }
}

fn namespace(name: Option<&str>) -> String {
    name.unwrap_or("default").to_owned()
}

/// Locks; a thread that panicked with the lock has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A random id of the form that Kubernetes' objects have.
pub fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    // Never fails for so few bytes once the system runs; zeros would only make names less unlike.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
