//! Bad input of every kind: a clear error, the right exit code, and nothing left mounted or running.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use lighter_tests::{Images, Lighter, Ran, User, is_root, wait_for};

fn lighter() -> Lighter {
    Lighter::new(User::Current, Images::Host)
}

/// Writes a workflow file into the state folder and runs it.
fn run(lighter: &Lighter, yaml: &str) -> Ran {
    let file = lighter.state().join("bad.yaml");
    fs::write(&file, yaml).unwrap();
    lighter.run(&[file.as_path()], &[])
}

/// A workflow with these templates, indented by four.
fn workflow(templates: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{generateName: bad-}}\nspec:\n  entrypoint: main\n  templates:\n{templates}"
    )
}

fn refused(yaml: &str, words: &[&str]) {
    let lighter = lighter();
    let ran = run(&lighter, yaml);
    assert_eq!(ran.code, Some(2), "{}\n{}", ran.stdout, ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "no {word:?} in: {}", ran.stderr);
    }
}

/// Runs to Failed or Error with these words in what is printed.
fn fails(lighter: &Lighter, yaml: &str, words: &[&str]) {
    let ran = run(lighter, yaml);
    let text = format!("{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, Some(1), "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
    nothing_left(lighter);
}

fn nothing_left(lighter: &Lighter) {
    let state = lighter.state().display().to_string();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&state), "a mount is left");
    wait_for("every process to end", || processes(&state).is_empty());
}

/// Process ids whose command line or root folder mentions `text`.
fn processes(text: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(text) && id != std::process::id() as i32 {
            found.push(id);
        }
    }
    found
}

#[test]
fn misspelt_fields_are_placed_and_corrected() {
    let yaml = workflow("  - name: main\n    contianer: {image: x, command: [\"true\"]}\n");
    refused(&yaml, &["bad.yaml:8:5", "contianer", "`container`"]);
}

#[test]
fn unquoted_booleans_are_explained() {
    refused(
        &workflow("  - name: n\n    container: {image: x, command: [\"true\"]}\n"),
        &["bad.yaml:7", "boolean", "quote"],
    );
}

#[test]
fn yaml_bombs_are_refused() {
    let mut yaml = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (previous, name) in ('a'..'j').zip('b'..='j') {
        let aliases = vec![format!("*{previous}"); 10].join(", ");
        yaml.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    refused(&yaml, &["bad.yaml"]);
    refused(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), &["bad.yaml"]);
}

#[test]
fn names_with_control_characters_are_refused() {
    refused(
        &workflow("  - name: \"main\\0\"\n    container: {image: x, command: [\"true\"]}\n"),
        &["name"],
    );
}

#[test]
fn duplicate_keys_are_refused() {
    let yaml = workflow("  - name: main\n    container: {image: x, image: y}\n");
    refused(&yaml, &["bad.yaml:8", "image"]);
}

#[test]
fn cycles_that_nothing_ends_are_refused() {
    let yaml = workflow(
        "  - name: main\n    steps: [[{name: a, template: other}]]\n  - name: other\n    steps: [[{name: b, template: main}]]\n",
    );
    refused(&yaml, &["main", "other"]);
}

#[test]
fn unsupported_features_are_named() {
    let yaml = workflow("  - name: main\n    http: {url: \"http://127.0.0.1/\"}\n");
    refused(&yaml, &["http", "not supported"]);
}

