//! The local image store: unpacked root folders of images, by digest and by name.
use std::path::{Path, PathBuf};

/// Where the root folders of containers come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImagePolicy {
    /// The local store; what is not there is pulled.
    #[default]
    Auto,
    /// This machine's own root, read-only below a private writable layer; the image's name is not looked at.
    Host,
    /// The local store only.
    Local,
    /// Always from the registry.
    Pull,
}

/// What an image runs when a container names no command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageCommand {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
}

/// An image of the local store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Names it is known by, in full: `docker.io/library/busybox:latest`.
    pub names: Vec<String>,
    /// `sha256:…` of its configuration.
    pub digest: String,
    /// Bytes of its files.
    pub size: u64,
}

/// Why an image could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Registry(String),
    #[error("{what} {}: {source}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
}

/// The images under one folder.
#[derive(Clone, Debug)]
pub struct ImageStore {
    folder: PathBuf,
}

impl ImageStore {
    /// The store in `folder`, usually `<state>/images`; made when it is not there.
    pub fn open(folder: &Path) -> Result<Self, ImageError> {
        std::fs::create_dir_all(folder).map_err(|source| ImageError::Io {
            what: "cannot make the image store",
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self { folder: folder.to_owned() })
    }
}
