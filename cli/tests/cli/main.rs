//! Transcripts of the command line: what a person types, reads, and gets as exit code.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod errors;
mod help;
mod runs;

use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A state folder and a working folder of its own.
pub(crate) struct Place(TempDir);

impl Place {
    pub fn new() -> Place {
        Place(tempfile::Builder::new().prefix("lighter-cli-").tempdir_in("/var/tmp").unwrap())
    }

    /// Writes a file that commands may name.
    pub fn file(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    /// Runs `lighter ARGS` in the folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lighter"));
        command.args(args).current_dir(self.0.path()).env_clear();
        command.env("LIGHTER_STATE", self.0.path().join("state"));
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
        command
    }

    /// What was typed and printed, and the exit code; paths of this machine are replaced.
    pub fn transcript(&self, args: &[&str]) -> String {
        self.transcript_with(args, "")
    }

    /// The same with something on standard input.
    pub fn transcript_with(&self, args: &[&str], input: &str) -> String {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let mut text = format!("$ lighter {}\n", args.join(" "));
        for (name, bytes) in [("", &ended.stdout), ("! ", &ended.stderr)] {
            for line in String::from_utf8_lossy(bytes).lines() {
                writeln!(text, "{name}{line}").unwrap();
            }
        }
        if let Some(code) = ended.status.code().filter(|code| *code != 0) {
            writeln!(text, "exit code {code}").unwrap();
        }
        text.replace(&self.0.path().display().to_string(), "[HERE]")
    }
}
