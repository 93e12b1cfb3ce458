use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Workflow;

const HEAD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n";

fn problems(text: &str) -> String {
    read("w.yaml", text.as_bytes()).map_or_else(|p| p.to_string(), |_| String::new())
}

fn workflow(file: &str, text: &str) -> Workflow {
    let documents = read(file, text.as_bytes()).unwrap();
    match documents.into_iter().next().unwrap().object {
        Object::Workflow(workflow) => *workflow,
        other => panic!("{}", other.kind()),
    }
}

/// Texts after the head, with what must be said of them.
#[test]
fn problems_are_named_and_placed() {
    let cases = [
        (
            "spec:\n  templats: []\n",
            "w.yaml:4:3: spec.templats: unknown field `templats` (did you mean `templates`?)",
        ),
        (
            "metadata:\n  nmae: x\nspec:\n  templates:\n  - container: {imge: a}\n",
            "w.yaml:4:3: metadata.nmae: unknown field `nmae` (did you mean `name`?)\n\
             w.yaml:7:17: spec.templates[0].container.imge: unknown field `imge` (did you mean `image`?)",
        ),
        (
            "spec:\n  templates:\n  - name: n\n",
            "w.yaml:5:5: spec.templates[0].name: expected a string, found the boolean `n` \
             (YAML 1.1, which Kubernetes' tools read, takes an unquoted n as false; write \"n\")",
        ),
        (
            "spec:\n  templates:\n  - name: 5\n    container: x\n    parallelism: a\n  volumes: {}\n",
            "w.yaml:5:5: spec.templates[0].name: expected a string, found the number `5` (write \"5\" in quotes)\n\
             w.yaml:6:5: spec.templates[0].container: expected a map, found a string\n\
             w.yaml:7:5: spec.templates[0].parallelism: expected a whole number, found a string\n\
             w.yaml:8:3: spec.volumes: expected a list, found a map",
        ),
        (
            "spec:\n  parallelism: \"{{workflow.parameters.n}}\"\n  suspend: \"true\"\n",
            "w.yaml:4:3: spec.parallelism: expected a whole number, found a string \
             (tags can only give strings, and this field takes none)\n\
             w.yaml:5:3: spec.suspend: expected true or false, found a string (write it without quotes)",
        ),
        (
            "spec:\n  templates:\n  - name: a\n    steps:\n    - name: b\n      template: c\n",
            "w.yaml:7:7: spec.templates[0].steps[0]: expected a list, found a map (`steps` is a list of lists: begin a \
             group with `- - name: …`, and steps that run beside it with `  - name: …`)",
        ),
        (
            "spec:\n  entrypoint: a\n  entrypoint: b\n",
            "w.yaml:5:3: the key `entrypoint` is here twice, first in line 4",
        ),
        (
            "spec:\n  templates:\n  - steps:\n    - - withItems:\n        - {x: 1, y: 2}\n",
            "w.yaml:7:18: the key `y` is the boolean true in YAML 1.1, no text (write \"y\" in quotes)",
        ),
        (
            "spec:\n  arguments:\n    parameters:\n    - {name: a, value: [1]}\n",
            "w.yaml:6:17: spec.arguments.parameters[0].value: expected a string, a number or a boolean, found a list",
        ),
        (
            "spec:\n  templates:\n  - inputs:\n      artifacts:\n      - collect: {as: jsn}\n",
            "w.yaml:7:19: spec.templates[0].inputs.artifacts[0].collect.as: `jsn` is not one of `directory`, `json`, \
             `ndjson`, `concat` (did you mean `json`?)",
        ),
        (
            "spec:\n  templates:\n  - retryStrategy: {limit: 1.5}\n    container:\n      args: [a, null]\n",
            "w.yaml:5:21: spec.templates[0].retryStrategy.limit: expected a whole number or a string, \
             found the number `1.5` (write \"1.5\" in quotes)\n\
             w.yaml:7:17: spec.templates[0].container.args[1]: expected a string, found nothing \
             (write \"\" for an empty one)",
        ),
        (
            "spec:\n\tentrypoint: a\n",
            "w.yaml:4:2: this is no valid YAML: tabs disallowed within this context (block indentation) \
             (indent with spaces: YAML allows no tabs there)",
        ),
        (
            "spec:\n  entrypoint: {{x}}\n",
            "w.yaml:4:16: a map cannot be a key (put text that begins with `{{` in quotes)",
        ),
        ("spec:\n  entrypoint: \"a\n", "w.yaml:4:15: this is no valid YAML: unclosed quote"),
        (
            "spec:\n  entrypoint: *a\n",
            "w.yaml:4:15: `*a` has no anchor `&a` before it in the document",
        ),
        (
            "spec:\n  entrypoint: a\0b\n",
            "w.yaml:4:16: the character U+0000 is not allowed in YAML (in double quotes, write it as \\u0000)",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(problems(&format!("{HEAD}{body}")), expected, "{body}");
    }
}

#[test]
fn documents_that_are_no_object_are_refused() {
    let cases = [
        ("a string", "w.yaml:1:1: expected an object, found a string"),
        ("a: 1", "w.yaml:1:1: the object has no `kind`"),
        (
            "apiVersion: v1\nkind: Secrt\n",
            "w.yaml:2:1: objects of kind `Secrt` are not supported (did you mean `Secret`?)",
        ),
        (
            "apiVersion: argoproj.io/v1\nkind: Workflow\n",
            "w.yaml:1:1: a Workflow of `apiVersion: argoproj.io/v1` is not supported \
             (write `argoproj.io/v1alpha1`)",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problems(text), expected, "{text}");
    }
    let utf16 = read("w.yaml", b"\xFF\xFEa\0").unwrap_err().to_string();
    assert_eq!(utf16, "w.yaml: the file is UTF-16, not UTF-8 (save it as UTF-8)");
    let latin1 = read("w.yaml", b"a: 1\nb: \xE9").unwrap_err().to_string();
    assert_eq!(latin1, "w.yaml:2:4: the file is not UTF-8 here (save it as UTF-8)");
    let large = read("w.yaml", &vec![b' '; MAX_FILE_SIZE + 1]).unwrap_err().to_string();
    assert_eq!(large, "w.yaml: the file has 32 MiB; at most 32 MiB are read");
}

#[test]
fn bombs_and_depth_are_bounded() {
    let mut bomb = format!("{HEAD}a: &a0 [{}]\n", "x, ".repeat(20));
    for level in 1..20 {
        let aliases = format!("*a{}, ", level - 1).repeat(20);
        bomb.push_str(&format!("b{level}: &a{level} [{aliases}]\n"));
    }
    assert!(problems(&bomb).contains("its aliases multiply"), "{}", problems(&bomb));

    let deep = format!("{HEAD}spec: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(problems(&deep), "w.yaml:3:262: this is no valid YAML: recursion limit exceeded");
    let deep = format!("{HEAD}spec: {}{}", "[".repeat(200), "]".repeat(200));
    assert!(problems(&deep).contains("nested more than 128 deep"));
    let deep = "[".repeat(100_000);
    let refused = read("w.json", deep.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("nested more than 128 deep"));

    let nested = |levels: usize| {
        let open = "{\"inline\":{\"steps\":[[".repeat(levels);
        let close = "]]}}".repeat(levels);
        format!(
            r#"{{"apiVersion":"argoproj.io/v1alpha1","kind":"Workflow","spec":{{"templates":[{{"steps":[[{open}{close}]]}}]}}}}"#
        )
    };
    assert_eq!(workflow("w.json", &nested(4)).kind, "Workflow");
    let refused = read("w.json", nested(5).as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("more than 4 templates are `inline` in each other"), "{refused}");
}

#[test]
fn yaml_is_read_as_kubernetes_tools_read_it() {
    let text = format!(
        "{HEAD}spec:
  hostNetwork: yes
  suspend: ~
  activeDeadlineSeconds: 0x10
  templates:
  - name: 'n'
    activeDeadlineSeconds: 1_0
    container: &c
      image: a
      env: [{{name: A, value: \"on\"}}]
      resources: {{limits: {{cpu: 0.50, memory: 64Mi}}}}
    inputs:
      artifacts: [{{name: a, mode: 0755}}]
      parameters:
      - {{name: a, value: 1e3}}
      - {{name: b, value: on}}
      - {{name: c, value: 2024-01-01}}
      - {{name: d, value: 0o17}}
      - {{name: e, value: 12345678901234567890}}
  - name: m
    container: {{<<: *c, image: b}}
    steps:
    - - withItems: [1e3, 1.0, no, ~, '5']
"
    );
    let spec = workflow("w.yaml", &text).spec.unwrap();
    assert_eq!((spec.host_network, spec.suspend), (Some(true), None));
    assert_eq!(spec.active_deadline_seconds, Some(16));
    let [first, second] = &spec.templates[..] else { panic!() };
    assert_eq!(first.active_deadline_seconds, Some(IntOrString::Int(10)));
    let inputs = first.inputs.as_ref().unwrap();
    assert_eq!(inputs.artifacts[0].mode, Some(0o755));
    let values = inputs.parameters.iter().map(|p| p.value.as_ref().unwrap().as_str());
    let expected = ["1000", "true", "2024-01-01", "15", "12345678901234567890"];
    assert_eq!(values.collect::<Vec<_>>(), expected);
    let container = second.container.as_ref().unwrap();
    assert_eq!(container.image.as_deref(), Some("b"));
    assert_eq!(container.env, first.container.as_ref().unwrap().env);
    let limits = container.resources.as_ref().unwrap().limits.as_ref().unwrap();
    assert_eq!(limits["cpu"].0, "0.5");
    let items = second.steps[0].0[0].with_items.as_ref().unwrap();
    let items: Vec<String> = items.iter().map(|item| item.0.to_string()).collect();
    assert_eq!(items, ["1000", "1", "false", "null", "\"5\""]);
}

#[test]
fn json_numbers_keep_their_spelling() {
    let items = "[1.50,123456789012345678901,-0]";
    let text = format!(
        r#" {{"apiVersion":"argoproj.io/v1alpha1","kind":"Workflow","spec":{{"templates":[
            {{"steps":[[{{"withItems":{items}}}]]}}]}}}}
           {{"apiVersion":"v1","kind":"ConfigMap","data":{{"k":"a\"b"}}}}"#
    );
    // By its name and by its first character.
    for file in ["w.json", "w"] {
        let documents = read(file, text.as_bytes()).unwrap();
        assert_eq!(documents.len(), 2);
        let json = serde_json::to_string(&documents[0].object).unwrap();
        assert!(json.contains(&format!("\"withItems\":{items}")), "{json}");
    }
    let cases = [
        ("{\"a\":1,\n \"a\":2}", "w.json:2:2: the key `a` is here twice, first in line 1"),
        (
            "{\"a\":1\n \"b\":2}",
            "w.json:2:2: this is no valid JSON: expected `,` or `}`, found `\"`",
        ),
        (
            "{\"a\":\"b\n",
            "w.json:1:6: this is no valid JSON: the string that begins here has no end",
        ),
        ("{\"a\":01}", "w.json:1:6: this is no valid JSON: `01` is no number"),
    ];
    for (text, expected) in cases {
        let found = read("w.json", text.as_bytes()).unwrap_err().to_string();
        assert!(found.lines().any(|line| line.starts_with(expected)), "{found}");
    }
}

