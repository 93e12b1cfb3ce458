use std::sync::mpsc::channel;

use lighter_api::Workflow;
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lighter_engine::StopStrategy;

use super::control::{Control, ask_to_stop};
use super::{Handle, Input};
use crate::state::{State, Surroundings};

fn workflow(name: &str) -> Workflow {
    let metadata = ObjectMeta {
        name: Some(name.into()),
        uid: Some(format!("uid-of-{name}")),
        ..Default::default()
    };
    Workflow { metadata: Some(metadata), ..Default::default() }
}

#[test]
fn another_process_can_stop_a_workflow() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than the path of a socket may be.
    let folder = folder.path().join("a".repeat(120));
    let mut state = State::open(&folder).unwrap();
    let summary = state.insert(&workflow("w"), &Surroundings::default(), 0).unwrap();
    // No process listens yet.
    assert!(ask_to_stop(&folder, &summary, StopStrategy::Stop).is_err());

    let (sender, inputs) = channel();
    std::fs::create_dir_all(folder.join("runs")).unwrap();
    let mut control = Control::listen(&folder, &summary, Handle(sender)).unwrap();
    ask_to_stop(&folder, &summary, StopStrategy::Terminate).unwrap();
    assert!(matches!(inputs.recv().unwrap(), Input::Stop(StopStrategy::Terminate, _)));
    control.close();
    assert!(ask_to_stop(&folder, &summary, StopStrategy::Stop).is_err());
}
