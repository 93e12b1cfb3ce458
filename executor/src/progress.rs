//! A line about every transfer that takes long, so that a slow one does not look like a hang.

use crate::log;
use lighter_artifacts::Progress;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(10);

/// Does the work, and says every ten seconds how far it is.
pub fn watched<T>(doing: &str, name: &str, work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::counting();
    let (ended, end) = sync_channel::<()>(0);
    std::thread::scope(|scope| {
        let watched = progress.clone();
        let watch = move || {
            let start = Instant::now();
            while end.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                say(doing, name, &watched, start.elapsed());
            }
        };
        // Without a thread to spare there is no line, no more.
        let _ = std::thread::Builder::new().name("progress".into()).spawn_scoped(scope, watch);
        let result = work(&progress);
        drop(ended);
        result
    })
}

fn say(doing: &str, name: &str, progress: &Progress, elapsed: Duration) {
    let rate = progress.done() as f64 / elapsed.as_secs_f64().max(0.001);
    let total = progress.total().map(|total| total.to_string());
    let mut fields = vec![("name", name.to_owned()), ("bytes", progress.done().to_string())];
    fields.extend(total.map(|total| ("total", total)));
    fields.push(("bytesPerSecond", format!("{rate:.0}")));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, &**value)).collect();
    log::info(doing, &fields);
}
