//! A real Kubernetes for tests: started once per test program, a namespace for each test, nothing left at the end.
//!
//! `$LIGHTER_CLUSTER` names the state folder of a cluster that runs already (`make cluster-up`).

mod namespace;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock, mpsc};

use libtest_mimic::{Arguments, Trial};
use tempfile::TempDir;

pub use namespace::{Namespace, end_of};

use crate::{is_root, repository};

/// The executor's image in every cluster, made of `$ARGOEXEC`, else of `dist/argoexec`.
pub const EXECUTOR: &str = "localhost/lighter/argoexec:test";
/// The user and password of the cluster's S3 server.
pub const S3_KEYS: (&str, &str) = ("admin", "password");

/// A test: a name that begins with the lines of the contract that it shows, and what it does.
pub type Test = (&'static str, fn(&Namespace<'_>));

/// Runs tests on a cluster, each in a namespace of its own, and ends the program. Without root they are listed as ignored.
pub fn main(tests: &[Test]) -> ! {
    let arguments = Arguments::from_args();
    let cluster = Arc::new(OnceLock::new());
    if !is_root() {
        eprintln!("tests of the cluster are ignored: they need root");
    }
    let trials = tests
        .iter()
        .map(|&(name, test)| {
            let cluster = Arc::clone(&cluster);
            let run = move || {
                test(&Namespace::new(cluster.get_or_init(Cluster::start)));
                Ok(())
            };
            Trial::test(name, run).with_ignored_flag(!is_root())
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(cluster);
    conclusion.exit()
}

/// A running cluster.
pub struct Cluster {
    state: PathBuf,
    /// What we started ourselves; ends with us.
    started: Option<Started>,
}

struct Started {
    process: Child,
    _folder: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let cluster = match std::env::var_os("LIGHTER_CLUSTER") {
            Some(state) => Self { state: state.into(), started: None },
            None => Self::start_own(),
        };
        cluster.import_executor();
        cluster
    }

    fn import_executor(&self) {
        let program = std::env::var_os("ARGOEXEC")
            .map_or_else(|| repository().join("dist/argoexec"), PathBuf::from);
        assert!(program.exists(), "{} is not there: run `make build`", program.display());
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("argoexec.tar");
        let made = Command::new(repository().join("images/argoexec.sh"))
            .arg(&archive)
            .arg(EXECUTOR)
            .arg(format!("amd64={}", program.parent().unwrap().display()))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // containerd 2.1 keeps the old image's id for a name that is imported again, and mounts no volume of it.
        let names = [EXECUTOR.into(), format!("{EXECUTOR}-nonroot")];
        let removed = self.images("remove").arg("--sync").args(names).output().unwrap();
        assert!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
        self.import(&archive);
    }

    fn start_own() -> Self {
        let folder =
            tempfile::Builder::new().prefix("lighter-cluster-").tempdir_in("/var/tmp").unwrap();
        let state = folder.path().join("state");
        let (sender, receiver) = mpsc::channel();
        let argument = state.clone();
        // The kernel ends the cluster when the thread that started it ends: this one stays as long as the program.
        std::thread::spawn(move || {
            let process = Command::new("setpriv")
                .args(["--pdeathsig", "TERM"])
                .arg(repository().join("tests/cluster/cluster.sh"))
                .arg("run")
                .arg(argument)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn();
            sender.send(process).unwrap();
            loop {
                std::thread::park();
            }
        });
        let mut process = receiver.recv().unwrap().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the cluster did not start");
        Self { state, started: Some(Started { process, _folder: folder }) }
    }

    /// A call of `kubectl` as the cluster's administrator.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(self.state.join("bin/kubectl"));
        command.arg("--kubeconfig").arg(self.state.join("admin.conf")).stdin(Stdio::null());
        command
    }

    /// Gives the node the images of an OCI or Docker archive.
    pub fn import(&self, archive: &Path) {
        let done = self.images("import").arg("--local").arg(archive).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// A call of `ctr images ACTION`.
    fn images(&self, action: &str) -> Command {
        let mut command = Command::new(self.state.join("bin/ctr"));
        command.arg("--address").arg(self.state.join("run/containerd/containerd.sock")).args([
            "--namespace",
            "k8s.io",
            "images",
            action,
        ]);
        command
    }

    /// The address of this machine, and that of the node: its S3 server listens on port 9000.
    pub fn addresses(&self) -> (String, String) {
        let network = std::fs::read_to_string(self.state.join("network")).unwrap();
        (format!("10.200.{}.1", network.trim()), format!("10.200.{}.2", network.trim()))
    }

    /// The folder of the S3 server: a bucket is a folder, an object a file.
    pub fn buckets(&self) -> PathBuf {
        self.state.join("lib/s3")
    }

    /// Runs something while a part of Kubernetes is down, such as `kube-apiserver`.
    pub fn without<T>(&self, part: &str, run: impl FnOnce() -> T) -> T {
        let held = self.state.join("held").join(part);
        std::fs::write(&held, "").unwrap();
        self.kill(part);
        let result = run();
        std::fs::remove_file(held).unwrap();
        result
    }

    fn kill(&self, part: &str) {
        let pid = std::fs::read_to_string(self.state.join(format!("run/{part}.pid"))).unwrap();
        let first = std::fs::read_to_string(self.state.join("first")).unwrap();
        let done = Command::new("nsenter")
            .args(["--target", first.trim(), "--pid", "--", "kill", "-KILL", pid.trim()])
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(started) = &mut self.started else { return };
        let pid = nix::unistd::Pid::from_raw(started.process.id().cast_signed());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = started.process.wait();
    }
}
