//! In pods without an init container the command starts when the supervisor has prepared the pod.

use std::fs;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::{Emissary, ends};
use crate::events::Events;
use crate::failure::{Failure, UNPREPARED, path_error};
use crate::log;

/// A supervisor that is silent for longer is taken for dead, as in Argo 4.1.
const SILENCE: Duration = Duration::from_secs(30);

/// What the supervisor has said last.
enum Status {
    Absent,
    /// Written at this time.
    Running(Option<SystemTime>),
    Ready,
    Failed(String),
}

/// Returns when the pod is prepared.
pub(super) fn await_supervisor(
    emissary: &Emissary<'_>,
    events: &mut Events,
) -> Result<(), Failure> {
    events.watch(&emissary.paths.var_run_argo);
    let mut heard = None;
    let mut since = Instant::now();
    loop {
        let silent = match read(emissary)? {
            Status::Ready => return Ok(()),
            Status::Failed(why) => {
                return Err(unprepared(format!("supervisor reported pre-main failure: {why}")));
            }
            // Times are only compared with each other: clocks may jump.
            Status::Running(written) => {
                if written != heard {
                    (heard, since) = (written, Instant::now());
                }
                "no status update within 30s"
            }
            Status::Absent => "status marker never appeared within 30s",
        };
        if since.elapsed() >= SILENCE {
            return Err(unprepared(format!("supervisor presumed dead: {silent}")));
        }
        log::debug("waiting for the supervisor", &[]);
        if emissary.signals(events, Some(since + SILENCE))?.into_iter().any(ends) {
            return Err(unprepared("terminated while waiting for the supervisor".into()));
        }
    }
}

fn read(emissary: &Emissary<'_>) -> Result<Status, Failure> {
    let path = emissary.paths.status();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Status::Absent),
        Err(error) => return Err(unprepared(path_error("open", &path, &error))),
    };
    let (word, rest) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(match word {
        "READY" => Status::Ready,
        "FAILED" => Status::Failed(rest.trim_end().to_owned()),
        _ => Status::Running(fs::metadata(&path).and_then(|file| file.modified()).ok()),
    })
}

pub(super) fn unprepared(text: String) -> Failure {
    Failure::Message { code: UNPREPARED, text }
}
