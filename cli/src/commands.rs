//! From the command line to the command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use jiff::Timestamp;
use lighter_engine::StopStrategy;
use lighter_local::runner::{self, Request};
use lighter_local::state::{State, StateError, WorkflowLock};

use crate::args::{self, Cli, Command, ListForm};
use crate::failure::{Failure, INVALID};
use crate::out::{self, Screen, Stream};
use crate::{artifacts, images, lint, logs, run, show};

/// The command line, its program's name first.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that has gone wants no message.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(INVALID) } else { ExitCode::SUCCESS };
        }
    };
    match dispatch(&cli) {
        Ok(code) => code,
        Err(failure) => {
            let paint = Screen::of(Stream::Err, cli.global.no_color).paint;
            for message in &failure.messages {
                out::warn(&format!("{} {message}", paint.red("error:")));
            }
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode, Failure> {
    let no_color = cli.global.no_color;
    match &cli.command {
        Command::Run(options) => return run::run(open(cli)?, options, no_color),
        Command::Resume(options) => return run::resume(open(cli)?, options, no_color),
        Command::Stop(options) => stop(&mut open(cli)?, options)?,
        Command::List(options) => list(&open(cli)?, options, no_color)?,
        Command::Get(options) => get(&open(cli)?, options, no_color)?,
        Command::Logs(options) => logs::run(&open(cli)?, options)?,
        Command::Delete(options) => delete(&mut open(cli)?, options)?,
        Command::Lint(options) => lint::run(options)?,
        Command::Artifacts(command) => artifacts::run(&open(cli)?, command)?,
        Command::Images(command) => images::run(&open(cli)?, command)?,
        Command::Completion(options) => completion(options)?,
        Command::Version => out::print(concat!("lighter ", env!("CARGO_PKG_VERSION"), "\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn open(cli: &Cli) -> Result<State, Failure> {
    let folder = state_folder(cli).ok_or_else(|| {
        Failure::invalid("no place for the state: set HOME, or give a folder with `--state DIR`")
    })?;
    let folder = std::path::absolute(&folder)
        .map_err(|e| Failure::invalid(format!("`{}`: {e}", folder.display())))?;
    Ok(State::open(&folder)?)
}

/// `--state`, else `LIGHTER_STATE`, else `lighter` in the folder that XDG gives for state.
fn state_folder(cli: &Cli) -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let standard = || {
        let home = || variable("HOME").map(|home| home.join(".local/state"));
        let xdg = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
        xdg.or_else(home).map(|folder| folder.join("lighter"))
    };
    cli.global.state.clone().or_else(|| variable("LIGHTER_STATE")).or_else(standard)
}

fn stop(state: &mut State, options: &args::Stop) -> Result<(), Failure> {
    let (request, strategy) = match options.terminate {
        true => (Request::Terminate, StopStrategy::Terminate),
        false => (Request::Stop, StopStrategy::Stop),
    };
    let summary = state.require(&options.name)?;
    let name = &summary.name;
    if summary.is_finished() {
        return Err(Failure::invalid(format!("workflow `{name}` has finished: {}", summary.phase)));
    }
    match WorkflowLock::take(state.folder(), &summary) {
        Ok(_lock) => {
            state.set_shutdown(&summary, strategy.as_str())?;
            out::warn(&format!(
                "no process runs `{name}`: it is marked to be stopped; `lighter resume {name}` brings it to its end"
            ));
            Ok(())
        }
        Err(StateError::Locked { pid, .. }) => {
            runner::ask(state.folder(), &summary, request)
                .map_err(|e| Failure::failed(e.to_string()))?;
            out::warn(&format!("process {pid} is stopping `{name}`"));
            Ok(())
        }
        Err(e) => Err(e.into()),
    }
}

fn list(state: &State, options: &args::List, no_color: bool) -> Result<(), Failure> {
    let summaries = state.list()?;
    let text = match options.output {
        Some(ListForm::Name) => summaries.iter().map(|s| format!("{}\n", s.name)).collect(),
        Some(ListForm::Json) => {
            let mut workflows = Vec::new();
            for summary in &summaries {
                workflows.push(state.load(summary)?.workflow);
            }
            let failed = |e| Failure::failed(format!("cannot print the workflows: {e}"));
            serde_json::to_string_pretty(&workflows).map_err(failed)? + "\n"
        }
        None if summaries.is_empty() => {
            out::warn("no workflows yet; `lighter run FILE` runs one");
            return Ok(());
        }
        None => {
            let paint = Screen::of(Stream::Out, no_color).paint;
            show::list(state.folder(), &summaries, Timestamp::now(), paint)
        }
    };
    Ok(out::print(&text)?)
}

fn get(state: &State, options: &args::Get, no_color: bool) -> Result<(), Failure> {
    let workflow = state.load(&state.require(&options.name)?)?.workflow;
    let paint = Screen::of(Stream::Out, no_color).paint;
    Ok(out::print(&show::workflow(&workflow, options.output, paint)?)?)
}

fn delete(state: &mut State, options: &args::Delete) -> Result<(), Failure> {
    for name in &options.names {
        let summary = state.require(name)?;
        match runner::remove(state, &summary) {
            Ok(()) => out::warn(&format!("deleted `{}`", summary.name)),
            Err(e @ StateError::Locked { .. }) => {
                return Err(Failure::failed(format!(
                    "{e}; stop it first with `lighter stop {}`",
                    summary.name
                )));
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

fn completion(options: &args::Completion) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "lighter", &mut script);
    Ok(out::print(&String::from_utf8_lossy(&script))?)
}
