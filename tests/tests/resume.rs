//! kill -9 at any time, then `lighter resume`: nothing lost, nothing run twice that had finished. And Ctrl-C.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use lighter_tests::{Images, Lighter, Ran, User, count, node, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

fn start(lighter: &Lighter, args: &[&str]) -> Child {
    lighter.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

fn get(lighter: &Lighter) -> Value {
    let ran = lighter.call(["get", "@latest", "-o", "json"]);
    serde_json::from_str(&ran.stdout).unwrap_or_default()
}

/// Every item appends its number to a file on a claim that outlives the workflow, so that a second run of an item would show.
#[test]
fn a_killed_run_goes_on_without_running_anything_twice() {
    let lighter = Lighter::new(User::Current, Images::Host);
    let run = [
        "run",
        "workflows/marks.yaml",
        "workflows/marks-claim.yaml",
        "--images",
        "host",
        "--parallel",
        "2",
    ];
    let mut child = start(&lighter, &run);
    let mut finished = 0;
    for round in 0..6 {
        wait_for("some items to finish", || {
            let workflow = get(&lighter);
            workflow["status"]["nodes"].is_object() && {
                let now =
                    count(&workflow, |node| node["type"] == "Pod" && node["phase"] == "Succeeded");
                now >= finished + 3 && {
                    finished = now;
                    true
                }
            }
        });
        // Not always at the same point of a step's life.
        std::thread::sleep(Duration::from_millis(round * 7));
        signal(&child, Signal::SIGKILL);
        child.wait().unwrap();
        child = start(&lighter, &["resume", "@latest"]);
    }
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);

    let workflow = get(&lighter);
    assert_eq!(workflow["status"]["phase"], "Succeeded");
    assert_eq!(workflow["status"]["progress"], "41/41");
    let marks =
        node(&workflow, "read")["outputs"]["parameters"][0]["value"].as_str().unwrap().to_owned();
    let mut starts: Vec<u32> =
        marks.lines().filter_map(|line| line.strip_prefix("end ")?.parse().ok()).collect();
    starts.sort_unstable();
    let unique = {
        let mut all = starts.clone();
        all.dedup();
        all
    };
    assert_eq!(unique, (0..40).collect::<Vec<_>>(), "every item ran to its end");
    // An item that was cut off between its last line and the report of its end may run again; at most one per slot and kill.
    assert!(starts.len() <= 40 + 2 * 6, "{} ends of 40 items", starts.len());
}

#[test]
fn interrupting_runs_the_exit_handler() {
    let lighter = Lighter::new(User::Current, Images::Host);
    let child = start(&lighter, &["run", "workflows/interrupt.yaml", "--images", "host"]);
    wait_for("the step to run", || {
        get(&lighter)["status"]["nodes"].as_object().is_some_and(|nodes| {
            nodes.values().any(|node| node["type"] == "Pod" && node["phase"] == "Running")
        })
    });
    signal(&child, Signal::SIGINT);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    let workflow = get(&lighter);
    assert_eq!(workflow["status"]["phase"], "Failed");
    assert_eq!(workflow["status"]["message"], "Stopped with strategy 'Stop'");
    let name = workflow["metadata"]["name"].as_str().unwrap();
    assert_eq!(node(&workflow, &format!("{name}.onExit"))["phase"], "Succeeded");
    assert_eq!(
        lighter.call(["logs", "@latest", &format!("{name}.onExit")]).stdout,
        "cleaned up after Failed\n"
    );
}

#[test]
fn another_terminal_can_stop_a_run() {
    let lighter = Lighter::new(User::Current, Images::Host);
    let child = start(&lighter, &["run", "workflows/interrupt.yaml", "--images", "host"]);
    wait_for("the step to run", || {
        get(&lighter)["status"]["nodes"].as_object().is_some_and(|nodes| {
            nodes.values().any(|node| node["type"] == "Pod" && node["phase"] == "Running")
        })
    });
    let stopped = lighter.call(["stop", "@latest"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
    let listed = lighter.call(["list"]);
    assert!(listed.stdout.contains("Failed"), "{}", listed.stdout);
    assert_eq!(lighter.call(["delete", "@latest"]).code, Some(0));
    assert!(!lighter.call(["list"]).stdout.contains("interrupt-"));
    let left = fs::read_dir(lighter.state().join("pods")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "pods of a deleted workflow are left");
}

#[test]
fn steps_do_not_inherit_that_hangups_are_ignored() {
    let lighter = Lighter::new(User::Current, Images::Host);
    let run = lighter.command(["run", "workflows/hangup.yaml", "--images", "host"]);
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(run.get_program())
        .args(run.get_args());
    shell.current_dir(run.get_current_dir().unwrap());
    let ran = Ran::from(shell.output().unwrap());
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
}
