//! Standard output and standard error as terminals or not.

use std::io::{self, IsTerminal, Write};

use crate::text::Paint;

/// Where progress goes, and how it may look there.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub stream: Stream,
    pub terminal: bool,
    pub paint: Paint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

impl Screen {
    /// Looks at what the stream is.
    pub fn of(stream: Stream, no_color: bool) -> Screen {
        let terminal = match stream {
            Stream::Out => io::stdout().is_terminal(),
            Stream::Err => io::stderr().is_terminal(),
        };
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Screen { stream, terminal: terminal && !dumb, paint: Paint::when(terminal, no_color) }
    }

    /// Columns and lines of the terminal.
    pub fn size(&self) -> (usize, usize) {
        let size = match self.stream {
            Stream::Out => terminal_size::terminal_size_of(io::stdout()),
            Stream::Err => terminal_size::terminal_size_of(io::stderr()),
        };
        match size {
            Some((width, height)) => (usize::from(width.0), usize::from(height.0)),
            None => (80, 24),
        }
    }

    /// Writes text as it is.
    pub fn write(&self, text: &str) -> io::Result<()> {
        match self.stream {
            Stream::Out => write_all(&mut io::stdout().lock(), text),
            Stream::Err => write_all(&mut io::stderr().lock(), text),
        }
    }
}

/// Writes to standard output.
pub fn print(text: &str) -> io::Result<()> {
    write_all(&mut io::stdout().lock(), text)
}

/// Writes a line to standard error; that nobody reads it is no failure.
pub fn warn(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn write_all(stream: &mut dyn Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}