#[test]
fn lone_values_are_read() {
    assert_eq!(read_value("p.yaml", "a: [0755, off]").unwrap(), json!({"a": [493, false]}));
    assert_eq!(read_value("p.yaml", "# nothing").unwrap(), json!(null));
    let second = read_value("p.yaml", "a: 1\n---\nb: 2").unwrap_err().to_string();
    assert_eq!(second, "p.yaml:3:1: a second document; only one is read here");
}

#[test]
fn findings_are_placed_by_their_path() {
    let text = "# comment\nkind: Workflow\napiVersion: argoproj.io/v1alpha1\n---\n\
        apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  labels: {a.b/c: d}\nspec:\n  templates:\n  - name: a\n";
    let documents = read("w.yaml", text.as_bytes()).unwrap();
    let source = &documents[1].source;
    let cases = [
        ("", Some((5, 1))),
        ("spec.templates[0].name", Some((11, 5))),
        ("spec.templates[0].container.image", Some((11, 5))),
        ("spec.templates[7]", Some((10, 3))),
        ("metadata.labels[\"a.b/c\"]", Some((8, 12))),
        ("metadata.labels[x", None),
    ];
    for (path, expected) in cases {
        assert_eq!(source.position(path), expected, "{path}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[a-z:#{}\\[\\]&*!|>'\"%@`,?\\- \n\t]{0,16}",
        "\\PC{0,8}",
        any::<String>(),
        prop::sample::select(vec![
            "y",
            "No",
            "~",
            "null",
            "1e3",
            "0755",
            "1_000",
            ".5",
            "12:30:45",
            "2024-01-01",
            "<<",
            "=",
            "---",
            "- a",
            "a: b",
            "a #b",
            "{{x}}",
            " a",
            "a ",
            "a\n",
            "a\n\n",
            "a\nb",
            "a\n b\n",
            " a\nb",
            "\u{85}",
            ".inf",
        ])
        .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        text().prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in value()) {
        let text = crate::to_yaml(&value).unwrap();
        let mut flaws = Vec::new();
        let nodes = yaml::parse(&text, &mut flaws);
        prop_assert!(flaws.is_empty(), "{flaws:?}\n{text}");
        prop_assert_eq!(nodes[0].to_json(), value, "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in text(), more in text()) {
        let _ = read("w.yaml", format!("{HEAD}{text}\n{more}").as_bytes());
        let _ = read("w.json", format!("{{{text}\n{more}").as_bytes());
    }
}
