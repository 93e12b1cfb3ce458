//! Input artifacts: from their stores to the paths where main finds them.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lighter_api::{ArchiveStrategy, Collect, Collection};
use lighter_artifacts::archive::{Limits, Unpacking};
use lighter_artifacts::collect::{Origin, materialise};
use lighter_artifacts::transfer::load;
use lighter_artifacts::{Error, Target};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Failure, path_error};
use crate::location::{self, Stores};
use crate::log;
use crate::parallel;
use crate::paths::{Paths, below, clean};
use crate::progress::watched;
use crate::template::Template;

/// The fields of an input artifact that decide where it goes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    name: String,
    path: String,
    mode: Option<i64>,
    recurse_mode: bool,
    optional: bool,
    sha256: String,
    #[serde(skip)]
    raw: Value,
}

struct Loader<'a> {
    template: &'a Template,
    paths: &'a Paths,
    stores: Stores,
}

/// Which artifacts are loaded; each plugin has a container of its own for its artifacts where there is an `init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    All,
    WithoutPlugin,
    OfPlugin(&'a str),
}

/// Loads input artifacts. Several fail: the first one in the template's order is reported.
pub fn load_all(
    json: &[u8],
    template: &Template,
    which: Which<'_>,
    paths: &Paths,
) -> Result<(), Failure> {
    let loader = Loader { template, paths, stores: Stores::new(paths)? };
    let mut inputs = Vec::new();
    for raw in Template::inputs(json)? {
        let plugin = location::plugin(&raw, template.archive_location.as_ref());
        let wanted = match which {
            Which::All => true,
            Which::WithoutPlugin => plugin.is_none(),
            Which::OfPlugin(name) => plugin.as_deref() == Some(name),
        };
        if wanted {
            inputs.push(loader.check(raw)?);
        }
    }
    // On the user's volumes one artifact may lie in another's directory: there, order matters.
    let (on_volumes, apart): (Vec<_>, Vec<_>) = inputs
        .into_iter()
        .flatten()
        .enumerate()
        .partition(|(_, input)| template.on_user_volume(&input.path));
    let mut results = parallel::map(&apart, |(index, input)| (*index, loader.load(input)));
    for (index, input) in &on_volumes {
        let result = loader.load(input);
        let failed = result.is_err();
        results.push((*index, result));
        if failed {
            break;
        }
    }
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().try_for_each(|(_, result)| result)
}

