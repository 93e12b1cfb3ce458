//! Takes in images from files: what `docker save` writes, OCI layouts, and plain root folders.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::config::{ConfigFile, ImageConfig};
use super::unpack::Unpacker;
use super::{Image, ImageError, ImageStore};
use crate::pod::folder::private_folder;
use crate::pod::security::is_real_root;

/// Most bytes of a manifest or a configuration.
const MAX_JSON_BYTES: u64 = 16 << 20;
const REF_NAME: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// The files of an image archive, by their names in it.
enum Blobs {
    Folder(PathBuf),
    Files(BTreeMap<PathBuf, PathBuf>),
}

/// One image of an archive: names of its parts.
pub struct Parts {
    pub name: Option<String>,
    pub config: PathBuf,
    pub layers: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: PathBuf,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
struct Descriptor {
    digest: String,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Clone, Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

pub fn import(store: &ImageStore, path: &Path, name: Option<&str>) -> Result<Vec<Image>, ImageError> {
    let opened = path.metadata().map_err(ImageError::io("cannot open", path))?;
    if opened.is_dir() {
        let blobs = Blobs::Folder(path.to_owned());
        return if path.join("oci-layout").exists() { take_all(store, &blobs, name) } else { take_folder(store, path, name) };
    }
    if !has_index(path)? {
        return take_root(store, open_tar(path)?, path, name);
    }
    let workspace = store.workspace()?;
    let blobs = extract(path, &workspace.0)?;
    take_all(store, &blobs, name)
}

fn open_tar(path: &Path) -> Result<Box<dyn Read + Send>, ImageError> {
    let file = File::open(path).map_err(ImageError::io("cannot open", path))?;
    decompress(file).map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported => ImageError::Invalid(format!("{}: {error}", path.display())),
        _ => ImageError::io("cannot read", path)(error),
    })
}

/// The tar file in a file that may be compressed.
fn decompress(mut file: File) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = [0; 4];
    let count = file.read(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    let file = BufReader::with_capacity(256 << 10, file);
    match magic.get(..count) {
        Some([0x1f, 0x8b, ..]) => Ok(Box::new(MultiGzDecoder::new(file))),
        Some([0x28, 0xb5, 0x2f, 0xfd]) => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "zstd is not read here; compress with gzip or not at all"))
        }
        _ => Ok(Box::new(file)),
    }
}

/// Whether a tar file holds an image, and not a plain root folder.
fn has_index(path: &Path) -> Result<bool, ImageError> {
    let failed = |error| ImageError::Invalid(format!("{} is no tar file that can be read: {error}", path.display()));
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
fn extract(path: &Path, folder: &Path) -> Result<Blobs, ImageError> {
    let failed = |error| ImageError::Invalid(format!("{} cannot be read: {error}", path.display()));
    let mut files = BTreeMap::new();
    let mut links = Vec::new();
    let mut archive = tar::Archive::new(open_tar(path)?);
    for (number, entry) in archive.entries().map_err(failed)?.enumerate() {
        let mut entry = entry.map_err(failed)?;
        let name = normal(&entry.path().map_err(failed)?);
        if let Some(target) = entry.link_name().map_err(failed)? {
            let relative = if entry.header().entry_type().is_symlink() { name.parent().map(|p| p.join(&target)) } else { None };
            links.push((name, normal(&relative.unwrap_or_else(|| target.into_owned()))));
        } else if entry.header().entry_type().is_file() {
            let target = folder.join(number.to_string());
            let copied = File::create_new(&target).and_then(|mut file| io::copy(&mut entry, &mut file));
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
    fn open(&self, name: &Path) -> Result<File, ImageError> {
        let missing = || ImageError::Invalid(format!("the image lacks its part {}", name.display()));
        let path = match self {
            Self::Folder(folder) => folder.join(normal(name)),
            Self::Files(files) => files.get(&normal(name)).cloned().ok_or_else(missing)?,
        };
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
            other => other.map_err(ImageError::io("cannot open", path)),
        }
    }

    fn json(&self, name: &Path) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        self.open(name)?.take(MAX_JSON_BYTES).read_to_end(&mut bytes).map_err(ImageError::io("cannot read", name))?;
        Ok(bytes)
    }

    fn parse<T: for<'de> Deserialize<'de>>(&self, name: &Path) -> Result<T, ImageError> {
        serde_json::from_slice(&self.json(name)?)
            .map_err(|e| ImageError::Invalid(format!("the image's {} is not valid: {e}", name.display())))
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).exists(),
            Self::Files(files) => files.contains_key(Path::new(name)),
        }
    }
}

fn take_all(store: &ImageStore, blobs: &Blobs, name: Option<&str>) -> Result<Vec<Image>, ImageError> {
    let mut found = if blobs.has("manifest.json") { docker_images(blobs)? } else { oci_images(blobs)? };
    if found.is_empty() {
        return Err(ImageError::Invalid(format!("there is no image for linux/{} in it", architecture())));
    }
    if let Some(name) = name {
        if found.len() > 1 {
            return Err(ImageError::Invalid(format!("it holds {} images; import them without a name", found.len())));
        }
        found[0].name = Some(name.to_owned());
    }
    found.iter().map(|parts| take(store, parts, |part| blobs.open(part))).collect()
}

fn docker_images(blobs: &Blobs) -> Result<Vec<Parts>, ImageError> {
    let images: Vec<DockerImage> = blobs.parse(Path::new("manifest.json"))?;
    let mut found = Vec::new();
    for image in images {
        let mut names: Vec<Option<String>> = image.repo_tags.unwrap_or_default().into_iter().map(Some).collect();
        if names.is_empty() {
            names.push(None);
        }
        let parts = |name| Parts { name, config: image.config.clone(), layers: image.layers.clone() };
        found.extend(names.into_iter().map(parts));
    }
    Ok(found)
}

