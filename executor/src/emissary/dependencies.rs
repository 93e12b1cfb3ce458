//! Members of a container set start when the members they depend on have succeeded.

use super::{Emissary, Ended};
use crate::control::Control;
use crate::events::{Events, is_term};
use crate::failure::{Failure, TROUBLE, os_text};
use crate::log;
use crate::template::Template;
use nix::sys::signal::Signal;

/// Waits for every dependency of this container, one after the other.
pub(super) fn await_all(
    emissary: &Emissary<'_>,
    template: &Template,
    events: &mut Events,
) -> Result<(), Ended> {
    let members = template.container_set.iter().flat_map(|set| &set.containers);
    for dependency in members
        .filter(|member| member.name == emissary.name)
        .flat_map(|member| &member.dependencies)
    {
        await_one(emissary, dependency, events)?;
    }
    Ok(())
}

fn await_one(emissary: &Emissary<'_>, dependency: &str, events: &mut Events) -> Result<(), Ended> {
    log::info("waiting for dependency", &[("dependency", dependency)]);
    let control = Control::open(emissary.paths, dependency).map_err(|error| {
        Failure::new(format!("failed to create dependency dir: {dependency}: {}", os_text(&error)))
    })?;
    events.watch(control.directory());
    loop {
        if let Some(code) = control.exit_code() {
            return check(dependency, code);
        }
        for signal in emissary.signals(events, None)? {
            if is_term(signal) || signal == Signal::SIGKILL as i32 {
                let code = u8::try_from(128 + signal).unwrap_or(TROUBLE);
                return Err(Ended { recorded: TROUBLE, result: Err(Failure::Exit(code)) });
            }
        }
    }
}

fn check(dependency: &str, code: i64) -> Result<(), Ended> {
    if code == 0 {
        return Ok(());
    }
    let text = format!("dependency \"{dependency}\" exited with non-zero code: {code}");
    Err(Ended { recorded: u8::try_from(code).unwrap_or(TROUBLE), result: Err(Failure::new(text)) })
}
