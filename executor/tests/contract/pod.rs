//! A pod without a cluster: a root directory of its own, in a mount namespace of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Makes the root of one container from the machine's programs and the pod's folder, and goes into it.
const ENTER: &str = r#"
set -e
root=$1 binary=$2 workdir=$3; shift 3
mount --bind "$root" "$root"
for dir in usr bin sbin lib lib32 lib64 etc proc; do
  if [ -d "$root/$dir" ] && [ ! -L "$root/$dir" ]; then mount --rbind "/$dir" "$root/$dir"; fi
done
for node in null zero full random urandom tty; do
  : > "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir -p "$root/dev/pts"; mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"; ln -sf pts/ptmx "$root/dev/ptmx"
: > "$root/argoexec"; mount --bind "$binary" "$root/argoexec"
exec chroot "$root" /bin/sh -c 'cd "$0" && unset OLDPWD && exec "$@"' "$workdir" "$@"
"#;

/// The shared folders of a pod, all below one temporary directory.
pub struct Pod {
    root: tempfile::TempDir,
}

impl Pod {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for dir in [
            "var/run/argo",
            "argo/inputs/artifacts",
            "argo/staging",
            "argo/config",
            "argo/secret",
            "argo/folder",
            "argo/volume",
            "mainctrfs",
            "tmp",
            "dev",
        ] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        for open in ["var/run/argo", "tmp"] {
            fs::set_permissions(root.path().join(open), fs::Permissions::from_mode(0o777)).unwrap();
        }
        for dir in ["usr", "bin", "sbin", "lib", "lib32", "lib64", "etc", "proc"] {
            let outside = Path::new("/").join(dir);
            match fs::read_link(&outside) {
                Ok(target) => symlink(target, root.path().join(dir)).unwrap(),
                Err(_) if outside.is_dir() => fs::create_dir(root.path().join(dir)).unwrap(),
                Err(_) => {}
            }
        }
        Self { root }
    }

    /// A pod with this template on its shared volume.
    pub fn with_template(template: Value) -> Self {
        let pod = Self::new();
        pod.write("/var/run/argo/template", &template.to_string());
        pod
    }

    /// Where a path of the containers' lies on this machine.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside.trim_start_matches('/'))
    }

    pub fn read(&self, inside: &str) -> String {
        let path = self.path(inside);
        String::from_utf8(
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
        .unwrap()
    }

    pub fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn exists(&self, inside: &str) -> bool {
        self.path(inside).symlink_metadata().is_ok()
    }

    pub fn mode(&self, inside: &str) -> u32 {
        fs::symlink_metadata(self.path(inside)).unwrap().permissions().mode() & 0o7777
    }

    /// `argoexec ARGS` in this pod, as container `main`.
    pub fn argoexec(&self, args: &[&str]) -> Command {
        self.inside("/", &[&["/argoexec"], args].concat())
    }

    /// Any command in this pod's root.
    pub fn inside(&self, workdir: &str, words: &[&str]) -> Command {
        // Whoever runs the tests may ignore signals (`nohup` does); who starts a container does not.
        let mut command = Command::new("env");
        command.args(["--default-signal", "unshare"]);
        command.args(if nix::unistd::geteuid().is_root() { &["-m"][..] } else { &["-rm"] });
        command
            .args(["sh", "-c", ENTER, "enter"])
            .arg(self.root.path())
            .arg(env!("CARGO_BIN_EXE_argoexec"));
        command.arg(workdir).args(words);
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("ARGO_CONTAINER_NAME", "main");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The emissary around a shell script.
    pub fn emissary(&self, script: &str) -> Command {
        self.argoexec(&[
            "emissary",
            "--loglevel",
            "info",
            "--gloglevel",
            "0",
            "--",
            "sh",
            "-c",
            script,
        ])
    }

    /// What the container's end left in the pod: the recorded exit code.
    pub fn exit_code(&self, container: &str) -> String {
        self.read(&format!("/var/run/argo/ctr/{container}/exitcode"))
    }

    /// The container's last words, if there are any.
    pub fn last_words(&self) -> String {
        fs::read_to_string(self.path("/dev/termination-log")).unwrap_or_default()
    }
}

/// What a run printed and how it ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("argoexec ends with a code, not by a signal"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

pub fn run(command: &mut Command) -> Ended {
    command.output().expect("unshare, sh and mount are installed").into()
}

/// A container that is still running; killed with the test.
pub struct Running(Option<Child>);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(Some(command.spawn().expect("unshare is installed")))
    }

    pub fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.0.as_ref().unwrap().id() as i32)
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(self.pid(), signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.0.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    pub fn end(mut self) -> Ended {
        until("the container ends", || !self.is_running());
        self.0.take().unwrap().wait_with_output().unwrap().into()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until something is true; a minute is far beyond what any of it takes.
pub fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !is_true() {
        assert!(Instant::now() < limit, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
