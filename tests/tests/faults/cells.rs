//! The matrix: every fault at every step where it makes sense, once or for ever.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lighter_artifacts::archive::{Limits, Unpacking};
use lighter_artifacts::{Error, Saved, Source, Store, Target, transfer};
use lighter_tests::proxy::{Fault, Proxy};

use super::place::{Place, Step};

/// No cell may take longer: patience is some hundred milliseconds, and the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(20);

/// What may come out of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Right,
    NotFound,
    Denied,
    Exists,
    Transient,
    Corrupt,
    Invalid,
    Other,
}

use Outcome::*;

/// When a fault ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasting {
    Once,
    ForEver,
}

use Lasting::*;

struct Kind {
    name: &'static str,
    fault: Fault,
    steps: &'static [Step],
    once: Option<&'static [Outcome]>,
    for_ever: Option<&'static [Outcome]>,
}

/// One fault at one step.
pub struct Cell {
    number: usize,
    name: &'static str,
    fault: Fault,
    step: Step,
    lasting: Lasting,
    allowed: &'static [Outcome],
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}, {:?}", self.name, self.step, self.lasting)
    }
}

const ALL: &[Step] =
    &[Step::Get, Step::Put, Step::Start, Step::Part, Step::Complete, Step::List, Step::Delete];
const ANSWERED: &[Step] = &[Step::Get, Step::List];
const SENT: &[Step] = &[Step::Put, Step::Part];

const NO_ANSWER: &str = "no answer";

/// A fault that passes if it comes once, and is told as such if it stays.
fn passing(name: &'static str, fault: Fault, steps: &'static [Step]) -> Kind {
    Kind { name, fault, steps, once: Some(&[Right]), for_ever: Some(&[Transient]) }
}

/// A load that comes a bit further with each try may also end well.
fn resumed(name: &'static str, fault: Fault) -> Kind {
    let for_ever: &[Outcome] = &[Right, Transient];
    Kind { for_ever: Some(for_ever), ..passing(name, fault, &[Step::Get]) }
}

fn refusal(
    name: &'static str,
    code: u16,
    body: &'static str,
    outcomes: &'static [Outcome],
) -> Kind {
    let fault = Fault::Answer(code, "", body);
    Kind { name, fault, steps: ALL, once: None, for_ever: Some(outcomes) }
}

fn kinds() -> Vec<Kind> {
    let error = "<Error><Code>InternalError</Code><Message>again</Message></Error>";
    let wrong = |name, fault, steps, for_ever| Kind {
        name,
        fault,
        steps,
        once: Some(&[Right, Transient, Corrupt, Invalid]),
        for_ever: Some(for_ever),
    };
    vec![
        passing(NO_ANSWER, Fault::NoAnswer, ALL),
        passing("reset in the request", Fault::ResetRequest(1000), SENT),
        passing("reset in the list", Fault::ResetAnswer(100), &[Step::List]),
        passing("truncated list", Fault::Truncated(100), &[Step::List]),
        resumed("reset in the answer", Fault::ResetAnswer(30_000)),
        resumed("truncated answer", Fault::Truncated(30_000)),
        passing("answer without its body", Fault::Truncated(0), ANSWERED),
        passing("stall", Fault::Stall(0), ANSWERED),
        Kind {
            name: "slow first byte",
            fault: Fault::Late(Duration::from_millis(200)),
            steps: ALL,
            once: None,
            for_ever: Some(&[Right]),
        },
        passing("429", Fault::Answer(429, "Retry-After: 0", error), ALL),
        passing("500", Fault::Answer(500, "", error), ALL),
        passing("503", Fault::Answer(503, "", "<Error><Code>SlowDown</Code></Error>"), ALL),
        refusal("403", 403, "<Error><Code>AccessDenied</Code></Error>", &[Denied]),
        refusal(
            "404",
            404,
            "<Error><Code>NoSuchBucket</Code></Error>",
            &[NotFound, Invalid, Right],
        ),
        refusal("409", 409, "<Error><Code>Conflict</Code></Error>", &[Exists, Invalid, Transient]),
        refusal(
            "clock skew",
            403,
            "<Error><Code>RequestTimeTooSkewed</Code><Message>The clocks differ</Message></Error>",
            &[Denied],
        ),
        wrong("answer longer than said", Fault::Length(-1), &[Step::Get], &[Corrupt, Transient]),
        wrong(
            "answer shorter than said",
            Fault::Length(1),
            ANSWERED,
            &[Right, Corrupt, Transient, Invalid],
        ),
        wrong("wrong byte in the answer", Fault::WrongAnswer, &[Step::Get], &[Corrupt]),
        wrong(
            "wrong byte in the request",
            Fault::WrongRequest,
            SENT,
            &[Transient, Corrupt, Invalid, Denied],
        ),
        wrong(
            "lost part",
            Fault::Answer(200, "ETag: \"0123456789abcdef0123456789abcdef\"", ""),
            &[Step::Part],
            &[Transient, Corrupt, Invalid, NotFound],
        ),
        passing("success with an error in it", Fault::Answer(200, "", error), &[Step::Complete]),
        wrong(
            "list without end",
            Fault::Rewritten(endless),
            &[Step::List],
            &[Corrupt, Transient, Invalid],
        ),
    ]
}

