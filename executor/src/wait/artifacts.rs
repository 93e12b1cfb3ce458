//! Output artifacts: from main's paths to their stores.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use lighter_api::ArchiveStrategy;
use lighter_artifacts::archive::{Archive, Limits, Unpacking, unpack};
use lighter_artifacts::transfer;
use lighter_artifacts::{Body, Error, Saved, Source, Target};
use serde::Deserialize;
use serde_json::Value;

use super::Errors;
use crate::failure::{Failure, path_error};
use crate::handover::Handed;
use crate::location::{self, Place, Stores};
use crate::log;
use crate::parallel;
use crate::paths::{Paths, clean};
use crate::progress::watched;
use crate::template::{Template, lies_below};

/// Where an output of main's can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// In main's own file system: main has left a copy on the shared volume.
    Base,
    /// On a volume that is mounted here too.
    Mirrored,
}

/// Saves artifacts and says what to report of them.
pub(super) struct Saver<'a> {
    pub template: &'a Template,
    pub paths: &'a Paths,
    stores: Stores,
    layers: Layers,
    handed: Handed,
}

/// What decides where an output can be read.
#[derive(Debug, Default)]
pub struct Layers {
    /// Paths of the input artifacts that main got as mounts.
    pub mounted: Vec<String>,
}

impl Layers {
    /// Where main's `path` can be read from here.
    pub(super) fn of(&self, path: &str, template: &Template) -> Layer {
        let mounted = self.mounted.iter().any(|input| lies_below(path, input));
        if mounted || template.on_user_volume(path) { Layer::Mirrored } else { Layer::Base }
    }

    /// Paths of the output artifacts that only main can open.
    pub(super) fn handed(&self, template: &Template) -> Vec<String> {
        let outputs = template.outputs.artifacts.iter();
        let paths = outputs.filter_map(|artifact| artifact["path"].as_str()).map(clean);
        paths.filter(|path| self.of(path, template) == Layer::Base).collect()
    }
}

/// Why an artifact was not saved.
enum NotSaved {
    /// There is nothing at its path.
    Missing(String),
    Failed(String),
}

