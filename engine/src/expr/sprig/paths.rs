//! Slash-separated paths, as Go's `path` treats them. The `os…` functions are the same on Linux.

use crate::expr::run::Outcome;
use crate::expr::value::Val;
use crate::pod::paths::clean;

pub(super) fn call(name: &str, args: &[Val]) -> Option<Outcome> {
    let [Val::Str(path)] = args else { return None };
    Some(Ok(match name {
        "base" | "osBase" => Val::from(base(path)),
        "dir" | "osDir" => {
            let end = path.rfind('/').map_or(0, |at| at + 1);
            Val::from(clean(path.get(..end).unwrap_or("")))
        }
        "clean" | "osClean" => Val::from(clean(path)),
        "ext" | "osExt" => {
            let file = path.rsplit('/').next().unwrap_or("");
            Val::from(file.rfind('.').and_then(|at| file.get(at..)).unwrap_or(""))
        }
        "isAbs" | "osIsAbs" => Val::Bool(path.starts_with('/')),
        _ => return None,
    }))
}

fn base(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.is_empty() => ".",
        "" => "/",
        trimmed => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}
