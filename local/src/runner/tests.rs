use std::sync::mpsc::channel;

use lighter_api::Workflow;
use lighter_api::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lighter_engine::{Observation, StopStrategy};

use super::control::{Control, Request, ask};
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
fn another_process_can_ask() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than the path of a socket may be.
    let folder = folder.path().join("a".repeat(120));
    let mut state = State::open(&folder).unwrap();
    let summary = state.insert(&workflow("w"), &Surroundings::default(), 0).unwrap();
    // No process listens yet.
    assert!(ask(&folder, &summary, Request::Stop).is_err());

    let (sender, inputs) = channel();
    std::fs::create_dir_all(folder.join("runs")).unwrap();
    let mut control = Control::listen(&folder, &summary, Handle(sender)).unwrap();
    ask(&folder, &summary, Request::Terminate).unwrap();
    let strategy = StopStrategy::Terminate;
    let Input::Asked(heard, _) = inputs.recv().unwrap() else { panic!("not asked") };
    assert_eq!(heard, Observation::Stop { strategy });
    ask(&folder, &summary, Request::Resume).unwrap();
    let Input::Asked(heard, _) = inputs.recv().unwrap() else { panic!("not asked") };
    assert_eq!(heard, Observation::Resume { node: None });
    control.close();
    assert!(ask(&folder, &summary, Request::Stop).is_err());
}
