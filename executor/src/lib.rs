//! The in-pod executor: the roles of `argoexec`, a drop-in for Argo's.
//!
//! [`main`] is the whole program, so that `lighter` can act as `argoexec` too. The files, environment
//! variables and exit codes are those of Argo 4.1, and the texts that its users search for.

mod cli;
mod collect;
mod control;
mod emissary;
mod events;
mod failure;
mod gc;
mod handover;
mod help;
mod init;
mod kill;
mod kube;
mod location;
mod log;
mod parallel;
mod paths;
mod plugin;
mod progress;
mod report;
mod resource;
mod retry;
mod settings;
mod supervisor;
mod sys;
mod template;
mod wait;

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use cli::Invocation;
use failure::{Failure, os_text};
use lighter_artifacts::driver::PROGRAM;
use paths::Paths;

/// Runs `argoexec` with the arguments of a process, its own name first, and returns the exit code:
/// 0, the code of the user's command, or 64 for the executor's own trouble.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let paths = Paths::standard();
    install_panic_hook(paths.termination_log.clone());
    lighter_artifacts::driver::log_to(|line| log::info(line, &[("program", PROGRAM)]));
    let ended = Invocation::parse(args.skip(1))
        .map_err(Failure::new)
        .and_then(|asked| dispatch(asked, &paths));
    let Err(failure) = ended else {
        return ExitCode::SUCCESS;
    };
    say(&paths.termination_log, &failure);
    ExitCode::from(failure.code())
}

/// Shows why the process fails: on standard error, and to kubelet unless the exit code says it all.
fn say(termination_log: &Path, failure: &Failure) {
    eprintln!("Error: {failure}");
    if let Failure::Message { text, .. } = failure {
        leave_message(termination_log, text);
    }
}

/// Ends the process from a thread that is not the main one.
fn end_now(termination_log: &Path, failure: &Failure) -> ! {
    say(termination_log, failure);
    // The main thread may be in the middle of a transfer; nothing that it holds outlives the container.
    #[allow(clippy::disallowed_methods)]
    std::process::exit(i32::from(failure.code()))
}

fn dispatch(asked: Invocation, paths: &Paths) -> Result<(), Failure> {
    let Some(role) = asked.role.as_deref() else {
        print!("{}", help::OVERVIEW);
        return Ok(());
    };
    if asked.has("help") {
        return print_help(Some(role));
    }
    match role {
        "emissary" => {
            let command = asked.command.or((!asked.words.is_empty()).then_some(asked.words));
            emissary::run(command, emissary::Guest::User, paths)
        }
        "init" => init::run(paths),
        "wait" => wait::run(&asked, paths),
        "resource" => resource::run(&asked, paths),
        "supervisor" => supervisor::run(&asked, paths),
        "artifact" => gc::run(&asked, paths),
        "artifact-plugin-init" => plugin::init(asked, paths),
        "artifact-plugin-sidecar" => plugin::sidecar(asked.command, paths),
        "collect" => collect::run(&asked),
        "kill" => kill::run(&asked.words, paths),
        "version" => print_version(asked.has("short")),
        "help" => print_help(asked.words.first().and_then(|word| word.to_str())),
        role => Err(Failure::new(format!(
            "argoexec {role} is not part of this version of Lighter; it serves init, supervisor, emissary, wait, resource, artifact delete, artifact-plugin-init, artifact-plugin-sidecar, collect, kill, version and help"
        ))),
    }
}

fn print_help(role: Option<&str>) -> Result<(), Failure> {
    print!("{}", if role == Some("collect") { help::COLLECT } else { help::OVERVIEW });
    Ok(())
}

fn print_version(short: bool) -> Result<(), Failure> {
    println!("argoexec: v{}", env!("CARGO_PKG_VERSION"));
    if !short {
        println!(
            "  Program: Lighter\n  Platform: {}/{}",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
    }
    Ok(())
}

/// Leaves the text where kubelet reads a container's last words.
fn leave_message(path: &Path, text: &str) {
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        log::debug(
            "the termination message cannot be written",
            &[("file", &path.to_string_lossy()), ("error", &os_text(&error))],
        );
    }
}

/// A bug must not leave others waiting, nor show a back-trace as the step's message.
fn install_panic_hook(termination_log: std::path::PathBuf) {
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or("no text");
        let place =
            panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        let text = format!("argoexec has a bug, please report it: {text} ({place})");
        eprintln!("Error: {text}");
        leave_message(&termination_log, &text);
        if let Some(file) = emissary::EXIT_CODE_FILE.get() {
            let _ = std::fs::write(file, failure::TROUBLE.to_string());
        }
        // Unwinding would end with another code, and a pod has nothing to clean up.
        #[allow(clippy::disallowed_methods)]
        std::process::exit(1);
    }));
}
