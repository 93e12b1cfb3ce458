use std::fmt::Write;

use jiff::Timestamp;
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use lighter_api::{NodeStatus, Workflow, WorkflowStatus};

use super::*;
use crate::show;
use crate::text::Paint;

/// Name, type, phase, boundary, children; ids are names.
type Spec<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [&'a str]);

fn workflow(specs: &[Spec<'_>]) -> Workflow {
    let mut status = WorkflowStatus::default();
    for (second, (name, kind, phase, boundary, children)) in specs.iter().enumerate() {
        let at = Timestamp::from_second(second as i64).unwrap();
        let display = name.strip_prefix(boundary).filter(|_| !boundary.is_empty()).unwrap_or(name);
        let display = display.trim_start_matches('.');
        let display = match display.split_once("].") {
            Some((group, rest)) if group.starts_with('[') => rest,
            _ => display,
        };
        let node = NodeStatus {
            id: name.to_string(),
            name: name.to_string(),
            display_name: display.to_string(),
            r#type: kind.to_string(),
            phase: phase.to_string(),
            boundary_id: boundary.to_string(),
            children: children.iter().map(ToString::to_string).collect(),
            started_at: Some(Time(at)),
            finished_at: Some(Time(at + jiff::SignedDuration::from_secs(3))),
            message: if *phase == "Failed" { "exit code 1".into() } else { String::new() },
            ..Default::default()
        };
        status.nodes.insert(name.to_string(), node);
    }
    Workflow {
        metadata: Some(ObjectMeta { name: Some("wf".into()), ..Default::default() }),
        status: Some(status),
        ..Default::default()
    }
}

fn drawn(workflow: &Workflow, items: usize, hide_done: bool) -> String {
    let mut text = String::new();
    for row in rows(workflow, Fold { items, hide_done }) {
        writeln!(text, "{}", show::row(&row, Timestamp::UNIX_EPOCH, Paint(false))).unwrap();
    }
    text
}

fn steps() -> Workflow {
    workflow(&[
        ("wf", "Steps", "Failed", "", &["wf[0]"]),
        ("wf[0]", "StepGroup", "Succeeded", "wf", &["wf[0].first"]),
        ("wf[0].first", "Pod", "Succeeded", "wf", &["wf[1]"]),
        (
            "wf[1]",
            "StepGroup",
            "Failed",
            "wf",
            &["wf[1].map(0:a)", "wf[1].map(1:b)", "wf[1].map(10:c)", "wf[1].map(2:d)"],
        ),
        ("wf[1].map(0:a)", "Pod", "Succeeded", "wf", &["wf[2]"]),
        (
            "wf[1].map(1:b)",
            "Retry",
            "Failed",
            "wf",
            &["wf[1].map(1:b)(0)", "wf[1].map(1:b)(1)", "wf[2]"],
        ),
        ("wf[1].map(1:b)(0)", "Pod", "Failed", "wf", &[]),
        ("wf[1].map(1:b)(1)", "Pod", "Failed", "wf", &[]),
        ("wf[1].map(2:d)", "Pod", "Running", "wf", &[]),
        ("wf[1].map(10:c)", "Pod", "Pending", "wf", &[]),
        ("wf.onExit", "Pod", "Succeeded", "", &[]),
    ])
}

#[test]
fn steps_side_by_side_and_one_after_the_other() {
    insta::assert_snapshot!(drawn(&steps(), 10, false), @r"
     ✖ wf  3s  exit code 1
     ├─✔ first  3s
     └─┬─✔ map(0:a)  3s
       ├─✖ map(1:b)  3s  exit code 1
       │ ├─✖ map(1:b)(0)  3s  exit code 1
       │ └─✖ map(1:b)(1)  3s  exit code 1
       ├─● map(2:d)  3s
       └─◷ map(10:c)  3s
     ✔ wf.onExit  3s
    ");
}

#[test]
fn wide_loops_show_what_failed_and_counts() {
    insta::assert_snapshot!(drawn(&steps(), 2, true), @r"
     ✖ wf  3s  exit code 1
     ├─✔ first  3s
     └─┬─✖ map(1:b)  3s  exit code 1
       │ ├─✖ map(1:b)(0)  3s  exit code 1
       │ └─✖ map(1:b)(1)  3s  exit code 1
       ├─● map(2:d)  3s
       └─ … map: 1 succeeded, 1 pending
     ✔ wf.onExit  3s
    ");
}

#[test]
fn tasks_of_a_dag_are_listed_once() {
    let dag = workflow(&[
        ("wf", "DAG", "Running", "", &["wf.a"]),
        ("wf.a", "Pod", "Succeeded", "wf", &["wf.loop"]),
        ("wf.loop", "TaskGroup", "Running", "wf", &["wf.loop(0:x)", "wf.loop(1:y)"]),
        ("wf.loop(0:x)", "Pod", "Succeeded", "wf", &["wf.b"]),
        ("wf.loop(1:y)", "Steps", "Running", "wf", &["wf.loop(1:y)[0]"]),
        ("wf.loop(1:y)[0]", "StepGroup", "Running", "wf.loop(1:y)", &["wf.loop(1:y)[0].inner"]),
        ("wf.loop(1:y)[0].inner", "Pod", "Running", "wf.loop(1:y)", &[]),
        ("wf.b", "Pod", "Pending", "wf", &[]),
    ]);
    insta::assert_snapshot!(drawn(&dag, 10, false), @r"
     ● wf  3s
     ├─✔ a  3s
     ├─● loop  3s
     │ └─┬─✔ loop(0:x)  3s
     │   └─● loop(1:y)  3s
     │     └─● inner  3s
     └─◷ b  3s
    ");
}
