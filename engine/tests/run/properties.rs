//! Whatever the order of events, with duplicates and restarts anywhere: the same end, and one pod a node.

use std::collections::BTreeMap;

use lighter_api::Workflow;
use lighter_engine::{Engine, Observation};
use proptest::prelude::*;

use super::world::{End, World, config, workflow};

/// A template that calls others, as YAML; `depth` bounds the nesting.
fn template(name: String, depth: u32) -> BoxedStrategy<String> {
    let leaf = (any::<bool>(), 0..3_u8).prop_map(|(retry, end)| {
        let strategy = if retry { "\n  retryStrategy: {limit: 1}" } else { "" };
        // The end of a pod is written into its arguments for the made-up executor.
        (strategy, end)
    });
    let own = name.clone();
    let leaf = leaf.prop_map(move |(strategy, end)| {
        format!(
            "- name: {own}{strategy}
  container: {{image: i, command: [c], args: ['{end}']}}
  outputs: {{artifacts: [{{name: a, path: /a, optional: true}}]}}
"
        )
    });
    if depth == 0 {
        return leaf.boxed();
    }
    let kinds = (1..4_usize, any::<bool>(), any::<bool>());
    let inner = kinds.prop_flat_map(move |(count, is_dag, limited)| {
        let children: Vec<_> =
            (0..count).map(|i| template(format!("{name}-{i}"), depth - 1)).collect();
        let flags = proptest::collection::vec((0..3_u8, any::<bool>(), any::<bool>()), count);
        let name = name.clone();
        (children, flags).prop_map(move |(children, flags)| {
            let limit = if limited { "\n  parallelism: 2" } else { "" };
            let calls = if is_dag { tasks(&name, &flags) } else { steps(&name, &flags) };
            format!("- name: {name}{limit}\n{calls}{}", children.concat())
        })
    });
    prop_oneof![1 => leaf, 3 => inner].boxed()
}

fn extras(&(loops, goes_on, exit): &(u8, bool, bool)) -> String {
    let mut text = String::new();
    match loops {
        1 => text.push_str(", withItems: [x, y, z]"),
        2 => text.push_str(", withParam: '[]'"),
        _ => {}
    }
    if goes_on {
        text.push_str(", continueOn: {failed: true, error: true}");
    }
    if exit {
        text.push_str(", hooks: {exit: {template: fine}}");
    }
    text
}

fn steps(name: &str, flags: &[(u8, bool, bool)]) -> String {
    let mut text = "  steps:\n".to_owned();
    for (i, flag) in flags.iter().enumerate() {
        let dash = if i % 2 == 0 { "  - - " } else { "    - " };
        text.push_str(&format!("{dash}{{name: s{i}, template: {name}-{i}{}}}\n", extras(flag)));
    }
    text
}

fn tasks(name: &str, flags: &[(u8, bool, bool)]) -> String {
    let mut text = "  dag:\n    tasks:\n".to_owned();
    for (i, flag) in flags.iter().enumerate() {
        let before = i.checked_sub(1).map_or(String::new(), |b| format!(", dependencies: [t{b}]"));
        text.push_str(&format!(
            "    - {{name: t{i}, template: {name}-{i}{before}{}}}\n",
            extras(flag)
        ));
    }
    text
}

fn spec() -> impl Strategy<Value = String> {
    (template("main".to_owned(), 2), any::<bool>()).prop_map(|(templates, exit)| {
        let exit = if exit { "onExit: fine\n" } else { "" };
        format!(
            "entrypoint: main\n{exit}templates:\n{templates}- name: fine\n  container: {{image: i, command: [c], args: ['0']}}\n"
        )
    })
}

fn ends(name: &str, template: &lighter_api::Template) -> End {
    let args = template.container.as_ref().and_then(|c| c.args.clone()).unwrap_or_default();
    match args.first().map(String::as_str) {
        // A retry helps some.
        Some("1") => End::code(i32::from(!name.ends_with("(1)"))),
        Some("2") => End::code(4),
        _ => End::default(),
    }
}

/// The status without times, and with the orders that depend on the order of events removed.
fn summary(workflow: &Workflow) -> BTreeMap<String, String> {
    let status = workflow.status.clone().unwrap();
    let mut lines: BTreeMap<String, String> = status
        .nodes
        .into_values()
        .map(|mut node| {
            node.children.sort();
            node.outbound_nodes.sort();
            let line = format!(
                "{} {} {} {:?} {:?} {} {:?}",
                node.r#type,
                node.phase,
                node.message,
                node.children,
                node.outbound_nodes,
                node.progress,
                node.outputs
            );
            (node.name, line)
        })
        .collect();
    lines.insert(String::new(), format!("{} {} {}", status.phase, status.message, status.progress));
    lines
}

/// Runs with the choices: which pod ends next, how its events are mixed, when the engine is made anew.
fn shaken(spec: &str, choices: &[u32]) -> World {
    let mut choices = choices.iter().copied().cycle();
    let mut choose = move |n: usize| choices.next().map_or(0, |c| c as usize % n.max(1));
    let mut config = config();
    config.max_pending_pods = Some(1 + choose(4));
    let mut world = World::with(workflow(spec), config, ends);
    let mut history: Vec<Observation> = Vec::new();
    for _ in 0..100_000 {
        world.step();
        if world.engine.is_finished() {
            return world;
        }
        if choose(4) == 0 {
            let saved: Workflow =
                serde_json::from_value(serde_json::to_value(world.engine.workflow()).unwrap())
                    .unwrap();
            world.engine = Engine::new(saved, world.config.clone(), world.now).unwrap();
            world.observed.extend(history.iter().cloned());
            continue;
        }
        if world.queue.is_empty() {
            assert!(!world.observed.is_empty(), "stuck:\n{}", world.tree());
            continue;
        }
        let which = choose(world.queue.len());
        let mut events = world.end_pod(which);
        for i in 0..events.len() {
            events.swap(i, i + choose(4 - i));
        }
        if choose(2) == 0 {
            events.extend(events.clone());
        }
        if choose(3) == 0 {
            events.extend(history.iter().rev().take(3).cloned());
        }
        history.extend(events.iter().cloned());
        world.observed = events;
    }
    panic!("no end:\n{}", world.tree());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_restart_give_the_same_end(
        spec in spec(),
        choices in proptest::collection::vec(any::<u32>(), 40),
    ) {
        let calm = World::with(workflow(&spec), config(), ends).run();
        let shaken = shaken(&spec, &choices);
        prop_assert_eq!(summary(calm.engine.workflow()), summary(shaken.engine.workflow()), "{}", spec);
        prop_assert!(shaken.created.values().all(|count| *count == 1), "{:?}\n{}", shaken.created, spec);
    }
}
