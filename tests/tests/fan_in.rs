//! Collections: every form, retried and failed items, nested and empty loops, name collisions, many items.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use lighter_tests::{Images, Lighter, Ran, User, node};

fn lighter() -> Lighter {
    Lighter::new(User::Current, Images::Host)
}

fn log(lighter: &Lighter, node: &str) -> String {
    let ran = lighter.call(["logs", "@latest", node]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

fn fails(lighter: &Lighter, file: &str) -> Ran {
    let ran = lighter.run(&[format!("workflows/{file}.yaml")], &[]);
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    ran
}

#[test]
fn the_example_merges_what_its_items_wrote() {
    let lighter = lighter();
    lighter.succeed(&["examples/fan-in.yaml"], &[]);
    let ran = lighter.call(["artifacts", "cat", "@latest", "reduce/report"]);
    let merged: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let expected = serde_json::json!([
        {"word": "hello", "length": 5}, {"word": "world", "length": 5}, {"word": "lighter", "length": 7}]);
    assert_eq!(merged, expected);
}

#[test]
fn map_reduce_counts_the_words_of_all_pieces() {
    let lighter = lighter();
    let workflow = lighter.succeed(&["examples/map-reduce.yaml"], &["-p", "pieces=5"]);
    assert_eq!(node(&workflow, "reduce")["outputs"]["parameters"][0]["value"], "150");
}

#[test]
fn every_form_arrives_in_the_order_of_the_items() {
    let lighter = lighter();
    lighter.succeed(&["workflows/collect-forms.yaml"], &[]);
    let expected = r#"00000-part.json
00001-part.json
00002-part.json
00000-b-part.json
00001-a-part.json
00002-c-part.json
[{"host":"b","n":2},{"host":"a","n":1},{"host":"c","n":3}]
["b","c"]
{"host":"b"}
{"host":"a"}
{"host":"c"}
{"host":"b","n":2}
{"host":"a","n":1}
{"host":"c","n":3}
"#;
    assert_eq!(log(&lighter, "reduce"), expected);
}

#[test]
fn only_final_attempts_of_succeeded_items_are_collected() {
    let lighter = lighter();
    lighter.succeed(&["workflows/collect-retried.yaml"], &[]);
    assert_eq!(
        log(&lighter, "reduce"),
        "00000-part.txt: steady, attempt 0\n00001-part.txt: flaky, attempt 1\n"
    );
}

#[test]
fn missing_parts_stop_the_consumer_unless_it_says_skip() {
    let ran = fails(&lighter(), "collect-missing");
    let text = ran.stdout + &ran.stderr;
    assert!(text.contains("missing: skip"), "{text}");
    for item in ["broken", "silent"] {
        assert!(text.contains(item), "{text}");
    }
}

#[test]
fn nested_loops_hand_their_collections_on_and_empty_loops_give_empty_ones() {
    let lighter = lighter();
    lighter.succeed(&["workflows/collect-nested.yaml"], &[]);
    assert_eq!(log(&lighter, "reduce"), "[\"a0\",\"a1\",\"b0\",\"b1\"]\n[]\n");
}

#[test]
fn two_parts_of_one_name_are_an_error() {
    let ran = fails(&lighter(), "collect-collision");
    let text = ran.stdout + &ran.stderr;
    assert!(text.contains("`part`"), "{text}");
}

/// A collection this long does not fit into an environment variable: it travels beside the pod.
#[test]
fn a_wide_loop_arrives_whole() {
    let lighter = lighter();
    let workflow = lighter.succeed(&["workflows/wide.yaml"], &["-p", "items=2000"]);
    assert_eq!(log(&lighter, "reduce"), "2000\n00000-part.json\n[2000,1999000]");
    assert_eq!(workflow["status"]["progress"], "2001/2001");
}
