//! A bar for a transfer that a person waits for; nothing where standard error is no terminal.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lighter_artifacts::Progress;

const EVERY: Duration = Duration::from_millis(100);
const KNOWN: &str = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}";
const UNKNOWN: &str = "{msg} {binary_bytes} {binary_bytes_per_sec}";

/// Does the work under a bar, which is gone afterwards.
pub fn watched<T>(name: &str, work: impl FnOnce(&Progress) -> T) -> T {
    let bar = ProgressBar::no_length().with_message(name.to_owned());
    if bar.is_hidden() {
        return work(&Progress::default());
    }
    let progress = Progress::counting();
    let (ended, end) = sync_channel::<()>(0);
    let result = thread::scope(|scope| {
        let watched = progress.clone();
        let shown = &bar;
        let watch = move || {
            while end.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                show(shown, &watched);
            }
        };
        // Without a thread to spare there is no bar, no more.
        let _ = thread::Builder::new().spawn_scoped(scope, watch);
        let result = work(&progress);
        drop(ended);
        result
    });
    bar.finish_and_clear();
    result
}

fn show(bar: &ProgressBar, progress: &Progress) {
    let total = progress.total();
    let template = if total.is_some() { KNOWN } else { UNKNOWN };
    // Both templates are ours and well formed.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    if let Some(total) = total {
        bar.set_length(total.max(progress.done()));
    }
    bar.set_position(progress.done());
}
