//! The API server away at the moment of reporting. Alone in its program: nobody else on that cluster would like it.
//!
//! A test's name begins with the lines of the executor's compatibility checklist that it shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::thread;
use std::time::Duration;

use lighter_tests::cluster::{self, Namespace, end_of};
use lighter_tests::stock_pod::{Layout, Step};
use lighter_tests::wait_for;
use serde_json::json;

fn main() {
    cluster::main(&[("67_reports_outlive_an_outage", reports_outlive_an_outage)]);
}

fn reports_outlive_an_outage(namespace: &Namespace<'_>) {
    let template = json!({
        "name": "main", "container": {"name": "", "image": "busybox", "command": ["sh", "-c"],
            "args": ["until [ -e /var/run/argo/go ]; do sleep 0.1; done; echo 1 >/tmp/p"]},
        "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]}});
    let step = Step::new(Layout::Legacy, template).submit(namespace);
    namespace.until("workflowtaskresult", &step.node, |_| true);
    namespace.until("pod", &step.pod, |pod| {
        let containers = pod["status"]["containerStatuses"].as_array();
        containers.is_some_and(|all| all.iter().all(|one| one["started"] == true))
    });
    namespace.must(&[
        "exec",
        &step.pod,
        "-c",
        "main",
        "--",
        "sh",
        "-c",
        "(sleep 3; touch /var/run/argo/go) >/dev/null 2>&1 &",
    ]);
    // Main ends while nobody answers; upstream would have given up after half a minute.
    namespace.cluster.without("kube-apiserver", || thread::sleep(Duration::from_secs(40)));
    wait_for("the API server", || namespace.kubectl(&["get", "pods"]).code == Some(0));
    let pod = namespace.ended(&step.pod);
    assert_eq!(end_of(&pod, "wait"), (0, ""));
    let result = namespace.get("workflowtaskresult", &step.node);
    assert_eq!(result["outputs"]["parameters"][0]["value"], "1");
    assert_eq!(
        result["metadata"]["labels"]["workflows.argoproj.io/report-outputs-completed"],
        "true"
    );
}