fn oci_images(blobs: &Blobs) -> Result<Vec<Parts>, ImageError> {
    let index: Manifest = blobs.parse(Path::new("index.json"))?;
    let mut found = Vec::new();
    for descriptor in index.manifests.iter().filter(|d| fits(d)) {
        let name = REF_NAME.iter().find_map(|key| descriptor.annotations.get(*key)).cloned();
        let mut manifest: Manifest = blobs.parse(&blob_name(&descriptor.digest)?)?;
        if let Some(inner) = manifest.manifests.iter().find(|d| fits(d)) {
            manifest = blobs.parse(&blob_name(&inner.digest)?)?;
        }
        let Some(config) = &manifest.config else { continue };
        let layers = manifest.layers.iter().map(|layer| blob_name(&layer.digest)).collect::<Result<_, _>>()?;
        found.push(Parts { name, config: blob_name(&config.digest)?, layers });
    }
    Ok(found)
}

fn fits(descriptor: &Descriptor) -> bool {
    descriptor.platform.as_ref().is_none_or(|p| p.os == "linux" && p.architecture == architecture())
}

/// This machine's architecture as images name it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn blob_name(digest: &str) -> Result<PathBuf, ImageError> {
    let parts = digest.split_once(':').filter(|(kind, hex)| *kind == "sha256" && hex.chars().all(|c| c.is_ascii_hexdigit()));
    let (kind, hex) = parts.ok_or_else(|| ImageError::Invalid(format!("{digest:?} is no sha256 digest")))?;
    Ok(Path::new("blobs").join(kind).join(hex))
}

/// Unpacks one image, checking each layer against the configuration's digests.
pub fn take(store: &ImageStore, parts: &Parts, open: impl Fn(&Path) -> Result<File, ImageError>) -> Result<Image, ImageError> {
    let mut json = Vec::new();
    open(&parts.config)?.take(MAX_JSON_BYTES).read_to_end(&mut json).map_err(ImageError::io("cannot read", &parts.config))?;
    let digest = format!("sha256:{}", hex(Sha256::digest(&json).as_slice()));
    let config = ConfigFile::parse(&json)?;
    if config.rootfs.diff_ids.len() != parts.layers.len() {
        return Err(ImageError::Invalid(String::from("the image's configuration names other layers than its manifest")));
    }
    let workspace = store.workspace()?;
    let mut unpacker = new_unpacker(&workspace.0)?;
    for (layer, expected) in parts.layers.iter().zip(&config.rootfs.diff_ids) {
        let tar = decompress(open(layer)?).map_err(|e| ImageError::Invalid(format!("layer {}: {e}", layer.display())))?;
        let mut tar = Hashing { inner: tar, hash: Sha256::new() };
        unpacker.layer(&mut tar)?;
        io::copy(&mut tar, &mut io::sink()).map_err(ImageError::io("cannot read", layer))?;
        let found = tar.digest();
        if found != *expected {
            return Err(ImageError::Invalid(format!("layer {} is damaged: it is {found}, not {expected}", layer.display())));
        }
    }
    let size = unpacker.finish().map_err(ImageError::io("cannot finish", &workspace.0))?;
    store.add(&workspace.0.join("root"), &digest, parts.name.as_deref(), config.image_config(), size)
}

fn new_unpacker(workspace: &Path) -> Result<Unpacker, ImageError> {
    let root = workspace.join("root");
    private_folder(&root)
        .and_then(|()| std::fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o755)))
        .and_then(|()| Unpacker::new(&root, is_real_root()))
        .map_err(ImageError::io("cannot make", root))
}

/// A plain root folder as a tar file.
fn take_root(store: &ImageStore, tar: impl Read, path: &Path, name: Option<&str>) -> Result<Vec<Image>, ImageError> {
    let name = name.ok_or_else(|| {
        ImageError::Invalid(format!("{} holds a root folder, not a named image; give it a name", path.display()))
    })?;
    let workspace = store.workspace()?;
    let mut unpacker = new_unpacker(&workspace.0)?;
    let mut tar = Hashing { inner: tar, hash: Sha256::new() };
    unpacker.layer(&mut tar)?;
    io::copy(&mut tar, &mut io::sink()).map_err(ImageError::io("cannot read", path))?;
    let digest = tar.digest();
    let size = unpacker.finish().map_err(ImageError::io("cannot finish", &workspace.0))?;
    store.add(&workspace.0.join("root"), &digest, Some(name), ImageConfig::default(), size).map(|image| vec![image])
}

/// A plain root folder goes the same way as one in a tar file.
fn take_folder(store: &ImageStore, folder: &Path, name: Option<&str>) -> Result<Vec<Image>, ImageError> {
    let (reader, writer) = io::pipe().map_err(ImageError::io("cannot read", folder))?;
    std::thread::scope(|scope| {
        let packer = scope.spawn(move || {
            let mut builder = tar::Builder::new(writer);
            builder.follow_symlinks(false);
            builder.append_dir_all(".", folder).and_then(|()| builder.finish())
        });
        let taken = take_root(store, BufReader::new(reader), folder, name);
        match packer.join() {
            Ok(Err(error)) if taken.is_ok() || error.kind() != io::ErrorKind::BrokenPipe => {
                Err(ImageError::io("cannot read", folder)(error))
            }
            _ => taken,
        }
    })
}

/// Hashes what is read through it.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    fn digest(self) -> String {
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
