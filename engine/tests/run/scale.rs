//! Large workflows: what an event costs does not grow with the workflow, and ids that clash are told apart.

use std::collections::HashMap;

use lighter_engine::pod::node_id;

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

/// With 77,000 nodes two of them have the same hash as often as not.
#[test]
fn nodes_with_the_same_hash_have_ids_and_pods_of_their_own() {
    let text = |n: u32| format!("x{:x}", n.wrapping_mul(0x9e37_79b9));
    let first = |n| node_id("w", &format!("w[0].a(0:{})", text(n)));
    let second = |n| node_id("w", &format!("w[0].a(1:{})", text(n)));
    let known: HashMap<String, u32> = (0..200_000).map(|n| (first(n), n)).collect();
    let (x, y) = (0..200_000)
        .find_map(|n| Some((text(*known.get(&second(n))?), text(n))))
        .expect("two names with the same hash");
    let world = World::new(
        &format!(
            "entrypoint: main
templates:
- name: main
  steps: [[{{name: a, template: echo, withItems: [{x}, {y}]}}]]
- name: echo
  container: {{image: i, command: [c], args: ['{{{{pod.name}}}}']}}
"
        ),
        |name, _| End::code(i32::from(name.starts_with("[0].a(0:"))),
    )
    .run();
    let phases = [format!("[0].a(0:{x})"), format!("[0].a(1:{y})")]
        .map(|name| (world.node(&name).phase.clone(), world.node(&name).id.clone()));
    assert_eq!(phases[0].0, "Failed");
    assert_eq!(phases[1], ("Succeeded".to_owned(), format!("{}-2", phases[0].1)));
    assert_eq!(world.created.len(), 2);
}
