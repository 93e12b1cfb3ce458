//! A namespace of one test: objects in and out, pods awaited by watching, an S3 bucket.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{Cluster, S3_KEYS};
use crate::{Ran, repository, wait_for};

/// How long a condition may take to come true, in seconds.
const PATIENCE: u32 = 120;

/// A namespace with the service accounts of workflows, and a bucket and a secret of the same name. Deleted when dropped.
pub struct Namespace<'a> {
    pub cluster: &'a Cluster,
    pub name: String,
}

impl<'a> Namespace<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let namespace = Self { cluster, name };
        namespace.create(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace.name}}),
        );
        namespace.must(&[
            "apply",
            "-f",
            &repository().join("tests/cluster/namespace.yaml").display().to_string(),
        ]);
        namespace.create(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3"},
            "stringData": {"user": S3_KEYS.0, "password": S3_KEYS.1}}));
        std::fs::create_dir(namespace.bucket()).unwrap();
        wait_for("the default service account", || {
            namespace.kubectl(&["get", "serviceaccount", "default"]).code == Some(0)
        });
        namespace
    }

    /// Calls `kubectl -n NAMESPACE ARGS`.
    pub fn kubectl(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Calls `kubectl -n NAMESPACE ARGS`, which has to succeed, and gives what it printed.
    pub fn must(&self, args: &[&str]) -> String {
        let ran = self.kubectl(args);
        assert_eq!(ran.code, Some(0), "kubectl {}: {}", args.join(" "), ran.stderr);
        ran.stdout
    }

    /// A call of `kubectl -n NAMESPACE ARGS` that has not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.cluster.kubectl();
        command.args(["-n", &self.name]).args(args);
        command
    }

    /// Creates an object and gives it back as the API server keeps it.
    pub fn create(&self, object: &Value) -> Value {
        let mut process = self
            .command(&["create", "-f", "-", "-o", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
        let ran: Ran = process.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// An object as it is now.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.must(&["get", kind, name, "-o", "json"])).unwrap()
    }

    /// Waits until an object exists that meets a condition, and gives it.
    pub fn until(&self, kind: &str, name: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let selector = format!("metadata.name={name}");
        let watch =
            self.command(&["get", kind, "--field-selector", &selector, "-o", "json", "--watch"]);
        let mut process = Command::new("timeout")
            .arg(PATIENCE.to_string())
            .arg(watch.get_program())
            .args(watch.get_args())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut last = Value::Null;
        let stream = std::io::BufReader::new(process.stdout.take().unwrap());
        for object in serde_json::Deserializer::from_reader(stream).into_iter() {
            last = object.unwrap();
            if condition(&last) {
                process.kill().unwrap();
                process.wait().unwrap();
                return last;
            }
        }
        process.wait().unwrap();
        let events = self.kubectl(&["get", "events"]).stdout;
        panic!("waited {PATIENCE} s for {kind} {name}: {last:#}\n{events}");
    }

    /// Waits for the end of a pod and gives it.
    pub fn ended(&self, pod: &str) -> Value {
        self.until("pod", pod, |pod| {
            matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        })
    }

    /// What a container printed.
    pub fn logs(&self, pod: &str, container: &str) -> String {
        self.must(&["logs", pod, "-c", container])
    }

    /// The folder of this namespace's bucket.
    pub fn bucket(&self) -> PathBuf {
        self.cluster.buckets().join(&self.name)
    }

    /// The S3 location of a key in this namespace's bucket, with the credentials that the Secret `s3` holds.
    pub fn s3(&self, key: &str) -> Value {
        json!({
            "endpoint": format!("{}:9000", self.cluster.addresses().1), "bucket": self.name, "insecure": true,
            "accessKeySecret": {"name": "s3", "key": "user"}, "secretKeySecret": {"name": "s3", "key": "password"},
            "key": key})
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["delete", "namespace", &self.name, "--wait=false"]).output();
        let _ = std::fs::remove_dir_all(self.bucket());
    }
}

/// How a container ended: its exit code and its termination message.
///
/// # Panics
/// If the pod has no such container, or it has not ended.
pub fn end_of<'a>(pod: &'a Value, container: &str) -> (i64, &'a str) {
    let statuses = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .filter_map(|list| pod["status"][list].as_array())
        .flatten();
    let status = statuses.into_iter().find(|status| status["name"] == container);
    let end = &status.unwrap_or_else(|| panic!("no container {container}: {:#}", pod["status"]))["state"]
        ["terminated"];
    let code = end["exitCode"]
        .as_i64()
        .unwrap_or_else(|| panic!("{container} has not ended: {:#}", pod["status"]));
    (code, end["message"].as_str().unwrap_or_default())
}
