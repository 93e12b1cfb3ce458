//! One container of a pod as its set-up process is told it: root, mounts, environment, command, user.

use std::path::{Path, PathBuf};

use lighter_api::k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use super::env::{Environment, Objects};
use super::folder::{PodFolder, folder_of_mode};
use super::limits::Limits;
use super::linking::LIBRARIES;
use super::security;
use super::volumes::Volumes;
use crate::images::{ImagePolicy, RootSource};
use crate::sandbox::spec::{FilesVolume, MountSpec, ProcessSpec, Root, Source, Spec};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const TERMINATION_LOG: &str = "/dev/termination-log";
/// Folder that only the executor's containers see, for what they report.
const RESULTS: &str = "/run/lighter";
/// Shared folder of a pod's executor.
const ARGO: &str = "/var/run/argo";
const HIDDEN: &str = ".hidden";
/// Private folders of every container; nothing of the machine is to be hidden there.
const PRIVATE: [&str; 5] = ["/tmp", "/run", "/dev", "/proc", "/sys"];
/// What programs need of the machine to reach others by name and to trust them.
const NETWORK: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
const TRUST: [&str; 6] = [
    "/etc/ssl",
    "/etc/ssh/ssh_known_hosts",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/etc/nsswitch.conf",
];

/// What all containers of a pod are made from.
pub struct Setting<'a> {
    pub pod: &'a Pod,
    pub spec: &'a PodSpec,
    pub folder: &'a PodFolder,
    pub scratch: &'a Path,
    pub volumes: &'a Volumes,
    pub objects: &'a Objects,
    pub policy: ImagePolicy,
    pub executor_image: &'a str,
    pub argoexec: &'a Path,
    /// A debug build's: it needs the machine's libraries.
    pub argoexec_is_dynamic: bool,
    pub state: &'a Path,
    pub real_root: bool,
}

