//! The tree of steps, drawn anew in place while a workflow runs.

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lighter_api::Workflow;

use crate::out::Screen;
use crate::show;
use crate::text::visible_width;
use crate::tree::{Fold, rows};

/// Between two drawings, however much happens.
const SHORTEST: Duration = Duration::from_millis(100);
/// Between two drawings when nothing happens: the times go on.
const LONGEST: Duration = Duration::from_secs(1);
/// Lines kept free for the prompt and what is above.
const SPARE: usize = 2;

pub struct Live {
    screen: Screen,
    /// Lines of the drawing that is on the screen.
    drawn: usize,
    drawn_at: Option<Instant>,
    dirty: bool,
    /// Lines to be written above the tree.
    above: String,
}

impl Live {
    pub fn new(screen: Screen) -> Live {
        Live { screen, drawn: 0, drawn_at: None, dirty: true, above: String::new() }
    }

    pub fn changed(&mut self) {
        self.dirty = true;
    }

    pub fn push(&mut self, line: &str) {
        self.above.push_str(line);
        self.above.push('\n');
        self.dirty = true;
    }

    /// Draws if it is due; says when it will be due again.
    pub fn tick(&mut self, workflow: &Workflow) -> io::Result<Duration> {
        let age = self.drawn_at.map_or(LONGEST, |at| at.elapsed());
        let due = if self.dirty { SHORTEST } else { LONGEST };
        if age < due {
            return Ok(due - age);
        }
        let (width, height) = self.screen.size();
        let room = height.saturating_sub(SPARE).max(3);
        let frame = self.fitting(workflow, room);
        self.draw(frame, width)?;
        self.dirty = false;
        Ok(LONGEST)
    }

    pub fn finish(&mut self, workflow: &Workflow) -> io::Result<()> {
        let frame = self.lines(workflow, show::FOLD);
        let (width, _) = self.screen.size();
        self.draw(frame, width)?;
        self.drawn = 0;
        Ok(())
    }

    /// The tree in at most `room` lines, with as little left out as will do.
    fn fitting(&self, workflow: &Workflow, room: usize) -> Vec<String> {
        let folds = [(20, false), (5, false), (5, true), (2, true), (0, true)];
        let mut lines = Vec::new();
        for (items, hide_done) in folds {
            lines = self.lines(workflow, Fold { items, hide_done });
            if lines.len() <= room {
                return lines;
            }
        }
        let hidden = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(format!(" … {hidden} more lines"));
        lines
    }

    fn lines(&self, workflow: &Workflow, fold: Fold) -> Vec<String> {
        let now = Timestamp::now();
        let paint = self.screen.paint;
        rows(workflow, fold).iter().map(|row| show::row(row, now, paint)).collect()
    }

    fn draw(&mut self, frame: Vec<String>, width: usize) -> io::Result<()> {
        let mut text = String::new();
        if self.drawn > 0 {
            // Writing to a string does not fail.
            let _ = write!(text, "\x1b[{}A", self.drawn);
        }
        text.push_str("\r\x1b[J");
        text.push_str(&std::mem::take(&mut self.above));
        for line in &frame {
            text.push_str(&cut(line, width));
            text.push('\n');
        }
        self.drawn = frame.len();
        self.drawn_at = Some(Instant::now());
        self.screen.write(&text)
    }
}

/// A line that does not wrap, colours and all.
fn cut(line: &str, width: usize) -> String {
    if visible_width(line) < width {
        return line.to_string();
    }
    let mut text = String::new();
    let (mut seen, mut escaped) = (0, false);
    for c in line.chars() {
        escaped |= c == '\x1b';
        if !escaped {
            seen += 1;
        }
        if seen >= width {
            break;
        }
        text.push(c);
        escaped &= c != 'm';
    }
    text.push_str("…\x1b[0m");
    text
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn lines_never_wrap() {
        assert_eq!(cut("abc", 10), "abc");
        assert_eq!(cut("\x1b[31mabcdef\x1b[0m", 4), "\x1b[31mabc…\x1b[0m");
    }
}
