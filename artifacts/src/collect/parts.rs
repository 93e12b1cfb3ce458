//! Where the parts of a collection come from: stores, or files of this machine.

use super::Origin;
use crate::archive::{self, Limits, Unpacking, look, open_zip, tar_reader, zip_entry};
use crate::digest::copy;
use crate::error::{Context, Error};
use crate::place::Pending;
use crate::source::{Body, Source};
use crate::store::{Store, open_store};
use crate::target::Target;
use crate::transfer::{self, open_verified};
use lighter_api::Part;
use std::io::{Read, Seek};
use std::path::PathBuf;

/// What is done with the bytes of a part.
pub(super) type Use<'a> = dyn FnMut(&mut dyn Read) -> Result<(), Error> + 'a;

/// Parts that can be loaded to a path or read as one file.
pub(super) trait Parts: Sync {
    /// Unpacks the part to the target.
    fn load(&self, part: &Part, target: &Target) -> Result<(), Error>;

    /// Reads the part's only file, unpacked.
    fn read(&self, part: &Part, using: &mut Use<'_>) -> Result<(), Error>;
}

/// Parts in stores.
pub(super) struct Stored<'a> {
    repository: Option<Box<dyn Store>>,
    origin: &'a Origin<'a>,
    limits: &'a Limits,
    /// Zips are kept beside it while they are read.
    scratch: &'a Target,
}

impl<'a> Stored<'a> {
    /// The default repository is opened only if a part lies there.
    pub fn new(
        origin: &'a Origin<'a>,
        parts: &[Part],
        limits: &'a Limits,
        scratch: &'a Target,
    ) -> Result<Stored<'a>, Error> {
        let needed = parts.iter().any(|part| part.location.is_none());
        let repository = match origin.repository {
            Some(location) if needed => {
                Some(open_store(location, origin.mounts, origin.secrets)?.0)
            }
            _ => None,
        };
        Ok(Stored { repository, origin, limits, scratch })
    }

    /// Calls with the part's store and key.
    fn with<T>(
        &self,
        part: &Part,
        call: impl FnOnce(&dyn Store, &str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = if let Some(location) = &part.location {
            let (store, key) = open_store(location, self.origin.mounts, self.origin.secrets)?;
            call(store.as_ref(), &key)
        } else if let Some(store) = &self.repository {
            call(store.as_ref(), &part.key)
        } else {
            Err(Error::new(
                Error::Invalid,
                format!("load key `{}`", part.key),
                "there is no artifact repository",
            )
            .advise("configure one"))
        };
        // Not `NotFound`: a lost part must not pass for a missing optional artifact.
        done.map_err(|error| match error {
            Error::NotFound(details) => Error::Corrupt(details)
                .advise("the part was deleted; run the step that makes it again"),
            other => other,
        })
    }
}

impl Parts for Stored<'_> {
    fn load(&self, part: &Part, target: &Target) -> Result<(), Error> {
        let how = Unpacking::for_loading(part.archive.as_ref())?;
        self.with(part, |store, key| {
            transfer::load(store, key, how, target, self.limits, &part.sha256)
        })
    }

    fn read(&self, part: &Part, using: &mut Use<'_>) -> Result<(), Error> {
        let how = Unpacking::for_loading(part.archive.as_ref())?;
        self.with(part, |store, key| {
            let doing = format!("read key `{key}` in {}", store.describe());
            if transfer::is_directory(store, key, &part.sha256)? {
                return Err(not_one_file(&doing, "is a directory"));
            }
            only_file(open_verified(store, key, &part.sha256)?, how, self.scratch, &doing, using)
        })
    }
}

/// Files of this machine; a part's index is the place of its path.
pub(super) struct Local<'a> {
    pub paths: &'a [PathBuf],
    pub limits: &'a Limits,
    pub scratch: &'a Target,
}

impl Local<'_> {
    fn source(&self, part: &Part) -> Result<Source, Error> {
        let place = usize::try_from(part.index).ok().and_then(|index| self.paths.get(index));
        let path = place
            .ok_or_else(|| Error::new(Error::Invalid, "read a file", "there is no such part"))?;
        Source::open(path)
    }
}

impl Parts for Local<'_> {
    fn load(&self, part: &Part, target: &Target) -> Result<(), Error> {
        let source = self.source(part)?;
        let doing = format!("read {}", source.path().display());
        archive::unpack(source.open()?, Unpacking::Detect, target, self.limits, &doing)
    }

    fn read(&self, part: &Part, using: &mut Use<'_>) -> Result<(), Error> {
        let source = self.source(part)?;
        let doing = format!("read {}", source.path().display());
        if source.is_directory() {
            return Err(not_one_file(&doing, "is a directory"));
        }
        only_file(source.open()?, Unpacking::Detect, self.scratch, &doing, using)
    }
}

fn not_one_file(doing: &str, why: &str) -> Error {
    Error::new(Error::Invalid, doing, format!("it {why}, and this form takes one file a part"))
        .advise("use `as: directory`, or let the step write one file")
}

/// Passes the content of the only file in a stream: itself, or in an archive.
fn only_file(
    stream: Box<dyn Read + Send>,
    how: Unpacking,
    scratch: &Target,
    doing: &str,
    using: &mut Use<'_>,
) -> Result<(), Error> {
    match how {
        Unpacking::None => plain(stream, doing, using),
        Unpacking::Tar => in_tar(stream, doing, using),
        Unpacking::Zip => in_zip(stream, scratch, doing, using),
        Unpacking::Detect => match look(stream).doing(|| doing)? {
            (true, stream) => in_tar(stream, doing, using),
            (false, stream) => plain(stream, doing, using),
        },
    }
}

fn plain(mut stream: Box<dyn Read + Send>, doing: &str, using: &mut Use<'_>) -> Result<(), Error> {
    using(&mut stream)?;
    // To the end, where a digest is looked at.
    copy(&mut stream, &mut std::io::sink()).doing(|| doing)?;
    Ok(())
}

fn in_tar(stream: Box<dyn Read + Send>, doing: &str, using: &mut Use<'_>) -> Result<(), Error> {
    let (mut reader, _) = tar_reader(stream, doing)?;
    let mut files = 0;
    while let Some(entry) = reader.next()? {
        if entry.kind != archive::Kind::File || files > 0 {
            return Err(not_one_file(
                doing,
                "holds more than one file, or something else than a file",
            ));
        }
        files += 1;
        using(&mut reader)?;
    }
    if files == 0 {
        return Err(not_one_file(doing, "is empty"));
    }
    Ok(())
}

fn in_zip(
    mut stream: Box<dyn Read + Send>,
    scratch: &Target,
    doing: &str,
    using: &mut Use<'_>,
) -> Result<(), Error> {
    let (pending, mut file) = Pending::file(scratch, 0o600)?;
    drop(pending);
    copy(&mut stream, &mut file).doing(|| doing)?;
    file.rewind().doing(|| doing)?;
    let mut zip = open_zip(file, doing)?;
    if zip.len() != 1 {
        return Err(not_one_file(doing, &format!("holds {} entries", zip.len())));
    }
    let mut entry = zip_entry(&mut zip, 0, doing)?;
    if !entry.is_file() || entry.is_symlink() {
        return Err(not_one_file(doing, "holds no file"));
    }
    using(&mut entry)
}
