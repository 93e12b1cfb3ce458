//! Artifact plugins: servers of a store, which the executor starts and ends.
//!
//! `artifact-plugin-init` is an init container that loads the artifacts of its plugin; `artifact-plugin-sidecar` serves
//! `wait` or `supervisor` until it is told to end.

use std::ffi::OsString;
use std::process::{Child, Command};

use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};

use crate::cli::Invocation;
use crate::emissary;
use crate::failure::{Failure, os_text};
use crate::init::{self, inputs};
use crate::paths::Paths;
use crate::settings;
use crate::template::{self, Template};

/// Starts the plugin, loads its artifacts, ends it.
pub fn init(asked: Invocation, paths: &Paths) -> Result<(), Failure> {
    umask(Mode::empty());
    settings::required_of_pod()?;
    let name = asked
        .value("plugin-name")
        .and_then(|name| name.to_str())
        .ok_or_else(|| Failure::new("--plugin-name is required"))?
        .to_owned();
    let json = template::read_environment_first(paths)?;
    let template = Template::parse(&json)?;
    settings::deadline()?;
    let _plugin = Plugin::start(asked.command.unwrap_or_default(), &name)?;
    init::end_on_sigterm(paths, init::UNPREPARED)?;
    inputs::load_all(&json, &template, inputs::Which::OfPlugin(&name), paths)
}

/// Runs the plugin until the signal file ends it. Ends well however the plugin ends: outputs are saved by then, or `wait` says why not.
pub fn sidecar(command: Option<Vec<OsString>>, paths: &Paths) -> Result<(), Failure> {
    match emissary::run(command, emissary::Guest::Plugin, paths) {
        Err(Failure::Exit(_)) => Ok(()),
        ended => ended,
    }
}

/// A plugin that ends with its init container.
struct Plugin(Child);

impl Plugin {
    fn start(words: Vec<OsString>, name: &str) -> Result<Self, Failure> {
        let mut words = words.into_iter();
        let program = words
            .next()
            .ok_or_else(|| Failure::new(format!("no command given for artifact plugin {name}")))?;
        let child = Command::new(&program).args(words).spawn().map_err(|error| {
            let program = program.to_string_lossy();
            Failure::new(format!(
                "failed to start artifact plugin {name}: {program}: {}",
                os_text(&error)
            ))
        })?;
        Ok(Self(child))
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = i32::try_from(self.0.id()).map(|pid| crate::sys::kill(pid, Signal::SIGTERM as i32));
    }
}
