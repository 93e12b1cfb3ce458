//! What is said when something is wrong with what was given.

use crate::Place;

const HELLO: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  name: hello
spec:
  entrypoint: main
  arguments:
    parameters: [{name: pieces, value: 3}, {name: word}]
  templates:
    - name: main
      container: {image: busybox, command: [\"true\"]}
";

#[test]
fn parameters() {
    let place = Place::new();
    place.file("hello.yaml", HELLO);
    insta::assert_snapshot!(place.transcript(&["run", "hello.yaml", "-p", "peices=4"]), @r#"
    $ lighter run hello.yaml -p peices=4
    ! error: hello.yaml: spec.arguments.parameters: the workflow has no parameter `peices`; did you mean `pieces`?
    exit code 2
    "#);
    insta::assert_snapshot!(place.transcript(&["run", "hello.yaml", "-p", "colour=red"]), @r#"
    $ lighter run hello.yaml -p colour=red
    ! error: hello.yaml: spec.arguments.parameters: the workflow has no parameter `colour`; it has `pieces`, `word`
    exit code 2
    "#);
    insta::assert_snapshot!(place.transcript(&["run", "hello.yaml", "-p", "word"]), @r#"
    $ lighter run hello.yaml -p word
    ! error: `-p word` has no value; write `-p word=VALUE`
    exit code 2
    "#);
    insta::assert_snapshot!(place.transcript(&["run", "hello.yaml"]), @r#"
    $ lighter run hello.yaml
    ! error: hello.yaml:8:44: spec.arguments.parameters[1]: parameter `word`: value or valueFrom is required (give it with `-p NAME=VALUE`)
    exit code 2
    "#);
    place.file("list.yaml", "- word\n");
    insta::assert_snapshot!(place.transcript(&["run", "hello.yaml", "-f", "list.yaml"]), @r#"
    $ lighter run hello.yaml -f list.yaml
    ! error: list.yaml: a parameter file holds names and values, such as `pieces: 3`
    exit code 2
    "#);
}

#[test]
fn files() {
    let place = Place::new();
    insta::assert_snapshot!(place.transcript(&["run", "no-such.yaml"]), @r#"
    $ lighter run no-such.yaml
    ! error: cannot read `no-such.yaml`: No such file or directory (os error 2)
    exit code 2
    "#);
    insta::assert_snapshot!(place.transcript_with(&["run", "-"], ""), @r#"
    $ lighter run -
    ! error: <stdin>: there is nothing in it
    exit code 2
    "#);
    let two = format!("{HELLO}---\n{}", HELLO.replace("name: hello", "generateName: bye-"));
    insta::assert_snapshot!(place.transcript_with(&["run", "-"], &two), @r#"
    $ lighter run -
    ! error: the files hold 2 things to run (`hello`, `bye-`); give the files of one
    exit code 2
    "#);
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    insta::assert_snapshot!(place.transcript_with(&["run", "-"], config_map), @r#"
    $ lighter run -
    ! error: the files hold nothing to run: no Workflow, WorkflowTemplate or CronWorkflow
    exit code 2
    "#);
    let nameless = HELLO.replace("  name: hello\n", "  labels: {a: b}\n");
    insta::assert_snapshot!(place.transcript_with(&["run", "-", "-p", "word=x"], &nameless), @r#"
    $ lighter run - -p word=x
    ! error: <stdin>: metadata: the workflow has neither `name` nor `generateName`; add one, or give `--name`
    exit code 2
    "#);
    insta::assert_snapshot!(
        place.transcript_with(&["run", "-", "-p", "word=x", "--name", "Two Words"], HELLO),
        @r#"
        $ lighter run - -p word=x --name Two Words
        ! error: `--name`: the name `Two Words` may have only lower-case letters, digits, `-` and `.`, and must begin and end with a letter or digit
        exit code 2
        "#
    );
}

#[test]
fn templates() {
    let place = Place::new();
    place.file("hello.yaml", HELLO);
    let args = ["run", "hello.yaml", "-p", "word=x", "--entrypoint", "mian"];
    insta::assert_snapshot!(place.transcript(&args), @r#"
    $ lighter run hello.yaml -p word=x --entrypoint mian
    ! error: hello.yaml:6:3: spec.entrypoint: template name `mian` undefined (did you mean `main`?)
    exit code 2
    "#);
    let misspelt = HELLO.replace("container:", "contianer:");
    insta::assert_snapshot!(place.transcript_with(&["lint", "-"], &misspelt), @r#"
    $ lighter lint -
    ! error: <stdin>:11:7: spec.templates[0].contianer: unknown field `contianer` (did you mean `container`?)
    exit code 2
    "#);
    let template = HELLO.replace("kind: Workflow", "kind: WorkflowTemplate");
    insta::assert_snapshot!(place.transcript_with(&["lint", "-"], &template), @r#"
    $ lighter lint -
    ! no problems in 1 object
    "#);
}

#[test]
fn names() {
    let place = Place::new();
    insta::assert_snapshot!(place.transcript(&["get", "hello"]), @r#"
    $ lighter get hello
    ! error: no workflow `hello` in `[HERE]/state`; `lighter list` shows what is there
    exit code 2
    "#);
    insta::assert_snapshot!(place.transcript(&["logs", "@latest"]), @r#"
    $ lighter logs @latest
    ! error: there is no workflow in `[HERE]/state` yet; `lighter run FILE` runs one
    exit code 2
    "#);
    insta::assert_snapshot!(place.transcript(&["list"]), @r#"
    $ lighter list
    ! no workflows yet; `lighter run FILE` runs one
    "#);
    insta::assert_snapshot!(place.transcript(&["images", "ls"]), @r#"
    $ lighter images ls
    ! no images yet; `lighter images import FILE` and `lighter images pull IMAGE` bring them in
    "#);
    insta::assert_snapshot!(place.transcript(&["images", "rm", "busybox"]), @r#"
    $ lighter images rm busybox
    ! error: there is no image "busybox" here
    exit code 2
    "#);
}

#[test]
fn state_folders() {
    let place = Place::new();
    place.file("file", "");
    insta::assert_snapshot!(place.transcript(&["list", "--state", "file/below"]), @r#"
    $ lighter list --state file/below
    ! error: cannot make the folder `[HERE]/file/below`: Not a directory (os error 20); choose another state folder with `--state DIR` or `LIGHTER_STATE`
    exit code 2
    "#);
    place.file("broken", "");
    std::fs::create_dir(place.0.path().join("odd")).unwrap();
    place.file("odd/state.db", "this is no database, whatever its name says");
    insta::assert_snapshot!(place.transcript(&["--state", "odd", "list"]), @r#"
    $ lighter --state odd list
    ! error: the state in `[HERE]/odd` cannot be read: file is not a database; move the folder away, or choose another with `--state DIR`
    exit code 2
    "#);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let mut child = place
        .command(&["completion", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success());
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}