/// Says again and again that there is more, at the same place.
fn endless(list: String) -> String {
    let list = list.replace("<IsTruncated>false</IsTruncated>", "<IsTruncated>true</IsTruncated>");
    let more = "<NextContinuationToken>again</NextContinuationToken></ListBucketResult>";
    list.replace("</ListBucketResult>", more)
        .replace("<NextMarker />", "<NextMarker>again</NextMarker>")
        .replace("<NextMarker/>", "<NextMarker>again</NextMarker>")
}

/// Every cell that makes sense at a place.
pub fn all(place: &dyn Place) -> Vec<Cell> {
    let mut cells = Vec::new();
    for kind in kinds().into_iter().filter(|kind| !place.senseless().contains(&kind.name)) {
        for step in kind.steps.iter().filter(|step| place.steps().contains(step)) {
            for (lasting, allowed) in [(Once, kind.once), (ForEver, kind.for_ever)] {
                let Some(allowed) = allowed else { continue };
                let (number, fault) = (cells.len(), kind.fault.clone());
                cells.push(Cell { number, name: kind.name, fault, step: *step, lasting, allowed });
            }
        }
    }
    cells
}

/// Bytes of which no two stretches are the same.
pub fn bytes(seed: u32, length: usize) -> Vec<u8> {
    let words = (0..).map(|n: u32| (n.wrapping_mul(0x9e37_79b9) ^ seed).rotate_left(n % 31));
    words.flat_map(u32::to_le_bytes).take(length).collect()
}

/// Smaller than a part, and of several parts.
const SMALL: usize = 100_000;
pub const LARGE: usize = 12 << 20;

