//! The local image store: unpacked root folders of images, by digest and by name.
//!
//! `index.json` names what is there, `roots/<digest>` holds the files. A root folder is written elsewhere and
//! renamed into place, so that a stop at any time leaves a whole store.

mod archive;
mod config;
mod host_root;
mod import;
mod index;
mod pull;
mod unpack;

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use config::ImageConfig;
pub(crate) use config::RootSource;
pub(crate) use host_root::host_root;
use index::{Entry, Index};

use crate::pod::folder::{private_folder, remove_tree};
use crate::sandbox::spec::Root;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageCommand {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
}

/// An image of the local store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// There is no such image, and it may not be looked for elsewhere.
    #[error("{0}")]
    NotFound(String),
    /// The name, archive or image is not valid.
    #[error("{0}")]
    Invalid(String),
    /// The registry did not answer, or denied.
    #[error("{0}")]
    Registry(String),
    /// Reading or writing failed.
    #[error("{what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
}

impl ImageError {
    fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// The images under one folder.
#[derive(Clone, Debug)]
pub struct ImageStore {
    folder: PathBuf,
}

impl ImageStore {
    /// The store in `folder`, usually `<state>/images`; made when it is not there.
    pub fn open(folder: &Path) -> Result<Self, ImageError> {
        for part in ["roots", "tmp"] {
            let path = folder.join(part);
            private_folder(&path).map_err(ImageError::io("cannot make the image store", path))?;
        }
        let folder =
            folder.canonicalize().map_err(ImageError::io("cannot use the image store", folder))?;
        Ok(Self { folder })
    }

    /// Takes in an image: a tar file (`.tar`, `.tar.gz`) as `docker save` or an OCI layout makes it, an OCI layout
    /// folder, or a root folder as tar file or folder, which needs a `name`. Gives the images taken.
    pub fn import(&self, path: &Path, name: Option<&str>) -> Result<Vec<Image>, ImageError> {
        import::import(self, path, name)
    }

    /// The images that are there, by name.
    pub fn list(&self) -> Result<Vec<Image>, ImageError> {
        let index = Index::read(&self.folder)?;
        let mut images: Vec<Image> =
            index.images.into_iter().map(|(digest, entry)| entry.into_image(digest)).collect();
        images.sort_by(|a, b| a.names.cmp(&b.names));
        Ok(images)
    }

    /// Removes a name, or a digest with all its names; files go when no name is left.
    pub fn remove(&self, image: &str) -> Result<(), ImageError> {
        let _lock = self.lock()?;
        let mut index = Index::read(&self.folder)?;
        let name = index::full_name(image);
        let digest = index
            .find(image)
            .ok_or_else(|| ImageError::NotFound(format!("there is no image {image:?} here")))?;
        if let Some(entry) = index.images.get_mut(&digest) {
            entry.names.retain(|known| digest != image && Some(known) != name.as_ref().ok());
            if !entry.names.is_empty() {
                return index.write(&self.folder);
            }
        }
        index.images.remove(&digest);
        index.write(&self.folder)?;
        let root = self.root(&digest);
        remove_tree(&root).map_err(ImageError::io("cannot remove", root))
    }

    /// What `image` runs by itself, if it is in the store.
    pub fn command(&self, image: &str) -> Result<ImageCommand, ImageError> {
        self.root_source(image, ImagePolicy::Local).map(|source| source.config.command)
    }

    /// The root folder of an image, and what it asks for.
    pub(crate) fn root_source(
        &self,
        image: &str,
        policy: ImagePolicy,
    ) -> Result<RootSource, ImageError> {
        index::full_name(image)?;
        if policy == ImagePolicy::Pull {
            self.pull(image)?;
        }
        let known = |store: &Self| Ok::<_, ImageError>(Index::read(&store.folder)?.take(image));
        let found = match known(self)? {
            None if policy == ImagePolicy::Auto => {
                self.pull(image).map_err(|error| not_pulled(image, &error))?;
                known(self)?
            }
            other => other,
        };
        let (digest, entry) = found.ok_or_else(|| {
            ImageError::NotFound(format!(
                "image {image:?} is not in the local store; get it with `lighter images pull {image}` or \
                 `lighter images import FILE`, or run with what this machine has: `--images host`"
            ))
        })?;
        RootSource::of_image(&self.root(&digest), &entry.config)
    }

    fn root(&self, digest: &str) -> PathBuf {
        self.folder.join("roots").join(digest.trim_start_matches("sha256:"))
    }

    fn lock(&self) -> Result<File, ImageError> {
        let path = self.folder.join("lock");
        let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(ImageError::io("cannot lock the image store", path))
    }

    /// A new empty folder for what is not yet an image. Whoever asks for it removes it.
    fn workspace(&self) -> Result<Workspace, ImageError> {
        let folder = self.folder.join("tmp").join(crate::host::random_id());
        private_folder(&folder).map_err(ImageError::io("cannot make", &folder))?;
        Ok(Workspace(folder))
    }

    /// Moves an unpacked root into place under a name.
    fn add(
        &self,
        root: &Path,
        digest: &str,
        name: Option<&str>,
        config: ImageConfig,
        size: u64,
    ) -> Result<Image, ImageError> {
        let _lock = self.lock()?;
        let mut index = Index::read(&self.folder)?;
        let target = self.root(digest);
        if !index.images.contains_key(digest) {
            remove_tree(&target).map_err(ImageError::io("cannot remove", &target))?;
            std::fs::rename(root, &target)
                .map_err(ImageError::io("cannot move the image to", &target))?;
        }
        let name = name.map(index::full_name).transpose()?;
        for entry in index.images.values_mut() {
            entry.names.retain(|known| Some(known) != name.as_ref());
        }
        let entry = index.images.entry(digest.to_owned()).or_insert(Entry {
            names: Vec::new(),
            size,
            config,
        });
        entry.names.extend(name);
        let image = entry.clone().into_image(digest.to_owned());
        let nameless: Vec<String> = index
            .images
            .iter()
            .filter(|(known, e)| e.names.is_empty() && *known != digest)
            .map(|(d, _)| d.clone())
            .collect();
        nameless.iter().for_each(|digest| drop(index.images.remove(digest)));
        index.write(&self.folder)?;
        for root in nameless.iter().map(|digest| self.root(digest)) {
            remove_tree(&root).map_err(ImageError::io("cannot remove", root))?;
        }
        Ok(image)
    }
}

fn not_pulled(image: &str, error: &ImageError) -> ImageError {
    ImageError::Registry(format!(
        "image {image:?} is not in the local store, and pulling it failed: {error}; bring it with \
         `lighter images import FILE`, or run with what this machine has: `--images host`"
    ))
}

/// A folder that goes when it is no longer needed.
struct Workspace(PathBuf);

impl Drop for Workspace {
    fn drop(&mut self) {
        // What cannot be removed now is of no use and harms nothing but space.
        let _ = remove_tree(&self.0);
    }
}

impl RootSource {
    fn of_image(root: &Path, config: &ImageConfig) -> Result<Self, ImageError> {
        let config = config.resolve(root)?;
        Ok(Self { root: Root::Image(root.to_owned()), config })
    }
}
