//! jq filters, in a thread of their own so that time and output are bounded. They see no files and no environment.

use super::document::Style;
use crate::error::Error;
use jaq_core::load::{Arena, File, Loader, parse};
use jaq_core::{Compiler, Ctx, Filter, Vars, data};
use jaq_json::write::Pp;
use jaq_json::{Val, read};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// What one document may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub time: Duration,
    /// Bytes of all outputs together.
    pub output: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { time: Duration::from_secs(600), output: 8 << 30 }
    }
}

/// Room for documents and filters that nest deeply; only what is used counts.
const STACK: usize = 256 << 20;

/// A running filter.
pub(super) struct Jq {
    text: String,
    documents: SyncSender<Vec<u8>>,
    answers: Receiver<Answer>,
    bounds: Bounds,
}

enum Answer {
    /// The filter compiles, or a document is done.
    Done,
    Output(Vec<u8>),
    Fault(String),
}

type Data = data::JustLut<Val>;

impl Jq {
    /// Compiles the filter. Errors: `Invalid`, with what is wrong in it.
    pub fn start(text: &str, style: Style, bounds: Bounds) -> Result<Jq, Error> {
        let (documents, inbox) = sync_channel(1);
        let (outbox, answers) = sync_channel(64);
        let filter = text.to_owned();
        std::thread::Builder::new()
            .name("jq".into())
            .stack_size(STACK)
            .spawn(move || serve(&filter, style, &inbox, &outbox))
            .map_err(|error| Error::io("start a thread for jq", error))?;
        let jq = Jq { text: text.to_owned(), documents, answers, bounds };
        jq.answers_until_done(&mut std::io::sink())?;
        Ok(jq)
    }

    /// Runs the filter over one document and writes its outputs, each followed by a newline.
    pub fn run(&self, document: Vec<u8>, out: &mut dyn Write) -> Result<(), Error> {
        if self.documents.send(document).is_err() {
            return Err(self.fault("it ended early"));
        }
        self.answers_until_done(out)
    }

    fn answers_until_done(&self, out: &mut dyn Write) -> Result<(), Error> {
        let start = Instant::now();
        let mut written = 0;
        loop {
            let left = self.bounds.time.saturating_sub(start.elapsed());
            match self.answers.recv_timeout(left) {
                Ok(Answer::Done) => return Ok(()),
                Ok(Answer::Fault(why)) => return Err(self.fault(&why)),
                Ok(Answer::Output(output)) => {
                    written += output.len() as u64;
                    if written > self.bounds.output {
                        return Err(self
                            .fault(&format!("it put out more than {} bytes", self.bounds.output)));
                    }
                    out.write_all(&output)
                        .map_err(|error| Error::io("write what jq put out", error))?;
                }
                // The thread cannot be ended from outside; it ends with the process.
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.fault(&format!(
                        "it was not done after {} s",
                        self.bounds.time.as_secs()
                    )));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.fault("it ended early")),
            }
        }
    }

    fn fault(&self, why: &str) -> Error {
        Error::new(Error::Invalid, format!("run the jq filter `{}`", self.text), why)
    }
}

/// Compiles, then answers documents until nobody sends any more.
fn serve(text: &str, style: Style, inbox: &Receiver<Vec<u8>>, outbox: &SyncSender<Answer>) {
    let filter = match compile(text) {
        Ok(filter) => filter,
        Err(why) => return drop(outbox.send(Answer::Fault(why))),
    };
    if outbox.send(Answer::Done).is_err() {
        return;
    }
    for document in inbox {
        let last = match answer(&filter, document, style, outbox) {
            Ok(()) => Answer::Done,
            Err(why) => Answer::Fault(why),
        };
        if outbox.send(last).is_err() {
            return;
        }
    }
}

fn answer(
    filter: &Filter<Data>,
    document: Vec<u8>,
    style: Style,
    outbox: &SyncSender<Answer>,
) -> Result<(), String> {
    let input = read::parse_single(&document).map_err(|error| error.to_string())?;
    drop(document);
    let indent = (style != Style::Compact).then(|| "  ".to_owned());
    let pretty = Pp { sep_space: indent.is_some(), indent, ..Pp::default() };
    let vars = Vars::new([Val::obj(Default::default())]);
    for output in filter.id.run((Ctx::<Data>::new(&filter.lut, vars), input)) {
        let value = output.map_err(|exception| match exception.get_err() {
            Ok(error) => error.to_string(),
            Err(_) => "it called `halt`".to_owned(),
        })?;
        let mut line = Vec::new();
        jaq_json::write::write(&mut line, &pretty, 0, &value).map_err(|error| error.to_string())?;
        line.push(b'\n');
        if outbox.send(Answer::Output(line)).is_err() {
            return Err("nobody listens".to_owned());
        }
    }
    Ok(())
}

fn compile(text: &str) -> Result<Filter<Data>, String> {
    let own = parse("def env: {};", |parser| parser.defs()).unwrap_or_default();
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own);
    let funs = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| *name != "env");
    let arena = Arena::default();
    let modules =
        Loader::new(defs).load(&arena, File { code: text, path: () }).map_err(|errors| {
            let first = errors.into_iter().next().map(|(_, error)| error);
            match first {
                Some(jaq_core::load::Error::Io(mut errors)) => errors
                    .pop()
                    .map_or_else(String::new, |(path, why)| format!("module `{path}`: {why}")),
                Some(jaq_core::load::Error::Lex(errors)) => {
                    errors.into_iter().next().map_or_else(String::new, |(expected, found)| {
                        unexpected(expected.as_str(), found)
                    })
                }
                Some(jaq_core::load::Error::Parse(errors)) => {
                    errors.into_iter().next().map_or_else(String::new, |(expected, found)| {
                        unexpected(expected.as_str(), found)
                    })
                }
                None => String::new(),
            }
        })?;
    Compiler::default().with_funs(funs).with_global_vars(["$ENV"]).compile(modules).map_err(
        |errors| {
            let undefined = errors.into_iter().flat_map(|(_, undefined)| undefined).next();
            undefined.map_or_else(String::new, |(name, kind)| {
                format!("it uses the undefined {} `{name}`", kind.as_str())
            })
        },
    )
}

fn unexpected(expected: &str, found: &str) -> String {
    let found: String = found.chars().take(40).collect();
    if found.is_empty() {
        format!("expected {expected} at its end")
    } else {
        format!("expected {expected} at `{found}`")
    }
}

#[cfg(test)]
mod tests;
