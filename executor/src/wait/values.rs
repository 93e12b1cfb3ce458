//! Output parameters and the script's result: small texts from files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use lighter_api::AnyString;
use lighter_artifacts::{Body, Error, Source};
use serde::Deserialize;
use serde_json::Value;

use super::Errors;
use super::artifacts::{Layer, Saver};
use crate::failure::path_error;
use crate::paths::{Paths, clean};
use crate::settings;
use crate::template::Template;

/// A result keeps its last 256 KiB, as Argo 4.1.
const LONGEST_RESULT: usize = 262_144;

/// The template's output parameters with the values that main wrote. The first failure ends the list's values, not the list.
pub(super) fn parameters(
    template: &Template,
    paths: &Paths,
    saver: &Saver<'_>,
    errors: &mut Errors,
) -> Vec<Value> {
    let mut parameters = template.outputs.parameters.clone();
    for parameter in &mut parameters {
        let Some(path) = parameter["valueFrom"]["path"].as_str().filter(|path| !path.is_empty())
        else {
            continue;
        };
        let read = read_parameter(&clean(path), paths, saver);
        match read.or_else(|error| default(parameter).ok_or(error)) {
            Ok(value) => parameter["value"] = value.strip_suffix('\n').unwrap_or(&value).into(),
            Err(error) => {
                errors.add(error);
                break;
            }
        }
    }
    parameters
}

fn default(parameter: &Value) -> Option<String> {
    let default = parameter["valueFrom"].get("default").filter(|default| !default.is_null())?;
    AnyString::deserialize(default).ok().map(|text| text.0)
}

fn read_parameter(path: &str, paths: &Paths, saver: &Saver<'_>) -> Result<String, String> {
    let shown = match saver.layer(path) {
        Layer::Base => paths.staged_parameter(path),
        Layer::Mirrored => paths.mirrored(path),
    };
    let opened = match saver.layer(path) {
        Layer::Base => Source::open(&shown),
        Layer::Mirrored => Source::open_within(&paths.mirror, path.as_ref()),
    };
    let mut reader = opened.and_then(|source| source.open()).map_err(|error| match error {
        Error::NotFound(_) => format!("open {}: no such file or directory", shown.display()),
        error => error.to_string(),
    })?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| path_error("read", &shown, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The standard output of main, if somebody asked for it.
pub(super) fn result(template: &Template, paths: &Paths) -> Result<Option<String>, String> {
    let has_result = template.container.is_some()
        || template.script.is_some()
        || template.data.is_some()
        || template.http.is_some()
        || template.plugin.is_some()
        || (template.container_set.is_some() && template.main_containers().contains(&"main"));
    if !has_result || !settings::is_true("ARGO_INCLUDE_SCRIPT_OUTPUT") {
        return Ok(None);
    }
    let path = paths.container("main").join("stdout");
    let tail = tail(File::open(&path).map_err(|error| path_error("open", &path, &error))?);
    let tail = tail.map_err(|error| path_error("read", &path, &error))?;
    Ok(Some(String::from_utf8_lossy(last(&tail)).into_owned()))
}

/// The end of a file that may be of any size: what a result can keep, and one newline.
fn tail(mut file: File) -> io::Result<Vec<u8>> {
    let longest = LONGEST_RESULT as u64 + 1;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(longest)))?;
    let mut bytes = Vec::new();
    file.take(longest).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Without its final newline, no longer than a result may be.
fn last(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.get(bytes.len().saturating_sub(LONGEST_RESULT)..).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_lose_one_newline_and_their_beginning() {
        assert_eq!(last(b"x\r\n"), b"x\r");
        assert_eq!(last(b"x\n\n"), b"x\n");
        assert_eq!(last(b""), b"");
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(
            &mut file,
            &[&[b'a'][..], &vec![b'b'; LONGEST_RESULT], b"\n"].concat(),
        )
        .unwrap();
        let tail = tail(file).unwrap();
        assert_eq!(last(&tail), vec![b'b'; LONGEST_RESULT]);
    }
}