impl From<Failure> for NotSaved {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

impl From<Error> for NotSaved {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(why) => Self::Missing(why.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Paths of the input artifacts that main has as mounts: all but the optional ones that were not supplied.
pub(super) fn mounted_inputs(json: &[u8]) -> Result<Vec<String>, Failure> {
    let supplied = |input: &&Value| {
        input["optional"] != true
            || location::is_given(input)
            || input.get("collection").is_some_and(|collection| !collection.is_null())
    };
    let inputs = Template::inputs(json)?;
    let paths = inputs.iter().filter(supplied).filter_map(|input| input["path"].as_str());
    Ok(paths.map(str::to_owned).collect())
}

impl<'a> Saver<'a> {
    pub fn new(
        template: &'a Template,
        layers: Layers,
        handed: Handed,
        paths: &'a Paths,
    ) -> Result<Self, Failure> {
        Ok(Self { template, paths, stores: Stores::new(paths)?, layers, handed })
    }

    /// Where main's `path` can be read from here.
    pub fn layer(&self, path: &str) -> Layer {
        self.layers.of(path, self.template)
    }

    /// Saves all output artifacts; returns what to report of those that were saved, in the template's order.
    pub fn save_all(&self, errors: &mut Errors) -> Vec<Value> {
        let artifacts: Vec<&Value> = self.template.outputs.artifacts.iter().collect();
        let mut saved = Vec::new();
        let mut failed = String::new();
        for (artifact, result) in
            artifacts.iter().zip(parallel::map(&artifacts, |artifact| self.save(artifact)))
        {
            match result {
                Ok(report) => saved.push(report),
                Err(NotSaved::Missing(why)) if artifact["optional"] == true => {
                    let name = artifact["name"].as_str().unwrap_or_default();
                    log::warn("optional artifact does not exist", &[("name", name), ("why", &why)]);
                }
                Err(NotSaved::Missing(why) | NotSaved::Failed(why)) => {
                    failed.push_str(&format!("{why}; "));
                }
            }
        }
        if !failed.is_empty() {
            errors.add(failed);
        }
        saved
    }

    fn save(&self, artifact: &Value) -> Result<Value, NotSaved> {
        let name = artifact["name"].as_str().unwrap_or_default();
        let path = clean(artifact["path"].as_str().unwrap_or_default());
        if name.is_empty() || name.contains('/') || path == "." {
            return Err(
                Failure::new(format!("output artifact {name:?} needs a name and a path")).into()
            );
        }
        // What is missing comes first: an optional artifact needs no place to go then.
        let (from, source) = match (self.layer(&path), self.handed.get(&path)) {
            (Layer::Mirrored, _) => {
                ("volume", Source::open_within(&self.paths.mirror, path.as_ref())?)
            }
            (Layer::Base, Some(source)) => ("main", source),
            (Layer::Base, None) => ("file", self.staged(&path)?),
        };
        log::info("saving artifact", &[("name", name), ("path", &path), ("from", from)]);
        let strategy =
            Option::<ArchiveStrategy>::deserialize(artifact.get("archive").unwrap_or(&Value::Null))
                .map_err(|error| {
                    Failure::new(format!("output artifact {name}: archive: {error}"))
                })?;
        let archive = Archive::for_saving(strategy.as_ref())?;
        let file_name = match archive {
            Some(archive) => format!("{name}.{}", archive.extension()),
            None => path.rsplit('/').next().unwrap_or(name).to_owned(),
        };
        let place = self.place(artifact, &file_name)?;
        let saved = match from {
            "file" => self.put_staged(name, &path, &source, archive, &place)?,
            _ => self.put(&source, archive, &place)?,
        };
        let mut report = artifact.clone();
        report["path"] = path.into();
        Ok(finish(report, place, saved))
    }

    /// What main has left of an output that it could not hand over.
    fn staged(&self, path: &str) -> Result<Source, NotSaved> {
        let staged = self.paths.staged_artifact(path);
        Source::open(&staged).map_err(|error| match error {
            Error::NotFound(_) => {
                NotSaved::Missing(format!("open {}: no such file or directory", staged.display()))
            }
            error => error.into(),
        })
    }

    /// Main's tar is stored if it is compressed as asked, otherwise taken apart and packed anew: main leaves one for all
    /// artifacts of a path.
    fn put_staged(
        &self,
        name: &str,
        path: &str,
        source: &Source,
        archive: Option<Archive>,
        place: &Place,
    ) -> Result<Saved, NotSaved> {
        let mut start = Vec::new();
        let read = source.open()?.take(4).read_to_end(&mut start);
        read.map_err(|error| Failure::new(path_error("read", source.path(), &error)))?;
        if archive.is_some_and(|archive| archive.starts(&start)) {
            return self.put(source, None, place);
        }
        let scratch = Scratch::new(self.paths, name)?;
        let base_name = path.rsplit('/').next().unwrap_or(name);
        let unpacked = scratch.0.join(base_name);
        unpack(source.open()?, Unpacking::Tar, &Target::at(&unpacked)?, &Limits::default(), path)?;
        self.put(&Source::open(&unpacked)?, archive, place)
    }

    /// Stores a file under the pod's key and the given name, and returns what to report.
    pub fn save_file(
        &self,
        artifact: Value,
        file: &Path,
        file_name: &str,
    ) -> Result<Value, String> {
        let place = self.place(&artifact, file_name).map_err(|failure| failure.to_string())?;
        let saved = Source::open(file)
            .map_err(NotSaved::from)
            .and_then(|source| self.put(&source, None, &place));
        saved.map(|saved| finish(artifact, place, saved)).map_err(|error| match error {
            NotSaved::Missing(why) | NotSaved::Failed(why) => why,
        })
    }

    fn place(&self, artifact: &Value, file_name: &str) -> Result<Place, Failure> {
        let repository = self.template.archive_location.as_ref();
        if repository.is_none() && !location::is_given(artifact) {
            return Err(Failure::new(
                "key unsupported: cannot get key for artifact location, because it is invalid",
            ));
        }
        location::place(artifact, repository, Some(file_name))
    }

    fn put(
        &self,
        source: &Source,
        archive: Option<Archive>,
        place: &Place,
    ) -> Result<Saved, NotSaved> {
        let (store, key) = self.stores.open(place)?;
        let saved = watched("saving", &key, |progress| {
            transfer::save(&*store, &source.clone().with_progress(progress), archive, &key)
        });
        match saved {
            Ok(saved) => Ok(saved),
            // The source was there: what is missing is on the store's side, and never optional.
            Err(error) => Err(NotSaved::Failed(error.to_string())),
        }
    }
}

fn finish(mut report: Value, place: Place, saved: Saved) -> Value {
    let (field, location) = place.reported;
    report[field] = location;
    report["size"] = saved.size.into();
    if !saved.sha256.is_empty() {
        report["sha256"] = saved.sha256.into();
    }
    report
}

/// A directory for an artifact that is packed anew; gone when done.
struct Scratch(PathBuf);

impl Scratch {
    fn new(paths: &Paths, name: &str) -> Result<Self, Failure> {
        let path = paths.tmp.join("argo/outputs/artifacts").join(name);
        let made = fs::create_dir_all(&path);
        made.map_err(|error| Failure::new(path_error("mkdir", &path, &error)))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The volume ends with the pod; the space is only wanted back early.
        let _ = fs::remove_dir_all(&self.0);
    }
}
