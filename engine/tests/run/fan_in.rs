//! Fan-in: the artifacts of a loop's items arrive as one collection.

use lighter_api::{Collection, Template};

use super::world::{End, World, input};

const PARTS: &str = "- name: make
  inputs: {parameters: [{name: m, default: x}]}
  container: {image: i, command: [c]}
  outputs: {artifacts: [{name: part, path: /tmp/part.json}]}
- name: take
  inputs: {artifacts: [{name: parts, path: /tmp/parts}]}
  container: {image: i, command: [c]}
- name: take-some
  inputs: {artifacts: [{name: parts, path: /tmp/parts, collect: {as: json, missing: skip}}]}
  container: {image: i, command: [c]}
";

fn run(spec: &str, script: super::world::Script) -> World {
    World::new(&format!("{spec}{PARTS}"), script).run()
}

fn fine(_: &str, _: &Template) -> End {
    End::default()
}

fn collection(world: &World, node: &str) -> Collection {
    input(world.template(node), "parts").collection.clone().unwrap()
}

/// Index and item of each part.
fn parts(collection: &Collection) -> String {
    let parts = collection.parts.iter().map(|part| format!("{}={}", part.index, part.item));
    parts.collect::<Vec<_>>().join(" ")
}

const STEPS: &str = "entrypoint: main
templates:
- name: main
  steps:
  - - {name: map, template: make, withItems: [a, {h: b}, 3], continueOn: {failed: true}}
  - - {name: reduce, template: TAKE, arguments: {artifacts: [{name: parts, from: '{{steps.map.outputs.artifacts.part}}'}]}}
";

