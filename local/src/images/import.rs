//! Takes in images from files: what `docker save` writes, OCI layouts, and plain root folders.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::archive::{Blobs, Hashing, decompress, extract, has_index, hex, open_tar};
use super::config::{ConfigFile, ImageConfig};
use super::unpack::Unpacker;
use super::{Image, ImageError, ImageStore};
use crate::pod::folder::private_folder;
use crate::pod::security::is_real_root;

/// Most bytes of a manifest or a configuration.
const MAX_JSON_BYTES: u64 = 16 << 20;
const REF_NAME: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

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

pub fn import(
    store: &ImageStore,
    path: &Path,
    name: Option<&str>,
) -> Result<Vec<Image>, ImageError> {
    let opened = path.metadata().map_err(ImageError::io("cannot open", path))?;
    if opened.is_dir() {
        let blobs = Blobs::Folder(path.to_owned());
        return if path.join("oci-layout").exists() {
            take_all(store, &blobs, name)
        } else {
            take_folder(store, path, name)
        };
    }
    if !has_index(path)? {
        return take_root(store, open_tar(path)?, path, name);
    }
    let workspace = store.workspace()?;
    let blobs = extract(path, &workspace.0)?;
    take_all(store, &blobs, name)
}

fn take_all(
    store: &ImageStore,
    blobs: &Blobs,
    name: Option<&str>,
) -> Result<Vec<Image>, ImageError> {
    let mut found =
        if blobs.has("manifest.json") { docker_images(blobs)? } else { oci_images(blobs)? };
    if found.is_empty() {
        return Err(ImageError::Invalid(format!(
            "there is no image for linux/{} in it",
            architecture()
        )));
    }
    if let Some(name) = name {
        if found.len() > 1 {
            return Err(ImageError::Invalid(format!(
                "it holds {} images; import them without a name",
                found.len()
            )));
        }
        found[0].name = Some(name.to_owned());
    }
    found.iter().map(|parts| take(store, parts, |part| blobs.open(part))).collect()
}

fn docker_images(blobs: &Blobs) -> Result<Vec<Parts>, ImageError> {
    let images: Vec<DockerImage> = blobs.parse(Path::new("manifest.json"))?;
    let mut found = Vec::new();
    for image in images {
        let mut names: Vec<Option<String>> =
            image.repo_tags.unwrap_or_default().into_iter().map(Some).collect();
        if names.is_empty() {
            names.push(None);
        }
        let parts =
            |name| Parts { name, config: image.config.clone(), layers: image.layers.clone() };
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
        let layers = manifest
            .layers
            .iter()
            .map(|layer| blob_name(&layer.digest))
            .collect::<Result<_, _>>()?;
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
    let parts = digest
        .split_once(':')
        .filter(|(kind, hex)| *kind == "sha256" && hex.chars().all(|c| c.is_ascii_hexdigit()));
    let (kind, hex) =
        parts.ok_or_else(|| ImageError::Invalid(format!("{digest:?} is no sha256 digest")))?;
    Ok(Path::new("blobs").join(kind).join(hex))
}

/// Unpacks one image, checking each layer against the configuration's digests.
pub fn take(
    store: &ImageStore,
    parts: &Parts,
    open: impl Fn(&Path) -> Result<File, ImageError>,
) -> Result<Image, ImageError> {
    let mut json = Vec::new();
    open(&parts.config)?
        .take(MAX_JSON_BYTES)
        .read_to_end(&mut json)
        .map_err(ImageError::io("cannot read", &parts.config))?;
    let digest = format!("sha256:{}", hex(Sha256::digest(&json).as_slice()));
    let config = ConfigFile::parse(&json)?;
    if config.rootfs.diff_ids.len() != parts.layers.len() {
        return Err(ImageError::Invalid(String::from(
            "the image's configuration names other layers than its manifest",
        )));
    }
    let workspace = store.workspace()?;
    let mut unpacker = new_unpacker(&workspace.0)?;
    for (layer, expected) in parts.layers.iter().zip(&config.rootfs.diff_ids) {
        let tar = decompress(open(layer)?)
            .map_err(|e| ImageError::Invalid(format!("layer {}: {e}", layer.display())))?;
        let mut tar = Hashing::new(tar);
        unpacker.layer(&mut tar)?;
        io::copy(&mut tar, &mut io::sink()).map_err(ImageError::io("cannot read", layer))?;
        let found = tar.digest();
        if found != *expected {
            return Err(ImageError::Invalid(format!(
                "layer {} is damaged: it is {found}, not {expected}",
                layer.display()
            )));
        }
    }
    let size = unpacker.finish().map_err(ImageError::io("cannot finish", &workspace.0))?;
    store.add(
        &workspace.0.join("root"),
        &digest,
        parts.name.as_deref(),
        config.image_config(),
        size,
    )
}

fn new_unpacker(workspace: &Path) -> Result<Unpacker, ImageError> {
    let root = workspace.join("root");
    private_folder(&root)
        .and_then(|()| {
            std::fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        })
        .and_then(|()| Unpacker::new(&root, is_real_root()))
        .map_err(ImageError::io("cannot make", root))
}

/// A plain root folder as a tar file.
fn take_root(
    store: &ImageStore,
    tar: impl Read,
    path: &Path,
    name: Option<&str>,
) -> Result<Vec<Image>, ImageError> {
    let name = name.ok_or_else(|| {
        ImageError::Invalid(format!(
            "{} holds a root folder, not a named image; give it a name",
            path.display()
        ))
    })?;
    let workspace = store.workspace()?;
    let mut unpacker = new_unpacker(&workspace.0)?;
    let mut tar = Hashing::new(tar);
    unpacker.layer(&mut tar)?;
    io::copy(&mut tar, &mut io::sink()).map_err(ImageError::io("cannot read", path))?;
    let digest = tar.digest();
    let size = unpacker.finish().map_err(ImageError::io("cannot finish", &workspace.0))?;
    store
        .add(&workspace.0.join("root"), &digest, Some(name), ImageConfig::default(), size)
        .map(|image| vec![image])
}

/// A plain root folder goes the same way as one in a tar file.
fn take_folder(
    store: &ImageStore,
    folder: &Path,
    name: Option<&str>,
) -> Result<Vec<Image>, ImageError> {
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