impl Loader<'_> {
    /// What can be said before anything is loaded; `None` for an optional artifact that was not supplied.
    fn check(&self, raw: Value) -> Result<Option<Input>, Failure> {
        let mut input: Input = field(&raw)?;
        let name = &input.name;
        if raw.get("collection").is_none_or(Value::is_null) && !location::is_given(&raw) {
            if input.optional {
                log::info("optional artifact was not supplied", &[("name", name)]);
                return Ok(None);
            }
            return Err(Failure::new(format!("required artifact '{name}' not supplied")));
        }
        if input.path.is_empty() {
            return Err(Failure::new(format!("Artifact '{name}' did not specify a path")));
        }
        if leads_out(&input.path) {
            return Err(Failure::new(format!(
                "Artifact '{name}' attempted to use a path containing '..'. Directory traversal is not permitted"
            )));
        }
        input.path = clean(&input.path);
        input.raw = raw;
        Ok(Some(input))
    }

    fn load(&self, input: &Input) -> Result<(), Failure> {
        log::info("loading artifact", &[("name", &input.name), ("path", &input.path)]);
        let (root, inside) = self.target(input);
        let failed = |error: &Error| {
            Failure::new(format!("artifact {} failed to load: {error}", input.name))
        };
        match self.fetch(input, root, &inside)? {
            Ok(()) => set_mode(input, root, &inside),
            Err(Error::NotFound(why)) if input.optional => {
                log::info(
                    "optional artifact does not exist",
                    &[("name", &input.name), ("why", &why.to_string())],
                );
                Ok(())
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Where an input goes: a root that we own, and a path below it through which the user's links may run.
    fn target(&self, input: &Input) -> (&Path, PathBuf) {
        if self.template.on_user_volume(&input.path) {
            (&self.paths.mirror, below(Path::new("/"), &input.path))
        } else {
            (&self.paths.inputs, below(Path::new("/"), &input.name.replace('/', "_")))
        }
    }

    fn fetch(
        &self,
        input: &Input,
        root: &Path,
        inside: &Path,
    ) -> Result<Result<(), Error>, Failure> {
        let prefix = |failure: Failure| {
            Failure::new(format!("failed to load artifact '{}': {failure}", input.name))
        };
        let limits = Limits::default();
        if input.raw.get("collection").is_some_and(|collection| !collection.is_null()) {
            let collection: Collection = part(&input.raw, "collection")?;
            let how: Collect = part(&input.raw, "collect")?;
            let repository = self
                .template
                .archive_location
                .as_ref()
                .map(location::parse)
                .transpose()
                .map_err(prefix)?;
            let origin = Origin {
                repository: repository.as_ref(),
                mounts: &self.stores.mounts,
                secrets: &self.stores.secrets,
            };
            return Ok(Target::within(root, inside)
                .and_then(|target| materialise(&collection, &how, &origin, &target, &limits)));
        }
        let place = location::place(&input.raw, self.template.archive_location.as_ref(), None)
            .map_err(prefix)?;
        let (store, key) = self.stores.open(&place).map_err(prefix)?;
        let archive: Option<ArchiveStrategy> = part(&input.raw, "archive")?;
        Ok(watched("loading", &input.name, |progress| {
            let target = Target::within(root, inside)?.with_progress(progress);
            let how = Unpacking::for_loading(archive.as_ref())?;
            load(&*store, &key, how, &target, &limits, &input.sha256)
        }))
    }
}

/// Whether a path leaves the part before its first `..`, as Argo tests it.
fn leads_out(path: &str) -> bool {
    let Some((before, _)) =
        path.split_once("/..").filter(|(_, after)| after.is_empty() || after.starts_with('/'))
    else {
        return false;
    };
    let (before, cleaned) = (clean(before), clean(path));
    !cleaned.strip_prefix(&before).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
}

fn field<T: DeserializeOwned>(raw: &Value) -> Result<T, Failure> {
    T::deserialize(raw).map_err(|error| {
        Failure::new(format!(
            "input artifact {}: {error}",
            raw["name"].as_str().unwrap_or("without a name")
        ))
    })
}

/// One field of an artifact; absent and null are the type's default.
fn part<T: DeserializeOwned + Default>(raw: &Value, name: &str) -> Result<T, Failure> {
    match raw.get(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error| {
            let artifact = raw["name"].as_str().unwrap_or("without a name");
            Failure::new(format!("input artifact {artifact}: {name}: {error}"))
        }),
    }
}

fn set_mode(input: &Input, root: &Path, inside: &Path) -> Result<(), Failure> {
    let Some(mode) = input.mode else { return Ok(()) };
    let shown = root.join(inside.strip_prefix("/").unwrap_or(inside));
    let failed = |error: io::Error| {
        Failure::new(format!(
            "artifact {} failed to load: {}",
            input.name,
            path_error("chmod", &shown, &error)
        ))
    };
    let mode = u32::try_from(mode & 0o7777).unwrap_or(0o644);
    // A link on the user's volume must not make us change what lies elsewhere.
    let real = fs::canonicalize(&shown).map_err(failed)?;
    if !fs::canonicalize(root).is_ok_and(|root| real.starts_with(root)) {
        return Err(Failure::new(format!(
            "artifact {}: {} leads out of the pod's volumes",
            input.name,
            shown.display()
        )));
    }
    if input.recurse_mode {
        chmod_below(&real, mode).map_err(failed)?;
    }
    fs::set_permissions(&real, Permissions::from_mode(mode)).map_err(failed)
}

/// Children first: a directory without its x bit could not be entered any more.
fn chmod_below(path: &Path, mode: u32) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            continue;
        }
        chmod_below(&entry.path(), mode)?;
        fs::set_permissions(entry.path(), Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_part_before_the_dots() {
        for (path, out) in [
            ("/a/b", false),
            ("/a/..b/c", false),
            ("/a/b/../c", true),
            ("/a/b/../b/c", false),
            ("/a/..", true),
            ("/a/../../etc", true),
        ] {
            assert_eq!(leads_out(path), out, "{path}");
        }
    }
}
