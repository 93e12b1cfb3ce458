//! Clones from real servers: `git http-backend`, `sshd`, and folders.
//!
//! The test program is the drivers program too, and a program that loads one artifact, whose environment a case can choose.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

mod clones;
mod hostile;
mod http_server;
mod program;
mod repository;
mod ssh;
mod sshd;

use lighter_api::ArtifactLocation;
use lighter_artifacts::{Error, Mounts, SecretFiles, Target, driver, open_store};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

const LOAD: &str = "__load";

fn main() -> ExitCode {
    let mut args = std::env::args();
    if args.next().is_some_and(|name| name.ends_with(driver::PROGRAM)) {
        return program::act();
    }
    if args.next().is_some_and(|role| role == LOAD) {
        driver::contained();
        let asked: Value = serde_json::from_reader(std::io::stdin()).unwrap();
        println!("{}", serde_json::to_string(&load_here(&asked)).unwrap());
        return ExitCode::SUCCESS;
    }
    let trials =
        [clones::trials(), hostile::trials(), ssh::trials(), program::trials()].concat_trials();
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials).exit_code()
}

/// A named case.
pub type Case = (&'static str, fn());

trait Concat {
    fn concat_trials(self) -> Vec<libtest_mimic::Trial>;
}

impl<const N: usize> Concat for [Vec<Case>; N] {
    fn concat_trials(self) -> Vec<libtest_mimic::Trial> {
        let trial = |(name, case): Case| {
            libtest_mimic::Trial::test(name, move || {
                case();
                Ok(())
            })
        };
        self.into_iter().flatten().map(trial).collect()
    }
}

fn load_here(asked: &Value) -> Result<(), Error> {
    let location: ArtifactLocation = serde_json::from_value(asked["location"].clone()).unwrap();
    let path = |name: &str| PathBuf::from(asked[name].as_str().unwrap());
    let secrets = SecretFiles { root: path("secrets") };
    let (store, key) = open_store(&location, &Mounts::default(), &secrets)?;
    assert!(store.is_directory(&key)?);
    store.load(&key, &Target::at(&path("target"))?)
}

/// A place to load to, with secrets and an environment.
pub struct Place {
    dir: Arc<TempDir>,
    env: Vec<(String, String)>,
}

/// How a load ended, and what it printed to standard error.
pub struct Loaded {
    pub result: Result<(), Error>,
    pub stderr: String,
    /// Where the clone is, as long as this lives.
    pub path: PathBuf,
    dir: Arc<TempDir>,
}

impl Place {
    pub fn fresh() -> Place {
        Place { dir: Arc::new(tempfile::tempdir().unwrap()), env: Vec::new() }
    }

    pub fn env(mut self, name: &str, value: &Path) -> Place {
        self.env.push((name.into(), value.display().to_string()));
        self
    }

    pub fn secret(self, name: &str, key: &str, value: &str) -> Place {
        let folder = self.dir.path().join("secrets").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(key), value).unwrap();
        self
    }

    /// Starts to load a git artifact with these fields.
    pub fn start(&self, git: &Value) -> Child {
        let path = |name: &str| self.dir.path().join(name);
        let asked =
            json!({"location": {"git": git}, "secrets": path("secrets"), "target": path("clone")});
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(LOAD).env_clear().env("HOME", self.dir.path()).envs(self.env.iter().cloned());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
        child
    }

    pub fn load(&self, git: &Value) -> Loaded {
        let output = self.start(git).wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let result = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}"));
        let names: Vec<_> = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            !names.iter().any(|name| name.to_string_lossy().starts_with(".lighter-")),
            "left behind: {names:?}"
        );
        Loaded { result, stderr, path: self.dir.path().join("clone"), dir: Arc::clone(&self.dir) }
    }
}

impl Loaded {
    /// The clone, in which git can be asked.
    pub fn cloned(&self) -> repository::Repository {
        if let Err(error) = &self.result {
            panic!("{error}\n{}", self.stderr);
        }
        let path = self.path.clone();
        repository::Repository { path, keep: Some(Arc::clone(&self.dir)) }
    }

    pub fn error(&self) -> &Error {
        assert!(!self.path.exists());
        self.result.as_ref().unwrap_err()
    }
}