impl Setting<'_> {
    /// Whether the container runs the executor in a tiny root of its own.
    pub fn is_executor(&self, container: &Container) -> bool {
        container.image.as_deref() == Some(self.executor_image)
    }

    /// The container's description, and its limits.
    pub fn plan(
        &self,
        container: &Container,
        is_init: bool,
        source: RootSource,
    ) -> Result<(Spec, Limits), String> {
        let pod_name = self.pod.metadata.name.as_deref().unwrap_or_default();
        let executor = self.is_executor(container);
        let mut env = Environment::default();
        env.set("PATH", self.search_path(executor));
        env.set("HOSTNAME", pod_name);
        source.config.env.iter().for_each(|(name, value)| env.set(name, value.as_str()));
        env.add(self.pod, container, self.objects)?;
        if executor && !is_init {
            env.set("LIGHTER_TASK_RESULT", format!("{RESULTS}/task-result.json"));
        }
        let hides_state = matches!(source.root, Root::Host { .. });
        let mut mounts = self.mounts(container, &env, executor, is_init)?;
        let mut files = self.volumes.files(&mounts);
        if hides_state && !PRIVATE.iter().any(|folder| self.state.starts_with(folder)) {
            files.push(FilesVolume { name: HIDDEN.to_owned(), group: None, files: Vec::new() });
            let empty = Source::Files { volume: HIDDEN.to_owned(), sub_path: PathBuf::new() };
            mounts.insert(
                0,
                MountSpec { source: empty, target: self.state.to_owned(), read_only: true },
            );
        }
        let argv = self.command(container, &source, &env)?;
        let working_dir = container.working_dir.as_deref().filter(|dir| !dir.is_empty());
        let working_dir =
            working_dir.map_or_else(|| source.config.working_dir.clone(), PathBuf::from);
        let spec = Spec {
            hostname: pod_name.chars().take(63).collect(),
            identity: security::identity(self.spec, container, source.config.user, self.real_root)?,
            scratch: self.scratch.to_owned(),
            layer: self.folder.layer(&container.name),
            root: source.root,
            read_only_root: container
                .security_context
                .as_ref()
                .and_then(|c| c.read_only_root_filesystem)
                == Some(true),
            minimal: executor,
            files,
            mounts,
            cgroups: Vec::new(),
            process: ProcessSpec {
                argv,
                env: env.into_vec(),
                working_dir: Path::new("/").join(working_dir),
                capabilities: security::capabilities(container)?,
                no_new_privileges: security::no_new_privileges(container),
            },
        };
        let limits = container.resources.as_ref().and_then(|r| r.limits.as_ref());
        Ok((spec, limits.map_or(Ok(Limits::default()), Limits::read)?))
    }

    fn search_path(&self, executor: bool) -> String {
        let own =
            std::env::var("PATH").ok().filter(|_| self.policy == ImagePolicy::Host && !executor);
        own.unwrap_or_else(|| DEFAULT_PATH.to_owned())
    }

    fn command(
        &self,
        container: &Container,
        source: &RootSource,
        env: &Environment,
    ) -> Result<Vec<String>, String> {
        let expand =
            |texts: &[String]| texts.iter().map(|text| env.expand(text)).collect::<Vec<_>>();
        let given = container.command.as_deref().filter(|command| !command.is_empty());
        let args = container.args.as_deref();
        let argv = match (given, args) {
            (Some(command), args) => [expand(command), expand(args.unwrap_or_default())].concat(),
            (None, Some(args)) => [source.config.command.entrypoint.clone(), expand(args)].concat(),
            (None, None) => {
                [source.config.command.entrypoint.clone(), source.config.command.cmd.clone()]
                    .concat()
            }
        };
        if argv.iter().any(|argument| argument.contains('\0')) {
            return Err(String::from("command and args must not contain NUL"));
        }
        if !argv.is_empty() {
            return Ok(argv);
        }
        Err(match self.policy {
            ImagePolicy::Host => String::from(
                "with images from this machine (host) an image's own command is not known; give `command`",
            ),
            _ => String::from("the image has no command of its own; give `command`"),
        })
    }

    fn mounts(
        &self,
        container: &Container,
        env: &Environment,
        executor: bool,
        is_init: bool,
    ) -> Result<Vec<MountSpec>, String> {
        let machine = |path: &&str| bind(Source::PathIfThere(PathBuf::from(path)), *path, true);
        let mut mounts: Vec<MountSpec> = NETWORK.iter().map(machine).collect();
        if executor {
            mounts.extend(TRUST.iter().map(machine));
            if self.argoexec_is_dynamic {
                mounts.extend(LIBRARIES.iter().map(machine));
            }
            mounts.push(bind(Source::Path(self.argoexec.to_owned()), "/bin/argoexec", true));
        }
        if executor && !is_init {
            let results = self.folder.results();
            std::fs::create_dir_all(&results)
                .map_err(|e| format!("cannot make {}: {e}", results.display()))?;
            mounts.push(bind(Source::Path(results), RESULTS, false));
        }
        if executor
            && !container.volume_mounts.iter().flatten().any(|mount| mount.mount_path == "/tmp")
        {
            let tmp = self.folder.tmp(&container.name);
            folder_of_mode(&tmp, 0o1777)
                .map_err(|e| format!("cannot make {}: {e}", tmp.display()))?;
            mounts.push(bind(Source::Path(tmp), "/tmp", false));
        }
        for mount in container.volume_mounts.iter().flatten() {
            mounts.push(self.volumes.mount(mount, env)?);
            if mount.mount_path.trim_end_matches('/') == ARGO && self.has_executor() {
                mounts.extend(self.argoexec_in(self.volumes.whole_folder(mount))?);
            }
        }
        let log = self.folder.message(&container.name);
        let target = container.termination_message_path.as_deref().unwrap_or(TERMINATION_LOG);
        mounts.push(bind(Source::Path(log), target, false));
        // What is mounted inside another mount comes after it.
        mounts.sort_by_key(|mount| mount.target.components().count());
        Ok(mounts)
    }

    fn has_executor(&self) -> bool {
        self.spec
            .init_containers
            .iter()
            .flatten()
            .chain(&self.spec.containers)
            .any(|c| self.is_executor(c))
    }

    /// The executor is already where `init` would copy it to: a mount costs nothing, a copy of the file does.
    fn argoexec_in(&self, folder: Option<&Path>) -> Result<Option<MountSpec>, String> {
        let Some(folder) = folder else { return Ok(None) };
        let place = folder.join("argoexec");
        if !place.exists() {
            std::fs::File::create(&place)
                .map_err(|e| format!("cannot make {}: {e}", place.display()))?;
        }
        Ok(Some(bind(
            Source::Path(self.argoexec.to_owned()),
            Path::new(ARGO).join("argoexec"),
            true,
        )))
    }
}

fn bind(source: Source, target: impl Into<PathBuf>, read_only: bool) -> MountSpec {
    MountSpec { source, target: target.into(), read_only }
}
