//! Every workflow of the articles, with the outputs that they show: as root and as an ordinary user, with host programs and with images.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::collections::BTreeSet;
use std::fs;

use lighter_tests::{Images, Lighter, User, count, node};
use serde_json::Value;

const IMAGES: [&str; 12] = [
    "busybox:stable",
    "linuxserver/yq:latest",
    "paas-cn-shanghai.cr.volces.com/argoproj/whalesay:latest",
    "paas-cn-shanghai.cr.volces.com/argoproj/blender:3.3.1-cpu-ubuntu18.04",
    "cr-demo-cn-beijing.cr.volces.com/xmo/python:3.8-slim-buster",
    "docker/whalesay:latest",
    "python:alpine3.6",
    "alpine:latest",
    "alpine:3.6",
    "alpine:3.7",
    "registry.cn-hangzhou.aliyuncs.com/acs/alpine:3.18-update",
    "acr-multiple-clusters-registry.cn-hangzhou.cr.aliyuncs.com/ack-multiple-clusters/print-pet",
];

#[test]
fn as_the_current_user_with_host_programs() {
    run_all(&Lighter::new(User::Current, Images::Host), Images::Host);
}

#[test]
fn as_the_current_user_from_images() {
    let lighter = Lighter::new(User::Current, Images::Local);
    lighter.import(&IMAGES);
    run_all(&lighter, Images::Local);
}

#[test]
fn as_an_ordinary_user_with_host_programs() {
    run_all(&Lighter::new(User::Ordinary, Images::Host), Images::Host);
}

#[test]
fn as_an_ordinary_user_from_images() {
    let lighter = Lighter::new(User::Ordinary, Images::Local);
    lighter.import(&IMAGES);
    run_all(&lighter, Images::Local);
}

fn run_all(lighter: &Lighter, images: Images) {
    aggregate_parameters(lighter);
    volume_fan_in(lighter);
    volume_merge_json(lighter);
    for file in ["hello-hello-hello", "hello-annotated", "hello-labelled", "hello-vci-profile"] {
        hello(lighter, file);
    }
    render(lighter);
    output_parameter(lighter);
    loops_param_result(lighter);
    hello_world(lighter);
    if images == Images::Local {
        loops(lighter);
    }
    dag_diamond(lighter);
    coinflip(lighter);
}

fn seed(name: &str) -> String {
    format!("examples/seeds/{name}.yaml")
}

