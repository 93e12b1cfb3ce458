//! Drives the built `lighter` from the outside, as root and as an ordinary user, with host programs and with images.
//!
//! `$LIGHTER` names the program under test; `make test` sets it to `dist/lighter`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

pub mod cluster;
pub mod proxy;
pub mod servers;
pub mod stock_pod;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The user and group of the ordinary runs: Debian's `nobody`.
pub const NOBODY: u32 = 65534;

/// Who runs `lighter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests: root in CI.
    Current,
    /// `nobody`, who has no rights. Needs root to become; the current user when the tests are not run by root.
    Ordinary,
}

/// What containers run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// This machine's own root.
    Host,
    /// Images imported from files.
    Local,
}

/// Every user with every kind of images.
pub const EVERYWHERE: [(User, Images); 4] = [
    (User::Current, Images::Host),
    (User::Current, Images::Local),
    (User::Ordinary, Images::Host),
    (User::Ordinary, Images::Local),
];

/// A state folder of its own and the program to run on it.
pub struct Lighter {
    user: User,
    images: Images,
    state: TempDir,
}

/// What one call printed, and how it ended.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Lighter {
    /// Makes an empty state folder that belongs to `user`.
    pub fn new(user: User, images: Images) -> Self {
        let state = tempfile::Builder::new().prefix("lighter-").tempdir_in("/var/tmp").unwrap();
        if user == User::Ordinary && is_root() {
            std::os::unix::fs::chown(state.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Self { user, images, state }
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// A call that has not started yet: `lighter --state … ARGS`.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let shared = shared();
        let mut command = Command::new(shared.join("bin/lighter"));
        command
            .arg("--state")
            .arg(self.state())
            .args(args)
            .current_dir(shared)
            .stdin(Stdio::null());
        let path =
            format!("{}:{}", shared.join("stand-ins").display(), "/usr/local/bin:/usr/bin:/bin");
        command.env_clear().env("PATH", path).env("HOME", self.state()).env("LANG", "C.UTF-8");
        if self.user == User::Ordinary && is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Calls `lighter --state … ARGS` and waits for it.
    pub fn call<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    /// Runs workflow files to their end.
    pub fn run<S: AsRef<OsStr>>(&self, files: &[S], more: &[&str]) -> Ran {
        let mut args: Vec<&OsStr> = vec!["run".as_ref()];
        args.extend(files.iter().map(AsRef::as_ref));
        let images = match self.images {
            Images::Host => "host",
            Images::Local => "local",
        };
        args.extend(["--images", images].map(OsStr::new));
        args.extend(more.iter().map(OsStr::new));
        self.call(args)
    }

    /// Runs workflow files to success and gives the final Workflow object.
    pub fn succeed<S: AsRef<OsStr>>(&self, files: &[S], more: &[&str]) -> Value {
        let ran = self.run(files, &[more, &["-o", "json"]].concat());
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// Imports the test image under the names that the workflows use.
    pub fn import(&self, names: &[&str]) {
        let image = test_image();
        for name in names {
            let ran = self.call(["images", "import", &image.display().to_string(), "--name", name]);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        }
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Whether the tests may become another user.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The repository's root folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A node of a finished workflow by its display name; the last one where several have it.
pub fn node<'a>(workflow: &'a Value, name: &str) -> &'a Value {
    let nodes = workflow["status"]["nodes"].as_object().unwrap();
    nodes
        .values()
        .rfind(|node| node["displayName"] == name)
        .unwrap_or_else(|| panic!("no node {name}"))
}

/// How many nodes of a finished workflow meet a condition.
pub fn count(workflow: &Value, condition: impl Fn(&Value) -> bool) -> usize {
    workflow["status"]["nodes"].as_object().unwrap().values().filter(|node| condition(node)).count()
}

/// A folder that every user can read, made once: the program, the examples, and stand-ins for what a machine lacks.
pub fn shared() -> &'static Path {
    static SHARED: OnceLock<TempDir> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            let folder =
                tempfile::Builder::new().prefix("lighter-tests-").tempdir_in("/var/tmp").unwrap();
            let root = folder.path();
            set_mode(root, 0o755);
            copy_tree(&repository().join("examples"), &root.join("examples"));
            copy_tree(&repository().join("tests/stand-ins"), &root.join("stand-ins"));
            copy_tree(&repository().join("tests/workflows"), &root.join("workflows"));
            fs::create_dir(root.join("bin")).unwrap();
            fs::copy(program(), root.join("bin/lighter")).unwrap();
            folder
        })
        .path()
}

fn program() -> PathBuf {
    let path = std::env::var_os("LIGHTER")
        .map_or_else(|| repository().join("dist/lighter"), PathBuf::from);
    assert!(path.exists(), "{} is not there: run `make build`, or set LIGHTER", path.display());
    path
}

/// The root folder of the test image, made once: busybox, jq, Python and the stand-ins.
fn test_image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let root = shared().join("image");
        let made = Command::new(repository().join("tests/image.sh"))
            .arg(&root)
            .arg(shared().join("stand-ins"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        root.with_extension("tar")
    })
}

fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(status.success());
    let status = Command::new("chmod").args(["-R", "a+rX"]).arg(to).status().unwrap();
    assert!(status.success());
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Waits for a condition of another process, for which there is nothing to block on; gives up after a minute.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("waited a minute for {what}");
}
