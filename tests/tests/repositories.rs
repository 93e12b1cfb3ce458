//! The artifact repository that comes with a workflow's files: where its artifacts lie, and how a person reads them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::fs;

use lighter_tests::servers::S3;
use lighter_tests::{Images, Lighter, User};
use serde_json::{Value, json};

const EXAMPLE: &str = "examples/fan-in.yaml";

fn expected() -> Value {
    json!([{"word": "hello", "length": 5}, {"word": "world", "length": 5}, {"word": "lighter", "length": 7}])
}

/// Writes a ConfigMap with one repository that is the default, and gives its file.
fn repository(lighter: &Lighter, repository: &str) -> String {
    let path = lighter.state().join("repository.yaml");
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: artifact-repositories\n  annotations:\n    \
         workflows.argoproj.io/default-artifact-repository: mine\ndata:\n  mine: |\n    {}\n",
        repository.replace('\n', "\n    ")
    );
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn report(lighter: &Lighter) -> Value {
    let ran = lighter.call(["artifacts", "cat", "@latest", "reduce/report"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_folder_of_ones_own_keeps_artifacts_beyond_the_workflow() {
    let lighter = Lighter::new(User::Current, Images::Host);
    let folder = lighter.state().join("mine");
    fs::create_dir(&folder).unwrap();
    let text =
        format!("folder:\n  path: {}\n  keyFormat: 'runs/{{{{pod.name}}}}'", folder.display());
    let file = repository(&lighter, &text);
    lighter.succeed(&[EXAMPLE, &file], &[]);
    assert_eq!(report(&lighter), expected());
    assert_eq!(fs::read_dir(folder.join("runs")).unwrap().count(), 4);
    assert_eq!(lighter.call(["delete", "@latest"]).code, Some(0));
    assert_eq!(fs::read_dir(folder.join("runs")).unwrap().count(), 4);
}

#[test]
fn a_bucket_keeps_artifacts_and_its_credentials_stay_secret() {
    let server = S3::start();
    let bucket = server.bucket("artifacts");
    for user in [User::Current, User::Ordinary] {
        let lighter = Lighter::new(user, Images::Host);
        let mut text = serde_json::to_value(server.location("artifacts", "")).unwrap();
        text["s3"].as_object_mut().unwrap().remove("key");
        text["s3"]["keyFormat"] = "{{workflow.uid}}/{{pod.name}}".into();
        let repository = repository(&lighter, &text.to_string());
        let secret =
            |key: &str| fs::read_to_string(server.secrets().root.join("s3").join(key)).unwrap();
        let secrets = lighter.state().join("secrets.json");
        let credentials =
            json!({"accessKey": secret("accessKey"), "secretKey": secret("secretKey")});
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3"}, "stringData": credentials});
        fs::write(&secrets, object.to_string()).unwrap();

        let files = [EXAMPLE, &repository, &secrets.display().to_string()];
        let workflow = lighter.succeed(&files, &["--logs"]);
        assert_eq!(report(&lighter), expected());
        let own = bucket.join(workflow["metadata"]["uid"].as_str().unwrap());
        assert_eq!(fs::read_dir(own).unwrap().count(), 4, "three parts and the report");
        let logs = lighter.call(["logs", "@latest"]);
        for text in [workflow.to_string(), logs.stdout, logs.stderr] {
            assert!(!text.contains(&secret("secretKey")), "{text}");
        }
    }
}

#[test]
fn a_repository_that_cannot_be_used_is_refused_before_anything_runs() {
    let lighter = Lighter::new(User::Current, Images::Host);
    for (text, words) in [
        ("archiveLogs: true", "names no store"),
        ("folder: {pth: /x}", "path"),
        ("s3: [", "ConfigMap `artifact-repositories`, `mine`"),
    ] {
        let file = repository(&lighter, text);
        let ran = lighter.run(&[EXAMPLE, &file], &[]);
        assert_eq!(ran.code, Some(2), "{text}: {}\n{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(words), "{text}: {}", ran.stderr);
    }
    assert_eq!(lighter.call(["list", "-o", "name"]).stdout, "");
}
