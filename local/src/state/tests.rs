use lighter_api::WorkflowSpec;
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

fn workflow(name: &str) -> Workflow {
    Workflow {
        api_version: "argoproj.io/v1alpha1".into(),
        kind: "Workflow".into(),
        metadata: Some(ObjectMeta {
            name: Some(name.into()),
            uid: Some(format!("uid-{name}")),
            ..Default::default()
        }),
        spec: Some(WorkflowSpec { entrypoint: "main".into(), ..Default::default() }),
        status: Some(WorkflowStatus::default()),
    }
}

fn node(id: &str, phase: &str, children: &[&str]) -> NodeStatus {
    NodeStatus {
        id: id.into(),
        name: id.into(),
        phase: phase.into(),
        children: children.iter().map(|c| c.to_string()).collect(),
        ..Default::default()
    }
}

fn put(workflow: &mut Workflow, node: NodeStatus) {
    let status = workflow.status.get_or_insert_default();
    status.nodes.insert(node.id.clone(), node);
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| id.to_string()).collect()
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::open(folder.path()).unwrap();
    let mut wf = workflow("a");
    let surroundings = Surroundings { images: "host".into(), ..Default::default() };
    let summary = state.insert(&wf, &surroundings, 5).unwrap();
    let mut saver = Saver::new(&summary);

    put(&mut wf, node("a", "Running", &["b"]));
    put(&mut wf, node("b", "Running", &[]));
    let changed = ids(&["a", "b"]);
    saver.save(&mut state, &wf, &changed).unwrap();

    // Another process sees it, as after kill -9.
    let mut state = State::open(folder.path()).unwrap();
    let saved = state.load(&summary).unwrap();
    assert_eq!(saved.workflow, wf);
    assert_eq!(saved.surroundings, surroundings);

    // A child is added.
    let mut saver = Saver::resumed(&saved);
    put(&mut wf, node("a", "Running", &["b", "c"]));
    put(&mut wf, node("b", "Succeeded", &[]));
    put(&mut wf, node("c", "Running", &[]));
    let changed = ids(&["a", "b", "c"]);
    saver.save(&mut state, &wf, &changed).unwrap();
    let saved = state.load(&summary).unwrap();
    assert_eq!(saved.workflow, wf);

    // A node that is gone from the status goes from the file, with its children.
    wf.status.as_mut().unwrap().nodes.remove("a");
    let changed = ids(&["a"]);
    saver.save(&mut state, &wf, &changed).unwrap();
    assert_eq!(state.load(&summary).unwrap().workflow, wf);
}

#[test]
fn a_group_of_many_children_is_not_written_again_for_each_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::open(folder.path()).unwrap();
    let mut wf = workflow("a");
    let summary = state.insert(&wf, &Surroundings::default(), 0).unwrap();
    let mut saver = Saver::new(&summary);
    let names: Vec<String> = (0..2000).map(|i| format!("child-{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    put(&mut wf, node("a", "Running", &names));
    let changed = ids(&["a"]);
    saver.save(&mut state, &wf, &changed).unwrap();
    let before = state.connection.total_changes();
    saver.save(&mut state, &wf, &changed).unwrap();
    assert_eq!(state.connection.total_changes() - before, 1);
    assert_eq!(state.load(&summary).unwrap().workflow, wf);
}

#[test]
fn names_are_unique_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::open(folder.path()).unwrap();
    state.insert(&workflow("a"), &Surroundings::default(), 1).unwrap();
    let b = state.insert(&workflow("b"), &Surroundings::default(), 2).unwrap();
    let again = state.insert(&workflow("a"), &Surroundings::default(), 3);
    assert!(matches!(again, Err(StateError::Exists { name }) if name == "a"));
    assert_eq!(state.require("@latest").unwrap(), b);
    assert!(matches!(state.require("c"), Err(StateError::NotFound { .. })));
    state.delete(&b).unwrap();
    let names: Vec<_> = state.list().unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn one_holder_of_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::open(folder.path()).unwrap();
    let summary = state.insert(&workflow("a"), &Surroundings::default(), 1).unwrap();
    assert_eq!(WorkflowLock::holder(folder.path(), &summary), None);
    let lock = WorkflowLock::take(folder.path(), &summary).unwrap();
    let pid = std::process::id().to_string();
    let second = WorkflowLock::take(folder.path(), &summary);
    assert!(matches!(second, Err(StateError::Locked { pid: p, .. }) if p == pid));
    assert_eq!(WorkflowLock::holder(folder.path(), &summary), Some(pid));
    drop(lock);
    assert!(WorkflowLock::take(folder.path(), &summary).is_ok());
}

#[test]
fn a_state_that_cannot_be_used_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state.db"), "this is no database at all").unwrap();
    assert!(matches!(State::open(folder.path()), Err(StateError::Corrupt { .. })));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let text = State::open(&file.join("below")).err().unwrap().to_string();
    assert!(text.contains("file/below") && text.contains("--state DIR"), "{text}");

    let newer = folder.path().join("newer");
    let state = State::open(&newer).unwrap();
    state.connection.pragma_update(None, "user_version", 99).unwrap();
    drop(state);
    assert!(matches!(State::open(&newer), Err(StateError::Version { found: 99, .. })));
}

#[test]
fn a_stop_without_a_process_is_kept_in_the_spec() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::open(folder.path()).unwrap();
    let summary = state.insert(&workflow("a"), &Surroundings::default(), 1).unwrap();
    state.set_shutdown(&summary, "Stop").unwrap();
    let spec = state.load(&summary).unwrap().workflow.spec.unwrap();
    assert_eq!(spec.shutdown, "Stop");
    assert_eq!(spec.entrypoint, "main");
}
