//! The four forms of a collection.

use super::ahead::{self, AT_ONCE};
use super::document::{Documents, Style};
use super::jq::{Bounds, Jq};
use super::name::names;
use super::parts::Parts;
use crate::digest::{BLOCK, copy};
use crate::error::{Context, Error};
use crate::place::{Pending, Policy};
use crate::target::Target;
use lighter_api::{Collect, CollectForm, Missing, Part};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Writes the parts to the target; the name it got.
pub(super) fn write(
    source: &dyn Parts,
    parts: &[Part],
    how: &Collect,
    target: &Target,
    policy: Policy,
) -> Result<OsString, Error> {
    // Whether items without an artifact are left out was decided before.
    let Collect { form, jq, name, missing: None | Some(Missing::Fail | Missing::Skip) } = how;
    let form = form.unwrap_or_default();
    if form == CollectForm::Directory {
        unused("collect.jq", jq, "only `as: json` and `as: ndjson` take a filter")?;
        return directory(source, parts, name, target, policy);
    }
    unused("collect.name", name, "only `as: directory` has names")?;
    let (pending, file) = Pending::file(target, 0o666)?;
    let mut out = BufWriter::with_capacity(BLOCK, file);
    let filter = Some(jq.trim()).filter(|jq| !jq.is_empty() && *jq != ".");
    match (form, filter) {
        (CollectForm::Concat, _) => {
            unused("collect.jq", jq, "only `as: json` and `as: ndjson` take a filter")?;
            concat(source, parts, &mut out)?;
        }
        (CollectForm::Json, None) => array(source, parts, Style::Pretty(1), &mut out)?,
        (CollectForm::Json, Some(filter)) => filtered_array(source, parts, filter, &mut out)?,
        (_, None) => lines(source, parts, None, &mut out)?,
        (_, Some(filter)) => lines(
            source,
            parts,
            Some(&Jq::start(filter, Style::Compact, Bounds::default())?),
            &mut out,
        )?,
    }
    let file: File =
        out.into_inner().map_err(|error| Error::io(writing(target), error.into_error()))?;
    file.sync_data().doing(|| writing(target))?;
    pending.commit(policy)
}

fn unused(field: &str, value: &str, why: &str) -> Result<(), Error> {
    if value.is_empty() {
        return Ok(());
    }
    Err(Error::new(Error::Invalid, format!("use `{field}` here"), why)
        .advise("change `collect.as` or leave it out"))
}

fn writing(target: &Target) -> String {
    format!("write {}", target.path().display())
}

/// Says which part an error is about.
pub(super) fn about(part: &Part, error: Error) -> Error {
    error.about(&format!("part {} (`{}`)", part.index, part.file))
}

fn directory(
    source: &dyn Parts,
    parts: &[Part],
    pattern: &str,
    target: &Target,
    policy: Policy,
) -> Result<OsString, Error> {
    let names = names(parts, pattern)?;
    let (pending, dir) = Pending::directory(target)?;
    let dir = Arc::new(dir);
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<Error>> = Mutex::new(None);
    let work = || {
        while let Some((part, name)) = take(&next, parts, &names) {
            let target =
                Target::inside(Arc::clone(&dir), OsStr::new(name), target.path().join(name));
            if let Err(error) = source.load(part, &target) {
                next.store(parts.len(), Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                failed.get_or_insert(about(part, error));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(parts.len()) {
            scope.spawn(work);
        }
        work();
    });
    match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => pending.commit(policy),
    }
}

fn take<'a>(
    next: &AtomicUsize,
    parts: &'a [Part],
    names: &'a [String],
) -> Option<(&'a Part, &'a str)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    Some((parts.get(place)?, names.get(place)?))
}

fn concat(source: &dyn Parts, parts: &[Part], out: &mut dyn Write) -> Result<(), Error> {
    ahead::each(source, parts, &mut |content| copy(content, out).doing(|| "read it").map(|_| ()))
}

/// Calls for every document of every part, in order.
fn each_document(
    source: &dyn Parts,
    parts: &[Part],
    visit: &mut dyn FnMut(&mut Documents<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    ahead::each(source, parts, &mut |content| {
        let mut documents = Documents::new(content);
        while documents.more().doing(|| "read it")? {
            visit(&mut documents)?;
        }
        Ok(())
    })
}

/// One array. `style` is that of its elements, one level deep.
fn array(
    source: &dyn Parts,
    parts: &[Part],
    style: Style,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let new_line: &[u8] = if style == Style::Compact { b"" } else { b"\n" };
    let before: &[u8] = if style == Style::Compact { b"" } else { b"\n  " };
    let mut first = true;
    let put = |out: &mut dyn Write, bytes: &[u8]| out.write_all(bytes).doing(|| "write the array");
    put(out, b"[")?;
    each_document(source, parts, &mut |documents| {
        if !std::mem::take(&mut first) {
            put(out, b",")?;
        }
        put(out, before)?;
        documents.copy(out, style).doing(|| "read it")
    })?;
    if !first {
        put(out, new_line)?;
    }
    put(out, b"]")?;
    put(out, new_line)
}

/// A filter over the whole array needs it in memory.
fn filtered_array(
    source: &dyn Parts,
    parts: &[Part],
    filter: &str,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let jq = Jq::start(filter, Style::Pretty(0), Bounds::default())?;
    let mut all = Vec::new();
    array(source, parts, Style::Compact, &mut all)?;
    jq.run(all, out)
}

fn lines(
    source: &dyn Parts,
    parts: &[Part],
    jq: Option<&Jq>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    each_document(source, parts, &mut |documents| {
        let Some(jq) = jq else {
            documents.copy(out, Style::Compact).doing(|| "read it")?;
            return out.write_all(b"\n").doing(|| "write a line");
        };
        let mut document = Vec::new();
        documents.copy(&mut document, Style::Compact).doing(|| "read it")?;
        jq.run(document, out)
    })
}
