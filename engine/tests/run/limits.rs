//! What bounds a workflow from outside: places, time, stops, claims, pods that are lost.

use jiff::SignedDuration;
use lighter_api::Template;
use lighter_engine::{Observation, StopStrategy};

use super::world::{End, World, config, workflow};

fn fine(_: &str, _: &Template) -> End {
    End::default()
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
