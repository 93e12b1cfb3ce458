//! Node trees as Argo 4.1 draws them.

use super::world::{End, World};

const ECHO: &str = r#"
- name: echo
  container: {image: i, command: [c]}
"#;

fn run(spec: &str, script: super::world::Script) -> World {
    World::new(&format!("{spec}{}", ECHO.trim_start()), script).run()
}

fn fine(_: &str, _: &lighter_api::Template) -> End {
    End::default()
}

fn assert_tree(world: &World, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let expected = expected.join("\n");
    assert_eq!(world.tree(), expected);
}

#[test]
fn steps_with_a_loop_a_condition_nested_steps_and_exit_hooks() {
    let world = run(
        "entrypoint: main
onExit: echo
templates:
- name: main
  steps:
  - - {name: a, template: echo}
    - {name: b, template: echo, withItems: [1, {k: v}]}
    - {name: c, template: echo, when: x == y}
  - - {name: d, template: sub}
- name: sub
  steps:
  - - {name: e, template: echo, hooks: {exit: {template: echo}}}
",
        fine,
    );
    assert_tree(
        &world,
        "w Steps Succeeded [[0]] out [[1].d[0].e]
         w.onExit Pod Succeeded [] hooked
         w[0] StepGroup Succeeded [[0].a [0].b(0:1) [0].b(1:k:v) [0].c]
         w[0].a Pod Succeeded [[1]]
         w[0].b(0:1) Pod Succeeded [[1]]
         w[0].b(1:k:v) Pod Succeeded [[1]]
         w[0].c Skipped Skipped [[1]] # when 'x == y' evaluated false
         w[1] StepGroup Succeeded [[1].d]
         w[1].d Steps Succeeded [[1].d[0]] out [[1].d[0].e]
         w[1].d[0] StepGroup Succeeded [[1].d[0].e]
         w[1].d[0].e Pod Succeeded [[1].d[0].e.onExit]
         w[1].d[0].e.onExit Pod Succeeded [] hooked",
    );
    assert_eq!(world.progress(), "6/6");
    assert_eq!(world.node("[1].d[0]").display_name, "[0]");
    assert_eq!(world.node("[1].d[0].e.onExit").display_name, "e.onExit");
    assert_eq!(world.node(".onExit").display_name, "w.onExit");
    assert_eq!(world.node(".onExit").boundary_id, "");
    assert_eq!(world.node("[1].d[0].e").boundary_id, world.node("[1].d").id);
    assert_eq!(world.node("[0].a").template_scope, "local/w");
}

#[test]
fn dag_with_a_retry_and_a_loop() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  dag:
    tasks:
    - {name: A, template: flaky}
    - {name: B, template: echo, depends: A, withItems: [p, q]}
    - {name: C, template: echo, depends: A.Failed}
    - {name: D, template: echo, depends: B && (C || C.Omitted)}
- name: flaky
  retryStrategy: {limit: 2}
  container: {image: i, command: [c]}
",
        |name, _| End::code(i32::from(name == ".A(0)")),
    );
    assert_tree(
        &world,
        "w DAG Succeeded [.A] out [.D]
         w.A Retry Succeeded [.A(0) .A(1)]
         w.A(0) Pod Failed [] retried # main: Error (exit code 1)
         w.A(1) Pod Succeeded [.B .C] retried
         w.B TaskGroup Succeeded [.B(0:p) .B(1:q)]
         w.B(0:p) Pod Succeeded [.D]
         w.B(1:q) Pod Succeeded [.D]
         w.C Skipped Omitted [.D] # omitted: depends condition not met
         w.D Pod Succeeded []",
    );
    assert_eq!(world.progress(), "4/5");
}

#[test]
fn a_failing_step_fails_its_group_when_the_others_are_done() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  steps:
  - - {name: a, template: echo}
    - {name: b, template: echo}
  - - {name: c, template: echo}
