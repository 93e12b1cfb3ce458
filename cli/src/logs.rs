//! What steps wrote: the files that the pod host keeps.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lighter_api::{NodeStatus, Workflow};
use lighter_local::state::{State, Summary};

use crate::args;
use crate::failure::Failure;
use crate::nodes::{self, all};
use crate::text::one_line;

/// Between two looks at the files of a workflow that another process runs.
const LOOK: Duration = Duration::from_millis(100);
/// How far back the last lines of a log are looked for, in bytes.
const TAIL: u64 = 16 << 10;

/// The log of a pod's container.
pub fn file(state: &Path, pod: &str, container: &str) -> PathBuf {
    state.join("pods").join(pod).join("logs").join(format!("{container}.log"))
}

/// The last lines that a container wrote, as text that does a terminal no harm.
pub fn last_lines(state: &Path, pod: &str, container: &str, count: usize) -> Vec<String> {
    let tail = || -> io::Result<String> {
        let mut file = File::open(file(state, pod, container))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    // A step that did not get so far has no log.
    let text = tail().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(count);
    lines.iter().skip(first).map(|line| one_line(line, 300)).collect()
}

/// `lighter logs`.
pub fn run(state: &State, options: &args::Logs) -> Result<(), Failure> {
    let summary = state.require(&options.name)?;
    let mut readers = Readers::default();
    loop {
        // Looked up before the files are read, so that nothing written until the end is missed.
        let summary = state.require(&summary.name)?;
        let workflow = state.load(&summary)?.workflow;
        let pods = select(&workflow, options)?;
        for node in &pods {
            readers.add(state.folder(), &workflow, node, &options.container);
        }
        readers.labelled = options.node.is_none() || pods.len() > 1;
        readers.print()?;
        if !options.follow || summary.is_finished() {
            return readers.check(&summary, options);
        }
        std::thread::sleep(LOOK);
    }
}

/// The pods whose logs are asked for. A node that is not there yet may come while the log is followed.
fn select<'a>(
    workflow: &'a Workflow,
    options: &args::Logs,
) -> Result<Vec<&'a NodeStatus>, Failure> {
    let Some(name) = &options.node else {
        let pods = all(workflow).values().filter(|node| node.r#type == "Pod");
        let mut pods: Vec<_> = pods.collect();
        pods.sort_by_cached_key(|node| nodes::begun(node));
        return Ok(pods);
    };
    let finished = workflow.status.as_ref().is_some_and(|status| status.finished_at.is_some());
    match nodes::find(workflow, name) {
        Ok(found) => Ok(nodes::pods_below(workflow, &found)),
        Err(_) if options.follow && !finished => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

#[derive(Default)]
struct Readers {
    order: Vec<Reader>,
    known: HashSet<String>,
    /// Whether each line begins with the step's name.
    labelled: bool,
}

struct Reader {
    label: String,
    path: PathBuf,
    position: u64,
    /// A line that has no end yet.
    rest: Vec<u8>,
}

impl Readers {
    fn add(&mut self, state: &Path, workflow: &Workflow, node: &NodeStatus, container: &str) {
        if !self.known.insert(node.id.clone()) {
            return;
        }
        self.order.push(Reader {
            label: one_line(&nodes::path(workflow, node), 60),
            path: file(state, &nodes::pod_name(workflow, node), container),
            position: 0,
            rest: Vec::new(),
        });
    }

    fn print(&mut self) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        for reader in &mut self.order {
            reader.print(&mut out, self.labelled)?;
        }
        out.flush()?;
        Ok(())
    }

    /// Prints what had no line end; nothing at all to print is worth a word.
    fn check(&mut self, summary: &Summary, options: &args::Logs) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        for reader in self.order.iter_mut().filter(|reader| !reader.rest.is_empty()) {
            reader.rest.push(b'\n');
            reader.line(&mut out)?;
        }
        out.flush()?;
        if self.order.iter().any(|reader| reader.path.exists()) {
            return Ok(());
        }
        let what = match &options.node {
            Some(node) => format!("node `{node}` of workflow `{}`", summary.name),
            None => format!("workflow `{}`", summary.name),
        };
        crate::out::warn(&format!(
            "{what} has written no log in container `{}`",
            options.container
        ));
        Ok(())
    }
}

impl Reader {
    fn print(&mut self, out: &mut dyn Write, labelled: bool) -> Result<(), Failure> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => {
                return Err(Failure::failed(format!("cannot read `{}`: {e}", self.path.display())));
            }
        };
        file.seek(SeekFrom::Start(self.position))?;
        let mut reader = BufReader::new(file);
        if !labelled {
            self.position += io::copy(&mut reader, out)?;
            return Ok(());
        }
        loop {
            let read = reader.read_until(b'\n', &mut self.rest)?;
            self.position += read as u64;
            if read == 0 {
                return Ok(());
            }
            if self.rest.last() == Some(&b'\n') {
                self.line(out)?;
            }
        }
    }

    fn line(&mut self, out: &mut dyn Write) -> Result<(), Failure> {
        write!(out, "{}: ", self.label)?;
        out.write_all(&self.rest)?;
        self.rest.clear();
        Ok(())
    }
}
