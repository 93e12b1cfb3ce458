//! Runs real pods on this machine, as the caller and, where that is root, as an ordinary user too.
//!
//! This program is also the set-up process of its containers, their executor, and a host to be killed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;
mod images;
mod life;
mod registry;
mod scenarios;
mod volumes;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};

type Scenario = fn(&Bench);

const SCENARIOS: &[(&str, Scenario)] = &[
    ("hello", scenarios::hello),
    ("exit_codes", scenarios::exit_codes),
    ("start_errors", scenarios::start_errors),
    ("environment", scenarios::environment),
    ("users", scenarios::users),
    ("isolation", scenarios::isolation),
    ("writes_stay_inside", scenarios::writes_stay_inside),
    ("read_only_root", scenarios::read_only_root),
    ("termination_messages", scenarios::termination_messages),
    ("executor_containers", scenarios::executor_containers),
    ("limits", scenarios::limits),
    ("refused_fields", scenarios::refused_fields),
    ("live_logs", scenarios::live_logs),
    ("empty_and_claimed_volumes", volumes::empty_and_claimed),
    ("contents_as_volumes", volumes::contents),
    ("host_paths", volumes::host_paths),
    ("sub_paths", volumes::sub_paths),
    ("unknown_volumes", volumes::unknown),
    ("signals", life::signals),
    ("deadline", life::deadline),
    ("delete", life::delete),
    ("parallel_limit", life::parallel_limit),
    ("many_pods", life::many_pods),
    ("killed_host", life::killed_host),
    ("finished_pods_are_kept", life::finished_pods_are_kept),
    ("image_archives", images::archives),
    ("image_layers", images::layers),
    ("hostile_images", images::hostile),
    ("missing_images", images::missing),
    ("image_from_registry", images::from_registry),
];

const ORDINARY_USER: u32 = 65534;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let program = Path::new(&arguments[0]).file_name().unwrap_or_default().to_owned();
    match arguments.get(1).map(String::as_str) {
        Some(lighter_local::SANDBOX_ROLE) => lighter_local::sandbox_main(),
        Some("__scenario") => return run_here(&arguments[2]),
        Some("__host") => return life::doomed_host(Path::new(&arguments[2])),
        _ if program == "argoexec" => return scenarios::argoexec(),
        _ => {}
    }
    let is_root = rustix::process::geteuid().is_root();
    // Before there is a second thread: a process that another thread starts would hold the copy open for writing.
    let copy = bench::readable_copy();
    let program = copy.path().join("pods");
    let mut trials = Vec::new();
    for (name, scenario) in SCENARIOS {
        let caller = if is_root { "root" } else { "user" };
        trials.push(Trial::test(format!("{caller}::{name}"), move || {
            scenario(&Bench::new());
            Ok(())
        }));
        if is_root {
            let program = program.clone();
            trials.push(Trial::test(format!("user::{name}"), move || {
                as_ordinary_user(&program, name)
            }));
        }
    }
    let mut settings = Arguments::from_args();
    // Pods share two cores with each other already.
    settings.test_threads.get_or_insert(2);
    let conclusion = libtest_mimic::run(&settings, trials);
    drop(copy);
    conclusion.exit();
}

fn run_here(name: &str) {
    match SCENARIOS.iter().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(&Bench::new()),
        None => panic!("there is no scenario {name:?}"),
    }
}

/// The scenario in a process of its own, from a copy of this program that everybody may read.
fn as_ordinary_user(program: &Path, name: &str) -> Result<(), Failed> {
    let output = Command::new(program)
        .args(["__scenario", name])
        .env_remove("HOME")
        .uid(ORDINARY_USER)
        .gid(ORDINARY_USER)
        .current_dir("/")
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}
