//! Every help text.

use crate::Place;

#[test]
fn help_texts() {
    let place = Place::new();
    let commands: [&[&str]; 17] = [
        &[],
        &["run"],
        &["resume"],
        &["stop"],
        &["list"],
        &["get"],
        &["logs"],
        &["delete"],
        &["lint"],
        &["artifacts"],
        &["artifacts", "cat"],
        &["artifacts", "cp"],
        &["images"],
        &["images", "import"],
        &["images", "rm"],
        &["completion"],
        &["version"],
    ];
    let mut texts = String::new();
    for command in commands {
        let mut args = command.to_vec();
        args.push("--help");
        texts.push_str(&place.transcript(&args));
        texts.push('\n');
    }
    insta::assert_snapshot!("help", texts);
}

#[test]
fn completion_scripts_know_the_commands() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = place.transcript(&["completion", shell]);
        assert!(text.contains("artifacts") && text.contains("parallel"), "{shell}: {text}");
    }
}
