//! Which program runs with which arguments.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, os_text, path_error};
use crate::log;
use crate::paths::Paths;
use crate::settings;

/// Longer arguments go to files: execve takes no string above 128 KiB.
const LONGEST_ARGUMENT: usize = 131_072;

/// A program that was found.
#[derive(Debug)]
pub struct Program {
    pub path: PathBuf,
}

/// The words of the command with those of `ARGO_CONTAINER_ARGS_FILE` after them. The first word is the program.
pub fn full(mut words: Vec<OsString>, paths: &Paths) -> Result<Vec<OsString>, Failure> {
    if words.is_empty() {
        return Err(Failure::new(
            "no command given: use argoexec emissary [flags] -- COMMAND [ARG...]",
        ));
    }
    let Some(file) = settings::text("ARGO_CONTAINER_ARGS_FILE") else {
        return Ok(words);
    };
    let json = fs::read(&file).map_err(|error| {
        Failure::new(format!(
            "failed to read container args file {file}: {}",
            path_error("open", Path::new(&file), &error)
        ))
    })?;
    let more: Vec<String> = serde_json::from_slice(&json).map_err(|error| {
        Failure::new(format!("failed to unmarshal container args: {file}: {error}"))
    })?;
    words.extend(more.into_iter().map(OsString::from));
    for (index, argument) in words.iter_mut().skip(1).enumerate() {
        if argument.len() > LONGEST_ARGUMENT {
            *argument = spill(index, argument, paths)?;
        }
    }
    Ok(words)
}

fn spill(index: usize, argument: &OsStr, paths: &Paths) -> Result<OsString, Failure> {
    let path = paths.tmp.join(format!("argo_arg_{index}.txt"));
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&path)
        .and_then(|mut file| file.write_all(argument.as_bytes()))
        .map_err(|error| {
            Failure::new(format!(
                "failed to write large arg {index} to file: {}",
                path_error("open", &path, &error)
            ))
        })?;
    log::info("a large argument was moved to a file", &[("file", &path.to_string_lossy())]);
    let mut word = OsString::from("@");
    word.push(path);
    Ok(word)
}

/// Looks the first word up in this process's PATH; names with a slash are used as they are.
pub fn find(words: &[OsString]) -> Result<Program, Failure> {
    let name = words.first().map_or(OsStr::new(""), OsString::as_os_str);
    let shown = name.to_string_lossy();
    if name.as_bytes().contains(&b'/') {
        return match fs::metadata(name) {
            Ok(_) => Ok(Program { path: name.into() }),
            Err(error) => Err(Failure::new(format!(
                "failed to find name in PATH: exec: \"{shown}\": stat {shown}: {}",
                os_text(&error)
            ))),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|dir| dir.join(name));
    let found = (!name.is_empty())
        .then_some(candidates)
        .into_iter()
        .flatten()
        .find(|file| is_executable(file));
    found.map(|path| Program { path }).ok_or_else(|| {
        Failure::new(format!(
            "failed to find name in PATH: exec: \"{shown}\": executable file not found in $PATH"
        ))
    })
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| !metadata.is_dir() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups() {
        assert!(find(&["sh".into()]).unwrap().path.ends_with("sh"));
        let missing = |name: &str| find(&[name.into()]).unwrap_err().to_string();
        assert_eq!(
            missing("no-such-thing"),
            "failed to find name in PATH: exec: \"no-such-thing\": executable file not found in $PATH"
        );
        assert_eq!(
            missing("/no/x"),
            "failed to find name in PATH: exec: \"/no/x\": stat /no/x: no such file or directory"
        );
        assert!(missing("").ends_with("executable file not found in $PATH"));
    }
}
