//! Shows a run while it goes on: a live tree on a terminal, a line per change elsewhere.

mod live;
mod plain;

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use lighter_api::Workflow;
use lighter_local::runner::Observer;

use crate::nodes;
use crate::out::Screen;
use crate::text::one_line;

use live::Live;
use plain::Plain;

/// Sees a run for a person. When nobody reads any more, the run goes on unseen.
pub struct View {
    kind: Kind,
    /// Names of steps by pod, for their output.
    labels: HashMap<String, String>,
    with_logs: bool,
    gone: bool,
}

enum Kind {
    Live(Live),
    Plain(Plain),
}

impl View {
    pub fn new(screen: Screen, with_logs: bool) -> View {
        let kind = match screen.terminal {
            true => Kind::Live(Live::new(screen)),
            false => Kind::Plain(Plain::new(screen)),
        };
        View { kind, labels: HashMap::new(), with_logs, gone: false }
    }

    /// Draws the last state and leaves it there.
    pub fn finish(&mut self, workflow: &Workflow) {
        let done = match &mut self.kind {
            Kind::Live(live) => live.finish(workflow),
            Kind::Plain(plain) => plain.finish(workflow),
        };
        self.note(done);
    }

    fn line(&mut self, text: &str) {
        if self.gone {
            return;
        }
        let done = match &mut self.kind {
            Kind::Live(live) => {
                live.push(text);
                Ok(())
            }
            Kind::Plain(plain) => plain.push(text),
        };
        self.note(done);
    }

    fn note(&mut self, done: io::Result<()>) {
        self.gone |= done.is_err();
    }
}

impl Observer for View {
    fn changed(&mut self, workflow: &Workflow, ids: &[String]) {
        if self.with_logs {
            let nodes = nodes::all(workflow);
            for node in ids.iter().filter_map(|id| nodes.get(id)).filter(|n| n.r#type == "Pod") {
                let pod = nodes::pod_name(workflow, node);
                let label = || one_line(&nodes::path(workflow, node), 60);
                self.labels.entry(pod).or_insert_with(label);
            }
        }
        if self.gone {
            return;
        }
        let done = match &mut self.kind {
            Kind::Live(live) => {
                live.changed();
                Ok(())
            }
            Kind::Plain(plain) => plain.changed(workflow, ids),
        };
        self.note(done);
    }

    fn log(&mut self, pod: &str, container: &str, line: &str) {
        let label = self.labels.get(pod).map_or(pod, String::as_str);
        let text = match container {
            "main" => format!("{label}: {line}"),
            _ => format!("{label} ({container}): {line}"),
        };
        self.line(&text);
    }

    fn notice(&mut self, text: &str) {
        self.line(&format!("note: {text}"));
    }

    fn tick(&mut self, workflow: &Workflow) -> Option<Duration> {
        if self.gone {
            return None;
        }
        match &mut self.kind {
            Kind::Live(live) => match live.tick(workflow) {
                Ok(next) => Some(next),
                Err(_) => {
                    self.gone = true;
                    None
                }
            },
            Kind::Plain(_) => None,
        }
    }
}
