//! Workflows run to their end with this machine's own programs.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::Place;

const STEPS: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: steps}
spec:
  entrypoint: main
  arguments: {parameters: [{name: word, value: hello}]}
  templates:
    - name: main
      steps:
        - - {name: say, template: say, arguments: {parameters: [{name: word, value: "{{item}}"}]}, withItems: ["{{workflow.parameters.word}}", world]}
        - - {name: end, template: end}
    - name: say
      inputs: {parameters: [{name: word}]}
      container: {image: any, command: [sh, -c, "echo '{{inputs.parameters.word}}' | tee /tmp/word"]}
      outputs: {artifacts: [{name: word, path: /tmp/word}]}
    - name: end
      script: {image: any, command: [sh], source: "echo the end >&2; exit ${CODE:-0}"}
"#;

fn without_times(text: &str) -> String {
    let seconds = |word: &str| {
        word.strip_suffix('s').is_some_and(|number| number.parse::<f64>().is_ok())
            || word.len() == 8 && word.chars().filter(|c| *c == ':').count() == 2
    };
    let mut lines = Vec::new();
    for line in text.lines() {
        let words = line.split(' ').map(|word| if seconds(word) { "[TIME]" } else { word });
        lines.push(words.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}

#[test]
fn a_run_and_what_can_be_asked_about_it() {
    let place = Place::new();
    place.file("steps.yaml", STEPS);
    let run = ["run", "steps.yaml", "--images", "host", "--parallel", "1", "-o", "json"];
    let ended = place.command(&run).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let workflow: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(workflow["status"]["phase"], "Succeeded");
    assert_eq!(workflow["status"]["progress"], "3/3");

    let transcript = |args: &[&str]| without_times(&place.transcript(args));
    insta::assert_snapshot!(transcript(&["logs", "steps"]), @r#"
    $ lighter logs steps
    say(0:hello): hello
    say(1:world): world
    end: the end
    "#);
    insta::assert_snapshot!(transcript(&["logs", "@latest", "say(0:hello)"]), @r#"
    $ lighter logs @latest say(0:hello)
    hello
    "#);
    insta::assert_snapshot!(transcript(&["logs", "steps", "ned"]), @r#"
    $ lighter logs steps ned
    ! error: workflow `steps` has no node `ned`; did you mean `end`?
    exit code 2
    "#);
    insta::assert_snapshot!(transcript(&["artifacts", "cat", "steps", "say(1:world)/word"]), @r#"
    $ lighter artifacts cat steps say(1:world)/word
    world
    "#);
    insta::assert_snapshot!(transcript(&["artifacts", "cp", "steps", "say(1:world)/word", "out"]), @r#"
    $ lighter artifacts cp steps say(1:world)/word out
    out/word
    "#);
    insta::assert_snapshot!(transcript(&["artifacts", "cat", "steps", "end/word"]), @r#"
    $ lighter artifacts cat steps end/word
    ! error: workflow `steps` has no artifact `end/word`; `lighter artifacts ls steps` lists them as NODE/ARTIFACT
    exit code 2
    "#);
    insta::assert_snapshot!(transcript(&["run", "steps.yaml", "--images", "host"]), @r#"
    $ lighter run steps.yaml --images host
    ! error: workflow `steps` is there already; give another name with `--name`, or remove it with `lighter delete steps`
    exit code 2
    "#);
    insta::assert_snapshot!(transcript(&["resume", "steps"]), @r#"
    $ lighter resume steps
    ! error: workflow `steps` has finished: Succeeded
    exit code 2
    "#);
    insta::assert_snapshot!(transcript(&["stop", "steps"]), @r#"
    $ lighter stop steps
    ! error: workflow `steps` has finished: Succeeded
    exit code 2
    "#);
    insta::assert_snapshot!(transcript(&["list", "-o", "name"]), @r#"
    $ lighter list -o name
    steps
    "#);
    insta::assert_snapshot!(transcript(&["delete", "steps"]), @r#"
    $ lighter delete steps
    ! deleted `steps`
    "#);
    insta::assert_snapshot!(transcript(&["list"]), @r#"
    $ lighter list
    ! no workflows yet; `lighter run FILE` runs one
    "#);
}

#[test]
fn plain_progress_and_a_failure() {
    let place = Place::new();
    place.file("steps.yaml", &STEPS.replace("${CODE:-0}", "3"));
    let run = ["run", "steps.yaml", "--images", "host", "--parallel", "1"];
    let text = without_times(&place.transcript(&run));
    // Whether a short step is seen while it runs, and how long it took then, is a matter of luck.
    let lines: Vec<_> = text.lines().filter(|line| !line.contains('●')).collect();
    insta::assert_snapshot!(lines.join("\n").replace("  [TIME]", ""), @r#"
    $ lighter run steps.yaml --images host --parallel 1
    [TIME] ✔ say(0:hello)
    [TIME] ✔ say(1:world)
    [TIME] ✖ end  main: Error (exit code 3)
    [TIME] ✖ steps  child 'steps-4105524508' failed
    error: step `end` (template `end`): main: Error (exit code 3)
      | the end
      | Error: exit status 3
    the whole log: `lighter logs steps end`
    exit code 1
    "#);
}

#[test]
fn what_steps_write_is_shown_with_their_names() {
    let place = Place::new();
    place.file("steps.yaml", STEPS);
    let text = place.transcript(&["run", "steps.yaml", "--images", "host", "--logs"]);
    for line in ["say(0:hello): hello", "say(1:world): world", "end: the end"] {
        assert!(text.lines().any(|each| each == line), "{text}");
    }
}

#[test]
fn a_run_goes_on_when_nobody_reads_its_progress() {
    let place = Place::new();
    place.file("steps.yaml", STEPS);
    let mut child = place
        .command(&["run", "steps.yaml", "--images", "host"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.wait().unwrap();
    let ended = place.command(&["get", "steps", "-o", "json"]).output().unwrap();
    let workflow: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(workflow["status"]["phase"], "Succeeded");
}

const ENDLESS: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: endless}
spec:
  entrypoint: main
  onExit: bye
  templates:
    - name: main
      container: {image: any, command: [sleep, "3600"]}
    - name: bye
      container: {image: any, command: [echo, "bye after {{workflow.status}}"]}
"#;

#[test]
fn a_stop_between_two_processes_is_acted_on_by_the_second() {
    let place = Place::new();
    place.file("endless.yaml", ENDLESS);
    let mut child = place
        .command(&["run", "endless.yaml", "--images", "host"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its first line says that it is running, and is saved.
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("endless"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    insta::assert_snapshot!(place.transcript(&["stop", "endless"]), @r#"
    $ lighter stop endless
    ! no process runs `endless`: it is marked to be stopped; `lighter resume endless` brings it to its end
    "#);
    let text = without_times(&place.transcript(&["resume", "endless"]));
    let end: Vec<_> = text.lines().skip_while(|line| !line.starts_with("error:")).collect();
    insta::assert_snapshot!(end.join("\n"), @r#"
    error: Stopped with strategy 'Stop'
    exit code 1
    "#);
    insta::assert_snapshot!(place.transcript(&["logs", "endless", "endless.onExit"]), @r#"
    $ lighter logs endless endless.onExit
    bye after Failed
    "#);
}
