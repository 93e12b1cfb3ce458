//! What templates can do: parameters, results, retries with pauses, limits, claims, stops, references.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lighter_api::Template;
use lighter_engine::Library;

use super::world::{End, World, config, env, workflow};

fn message(world: &World, name: &str) -> String {
    world.template(name).container.as_ref().unwrap().args.as_ref().unwrap().join(" ")
}

fn fine(_: &str, _: &Template) -> End {
    End::default()
}

const PRINT: &str = "- name: print
  inputs: {parameters: [{name: m}]}
  container: {image: i, command: [c], args: ['{{inputs.parameters.m}}']}
";

#[test]
fn results_of_a_loop_are_a_list() {
    let spec = format!(
        "entrypoint: main
templates:
- name: main
  steps:
  - - {{name: gen, template: gen}}
  - - name: map
      template: map
      arguments: {{parameters: [{{name: m, value: '{{{{item}}}}'}}]}}
      withParam: '{{{{steps.gen.outputs.result}}}}'
  - - name: reduce
      template: print
      arguments: {{parameters: [{{name: m, value: '{{{{steps.map.outputs.result}}}} {{{{steps.map.outputs.parameters.p}}}}'}}]}}
- name: gen
  script: {{image: i, command: [c], source: x}}
- name: map
  inputs: {{parameters: [{{name: m}}]}}
  container: {{image: i, command: [c], args: ['{{{{inputs.parameters.m}}}}']}}
  outputs: {{parameters: [{{name: p, valueFrom: {{path: /p}}}}]}}
{PRINT}"
    );
    let world = World::new(&spec, |name, template| match name {
        "[0].gen" => End::result(r#"[1, "b", {"k": 2}]"#),
        // Plain text would be an error in Argo.
        "[1].map(1:b)" => End::result("plain"),
        _ => {
            let args = template.container.as_ref().and_then(|c| c.args.clone()).unwrap_or_default();
            End { parameters: BTreeMap::from([("p".into(), args.concat())]), ..End::result("7") }
        }
    })
    .run();
    assert_eq!(world.phase(), "Succeeded", "{}", world.tree());
    assert_eq!(message(&world, "[2].reduce"), r#"[7,"plain",7] ["1","p","{\"k\":2}"]"#);
}

#[test]
fn left_out_outputs_give_way_to_defaults() {
    let spec = format!(
        "entrypoint: main
templates:
- name: main
  steps:
  - - {{name: a, template: gen, when: 'false'}}
  - - name: b
      template: other
      arguments: {{parameters: [{{name: m, value: '{{{{steps.a.outputs.parameters.p}}}}'}}]}}
    - name: c
      template: print
      arguments: {{parameters: [{{name: m, value: \"{{{{=steps.a.outputs.parameters.p ?? 'none'}}}} {{{{steps.a.outputs.parameters.d}}}}\"}}]}}
- name: gen
  container: {{image: i, command: [c]}}
  outputs:
    parameters:
    - {{name: p, valueFrom: {{path: /p}}}}
    - {{name: d, valueFrom: {{path: /d, default: fallback}}}}
- name: other
  inputs: {{parameters: [{{name: m, default: mine}}]}}
  container: {{image: i, command: [c], args: ['{{{{inputs.parameters.m}}}}']}}
{PRINT}"
    );
    let world = World::new(&spec, fine).run();
    assert_eq!(world.phase(), "Succeeded", "{}", world.tree());
    assert_eq!(message(&world, "[1].b"), "mine");
    assert_eq!(message(&world, "[1].c"), "none fallback");
}

#[test]
fn parameters_come_from_config_maps() {
    let spec = format!(
        "entrypoint: main
arguments: {{parameters: [{{name: g, valueFrom: {{configMapKeyRef: {{name: cm, key: a}}}}}}]}}
templates:
- name: main
  steps:
  - - name: b
      template: print
      arguments: {{parameters: [{{name: m, valueFrom: {{configMapKeyRef: {{name: cm, key: b}}}}}}]}}
    - name: c
      template: print
      arguments: {{parameters: [{{name: m, value: '{{{{workflow.parameters.g}}}}'}}]}}
{PRINT}"
    );
    let mut config = config();
    let data = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
    config.config_maps.insert("cm".to_owned(), BTreeMap::from(data));
    let world = World::with(workflow(&spec), config, fine).run();
    assert_eq!((message(&world, "[0].b").as_str(), message(&world, "[0].c").as_str()), ("2", "1"));
}

#[test]
fn recursion_ends_where_the_coin_says_and_at_a_hundred() {
    let spec = "entrypoint: flip
templates:
- name: flip
  steps:
  - - {name: coin, template: coin}
  - - {name: again, template: flip, when: '{{steps.coin.outputs.result}} == tails'}
- name: coin
  script: {image: i, command: [c], source: x}
";
    let world = World::new(spec, |name, _| {
        End::result(if name.matches("again").count() < 3 { "tails" } else { "heads" })
    })
    .run();
    assert_eq!(world.phase(), "Succeeded");
    assert!(world.has("[1].again[1].again[1].again[1].again"));
    let world = World::new(spec, |_, _| End::result("tails")).run();
    assert!(matches!(world.phase(), "Failed" | "Error"));
    assert!(world.tree().contains("Maximum recursion depth exceeded"));
}

#[test]
fn retries_pause_and_ask_their_expression() {
    let world = World::new(
        "entrypoint: main
templates:
- name: main
  retryStrategy:
    limit: 5
    backoff: {duration: 10s, factor: 2}
    expression: asInt(lastRetry.exitCode) < 3
  container: {image: i, command: [c], args: ['{{retries}} {{lastRetry.exitCode}}']}
",
        |name, _| {
            End::code(match name {
                "(0)" => 1,
                "(1)" => 2,
                _ => 3,
            })
        },
    )
    .run();
    assert_eq!(world.message(), "retryStrategy.expression evaluated to false");
    assert_eq!(message(&world, "(0)"), "0 0");
    assert_eq!(message(&world, "(2)"), "2 2");
    let start = |name: &str| world.node(name).started_at.clone().unwrap().0;
    let end = |name: &str| world.node(name).finished_at.clone().unwrap().0;
    assert_eq!(start("(1)").duration_since(end("(0)")), SignedDuration::from_secs(10));
    assert_eq!(start("(2)").duration_since(end("(1)")), SignedDuration::from_secs(20));
    assert_eq!(world.node("").outputs.as_ref().unwrap().exit_code.as_deref(), Some("3"));
}

#[test]
fn retry_policies() {
    for (strategy, code, attempts, text) in [
        ("{limit: 2}", 1, 3, "No more retries left"),
        ("{limit: 2, retryPolicy: OnError}", 1, 1, "main: Error (exit code 1)"),
        ("{limit: '1', retryPolicy: Always}", 1, 2, "No more retries left"),
        (
            "{limit: 9, backoff: {duration: 1m, maxDuration: 30s}}",
            1,
            1,
            "Backoff would exceed max duration limit",
        ),
        ("{limit: 1}", 0, 1, ""),
    ] {
        let spec = format!(
            "entrypoint: main
templates: [{{name: main, retryStrategy: {strategy}, container: {{image: i, command: [c]}}}}]"
        );
        let script = if code == 0 { fine } else { |_: &str, _: &Template| End::code(1) };
        let world = World::new(&spec, script).run();
        assert_eq!((world.created.len(), world.message()), (attempts, text), "{strategy}");
    }
}

#[test]
fn results_are_captured_only_if_they_are_read() {
    let spec = "entrypoint: main
templates:
- name: main
  dag:
    tasks:
    - {name: a, template: gen}
    - {name: b, template: gen}
    - name: c
      template: print
      depends: a && b
      arguments: {parameters: [{name: m, value: '{{tasks.a.outputs.result}}'}]}
- name: gen
  script: {image: i, command: [c], source: x}
";
    let mut world = World::new(&format!("{spec}{PRINT}"), |_, _| End::result("out"));
    world.step();
    let flags: Vec<Option<String>> = world
        .queue
        .iter()
        .map(|pod| env(&pod.spec.as_ref().unwrap().containers[1], "ARGO_INCLUDE_SCRIPT_OUTPUT"))
        .collect();
    assert_eq!(flags, [Some("true".to_owned()), Some("false".to_owned())]);
    world.go();
    assert_eq!(message(&world, ".c"), "out");
}

#[test]
fn templates_of_the_library_are_kept_as_they_were() {
    let mut config = config();
    let template = workflow(
        "entrypoint: say
arguments: {parameters: [{name: who, value: you}]}
templates:
- name: say
  steps: [[{name: s, template: print, arguments: {parameters: [{name: m, value: '{{workflow.parameters.who}}'}]}}]]
- name: print
  inputs: {parameters: [{name: m}]}
  container: {image: i, command: [c], args: ['{{inputs.parameters.m}}']}
",
    );
    let template = lighter_api::WorkflowTemplate { spec: template.spec, ..Default::default() };
    config.library = Library {
        templates: BTreeMap::from([("lib".to_owned(), template)]),
        cluster_templates: BTreeMap::new(),
    };
    let referring = "workflowTemplateRef: {name: lib}
arguments: {parameters: [{name: who, value: me}]}
";
    let world = World::with(workflow(referring), config.clone(), fine).run();
    assert_eq!(world.phase(), "Succeeded", "{}", world.message());
    assert_eq!(message(&world, "[0].s"), "me");
    let calling = "entrypoint: main
templates:
- name: main
  steps: [[{name: c, templateRef: {name: lib, template: print}, arguments: {parameters: [{name: m, value: x}]}}]]
";
    let world = World::with(workflow(calling), config, fine).run();
    assert_eq!(message(&world, "[0].c"), "x", "{}", world.tree());
    let status = world.engine.workflow().status.as_ref().unwrap();
    assert!(status.stored_templates.contains_key("namespaced/lib/print"));
}

#[test]
fn what_is_not_supported_is_refused_at_the_start() {
    let world = World::new(
        "entrypoint: main
templates: [{name: main, http: {url: 'http://x'}}]
",
        fine,
    )
    .run();
    assert_eq!(world.phase(), "Failed");
    assert!(world.message().starts_with("invalid spec: "), "{}", world.message());
    assert!(world.message().contains("http"), "{}", world.message());
}

#[test]
fn outputs_with_a_global_name_are_the_workflows() {
    let spec = format!(
        "entrypoint: main
onExit: after
templates:
- name: main
  steps: [[{{name: a, template: gen}}]]
- name: gen
  container: {{image: i, command: [c]}}
  outputs: {{parameters: [{{name: p, globalName: g, valueFrom: {{path: /p}}}}]}}
- name: after
  steps: [[{{name: s, template: print, arguments: {{parameters: [{{name: m, value: '{{{{workflow.outputs.parameters.g}}}} {{{{workflow.status}}}}'}}]}}}}]]
{PRINT}"
    );
    let world = World::new(&spec, fine).run();
    assert_eq!(message(&world, ".onExit[0].s"), "p Succeeded", "{}", world.tree());
    let outputs = world.engine.workflow().status.as_ref().unwrap().outputs.clone().unwrap();
    assert_eq!(outputs.parameters[0].name, "g");
}