fn log(lighter: &Lighter, node: &str) -> String {
    let ran = lighter.call(["logs", "@latest", node]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

fn aggregate_parameters(lighter: &Lighter) {
    let workflow = lighter.succeed(&[seed("aggregate-parameters")], &[]);
    let last = node(&workflow, "print-aggregated-messages");
    assert_eq!(last["inputs"]["parameters"][0]["value"], r#"["hello","world"]"#);
    assert_eq!(last["outputs"]["parameters"][0]["value"], r#"["hello","world"]"#);
    assert!(log(lighter, "print-aggregated-messages").contains(r#"["hello","world"]"#));
}

fn volume_fan_in(lighter: &Lighter) {
    let workflow = lighter.succeed(&[seed("volume-fan-in")], &[]);
    let target = lighter.state().join("messages");
    let ran = lighter.call([
        "artifacts",
        "cp",
        "@latest",
        "collect/messages",
        &target.display().to_string(),
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mut contents = BTreeSet::new();
    for entry in walk(&target) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        let suffix = name.strip_prefix("message-").and_then(|rest| rest.strip_suffix(".txt"));
        assert!(suffix.is_some_and(|suffix| suffix.len() == 6), "{name}");
        contents.insert(fs::read_to_string(entry).unwrap());
    }
    assert_eq!(contents, BTreeSet::from(["hello".to_owned(), "world".to_owned()]));
    let claim = format!("{}-shared-volume", workflow["metadata"]["name"].as_str().unwrap());
    assert!(!exists_below(lighter, &claim), "the claim outlived its workflow");
    fs::remove_dir_all(target).unwrap();
}

fn volume_merge_json(lighter: &Lighter) {
    lighter.succeed(&[seed("volume-merge-json")], &[]);
    let ran = lighter.call(["artifacts", "cat", "@latest", "collect/aggregated"]);
    let merged: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    let messages: BTreeSet<_> =
        merged.iter().map(|each| each["message"].as_str().unwrap()).collect();
    assert_eq!(messages, BTreeSet::from(["hello", "world"]));
    assert_eq!(merged.len(), 2);
}

fn hello(lighter: &Lighter, file: &str) {
    let workflow = lighter.succeed(&[seed(file)], &[]);
    assert_eq!(count(&workflow, |node| node["type"] == "Pod" && node["phase"] == "Succeeded"), 3);
    for name in ["hello1", "hello2a", "hello2b"] {
        assert!(log(lighter, name).contains(&format!("< {name} >")));
        assert!(
            node(&workflow, "hello1")["finishedAt"].as_str()
                <= node(&workflow, name)["finishedAt"].as_str()
        );
    }
}

fn render(lighter: &Lighter) {
    let workflow = lighter.succeed(&[seed("render"), seed("shared-data-pvc")], &[]);
    let slices = count(&workflow, |node| {
        node["templateName"] == "render-blender"
            && node["type"] == "Pod"
            && node["phase"] == "Succeeded"
    });
    assert_eq!(slices, 30);
    let frames: Vec<_> = walk(lighter.state())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|x| x == "png"))
        .collect();
    assert_eq!(frames.len(), 300);
    let last =
        frames.iter().find(|path| path.ends_with("output/rain_restaurant_300/0300.png")).unwrap();
    assert_eq!(fs::read_to_string(last).unwrap(), "frame 300, 300 samples\n");
}

fn output_parameter(lighter: &Lighter) {
    let workflow = lighter.succeed(&[seed("output-parameter")], &[]);
    assert_eq!(
        node(&workflow, "generate-parameter")["outputs"]["parameters"][0]["value"],
        "hello world"
    );
    assert!(log(lighter, "consume-parameter").contains("< hello world >"));
}

/// All eleven at once: the longest sleeps for 30 s.
fn loops_param_result(lighter: &Lighter) {
    let workflow = lighter.succeed(&[seed("loops-param-result")], &["--parallel", "11"]);
    for (index, seconds) in (20..=30).enumerate() {
        let name = format!("sleep({index}:{seconds})");
        assert_eq!(node(&workflow, &name)["phase"], "Succeeded");
        assert_eq!(log(lighter, &name), format!("sleeping for {seconds} seconds\ndone\n"));
    }
}

fn hello_world(lighter: &Lighter) {
    let workflow = lighter.succeed(&[seed("hello-world")], &[]);
    let name = workflow["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("hello-world-"));
    assert_eq!(log(lighter, name), "helloworld\n");
}

fn loops(lighter: &Lighter) {
    lighter.succeed(&[seed("loops")], &[]);
    for (index, pet) in ["cat", "dog", "parrot", "hamster", "goldfish"].iter().enumerate() {
        assert_eq!(log(lighter, &format!("print-pet({index}:{})", index + 1)), format!("{pet}\n"));
    }
}

fn dag_diamond(lighter: &Lighter) {
    let workflow = lighter.succeed(&[seed("dag-diamond")], &[]);
    let id = |name: &str| node(&workflow, name)["id"].clone();
    let children = |name: &str| node(&workflow, name)["children"].clone();
    assert_eq!(children("A"), Value::Array(vec![id("B"), id("C")]));
    assert_eq!(children("B"), Value::Array(vec![id("D")]));
    assert_eq!(children("C"), Value::Array(vec![id("D")]));
    assert_eq!(log(lighter, "D"), "D\n");
}

fn coinflip(lighter: &Lighter) {
    let workflow = lighter.succeed(&[seed("coinflip-recursive")], &[]);
    let heads = |node: &Value| {
        node["templateName"] == "heads" && node["type"] == "Pod" && node["phase"] == "Succeeded"
    };
    assert_eq!(count(&workflow, heads), 1);
    let flips =
        count(&workflow, |node| node["templateName"] == "flip-coin" && node["type"] == "Pod");
    let tails = count(&workflow, |node| node["displayName"] == "tails" && node["type"] == "Steps");
    assert_eq!(flips, tails + 1, "one flip more than recursions");
}

/// All files below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files.extend(walk(&entry.path())),
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files.sort();
    files
}

fn exists_below(lighter: &Lighter, name: &str) -> bool {
    fn search(folder: &std::path::Path, name: &str) -> bool {
        fs::read_dir(folder).unwrap().flatten().any(|entry| {
            entry.file_name() == name
                || (entry.file_type().is_ok_and(|kind| kind.is_dir())
                    && search(&entry.path(), name))
        })
    }
    search(&lighter.state().join("volumes"), name)
}
