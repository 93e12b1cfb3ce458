//! Large workflows: what an event costs does not grow with the workflow.

use super::world::{End, World, config, workflow};

/// Deep loops of many items, with few pods at a time, end; and all events together touch each node a few times only.
#[test]
fn ten_thousand_items() {
    let mut config = config();
    config.max_pending_pods = Some(8);
    let spec = "entrypoint: main
templates:
- name: main
  steps:
  - - {name: map, template: make, withSequence: {count: 10000}, arguments: {parameters: [{name: m, value: '{{item}}'}]}}
  - - {name: reduce, template: take, arguments: {artifacts: [{name: parts, from: '{{steps.map.outputs.artifacts.part}}'}]}}
- name: make
  inputs: {parameters: [{name: m}]}
  container: {image: i, command: [c], args: ['{{inputs.parameters.m}}']}
  outputs: {artifacts: [{name: part, path: /p}]}
- name: take
  inputs: {artifacts: [{name: parts, path: /parts}]}
  container: {image: i, command: [c]}
";
    let mut world = World::with(workflow(spec), config, |_, _| End::default());
    let mut changes = 0;
    while !world.engine.is_finished() {
        world.step();
        changes += world.engine.take_changed_nodes().len();
        if !world.queue.is_empty() {
            world.observed = world.end_pod(0);
        }
    }
    assert_eq!(world.phase(), "Succeeded");
    assert_eq!(world.progress(), "10001/10001");
    assert!(changes < 60_000, "{changes} nodes to save");
}