",
        |name, _| End::code(i32::from(name == "[0].a")),
    );
    assert_tree(
        &world,
        "w Steps Failed [[0]] out [[0].a [0].b] # child 'w-2078810217' failed
         w[0] StepGroup Failed [[0].a [0].b] # child 'w-2078810217' failed
         w[0].a Pod Failed [] # main: Error (exit code 1)
         w[0].b Pod Succeeded []",
    );
    assert_eq!((world.phase(), world.message()), ("Failed", "child 'w-2078810217' failed"));
}

#[test]
fn a_dag_runs_to_its_ends_whatever_fail_fast_says() {
    for fail_fast in ["", "failFast: true", "failFast: false"] {
        let world = run(
            &format!(
                "entrypoint: main
templates:
- name: main
  dag:
    {fail_fast}
    tasks:
    - {{name: A, template: echo}}
    - {{name: B, template: echo}}
    - {{name: C, template: echo, depends: B}}
    - {{name: D, template: echo, depends: C}}
    - {{name: E, template: echo, depends: A}}
"
            ),
            |name, _| End::code(i32::from(name == ".A")),
        );
        assert_tree(
            &world,
            "w DAG Failed [.B .A] out [.D .E]
             w.A Pod Failed [.E] # main: Error (exit code 1)
             w.B Pod Succeeded [.C]
             w.C Pod Succeeded [.D]
             w.D Pod Succeeded []
             w.E Skipped Omitted [] # omitted: depends condition not met",
        );
        assert_eq!(world.phase(), "Failed");
    }
}

#[test]
fn a_root_with_retries() {
    let world = World::new(
        "entrypoint: main
templates:
- name: main
  retryStrategy: {limit: 1}
  container: {image: i, command: [c]}
",
        |_, _| End::code(3),
    )
    .run();
    assert_tree(
        &world,
        "w Retry Failed [(0) (1)] # No more retries left
         w(0) Pod Failed [] retried # main: Error (exit code 3)
         w(1) Pod Failed [] retried # main: Error (exit code 3)",
    );
    assert_eq!(world.message(), "No more retries left");
    assert_eq!(world.node("(0)").display_name, "w(0)");
}

#[test]
fn hooks_hang_under_what_they_belong_to() {
    let world = run(
        r#"entrypoint: main
hooks: {run: {template: echo, expression: workflow.status == "Running"}}
templates:
- name: main
  dag:
    tasks:
    - name: A
      template: echo
      hooks:
        exit: {template: echo}
        run: {template: echo, expression: tasks.A.status == "Running"}
"#,
        fine,
    );
    assert_tree(
        &world,
        "w DAG Succeeded [.hooks.run .A] out [.A]
         w.A Pod Succeeded [.A.hooks.run .A.onExit]
         w.A.hooks.run Pod Succeeded [] hooked
         w.A.onExit Pod Succeeded [] hooked
         w.hooks.run Pod Succeeded [] hooked",
    );
    assert_eq!(world.node(".A.hooks.run").display_name, "A.hooks.run");
    assert_eq!(world.node(".hooks.run").display_name, "w.hooks.run");
}

#[test]
fn bad_loops_in_a_dag() {
    let world = run(
        "entrypoint: main
arguments: {parameters: [{name: bad, value: notjson}]}
templates:
- name: main
  dag:
    tasks:
    - {name: A, template: echo, withParam: '[]'}
    - {name: B, template: echo, withParam: '{{workflow.parameters.bad}}'}
    - {name: C, template: echo, depends: B}
    - {name: D, template: echo, depends: A.Skipped}
",
        fine,
    );
    assert_eq!(world.node(".A").message, "Skipped, empty params");
    let b = world.node(".B");
    assert_eq!((b.r#type.as_str(), b.phase.as_str()), ("Skipped", "Error"));
    assert!(b.message.starts_with("withParam value could not be parsed as a JSON list: notjson: "));
    assert_eq!(world.node(".C").phase, "Omitted");
    assert_eq!(world.node(".D").phase, "Succeeded");
    assert_eq!((world.node("").phase.as_str(), world.phase()), ("Error", "Error"));
}

#[test]
fn continue_on_covers_a_failed_step() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  steps:
  - - {name: a, template: echo, continueOn: {failed: true}}
  - - {name: b, template: echo}
",
        |name, _| End::code(i32::from(name == "[0].a")),
    );
    assert_eq!((world.phase(), world.node("[0]").phase.as_str()), ("Succeeded", "Succeeded"));
    assert_eq!(world.node("[0].a").phase, "Failed");
}

