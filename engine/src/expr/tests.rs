//! Tables made by running Go's own libraries: expr 1.17.8, sprig 3.3.0, govaluate and jsonpath.

use serde::Deserialize;
use serde_json::json;

use super::*;

/// What Go answered: a text, or an error.
#[derive(Deserialize)]
struct Row {
    #[serde(rename = "in")]
    input: String,
    out: Option<String>,
}

fn rows(table: &str) -> Vec<Row> {
    serde_json::from_str(table).expect("a table")
}

fn now() -> jiff::Timestamp {
    "2024-03-04T05:06:07Z".parse().expect("a time")
}

/// The scope that the tables were made with.
fn scope() -> Scope {
    let mut scope = Scope::new();
    scope.extend([
        ("inputs.parameters.x", "3"),
        ("inputs.parameters.my-p", "he\"llo\n"),
        ("inputs.parameters.list", r#"["a","b"]"#),
        ("inputs.parameters.empty", ""),
        ("inputs.parameters", "[]"),
        ("item", "5"),
        (
            "j",
            r#"{"a":[1,2],"b":{"c":"d"},"e":[{"n":"x","v":1.5},{"n":"y","v":2}],"t":true,"z":null,"q":"s"}"#,
        ),
    ]);
    scope.set("absent", Var::Absent);
    scope.set("m", json!({"k": "v", "n": 1, "f": 2.5, "l": [1, 2, 3], "nil": null}));
    scope.set(
        "people",
        json!([
            {"name": "Ann", "age": 30, "ok": true},
            {"name": "Bob", "age": 25, "ok": false},
            {"name": "Cid", "age": 30, "ok": true}
        ]),
    );
    scope
}

/// Differences between our answers and Go's, one line each, less those that are wanted.
fn differences(
    table: &str,
    wanted: &[&str],
    answer: impl Fn(&str) -> Result<String, ExprError>,
) -> Vec<String> {
    rows(table)
        .into_iter()
        .filter(|row| !wanted.contains(&row.input.as_str()))
        .filter_map(|row| {
            let ours = answer(&row.input);
            (ours.as_ref().ok() != row.out.as_ref())
                .then(|| format!("{}\n  go   {:?}\n  ours {ours:?}", row.input, row.out))
        })
        .collect()
}

fn assert_same(found: Vec<String>) {
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

fn tag(expression: &str) -> Result<String, ExprError> {
    let scope = scope();
    let cx = Context::new(&scope, 7, now());
    substitute(&format!("{{{{={expression} }}}}"), &cx, Mode::StrictOn(&["x"])).and_then(|text| {
        match has_tags(&text) {
            true => Err(ExprError::Evaluation { message: "kept".to_owned() }),
            false => Ok(text),
        }
    })
}

#[test]
fn expressions_answer_as_gos() {
    // Maps with keys of any type cannot be written as JSON in Go; ours have texts for keys.
    let wanted =
        ["groupBy(people, .ok)", "groupBy(people, .name)", "fromPairs([[\"a\",1],[\"b\",2]])"];
    assert_same(differences(include_str!("testdata/expr.json"), &wanted, tag));
}

#[test]
fn conditions_answer_as_gos() {
    assert_same(differences(include_str!("testdata/when.json"), &[], |condition| {
        when(condition).map(|answer| answer.to_string())
    }));
}
