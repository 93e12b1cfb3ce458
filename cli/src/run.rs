//! `run` and `resume`: one workflow from its beginning, or from where it was left, to its end.

use std::process::ExitCode;

use jiff::Timestamp;
use lighter_api::Workflow;
use lighter_engine::StopStrategy;
use lighter_local::ImagePolicy;
use lighter_local::runner::{self, Handle, Request, RunOptions, Runner, check_name, complete};
use lighter_local::state::{State, WorkflowLock};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::{self, How, ImageChoice};
use crate::failure::{FAILED, Failure};
use crate::files::{self, Runnable};
use crate::out::{Screen, Stream};
use crate::view::View;
use crate::{blame, lint, out, parameters, show};

/// `lighter run`.
pub fn run(state: State, options: &args::Run, no_color: bool) -> Result<ExitCode, Failure> {
    let given = parameters::given(options.parameter_file.as_deref(), &options.parameters)?;
    let (mut runnable, mut around) = files::read(&options.files)?.only()?;
    let file = runnable.source.file().to_string();
    set_name(&mut runnable, options.name.as_deref())?;
    let spec = runnable.workflow.spec.get_or_insert_default();
    if let Some(entrypoint) = &options.entrypoint {
        spec.entrypoint.clone_from(entrypoint);
    }
    parameters::set(&mut runnable.workflow, &around, given, &file)?;
    lint::refuse_invalid(&runnable, &around)?;
    let mut workflow = runnable.workflow;
    workflow.status = None;
    complete(&mut workflow, Timestamp::now())
        .map_err(|e| Failure::failed(format!("cannot name the workflow: {e}")))?;
    let how = choices(&options.how, ImagePolicy::Auto, 0)?;
    around.images = policy_name(how.images).into();
    around.parallel = options.how.parallel.map_or(0, usize::from);
    let runner = Runner::start(state, workflow, around, &how)?;
    to_the_end(runner, &options.how, no_color)
}

/// `lighter resume`.
pub fn resume(state: State, options: &args::Resume, no_color: bool) -> Result<ExitCode, Failure> {
    let summary = state.require(&options.name)?;
    let around = state.load(&summary)?.surroundings;
    let how = choices(&options.how, policy_of(&around.images), around.parallel)?;
    if !summary.is_finished()
        && let Some(pid) = WorkflowLock::holder(state.folder(), &summary)
    {
        runner::ask(state.folder(), &summary, Request::Resume)
            .map_err(|e| Failure::failed(e.to_string()))?;
        out::warn(&format!(
            "process {pid} runs `{}`; it goes on with steps that are suspended",
            summary.name
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let runner = Runner::resume(state, &summary, &how)?;
    to_the_end(runner, &options.how, no_color)
}

fn to_the_end(runner: Runner, how: &How, no_color: bool) -> Result<ExitCode, Failure> {
    let stream = if how.output.is_some() { Stream::Err } else { Stream::Out };
    let screen = Screen::of(stream, no_color);
    listen(runner.handle())?;
    let state = runner.state_folder().to_path_buf();
    let mut view = View::new(screen, how.logs);
    let workflow = runner.run(&mut view)?;
    view.finish(&workflow);
    let failure = blame::failure(&state, &workflow, screen.paint);
    match how.output {
        Some(form) => {
            // Written whole even when progress had no reader.
            let text = show::workflow(&workflow, form, Screen::of(Stream::Out, no_color).paint)?;
            let _ = screen.write(&failure);
            out::print(&text)?;
        }
        None => screen.write(&format!("{failure}{}", show::outputs(&workflow)))?,
    }
    Ok(exit_code(&workflow))
}

/// 0 for success, 1 for everything else that a workflow can end with.
fn exit_code(workflow: &Workflow) -> ExitCode {
    let phase = workflow.status.as_ref().map(|status| status.phase.as_str());
    match phase {
        Some("Succeeded") => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    }
}

/// The first Ctrl-C stops the workflow, the second terminates it, the third kills what still runs.
fn listen(handle: Handle) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|e| Failure::failed(format!("cannot listen for Ctrl-C: {e}")))?;
    std::thread::spawn(move || {
        for (count, _) in signals.forever().enumerate() {
            match count {
                0 => handle.stop(
                    StopStrategy::Stop,
                    "stopping; exit handlers still run: Ctrl-C again to leave them out",
                ),
                1 => handle.stop(
                    StopStrategy::Terminate,
                    "terminating: Ctrl-C again to kill what still runs",
                ),
                _ => handle.kill(),
            }
        }
    });
    Ok(())
}

fn set_name(runnable: &mut Runnable, name: Option<&str>) -> Result<(), Failure> {
    let metadata = runnable.workflow.metadata.get_or_insert_default();
    if let Some(name) = name {
        check_name(name).map_err(|e| Failure::invalid(format!("`--name`: {e}")))?;
        metadata.name = Some(name.to_string());
        metadata.generate_name = None;
    }
    let file = runnable.source.file();
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    if let Some(name) = given(&metadata.name) {
        return check_name(&name)
            .map_err(|e| Failure::invalid(format!("{file}: metadata.name: {e}")));
    }
    if let Some(prefix) = given(&metadata.generate_name) {
        return check_name(&format!("{prefix}x").chars().take(63).collect::<String>())
            .map_err(|e| Failure::invalid(format!("{file}: metadata.generateName: {e}")));
    }
    Err(Failure::invalid(format!(
        "{file}: metadata: the workflow has neither `name` nor `generateName`; add one, or give `--name`"
    )))
}

fn choices(how: &How, images: ImagePolicy, parallel: usize) -> Result<RunOptions, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Failure::failed(format!("cannot find this program's own file: {e}")))?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let images = match how.images {
        None => images,
        Some(ImageChoice::Auto) => ImagePolicy::Auto,
        Some(ImageChoice::Host) => ImagePolicy::Host,
        Some(ImageChoice::Local) => ImagePolicy::Local,
        Some(ImageChoice::Pull) => ImagePolicy::Pull,
    };
    let parallel = match (how.parallel, parallel) {
        (Some(given), _) => usize::from(given),
        (None, 0) => cores(),
        (None, saved) => saved,
    };
    Ok(RunOptions { images, parallel, program, live_logs: how.logs })
}

fn policy_name(policy: ImagePolicy) -> &'static str {
    match policy {
        ImagePolicy::Auto => "auto",
        ImagePolicy::Host => "host",
        ImagePolicy::Local => "local",
        ImagePolicy::Pull => "pull",
    }
}

fn policy_of(name: &str) -> ImagePolicy {
    match name {
        "host" => ImagePolicy::Host,
        "local" => ImagePolicy::Local,
        "pull" => ImagePolicy::Pull,
        _ => ImagePolicy::Auto,
    }
}
