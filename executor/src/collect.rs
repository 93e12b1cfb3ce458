//! `collect`: many files into one, as a command for any pod and any volume.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use lighter_api::{Collect, CollectForm};
use lighter_artifacts::Target;
use lighter_artifacts::archive::Limits;
use lighter_artifacts::collect;
use lighter_artifacts::place::Policy;

use crate::cli::Invocation;
use crate::failure::Failure;
use crate::log;

/// Merges what `--from` names to `--out`, and prints the path that was written.
pub fn run(asked: &Invocation) -> Result<(), Failure> {
    let out = asked.value("out").map(PathBuf::from).filter(|out| !out.as_os_str().is_empty());
    let out =
        out.ok_or_else(|| Failure::new("collect needs --out PATH; see argoexec collect --help"))?;
    let form = choice(
        asked,
        "as",
        &[
            ("directory", CollectForm::Directory),
            ("json", CollectForm::Json),
            ("ndjson", CollectForm::Ndjson),
            ("concat", CollectForm::Concat),
        ],
    )?;
    let policy = choice(
        asked,
        "on-conflict",
        &[("fail", Policy::Fail), ("replace", Policy::Replace), ("number", Policy::Number)],
    )?;
    let skip = choice(asked, "missing", &[("fail", false), ("skip", true)])?;
    let how = Collect {
        form: Some(form),
        jq: text(asked, "jq")?,
        name: text(asked, "name")?,
        missing: None,
    };
    check(&how, form)?;
    let files = sources(asked, skip)?;
    let target = Target::at(&out).map_err(|error| Failure::new(error.to_string()))?;
    let written = collect::files(&files, &how, &target, policy, &Limits::default())
        .map_err(|error| Failure::new(error.to_string()))?;
    println!("{}", written.display());
    Ok(())
}

/// All files that are asked for: by patterns, and by the words into which a shell has expanded one.
fn sources(asked: &Invocation, skip: bool) -> Result<Vec<PathBuf>, Failure> {
    let flags = asked.values.iter().filter(|(flag, _)| *flag == "from").map(|(_, value)| value);
    let patterns: Vec<_> =
        flags.chain(&asked.words).chain(asked.command.iter().flatten()).collect();
    if patterns.is_empty() {
        return Err(Failure::new("collect needs --from GLOB; see argoexec collect --help"));
    }
    let mut files = Vec::new();
    for pattern in patterns {
        // A name with brackets that exists is a name, not a pattern.
        if Path::new(pattern).exists() {
            files.push(pattern.into());
            continue;
        }
        let text = pattern.to_str().ok_or_else(|| not_text("from", pattern))?;
        let found = collect::from_files(text).map_err(|error| Failure::new(error.to_string()))?;
        match (found.is_empty(), skip) {
            (true, true) => log::warn("nothing matches", &[("from", text)]),
            (true, false) => {
                return Err(Failure::new(format!(
                    "--from {text:?} matches nothing; with --missing skip that is no error"
                )));
            }
            (false, _) => files.extend(found),
        }
    }
    Ok(files)
}

fn check(how: &Collect, form: CollectForm) -> Result<(), Failure> {
    if !how.jq.is_empty() && !matches!(form, CollectForm::Json | CollectForm::Ndjson) {
        return Err(Failure::new("--jq needs --as json or --as ndjson"));
    }
    if !how.name.is_empty() && form != CollectForm::Directory {
        return Err(Failure::new("--name needs --as directory"));
    }
    Ok(())
}

/// The value of a flag with named values; the first is the default.
fn choice<T: Copy>(asked: &Invocation, flag: &str, choices: &[(&str, T)]) -> Result<T, Failure> {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    let given = asked.value(flag).or(names.first().map(OsStr::new));
    let chosen = choices.iter().find(|(name, _)| given == Some(OsStr::new(name)));
    chosen.map(|(_, value)| *value).ok_or_else(|| {
        let given = given.unwrap_or_default().to_string_lossy();
        Failure::new(format!("--{flag} {given:?} is not known: use {}", names.join(", ")))
    })
}

fn text(asked: &Invocation, flag: &str) -> Result<String, Failure> {
    let value = asked.value(flag).unwrap_or_default();
    value.to_str().map(str::to_owned).ok_or_else(|| not_text(flag, value))
}

fn not_text(flag: &str, value: &OsStr) -> Failure {
    Failure::new(format!("--{flag} {:?} is not UTF-8 text", value.to_string_lossy()))
}