#[test]
fn steps_and_tasks_hand_over_all_parts_in_order() {
    let world = run(&STEPS.replace("TAKE", "take"), fine);
    let found = collection(&world, "[1].reduce");
    assert_eq!(parts(&found), r#"0="a" 1={"h":"b"} 2=3"#);
    assert_eq!(found.from, "steps.map.outputs.artifacts.part");
    assert_eq!(found.parts[0].file, "part.json");
    assert!(found.parts[0].key.ends_with("/part.tgz"), "{}", found.parts[0].key);
    let shown = world.node("[1].reduce").inputs.clone().unwrap().artifacts[0].collection.clone();
    assert_eq!(shown.map(|c| (c.count, c.parts.len())), Some((3, 0)));

    let world = run(
        "entrypoint: main
templates:
- name: main
  dag:
    tasks:
    - {name: map, template: make, withSequence: {count: 12}}
    - {name: reduce, template: take, depends: map, arguments: {artifacts: [{name: parts, from: '{{tasks.map.outputs.artifacts.part}}'}]}}
",
        fine,
    );
    let found = collection(&world, ".reduce");
    assert_eq!(
        found.parts.iter().map(|p| p.index).collect::<Vec<_>>(),
        (0..12).collect::<Vec<_>>()
    );
}

#[test]
fn missing_parts_are_an_error_or_left_out_as_the_input_says() {
    let script = |name: &str, _: &Template| match name {
        "[0].map(0:a)" => End::code(1),
        "[0].map(2:3)" => End { lost: vec!["part".to_owned()], ..End::default() },
        _ => End::default(),
    };
    let world = run(&STEPS.replace("TAKE", "take-some"), script);
    assert_eq!(world.phase(), "Succeeded", "{}", world.tree());
    assert_eq!(parts(&collection(&world, "[1].reduce")), r#"1={"h":"b"}"#);
    let world = run(&STEPS.replace("TAKE", "take"), script);
    let node = world.node("[1].reduce");
    assert_eq!(node.phase, "Error");
    assert!(node.message.contains("map(0:a) (Failed), map(2:3)"), "{}", node.message);
}

#[test]
fn an_empty_loop_is_an_empty_collection() {
    for kind in ["take", "take-some"] {
        let spec =
            STEPS.replace("TAKE", kind).replace("withItems: [a, {h: b}, 3]", "withParam: '[]'");
        let world = run(&spec, fine);
        assert_eq!(world.phase(), "Succeeded", "{}", world.tree());
        let found = collection(&world, "[1].reduce");
        assert_eq!((found.count, found.parts.len()), (0, 0));
    }
    let world = run(
        "entrypoint: main
templates:
- name: main
  dag:
    tasks:
    - {name: map, template: make, withParam: '[]'}
    - {name: reduce, template: take, depends: map, arguments: {artifacts: [{name: parts, from: '{{tasks.map.outputs.artifacts.part}}'}]}}
",
        fine,
    );
    assert_eq!(collection(&world, ".reduce").count, 0);
}

#[test]
fn items_skipped_by_their_condition_are_left_out() {
    let spec = STEPS
        .replace("TAKE", "take")
        .replace("withItems: [a, {h: b}, 3]", "withItems: [1, 2, 3], when: '{{item}} != 2'");
    let world = run(&spec, fine);
    assert_eq!(parts(&collection(&world, "[1].reduce")), "0=1 2=3");
}

#[test]
fn a_retried_item_gives_its_last_attempt() {
    let spec = STEPS.replace("TAKE", "take").replace("template: make,", "template: flaky,");
    let flaky = "- name: flaky
  retryStrategy: {limit: 2}
  container: {image: i, command: [c]}
  outputs: {artifacts: [{name: part, path: /tmp/part.json}]}
";
    let world =
        run(&format!("{spec}{flaky}"), |name, _| End::code(i32::from(name == "[0].map(0:a)(0)")));
    let found = collection(&world, "[1].reduce");
    assert_eq!(found.count, 3);
    let last = world.node("[0].map(0:a)(1)").id.rsplit('-').next().unwrap().to_owned();
    assert!(found.parts[0].key.contains(&last), "{} {last}", found.parts[0].key);
}

#[test]
fn nested_loops_are_one_flat_collection() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  dag:
    tasks:
    - {name: outer, template: inner, withItems: [{o: 1}, {o: 2}]}
    - {name: reduce, template: take, depends: outer, arguments: {artifacts: [{name: parts, from: '{{tasks.outer.outputs.artifacts.all}}'}]}}
- name: inner
  steps:
  - - {name: map, template: make, withItems: [{i: 1}, {i: 2}]}
  outputs: {artifacts: [{name: all, from: '{{steps.map.outputs.artifacts.part}}'}]}
",
        fine,
    );
    let found = collection(&world, ".reduce");
    assert_eq!(parts(&found), r#"0={"i":1,"o":1} 1={"i":2,"o":1} 2={"i":1,"o":2} 3={"i":2,"o":2}"#);
}

#[test]
fn an_input_of_a_steps_template_passes_a_collection_on() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  steps:
  - - {name: map, template: make, withItems: [a, b]}
  - - {name: sub, template: sub, arguments: {artifacts: [{name: parts, from: '{{steps.map.outputs.artifacts.part}}'}]}}
- name: sub
  inputs: {artifacts: [{name: parts}]}
  steps:
  - - {name: reduce, template: take, arguments: {artifacts: [{name: parts, from: '{{inputs.artifacts.parts}}'}]}}
",
        fine,
    );
    assert_eq!(parts(&collection(&world, "[1].sub[0].reduce")), r#"0="a" 1="b""#);
}

#[test]
fn a_single_artifact_is_no_collection() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  steps:
  - - {name: one, template: make}
  - - {name: reduce, template: take, arguments: {artifacts: [{name: parts, from: '{{steps.one.outputs.artifacts.part}}', subPath: deep}]}}
",
        fine,
    );
    let found = input(world.template("[1].reduce"), "parts").clone();
    assert!(found.collection.is_none());
    assert!(found.folder.unwrap().key.ends_with("/part.tgz/deep"));
    assert_eq!(found.path, "/tmp/parts");
}
