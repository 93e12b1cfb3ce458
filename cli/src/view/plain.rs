//! One line per change of a step: time, symbol, name, duration, message.

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use jiff::Zoned;
use lighter_api::{NodeStatus, Workflow};

use crate::nodes::{all, is_group, is_over, path, workflow_name};
use crate::out::Screen;
use crate::text::{duration, one_line};

pub struct Plain {
    screen: Screen,
    /// When the steps began that are shown; nothing for those that are shown as ended.
    shown: HashMap<String, Option<Instant>>,
    workflow_begun: Instant,
    phase: String,
}

impl Plain {
    pub fn new(screen: Screen) -> Plain {
        Plain {
            screen,
            shown: HashMap::new(),
            workflow_begun: Instant::now(),
            phase: String::new(),
        }
    }

    pub fn push(&mut self, line: &str) -> io::Result<()> {
        self.screen.write(&format!("{line}\n"))
    }

    /// A turn's lines are written at once.
    pub fn changed(&mut self, workflow: &Workflow, ids: &[String]) -> io::Result<()> {
        let mut text = String::new();
        let phase = workflow.status.as_ref().map(|s| s.phase.as_str()).unwrap_or_default();
        if phase == "Running" && self.phase.is_empty() {
            self.phase = phase.to_string();
            text.push_str(&self.line("Running", workflow_name(workflow), "", ""));
        }
        let nodes = all(workflow);
        let root = workflow_name(workflow);
        // A workflow of a single step has said so with its own line.
        let shown = |node: &&NodeStatus| !is_group(node) && node.id != root;
        for node in ids.iter().filter_map(|id| nodes.get(id)).filter(shown) {
            text.extend(self.node(workflow, node));
        }
        match text.is_empty() {
            true => Ok(()),
            false => self.screen.write(&text),
        }
    }

    pub fn finish(&mut self, workflow: &Workflow) -> io::Result<()> {
        let Some(status) = &workflow.status else { return Ok(()) };
        let time = duration(self.workflow_begun.elapsed());
        let line = self.line(&status.phase, workflow_name(workflow), &time, &status.message);
        self.screen.write(&line)
    }

    fn node(&mut self, workflow: &Workflow, node: &NodeStatus) -> Option<String> {
        let name = path(workflow, node);
        let shown = self.shown.get(&node.id).copied();
        if node.phase == "Running" && shown.is_none() {
            self.shown.insert(node.id.clone(), Some(Instant::now()));
            return Some(self.line(&node.phase, &name, "", ""));
        }
        // A node that has ended changes again when others are linked to it.
        if !is_over(node) || shown == Some(None) {
            return None;
        }
        self.shown.insert(node.id.clone(), None);
        let time = shown.flatten().map(|begun| duration(begun.elapsed())).unwrap_or_default();
        Some(self.line(&node.phase, &name, &time, &node.message))
    }

    fn line(&self, phase: &str, name: &str, time: &str, message: &str) -> String {
        let paint = self.screen.paint;
        let now = Zoned::now().strftime("%H:%M:%S").to_string();
        let mut line =
            format!("{} {} {}", paint.dim(&now), paint.symbol(phase), one_line(name, 100));
        for part in [time.to_string(), one_line(message, 300)] {
            if !part.is_empty() {
                line.push_str("  ");
                line.push_str(&part);
            }
        }
        line.push('\n');
        line
    }
}