#[test]
fn a_loop_with_one_failure_answers_depends() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  dag:
    tasks:
    - {name: A, template: echo, withItems: [x, y]}
    - {name: any, template: echo, depends: A.AnySucceeded}
    - {name: all, template: echo, depends: A.AllFailed}
    - {name: failed, template: echo, depends: A.Failed}
    - {name: end, template: echo, depends: any && failed && all.Omitted}
",
        |name, _| End::code(i32::from(name == ".A(0:x)")),
    );
    let phases = [".A", ".any", ".all", ".failed"].map(|name| world.node(name).phase.as_str());
    assert_eq!(phases, ["Failed", "Succeeded", "Omitted", "Succeeded"]);
    assert_eq!(world.phase(), "Succeeded");
}

#[test]
fn dependents_hang_under_the_last_attempt_itself() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  dag:
    tasks:
    - {name: A, template: outer}
    - {name: B, template: echo, depends: A}
- name: outer
  retryStrategy: {limit: 1}
  steps:
  - - {name: s, template: inner}
- name: inner
  dag: {tasks: [{name: x, template: echo}]}
",
        |name, _| End::code(i32::from(name == ".A(0)[0].s.x")),
    );
    assert_eq!(
        world.node(".A(1)").children,
        [world.node(".A(1)[0]").id.clone(), world.node(".B").id.clone()]
    );
    let inner = world.node(".A(0)[0].s");
    assert_eq!((inner.phase.as_str(), inner.message.as_str()), ("Failed", ""));
    assert_eq!(world.node(".A(0)").message, format!("child '{}' failed", inner.id));
    assert_eq!(world.phase(), "Succeeded");
}

#[test]
fn a_failing_exit_handler_fails_the_workflow() {
    let world = run(
        "entrypoint: echo
onExit: echo
templates:
",
        |name, _| End::code(i32::from(name == ".onExit")),
    );
    assert_eq!(world.node("").phase, "Succeeded");
    assert_eq!((world.phase(), world.message()), ("Failed", "main: Error (exit code 1)"));
}

#[test]
fn parallelism_and_fail_fast_stop_a_loop() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  parallelism: 1
  failFast: true
  steps:
  - - {name: a, template: echo, withItems: [x, y, z]}
",
        |_, _| End::code(1),
    );
    let text = "template has failed or errored children and failFast enabled";
    assert_tree(
        &world,
        &format!(
            "w Steps Failed [[0]] out [[0].a(0:x)] # {text}
             w[0] StepGroup Failed [[0].a(0:x)] # {text}
             w[0].a(0:x) Pod Failed [] # main: Error (exit code 1)"
        ),
    );
}

#[test]
fn a_failing_expression_is_the_groups_error() {
    let world = run(
        "entrypoint: main
templates:
- name: main
  steps:
  - - name: a
      template: take
      arguments: {parameters: [{name: x, value: \"{{=asInt('no')}}\"}]}
- name: take
  inputs: {parameters: [{name: x}]}
  container: {image: i, command: [c]}
",
        fine,
    );
    let phases = ["[0]", ""].map(|name| world.node(name).phase.as_str());
    assert_eq!((phases, world.phase()), (["Error", "Failed"], "Failed"));
    assert!(world.message().starts_with("failed to resolve references: "), "{}", world.message());
}