impl Cell {
    /// Runs it in a bucket of its own. The error says what is wrong.
    pub fn run(&self, place: &dyn Place) -> Result<(), String> {
        let bucket = format!("cell-{}", self.number);
        place.make(&bucket);
        let key = place.key(&bucket);
        let direct = place.store(&bucket, place.server());
        let scratch = tempfile::tempdir().unwrap();
        let old = bytes(1, SMALL);
        let kept = save(&*direct, scratch.path(), &key, &old).unwrap();

        let proxy = Proxy::before(place.server());
        let hits = self.script(&proxy, place);
        let store = place.store(&bucket, proxy.address());
        let begun = Instant::now();
        let answer = self.call(&*store, &key, scratch.path(), &kept);
        let took = begun.elapsed();

        let said = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let outcome = answer.as_ref().map_or_else(class, |_| Right);
        let check = |right: bool, why: &str| match right {
            true => Ok(()),
            false => Err(format!("{why}; {outcome:?} {said} after {took:?}")),
        };
        check(hits.load(Ordering::SeqCst) > 0, "the fault never came")?;
        check(took < DEADLINE, "too late")?;
        check(self.allowed.contains(&outcome), "the wrong outcome")?;
        check(self.name != "clock skew" || said.contains("clock"), "no word of the clock")?;
        check(names(scratch.path()) == ["key"], "left on the disk")?;
        let now = read(&*direct, &key).ok();
        if self.name == NO_ANSWER && self.step == Step::Start {
            // Nobody knows of an upload whose start had no answer; the next one of the key ends it.
            save(&*direct, scratch.path(), &key, &bytes(3, LARGE)).unwrap();
        }
        check(place.open_uploads(&bucket) == 0, "an upload is left open")?;
        let expected = match (self.step, outcome) {
            // Whatever is not there need not be deleted.
            (Step::Delete, Right) if self.name == "404" => Some(old),
            (Step::Delete, Right) => None,
            (Step::Put, Right) => Some(bytes(2, SMALL)),
            (Step::Start | Step::Part | Step::Complete, Right) => Some(bytes(3, LARGE)),
            _ => Some(old),
        };
        // A change whose answer is lost may have been made.
        let perhaps = self.name == NO_ANSWER && outcome != Right;
        check(now == expected || perhaps, "not the right bytes")
    }

    fn script(&self, proxy: &Proxy, place: &dyn Place) -> Arc<AtomicUsize> {
        let hits = Arc::new(AtomicUsize::new(0));
        let (counted, fault, step, lasting) =
            (Arc::clone(&hits), self.fault.clone(), self.step, self.lasting);
        let recognise = place.recogniser();
        proxy.script(move |request| {
            let hit = recognise(request) == Some(step)
                && (lasting == ForEver || counted.load(Ordering::SeqCst) == 0);
            hit.then(|| {
                counted.fetch_add(1, Ordering::SeqCst);
                fault.clone()
            })
        });
        hits
    }

    fn call(
        &self,
        store: &dyn Store,
        key: &str,
        scratch: &std::path::Path,
        kept: &Saved,
    ) -> Result<(), Error> {
        match self.step {
            Step::Get => {
                let out = scratch.join("out");
                let (target, limits) = (Target::at(&out).unwrap(), Limits::default());
                transfer::load(store, key, Unpacking::None, &target, &limits, &kept.sha256)?;
                assert!(std::fs::read(&out).unwrap() == bytes(1, SMALL), "wrong bytes loaded");
                std::fs::remove_file(out).unwrap();
                Ok(())
            }
            Step::Put => save(store, scratch, key, &bytes(2, SMALL)).map(|_| ()),
            Step::Start | Step::Part | Step::Complete => {
                save(store, scratch, key, &bytes(3, LARGE)).map(|_| ())
            }
            Step::List => {
                let listed = store.list("")?;
                assert!(listed.len() == 1 && listed[0].size == SMALL as u64, "listed {listed:?}");
                Ok(())
            }
            Step::Delete => store.delete(key),
        }
    }
}

fn class(error: &Error) -> Outcome {
    match error {
        Error::NotFound(_) => NotFound,
        Error::Denied(_) => Denied,
        Error::Exists(_) => Exists,
        Error::Transient(_) => Transient,
        Error::Corrupt(_) => Corrupt,
        Error::Invalid(_) => Invalid,
        Error::Unsupported(_) | Error::Io(_) => Other,
    }
}

pub fn save(
    store: &dyn Store,
    scratch: &std::path::Path,
    key: &str,
    content: &[u8],
) -> Result<Saved, Error> {
    let path = scratch.join("key");
    std::fs::write(&path, content).unwrap();
    store.save(&Source::open(&path).unwrap(), key)
}

pub fn read(store: &dyn Store, key: &str) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut reader = store.open(key).map_err(std::io::Error::other)?;
    std::io::Read::read_to_end(&mut reader, &mut content)?;
    Ok(content)
}

fn names(folder: &std::path::Path) -> Vec<std::ffi::OsString> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}
