//! What templates can do: parameters, results, retries with pauses, limits, claims, stops, references.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lighter_api::Template;
use lighter_engine::{Library, Observation, StopStrategy};

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
fn parallelism_holds_pods_back() {
    let spec = |top: &str, inner: &str| {
        format!(
            "entrypoint: main
{top}
templates:
- name: main
  {inner}
  steps: [[{{name: a, template: sub, withSequence: {{count: 9}}}}]]
- name: sub
  steps: [[{{name: b, template: echo}}, {{name: c, template: echo}}]]
- name: echo
  container: {{image: i, command: [c]}}
"
        )
    };
    for (top, inner, most) in [("parallelism: 3", "", 3), ("", "parallelism: 2", 4), ("", "", 18)] {
        let world = World::new(&spec(top, inner), fine).run();
        assert_eq!((world.phase(), world.most_live), ("Succeeded", most), "{top}{inner}");
    }
    let mut config = config();
    config.max_pending_pods = Some(5);
    let world = World::with(workflow(&spec("", "")), config, fine).run();
    assert_eq!((world.phase(), world.most_live), ("Succeeded", 5));
}

#[test]
fn the_deadline_ends_all_but_exit_handlers() {
    let mut world = World::new(
        "entrypoint: main
activeDeadlineSeconds: 60
onExit: echo
templates:
- name: main
  steps: [[{name: a, template: echo}, {name: s, template: wait}], [{name: b, template: echo}]]
- name: wait
  suspend: {}
- name: echo
  container: {image: i, command: [c]}
",
        fine,
    );
    world.step();
    assert_eq!(world.wake, Some(world.now + SignedDuration::from_secs(60)));
    world.now += SignedDuration::from_secs(61);
    world.go();
    assert_eq!(world.phase(), "Failed");
    assert_eq!(world.node("[0].a").message, "Step exceeded its deadline");
    assert_eq!(world.node("[0].s").message, "Step exceeded its deadline");
    assert_eq!(world.node(".onExit").phase, "Succeeded");
    assert!(!world.has("[1]"));
    assert_eq!(world.deleted.len(), 1);
}

#[test]
fn a_stop_runs_exit_handlers_and_a_termination_does_not() {
    for strategy in [StopStrategy::Stop, StopStrategy::Terminate] {
        let mut config = config();
        config.max_pending_pods = Some(2);
        let mut world = World::with(
            workflow(
                "entrypoint: main
onExit: echo
templates:
- name: main
  steps: [[{name: a, template: echo, withSequence: {count: 100}}]]
- name: echo
  container: {image: i, command: [c]}
",
            ),
            config,
            fine,
        );
        world.step();
        world.observed = vec![Observation::Stop { strategy }];
        world.go();
        assert_eq!(world.phase(), "Failed");
        assert_eq!(world.message(), format!("Stopped with strategy '{}'", strategy.as_str()));
        let text = format!("workflow shutdown with strategy:  {}", strategy.as_str());
        assert_eq!(world.node("[0].a(1:1)").message, text);
        assert_eq!(world.has(".onExit"), strategy == StopStrategy::Stop);
        assert!(!world.has("[0].a(2:2)"));
    }
}

#[test]
fn suspended_nodes_wait_for_their_time_or_a_word() {
    let spec = |duration: &str| {
        format!(
            "entrypoint: main
templates:
- name: main
  steps: [[{{name: s, template: wait}}]]
- name: wait
  suspend: {{{duration}}}
"
        )
    };
    let world = World::new(&spec("duration: 90s"), fine).run();
    let node = world.node("[0].s");
    let (start, end) = (node.started_at.clone().unwrap().0, node.finished_at.clone().unwrap().0);
    assert_eq!(end.duration_since(start), SignedDuration::from_secs(90));
    let mut world = World::new(&spec(""), fine);
    world.step();
    assert_eq!(world.node("[0].s").phase, "Running");
    world.observed = vec![Observation::Resume { node: None }];
    world.go();
    assert_eq!(world.phase(), "Succeeded");
}

#[test]
fn claims_live_as_long_as_the_workflow_needs_them() {
    for (gc, code, left) in
        [("", 0, 0), ("", 1, 1), ("volumeClaimGC: {strategy: OnWorkflowCompletion}", 1, 0)]
    {
        let spec = format!(
            "entrypoint: main
{gc}
volumeClaimTemplates:
- metadata: {{name: work}}
  spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Mi}}}}}}
templates:
- name: main
  container: {{image: i, command: [c], volumeMounts: [{{name: work, mountPath: /w}}]}}
"
        );
        let script = if code == 0 { fine } else { |_: &str, _: &Template| End::code(1) };
        let mut world = World::new(&spec, script);
        world.step();
        assert!(world.queue.is_empty(), "the pod waits for its claim");
        world.go();
        assert_eq!(world.claims.len(), left, "{gc} {code}");
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

#[test]
fn a_lost_pod_is_made_again_if_it_never_ran_and_is_an_error_if_it_did() {
    let spec = "entrypoint: main
templates: [{name: main, container: {image: i, command: [c]}}]
";
    let mut world = World::new(spec, fine);
    world.step();
    world.queue.clear();
    world.observed = vec![Observation::PodDeleted { name: "w".into() }];
    world.step();
    assert_eq!(world.created["w"], 2);
    let running = super::world::with_phase(&world.queue[0], "Running", None);
    world.observed =
        vec![Observation::Pod(Box::new(running)), Observation::PodDeleted { name: "w".into() }];
    world.step();
    assert_eq!((world.phase(), world.message()), ("Error", "pod deleted"));
}

#[test]
fn a_pod_that_succeeded_waits_for_its_report() {
    let mut world = World::new(
        "entrypoint: main
templates: [{name: main, container: {image: i, command: [c]}}]
",
        fine,
    );
    world.step();
    let [_, _, ended, complete] = <[Observation; 4]>::try_from(world.end_pod(0)).unwrap();
    world.observed = vec![ended];
    world.step();
    assert_eq!(world.phase(), "Running");
    world.observed = vec![complete];
    world.step();
    assert_eq!(world.phase(), "Succeeded");
}
