use lighter_api::{Object, Workflow};

use super::*;

fn workflow(spec: &str) -> Workflow {
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{generateName: w-}}\nspec:\n{indented}"
    );
    let documents =
        lighter_api::read("w.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    match documents.into_iter().next().map(|document| document.object) {
        Some(Object::Workflow(workflow)) => *workflow,
        other => panic!("{other:?}"),
    }
}

/// The findings of a spec, one a line.
fn findings(spec: &str) -> String {
    let found = validate(&workflow(spec), &Library::default());
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The findings of a workflow whose first template is `template`; a template `echo` with the input `m` is there.
fn findings_in(template: &str) -> String {
    let indented: String = template.lines().map(|line| format!("  {line}\n")).collect();
    findings(&format!(
        "entrypoint: main
templates:
- name: main
{indented}- name: echo
  inputs: {{parameters: [{{name: m, default: x}}], artifacts: [{{name: a, path: /a, optional: true}}]}}
  container: {{image: a, command: [b]}}
  outputs: {{parameters: [{{name: o, valueFrom: {{path: /o}}}}], artifacts: [{{name: f, path: /f}}]}}
"
    ))
}

#[test]
fn a_good_workflow_has_no_findings() {
    let spec = r#"
entrypoint: main
onExit: bye
arguments: {parameters: [{name: num, value: "3"}]}
volumeClaimTemplates: [{metadata: {name: work}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
templates:
- name: main
  inputs: {parameters: [{name: num}]}
  steps:
  - - name: list
      template: list
  - - name: map
      template: part
      arguments: {parameters: [{name: item, value: "{{item.host}}"}]}
      withParam: "{{steps.list.outputs.result}}"
  - - name: reduce
      template: reduce
      when: "{{inputs.parameters.num}} > 2"
      arguments:
        parameters: [{name: all, value: "{{steps.map.outputs.parameters.o}}"}]
        artifacts:
        - name: parts
          from: "{{steps.map.outputs.artifacts.f}}"
          collect: {name: "{{index}}-{{item.host}}-{{file}}"}
    - name: count
      template: part
      withSequence: {count: "{{workflow.parameters.num}}"}
      arguments: {parameters: [{name: item, value: "{{item}} {{ workflow.creationTimestamp.s }}"}]}
  outputs:
    parameters: [{name: r, valueFrom: {parameter: "{{steps.reduce.outputs.result}}"}}]
- name: list
  script: {image: a, command: [sh], source: "echo '[1]'; echo {{ custom }} {{=toJson(inputs)}}"}
- name: part
  inputs: {parameters: [{name: item}]}
  retryStrategy: {limit: "2", backoff: {duration: 1s, factor: "2"}, expression: "asInt(lastRetry.exitCode) > 1"}
  container: {image: a, args: ["{{inputs.parameters.item}}", "{{outputs.artifacts.f.path}}", "{{retries}}"], volumeMounts: [{name: work, mountPath: /w}]}
  outputs:
    parameters: [{name: o, valueFrom: {path: /o}}]
    artifacts: [{name: f, path: /f}]
- name: reduce
  inputs:
    parameters: [{name: all}]
    artifacts: [{name: parts, path: /parts, collect: {as: directory, missing: skip}}]
  container: {image: a}
- name: flip
  steps:
  - - {name: toss, template: list}
  - - {name: again, template: flip, when: "{{steps.toss.outputs.result}} == tails"}
- name: bye
  dag:
    tasks:
    - {name: a, template: list}
    - {name: b, template: list, depends: "a.Failed || a.Succeeded", hooks: {exit: {template: list}}}
    - name: c
      inline: {container: {image: a, args: ["{{tasks.a.outputs.result}} {{workflow.status}}"]}}
      depends: b
"#;
    assert_eq!(findings(spec), "");
}

/// Specs with what must be found.
#[test]
fn the_spec_is_checked() {
    let echo = "\ntemplates: [{name: a, container: {image: b}}]";
    let cases = [
        ("templates: []", "spec.entrypoint: spec.entrypoint is required"),
        (
            &format!("entrypoint: b{echo}"),
            "spec.entrypoint: template name `b` undefined (there is `a`)",
        ),
        (
            "entrypoint: a\ntemplates:\n- {name: a, container: {image: b}}\n- {name: a, container: {image: b}}\n\
             - {name: a b, suspend: {}}\n- {name: \"a\\0\", suspend: {}}\n- suspend: {}\n",
            "spec.templates[1].name: name `a` is not unique\n\
             spec.templates[2].name: name `a b` is invalid: name must consist of alpha-numeric characters or '-', and must \
             start with an alpha-numeric character (e.g. My-name1-2, 123-NAME)\n\
             spec.templates[3].name: name `a\\0` is invalid: name must consist of alpha-numeric characters or '-', and must \
             start with an alpha-numeric character (e.g. My-name1-2, 123-NAME)\n\
             spec.templates[4].name: name is required\n\
             spec.templates[3].name: template `a\0`: the text has a NUL character, which no program can be given",
        ),
        (
            &format!(
                "entrypoint: a\narguments: {{parameters: [{{name: p}}, {{name: q, value: z, enum: [x, w]}}]}}{echo}"
            ),
            "spec.arguments.parameters[0]: parameter `p`: value or valueFrom is required\n\
             spec.arguments.parameters[1]: value `z` should be present in the enum list (the values are `x`, `w`)",
        ),
        (
            &format!(
                "entrypoint: a\nonExit: x\nhooks: {{go: {{template: a}}}}\npodGC: {{strategy: OnPodCompleted}}{echo}"
            ),
            "spec.podGC.strategy: unknown strategy `OnPodCompleted` (did you mean `OnPodCompletion`?)\n\
             spec.onExit: template name `x` undefined (there is `a`)\n\
             spec.hooks.go: Expression required (say when it is to run, e.g. `steps.NAME.status == \"Running\"`)",
        ),
        (
            &format!(
                "entrypoint: a\nvolumes: [{{name: v, emptyDir: {{}}}}, {{name: v, emptyDir: {{}}}}]{echo}"
            ),
            "spec.volumes[1].name: name `v` is not unique",
        ),
        (
            &format!(
                "entrypoint: a\nsynchronization: {{mutexes: [{{name: m}}]}}\nmetrics: {{prometheus: []}}{echo}"
            ),
            "spec.synchronization: `synchronization` is not supported yet (run such workflows one after the other, or use \
             `parallelism`)\n\
             warning: spec.metrics: `metrics` has no effect yet (no metrics are emitted)",
        ),
        (
            "entrypoint: a\ntemplates:\n- {name: a, steps: [[{name: s, template: b}]]}\n- {name: b, dag: {tasks: [{name: t, template: a}]}}\n",
            "spec.templates[0]: templates call each other without end: a -> b -> a (guard one of the calls with `when`)",
        ),
        (
            "entrypoint: a\ntemplates:\n- {name: a, inputs: {parameters: [{name: p}]}, container: {image: b}}\n",
            "spec.arguments: inputs.parameters.p was not supplied (template `a` needs the parameter `p`)",
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(findings(spec), expected, "{spec}");
    }
}

/// Templates with what must be found in them.
#[test]
fn templates_are_checked() {
    let cases = [
        (
            "suspend:",
            "template type unspecified. choose one of: container, script, steps, dag, suspend (an empty one such as \
             `suspend:` is written `suspend: {}`)",
        ),
        (
            "suspend: {}\ncontainer: {image: a}",
            "multiple template types specified: container, suspend. choose one of: container, script, steps, dag, suspend",
        ),
        ("container: {command: [a]}", ".container.image: image may not be empty"),
        ("script: {image: a}", "~.script: a script without `source` is an empty file"),
        (
            "container: {image: a, args: ['{{inputs.parameters.mesage}}', '{{input.parameters.message}}', '{{jinja}}']}\n\
             inputs: {parameters: [{name: message, default: x}]}",
            ".container.args[0]: failed to resolve {{inputs.parameters.mesage}} (did you mean `inputs.parameters.message`?)\n\
             ~.container.args[1]: {{input.parameters.message}} is no variable and stays as it is (did you mean `inputs`?)",
        ),
        (
            "container: {image: a, args: ['{{=inputs.}}']}",
            ".container.args[0]: expression does not parse: expected name (1:7)\n | inputs.\n | ......^",
        ),
        (
            "container: {image: a, volumeMounts: [{name: wrk, mountPath: /w}, {name: work, mountPath: /w}]}\n\
             volumes: [{name: work, emptyDir: {}}]",
            ".container.volumeMounts[0].name: volume `wrk` is not defined (did you mean `work`?)\n\
             .container.volumeMounts[1].mountPath: mountPath `/w` already mounted in volume `wrk`",
        ),
        (
            "container: {image: a}\nparallelism: 2\nactiveDeadlineSeconds: 0\ntimeout: '5'\n\
             retryStrategy: {retryPolicy: Allways, limit: x, backoff: {factor: 2}}",
            ".retryStrategy.retryPolicy: `Allways` is no retry policy (did you mean `Always`?)\n\
             .retryStrategy.limit: must be a whole number, 0 or more, or a tag\n\
             .retryStrategy.backoff: no base duration specified for retryStrategy\n\
             .activeDeadlineSeconds: activeDeadlineSeconds must be a positive integer > 0 or an argo variable\n\
             .parallelism: parallelism is only valid for steps and dag templates\n\
             .timeout: has invalid duration format in timeout (write 5s)",
        ),
        (
            "container: {image: a}\ninitContainers: [{name: wait, image: a}]",
            ".initContainers[0].name: `wait` is a reserved Argo container name",
        ),
        (
            "container: {image: a}\nsidecars: [{name: s, image: a}]\ndaemon: true\ninputs: {artifacts: [{name: i, path: /i, plugin: {key: k}}, {name: j, path: /j, s3: {key: k}}]}",
            ".daemon: `daemon` is not supported yet (start the server in the step that uses it)\n\
             .sidecars: `sidecars` is not supported yet (start the server in the container that uses it)\n\
             .inputs.artifacts[0].plugin: artifacts of a plugin are not supported yet (use another store)",
        ),
        (
            "container: {image: a}\ninputs: {artifacts: [{name: i, path: /i, optional: true, collect: {as: json, name: x}}, {name: j, path: /j, optional: true, \
             collect: {jq: ., name: '{{idx}}'}}]}\noutputs: {artifacts: [{name: o}, {name: z, path: /z, \
             archive: {tar: {compression: zstd, compressionLevel: 23}}}], parameters: [{name: p, valueFrom: {parameter: x}}]}",
            ".outputs.artifacts[1].archive.tar.compressionLevel: 23 is no level of zstd: use -7 to 22, or 0 for the default\n\
             .outputs.parameters[0].valueFrom: path must be specified for container and script templates\n\
             .outputs.artifacts[0]: an output artifact of a container or script needs a `path`\n\
             .inputs.artifacts[0].collect.name: `name` is only for `as: directory` (leave it out: there is one file)\n\
             .inputs.artifacts[1].collect.jq: `jq` is only for `as: json` and `as: ndjson`\n\
             .inputs.artifacts[1].collect.name: this tag is not known in the names of parts (the tags here are {{index}}, \
             {{item}}, {{item.KEY}} and {{file}})",
        ),
    ];
    for (template, expected) in cases {
        check_in(template, expected);
    }
}

/// Compares findings in the template `main`, in any order; `~` stands for a warning.
fn check_in(template: &str, expected: &str) {
    let mut wanted: Vec<String> = split(expected)
        .map(|line| match line.strip_prefix('~') {
            Some(line) => format!("warning: spec.templates[0]{}", at(line)),
            None => format!("spec.templates[0]{}", at(&line)),
        })
        .collect();
    let found = findings_in(template);
    let mut found: Vec<String> = split(&found).collect();
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted, "{template}");
}

/// One finding each; a message may go on in lines that begin with a space.
fn split(findings: &str) -> impl Iterator<Item = String> {
    let mut all: Vec<String> = Vec::new();
    for line in findings.lines() {
        match all.last_mut() {
            Some(last) if line.starts_with(' ') => last.push_str(&format!("\n{line}")),
            _ => all.push(line.to_owned()),
        }
    }
    all.into_iter()
}

fn at(line: &str) -> String {
    match line.strip_prefix('.').and_then(|rest| rest.split_once(": ")) {
        Some((path, message)) => format!(".{path}: template `main`: {message}"),
        None => format!(": template `main`: {line}"),
    }
}

#[test]
fn steps_are_checked() {
    let cases = [
        (
            "steps: [[{name: a, template: ehco}], [{name: a, template: echo}], [{name: b}]]",
            ".steps[0][0].template: template name `ehco` undefined (did you mean `echo`?)\n\
             .steps[1][0].name: name `a` is not unique\n\
             .steps[2][0].template: template name is required",
        ),
        (
            "steps: [[{name: a, template: echo, withItems: [1], withParam: '[]'}], [{name: b, template: echo, withSequence: \
             {count: 1, end: 2}}, {name: c, template: echo, withParam: 'x', when: a b}]]",
            ".steps[0][0]: only one of withItems, withParam, withSequence can be specified\n\
             .steps[1][0].withSequence: only one of count or end can be defined in withSequence\n\
             .steps[1][1].withParam: withParam value could not be parsed as a JSON list: expected value at line 1 column 1\n\
             .steps[1][1].when: WHEN",
        ),
        (
            "steps: [[{name: a, template: echo}, {name: b, template: echo, arguments: {parameters: [{name: m, value: \
             '{{steps.a.outputs.parameters.o}}'}]}}], [{name: c, template: echo, arguments: {parameters: [{name: m, value: \
             '{{steps.a.outputs.parameters.x}}'}]}}, {name: d, template: echo, arguments: {parameters: [{name: m, value: \
             '{{item.k}}'}, {name: mm, value: 1}]}}]]",
            ".steps[0][1].arguments.parameters[0].value: failed to resolve {{steps.a.outputs.parameters.o}} (step `a` does not \
             come before: put this step into a later group, `- - name: …`)\n\
             .steps[1][0].arguments.parameters[0].value: failed to resolve {{steps.a.outputs.parameters.x}} (did you mean \
             `outputs.parameters.o`?)\n\
             .steps[1][1].arguments.parameters[0].value: failed to resolve {{item.k}}\n\
             ~.steps[1][1].arguments.parameters[1]: template `echo` takes no `mm` (there is `m`)",
        ),
        (
            "steps: [[{name: a, template: echo, withItems: [{k: 1}]}], [{name: b, template: echo, arguments: {artifacts: \
             [{name: a, from: '{{steps.a.outputs.parameters.o}}'}, {name: b}]}}]]\noutputs: {artifacts: [{name: x, from: \
             '{{steps.c.outputs.artifacts.f}}'}], parameters: [{name: p, valueFrom: {path: /x}}]}",
            ".steps[1][0].arguments.artifacts[0].from: `steps.a.outputs.parameters.o` is no artifact (write e.g. \
             `{{steps.NAME.outputs.artifacts.NAME}}`)\n\
             .steps[1][0].arguments.artifacts[1]: artifact `b`: from, artifact location, or key is required\n\
             ~.steps[1][0].arguments.artifacts[1]: template `echo` takes no `b` (there is `a`)\n\
             .outputs.parameters[0].valueFrom: parameter or expression must be specified for steps and dag templates\n\
             .outputs.artifacts[0].from: failed to resolve {{steps.c.outputs.artifacts.f}} (the steps are `a`, `b`)",
        ),
        (
            "steps: [[{name: a, templateRef: {name: lib, template: t}, hooks: {x: {template: echo}}}]]\nactiveDeadlineSeconds: 5",
            ".steps[0][0].templateRef: template reference lib.t not found (give the file of the WorkflowTemplate `lib` too)\n\
             .steps[0][0].hooks.x: Expression required (say when it is to run, e.g. `steps.NAME.status == \"Running\"`)\n\
             .activeDeadlineSeconds: activeDeadlineSeconds is only valid for leaf templates",
        ),
    ];
    for (template, expected) in cases {
        let when = crate::expr::when("a b").map_or_else(|e| e.to_string(), |_| String::new());
        check_in(template, &expected.replace("WHEN", &when));
    }
}

#[test]
fn dags_are_checked() {
    let cases = [
        ("dag: {tasks: []}", ".dag.tasks: must have at least one task"),
        (
            "dag: {tasks: [{name: a, template: echo, depends: 'b.Done'}, {name: b, template: echo, depends: 'c && '}]}",
            ".dag.tasks[0].depends: depends 'b.Done': task result 'Done' is not known (join task names and e.g. \
             `NAME.Succeeded` with &&, ||, ! and parentheses)\n\
             .dag.tasks[1].depends: depends 'c && ': a task name is missing (join task names and e.g. `NAME.Succeeded` with \
             &&, ||, ! and parentheses)",
        ),
        (
            "dag: {target: x, tasks: [{name: a, template: echo, dependencies: [c]}, {name: b, template: echo, dependencies: [a]}, \
             {name: c, template: echo, dependencies: [b, d]}]}",
            ".dag.tasks[2].dependencies[1]: dependency `d` not defined (there is `a`, `b`, `c`)\n\
             .dag.tasks: tasks dependency cycle detected: a->c->b->a\n\
             .dag.target: target `x` is not defined (there is `a`, `b`, `c`)",
        ),
        (
            "dag: {tasks: [{name: a, template: echo}, {name: b, template: echo, depends: a.AnySucceeded}, {name: c, template: \
             echo, dependencies: [a], continueOn: {failed: true}}, {name: 1d, template: echo}]}",
            ".dag.tasks[1].depends: dependency `a` uses an items-based condition such as .AnySucceeded or .AllFailed but does \
             not contain any items\n\
             .dag.tasks[2].dependencies: cannot use both 'depends' and 'dependencies' in the same DAG template\n\
             .dag.tasks[2].continueOn: cannot use 'continueOn' when using 'depends' (instead use \
             'dep-task.Failed'/'dep-task.Errored')\n\
             .dag.tasks[3].name: name cannot begin with a digit when using either 'depends' or 'dependencies'",
        ),
        (
            "dag: {tasks: [{name: a, template: echo}, {name: b, template: echo, arguments: {parameters: [{name: m, value: \
             '{{tasks.a.outputs.result}}'}]}}, {name: c, template: echo, depends: b, when: '{{tasks.b.status}} == x'}]}",
            ".dag.tasks[1].arguments.parameters[0].value: failed to resolve {{tasks.a.outputs.result}} (missing dependency: \
             add `a` to the task's `depends` or `dependencies`)",
        ),
    ];
    for (template, expected) in cases {
        check_in(template, expected);
    }
}

#[test]
fn a_long_chain_is_no_trouble() {
    let tasks: String = (0..3000)
        .map(|n| match n {
            0 => "    - {name: t0, template: echo}\n".to_owned(),
            n => format!(
                "    - {{name: t{n}, template: echo, dependencies: [t{}], arguments: {{parameters: [{{name: m, value: '{{{{tasks.t0.id}}}}'}}]}}}}\n",
                n - 1
            ),
        })
        .collect();
    assert_eq!(findings_in(&format!("dag:\n    tasks:\n{tasks}")), "");
}
