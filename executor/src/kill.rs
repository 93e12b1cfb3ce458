//! `kill SIGNAL PID`: sends a signal, for containers that have no shell.

use std::ffi::OsString;

use nix::sys::signal::Signal;

use crate::control::Control;
use crate::failure::{Failure, os_text};
use crate::paths::Paths;
use crate::settings;
use crate::sys;

/// Sends the signal. The kernel protects process 1 from a SIGKILL of its own container; the emissary is asked instead.
pub fn run(words: &[OsString], paths: &Paths) -> Result<(), Failure> {
    let [signal, pid] = words else {
        return Err(Failure::new(format!(
            "kill takes SIGNAL and PID, got {} arguments",
            words.len()
        )));
    };
    let (signal, pid) = (number("SIGNAL", signal)?, number("PID", pid)?);
    println!("killing {pid} with signal {signal}");
    sys::kill(pid, signal)
        .map_err(|error| Failure::new(format!("kill {signal} {pid}: {}", os_text(&error))))?;
    if pid == 1 && signal == Signal::SIGKILL as i32 {
        ask_emissary(paths);
    }
    Ok(())
}

fn number(what: &str, word: &OsString) -> Result<i32, Failure> {
    let text = word.to_string_lossy();
    text.parse().map_err(|_| Failure::new(format!("{what} {text:?} is not a whole number")))
}

fn ask_emissary(paths: &Paths) {
    let Some(name) = settings::text("ARGO_CONTAINER_NAME") else { return };
    if paths.container(&name).is_dir()
        && let Ok(control) = Control::open(paths, &name)
    {
        // Without the directory there is no emissary to ask.
        let _ = control.write_signal(Signal::SIGKILL as i32);
    }
}