#[test]
fn unknown_parameters_and_missing_values_are_refused() {
    let lighter = lighter();
    let ran = lighter.run(&["examples/map-reduce.yaml"], &["-p", "peices=3"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("`pieces`"), "{}", ran.stderr);
    let ran = lighter.run(&["no-such-file.yaml"], &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("no-such-file.yaml"), "{}", ran.stderr);
}

#[test]
fn recursion_ends_at_depth_100() {
    let yaml = workflow(
        "  - name: main\n    steps: [[{name: again, template: main, when: \"1 == 1\"}]]\n",
    );
    fails(&lighter(), &yaml, &["recursion"]);
}

#[test]
fn a_missing_command_is_named() {
    let yaml = workflow("  - name: main\n    container: {image: x, command: [no-such-command]}\n");
    fails(&lighter(), &yaml, &["no-such-command", "executable file not found"]);
}

#[test]
fn images_without_a_command_are_explained() {
    let yaml =
        workflow("  - name: main\n    container: {image: \"busybox:stable\", args: [\"true\"]}\n");
    fails(&lighter(), &yaml, &["command"]);
}

#[test]
fn an_image_that_is_not_there_says_how_to_go_on() {
    let lighter = Lighter::new(User::Current, Images::Local);
    let ran = lighter.run(&["examples/fan-in.yaml"], &[]);
    let text = ran.stdout + &ran.stderr;
    assert!(matches!(ran.code, Some(1 | 2)), "{text}");
    for word in ["busybox:stable", "--images host", "images import"] {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

#[test]
fn hostile_archives_write_nothing_outside() {
    let lighter = lighter();
    let store = lighter.state().join("hostile");
    fs::create_dir(&store).unwrap();
    for (name, script) in [
        ("dots", "i = t('../../../escape'); a.addfile(i, d)"),
        (
            "link",
            "i = t('l'); i.type = tarfile.SYMTYPE; i.linkname = '/var/tmp'; i.size = 0; a.addfile(i); a.addfile(t('l/escape'), d)",
        ),
        (
            "hard",
            "i = t('h'); i.type = tarfile.LNKTYPE; i.linkname = '/etc/passwd'; i.size = 0; a.addfile(i)",
        ),
        (
            "device",
            "i = t('null'); i.type = tarfile.CHRTYPE; i.devmajor = 1; i.devminor = 3; i.size = 0; a.addfile(i)",
        ),
    ] {
        let code = format!(
            "import io, tarfile\nd = io.BytesIO(b'x')\ndef t(n):\n  i = tarfile.TarInfo(n); i.size = 1; return i\na = tarfile.open('{name}.tgz', 'w:gz')\n{script}\na.close()\n"
        );
        let mut python = Command::new("/usr/bin/python3")
            .arg("-")
            .current_dir(&store)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(code.as_bytes()).unwrap();
        assert!(python.wait().unwrap().success());
        let artifact = format!(
            "{{name: in, path: /tmp/in, folder: {{path: {}, key: {name}.tgz}}}}",
            store.display()
        );
        let yaml = workflow(&format!(
            "  - name: main\n    inputs: {{artifacts: [{artifact}]}}\n    container: {{image: x, command: [\"true\"]}}\n"
        ));
        fails(&lighter, &yaml, &["in", "init"]);
        assert!(!fs::exists("/var/tmp/escape").unwrap(), "{name} wrote outside");
    }
}

/// Needs root for the small file system.
#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    if !is_root() {
        eprintln!("skipped: only root can mount a small file system");
        return;
    }
    let lighter = lighter();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
        .arg(lighter.state())
        .status()
        .unwrap();
    assert!(mounted.success());
    let yaml = workflow(
        "  - name: main\n    container: {image: x, command: [sh, -c, \"head -c 64000000 /dev/urandom > /tmp/big\"]}\n    outputs: {artifacts: [{name: big, path: /tmp/big}]}\n",
    );
    let ran = run(&lighter, &yaml);
    let text = format!("{}\n{}", ran.stdout, ran.stderr);
    let unmounted = Command::new("umount").arg(lighter.state()).status().unwrap();
    assert!(unmounted.success(), "something still uses the state folder");
    assert_eq!(ran.code, Some(1), "{text}");
    assert!(text.to_lowercase().contains("no space left"), "{text}");
}

#[test]
fn a_killed_executor_ends_its_node() {
    let lighter = lighter();
    let file = lighter.state().join("sleep.yaml");
    fs::write(&file, workflow("  - name: main\n    container: {image: x, command: [sleep, \"7211\"]}\n    outputs: {artifacts: [{name: out, path: /tmp/out}]}\n")).unwrap();
    let child = lighter
        .command(["run".as_ref(), file.as_os_str(), "--images".as_ref(), "host".as_ref()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the step to start", || processes("sleep\x007211").len() >= 2);
    // The emissary's command line ends with the user's command; the command itself is not what is killed here.
    for id in processes("sleep\x007211") {
        let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains("emissary") {
            nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(id),
                nix::sys::signal::Signal::SIGKILL,
            )
            .unwrap();
        }
    }
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    assert!((ran.stdout + &ran.stderr).contains("137"));
    nothing_left(&lighter);
    assert!(processes("sleep\x007211").is_empty(), "the step outlived its executor");
}

#[test]
fn the_machine_is_not_written_to() {
    let lighter = lighter();
    let yaml = workflow(
        "  - name: main\n    container: {image: x, command: [sh, -c, \"touch /etc/lighter-was-here /usr/lighter-was-here /var/tmp/lighter-was-here /tmp/lighter-was-here; ls /tmp\"]}\n",
    );
    run(&lighter, &yaml);
    for folder in ["/etc", "/usr", "/var/tmp", "/tmp"] {
        assert!(
            !fs::exists(format!("{folder}/lighter-was-here")).unwrap(),
            "{folder} was written to"
        );
    }
}

#[test]
fn an_ordinary_user_needs_a_state_folder_of_its_own() {
    if !is_root() {
        eprintln!("skipped: only root can own a folder that the ordinary user may not write to");
        return;
    }
    let lighter = Lighter::new(User::Ordinary, Images::Host);
    std::os::unix::fs::chown(lighter.state(), Some(0), Some(0)).unwrap();
    let ran = lighter.run(&["examples/fan-in.yaml"], &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains(&lighter.state().display().to_string()), "{}", ran.stderr);
}
