//! What networks and servers do on bad days, to every operation of every store with a server: the right bytes or the
//! right class of error, in time, with nothing left behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

mod cells;
mod killed;
mod place;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lighter_tests::servers::{Dav, S3};
use place::Place;

/// Short patience, so that what never gets better ends soon; and the smallest parts that S3 takes.
const IMPATIENT: [(&str, &str); 4] = [
    ("LIGHTER_RETRY_TRIES", "3"),
    ("LIGHTER_RETRY_PAUSE_MS", "20"),
    ("LIGHTER_SILENCE_MS", "1500"),
    ("ARTIFACT_S3_UPLOAD_PART_SIZE_MIB", "5"),
];

/// Runs the test of this name in a process with these settings: they are read from the environment.
fn impatient(test: &str, more: &[(&str, String)]) -> Option<Command> {
    if std::env::var_os(IMPATIENT[0].0).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).envs(IMPATIENT);
    command.envs(more.iter().map(|(name, value)| (name, value)));
    Some(command)
}

/// All cells of the matrix of a place, several at a time.
fn matrix(place: &dyn Place) {
    let cells = cells::all(place);
    assert!(cells.len() > 20, "{} cells", cells.len());
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(why) = cell.run(place) {
                        failed.lock().unwrap().push(format!("{cell}: {why}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} cells:\n{}", failed.len(), cells.len(), failed.join("\n"));
    println!("{} cells", cells.len());
}

fn run(test: &str, matrix_here: impl Fn()) {
    match impatient(test, &[]) {
        None => matrix_here(),
        Some(mut command) => {
            let ran = command.output().unwrap();
            let printed = String::from_utf8_lossy(&ran.stdout);
            assert!(ran.status.success(), "{printed}{}", String::from_utf8_lossy(&ran.stderr));
        }
    }
}

#[test]
fn s3() {
    run("s3", || matrix(&S3::start()));
}

#[test]
fn http() {
    run("http", || matrix(&Dav::start()));
}
