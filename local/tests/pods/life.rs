//! The life of pods: signals, deadlines, deletion, queues, and hosts that are killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lighter_local::{ImagePolicy, PodEvent, PodHostConfig};
use serde_json::json;

use crate::bench::{Bench, Run, assert_no_mounts, end, phase, pod, processes_with, script};

/// A number of seconds to sleep that no other process has in its command line.
fn endless() -> String {
    format!("9{}{}", std::process::id(), Instant::now().elapsed().subsec_nanos())
}

/// Waits until a container's log has `text`.
fn until_logged(run: &Run, pod: &str, text: &str) {
    let start = Instant::now();
    while !run.log(pod, "main").contains(text) {
        assert!(start.elapsed() < Duration::from_secs(60), "{pod} never wrote {text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn signals(bench: &Bench) {
    let mut run = bench.host();
    run.create(script(
        "polite",
        "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done",
        json!({}),
    ));
    run.create(script(
        "stubborn",
        "trap '' TERM; echo ready; while :; do sleep 0.01; done",
        json!({}),
    ));
    for name in ["polite", "stubborn"] {
        until_logged(&run, name, "ready");
        run.host.signal_pod(name, 15, Duration::from_millis(300));
    }
    let mut codes = Vec::new();
    while codes.len() < 2 {
        if let PodEvent::Pod(pod) = run.next()
            && phase(&pod) == "Failed"
        {
            let main = end(&pod, "main");
            codes.push((pod.metadata.name.unwrap(), main.exit_code, main.signal));
        }
    }
    codes.sort();
    assert_eq!(codes, [("polite".to_owned(), 7, None), ("stubborn".to_owned(), 137, Some(9))]);
}

pub fn deadline(bench: &Bench) {
    let mut run = bench.host();
    let mut late = script("late", "echo ready; sleep 1000", json!({}));
    let spec = late.spec.as_mut().unwrap();
    spec.active_deadline_seconds = Some(1);
    spec.termination_grace_period_seconds = Some(0);
    let ended = run.finish(late);
    let status = ended.status.as_ref().unwrap();
    assert_eq!((phase(&ended), status.reason.as_deref()), ("Failed", Some("DeadlineExceeded")));
    assert_eq!(
        status.message.as_deref(),
        Some("Pod was active on the node longer than the specified deadline")
    );
    assert_eq!(end(&ended, "main").exit_code, 137);
}

pub fn delete(bench: &Bench) {
    let mut run = bench.host();
    let seconds = endless();
    let sleep = format!("echo ready; sleep {seconds}");
    run.create(script("a", &sleep, json!({})));
    run.create(script("b", &sleep, json!({})));
    run.create(script("waits", &sleep, json!({})));
    run.create(script("waits-too", &sleep, json!({})));
    until_logged(&run, "a", "ready");
    until_logged(&run, "b", "ready");
    run.host.delete_pod("waits").unwrap();
    run.host.signal_pod("waits-too", 15, Duration::ZERO);
    run.host.delete_pod("a").unwrap();
    run.host.delete_pod("b").unwrap();
    run.host.delete_pod("never-was").unwrap();
    let mut gone = Vec::new();
    while gone.len() < 5 {
        if let PodEvent::PodDeleted { name } = run.next() {
            gone.push(name);
        }
    }
    gone.sort();
    assert_eq!(gone, ["a", "b", "never-was", "waits", "waits-too"]);
    assert_eq!(processes_with(&seconds), Vec::<String>::new());
    assert_eq!(run.log("a", "main"), "ready\n", "logs stay");
    run.host.remove_logs("a").unwrap();
    assert!(!bench.state().join("pods/a").exists());
    // A name is free again once its pod is deleted.
    assert_eq!(run.output(script("a", "echo again", json!({}))), "again\n");
}

pub fn parallel_limit(bench: &Bench) {
    let mut run = bench.host();
    for number in 0..8 {
        run.create(script(&format!("p{number}"), "sleep 0.05", json!({})));
    }
    let (mut running, mut most, mut ended) = (std::collections::BTreeSet::new(), 0, Vec::new());
    while ended.len() < 8 {
        let PodEvent::Pod(pod) = run.next() else { continue };
        let name = pod.metadata.name.clone().unwrap();
        if phase(&pod) == "Running" {
            running.insert(name);
        } else {
            running.remove(&name);
            ended.push(name);
        }
        most = most.max(running.len());
    }
    assert_eq!(most, 2);
    assert!(
        ended.iter().position(|n| n == "p0") < ended.iter().position(|n| n == "p7"),
        "first in, first out: {ended:?}"
    );
}

/// As many pods as `LIGHTER_TEST_PODS` says; prints what one costs.
pub fn many_pods(bench: &Bench) {
    let count = std::env::var("LIGHTER_TEST_PODS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let mut run = Run::new(PodHostConfig { parallel: 2, ..bench.config(ImagePolicy::Host) });
    let start = Instant::now();
    for number in 0..count {
        let spec = json!({"containers": [{"name": "main", "image": "any", "command": ["true"]}]});
        run.create(pod(&format!("many-{number}"), spec));
    }
    let mut succeeded = 0;
    while succeeded < count {
        match run.next() {
            PodEvent::Pod(pod) if phase(&pod) == "Succeeded" => succeeded += 1,
            PodEvent::Pod(pod) => assert_ne!(phase(&pod), "Failed", "{:?}", pod.status),
            _ => {}
        }
    }
    let each = start.elapsed() / count;
    eprintln!("{count} pods, two at a time: {each:?} each");
}

/// The host that [`killed_host`] kills: says when its pods run.
pub fn doomed_host(state: &Path) {
    let seconds = fs::read_to_string(state.join("seconds")).unwrap();
    let program = std::env::current_exe().unwrap();
    let config = PodHostConfig {
        state_dir: state.to_owned(),
        images: ImagePolicy::Host,
        parallel: 4,
        argoexec: program.clone(),
        sandbox: program,
        executor_image: String::new(),
        live_logs: false,
    };
    let mut run = Run::new(config);
    run.finish(script("done", "echo done", json!({})));
    let memory = json!({"volumeMounts": [{"name": "m", "mountPath": "/m"}]});
    for name in ["one", "two"] {
        let mut made = script(name, &format!("sleep {seconds} & sleep {seconds}"), memory.clone());
        made.spec.as_mut().unwrap().volumes =
            serde_json::from_value(json!([{"name": "m", "emptyDir": {"medium": "Memory"}}]))
                .unwrap();
        run.create(made);
        run.until(name, &["Running"]);
    }
    println!("running");
    loop {
        std::thread::park();
    }
}

pub fn killed_host(bench: &Bench) {
    let seconds = endless();
    fs::create_dir_all(bench.state()).unwrap();
    fs::write(bench.state().join("seconds"), &seconds).unwrap();
    let mut host = Command::new(std::env::current_exe().unwrap())
        .arg("__host")
        .arg(bench.state())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "running\n");
    assert!(processes_with(&seconds).len() >= 4);
    let name =
        fs::read_dir(bench.state().join("hosts")).unwrap().next().unwrap().unwrap().file_name();
    let (disk, memory) =
        (bench.state().join("hosts").join(&name), format!("/dev/shm/lighter-{}", name.display()));
    let memory = Path::new(&memory);
    assert!(memory.join("pods/one/volume-m").is_dir());
    host.kill().unwrap();
    host.wait().unwrap();
    let start = Instant::now();
    while !processes_with(&seconds).is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "left running: {:?}",
            processes_with(&seconds)
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_no_mounts(&bench.state());
    let mut run = bench.host();
    assert!(!disk.exists() && !memory.exists());
    let finished = run.host.finished_pods("wf").unwrap();
    assert_eq!(finished.len(), 1, "{finished:?}");
    assert_eq!(finished[0].pod.metadata.name.as_deref(), Some("done"));
    assert_eq!(run.output(script("one", "echo again", json!({}))), "again\n");
}

pub fn finished_pods_are_kept(bench: &Bench) {
    let mut run = bench.host();
    run.output(script("kept", "echo x", json!({})));
    run.output(script("deleted", "echo x", json!({})));
    run.host.delete_pod("deleted").unwrap();
    drop(run);
    let second = bench.host();
    let third = bench.host();
    let names = |run: &Run| -> Vec<_> {
        run.host
            .finished_pods("wf")
            .unwrap()
            .into_iter()
            .filter_map(|f| f.pod.metadata.name)
            .collect()
    };
    assert_eq!((names(&second), names(&third)), (vec!["kept".to_owned()], vec!["kept".to_owned()]));
    assert_eq!(second.host.finished_pods("other").unwrap().len(), 0);
    second.host.delete_pod("kept").unwrap();
    assert_eq!(names(&third), Vec::<String>::new());
}
