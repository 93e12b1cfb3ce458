//! Image archives as files by name, and the tar files in them, whole or compressed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::ImageError;

/// Most bytes of a manifest or a configuration.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// The files of an image archive, by their names in it.
pub enum Blobs {
    Folder(PathBuf),
    Files(BTreeMap<PathBuf, PathBuf>),
}

pub fn open_tar(path: &Path) -> Result<Box<dyn Read + Send>, ImageError> {
    let file = File::open(path).map_err(ImageError::io("cannot open", path))?;
    decompress(file).map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported => ImageError::Invalid(format!("{}: {error}", path.display())),
        _ => ImageError::io("cannot read", path)(error),
    })
}

/// The tar file in a file that may be compressed.
pub fn decompress(mut file: File) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = [0; 4];
    let count = file.read(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    let file = BufReader::with_capacity(256 << 10, file);
    match magic.get(..count) {
        Some([0x1f, 0x8b, ..]) => Ok(Box::new(MultiGzDecoder::new(file))),
        Some([0x28, 0xb5, 0x2f, 0xfd]) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "zstd is not read here; compress with gzip or not at all",
        )),
        _ => Ok(Box::new(file)),
    }
}

/// Whether a tar file holds an image, and not a plain root folder.
pub fn has_index(path: &Path) -> Result<bool, ImageError> {
    let failed = |error| {
        ImageError::Invalid(format!("{} is no tar file that can be read: {error}", path.display()))
    };
    let mut archive = tar::Archive::new(open_tar(path)?);
    for entry in archive.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.path().map_err(failed)?;
        let name = name.strip_prefix(".").unwrap_or(&name);
        if name == Path::new("manifest.json") || name == Path::new("oci-layout") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lays the files of an archive into `folder`, under names of our own.
pub fn extract(path: &Path, folder: &Path) -> Result<Blobs, ImageError> {
    let failed = |error| ImageError::Invalid(format!("{} cannot be read: {error}", path.display()));
    let mut files = BTreeMap::new();
    let mut links = Vec::new();
    let mut archive = tar::Archive::new(open_tar(path)?);
    for (number, entry) in archive.entries().map_err(failed)?.enumerate() {
        let mut entry = entry.map_err(failed)?;
        let name = normal(&entry.path().map_err(failed)?);
        if let Some(target) = entry.link_name().map_err(failed)? {
            let relative = if entry.header().entry_type().is_symlink() {
                name.parent().map(|p| p.join(&target))
            } else {
                None
            };
            links.push((name, normal(&relative.unwrap_or_else(|| target.into_owned()))));
        } else if entry.header().entry_type().is_file() {
            let target = folder.join(number.to_string());
            let copied =
                File::create_new(&target).and_then(|mut file| io::copy(&mut entry, &mut file));
            copied.map_err(ImageError::io("cannot write", &target))?;
            files.insert(name, target);
        }
    }
    for (name, target) in links {
        if let Some(file) = files.get(&target).cloned() {
            files.insert(name, file);
        }
    }
    Ok(Blobs::Files(files))
}

/// A name without `.` and `..`: they are looked up in a map, not in a file system.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => out.push(part),
            Component::ParentDir => drop(out.pop()),
            _ => {}
        }
    }
    out
}

impl Blobs {
    pub fn open(&self, name: &Path) -> Result<File, ImageError> {
        let missing =
            || ImageError::Invalid(format!("the image lacks its part {}", name.display()));
        let path = match self {
            Self::Folder(folder) => folder.join(normal(name)),
            Self::Files(files) => files.get(&normal(name)).cloned().ok_or_else(missing)?,
        };
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
            other => other.map_err(ImageError::io("cannot open", path)),
        }
    }

    pub fn json(&self, name: &Path) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        self.open(name)?
            .take(MAX_JSON_BYTES)
            .read_to_end(&mut bytes)
            .map_err(ImageError::io("cannot read", name))?;
        Ok(bytes)
    }

    pub fn parse<T: for<'de> Deserialize<'de>>(&self, name: &Path) -> Result<T, ImageError> {
        serde_json::from_slice(&self.json(name)?).map_err(|e| {
            ImageError::Invalid(format!("the image's {} is not valid: {e}", name.display()))
        })
    }

    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).exists(),
            Self::Files(files) => files.contains_key(Path::new(name)),
        }
    }
}

/// Hashes what is read through it.
pub struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    pub fn digest(self) -> String {
        format!("sha256:{}", hex(self.hash.finalize().as_slice()))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
