//! The list of an image store, and the full names of images.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::config::ImageConfig;
use super::{Image, ImageError};

/// What `index.json` holds: images by digest.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Index {
    pub images: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub names: Vec<String>,
    pub size: u64,
    pub config: ImageConfig,
}

impl Entry {
    pub fn into_image(self, digest: String) -> Image {
        Image { names: self.names, digest, size: self.size }
    }
}

impl Index {
    pub fn read(store: &Path) -> Result<Self, ImageError> {
        let path = store.join("index.json");
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json)
                .map_err(|e| ImageError::io("cannot read", path)(e.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ImageError::io("cannot read", path)(error)),
        }
    }

    pub fn write(&self, store: &Path) -> Result<(), ImageError> {
        let (path, new) = (store.join("index.json"), store.join("index.new"));
        let json = serde_json::to_vec_pretty(self)
            .map_err(|e| ImageError::io("cannot write", &path)(e.into()))?;
        let written = fs::write(&new, json).and_then(|()| fs::rename(&new, &path));
        written.map_err(ImageError::io("cannot write", path))
    }

    /// The digest of the image of that name or digest.
    pub fn find(&self, image: &str) -> Option<String> {
        let digest = image.rsplit_once('@').map_or(image, |(_, digest)| digest);
        if self.images.contains_key(digest) {
            return Some(digest.to_owned());
        }
        let name = full_name(image).ok()?;
        self.images
            .iter()
            .find(|(_, entry)| entry.names.contains(&name))
            .map(|(digest, _)| digest.clone())
    }

    pub fn take(mut self, image: &str) -> Option<(String, Entry)> {
        let digest = self.find(image)?;
        self.images.remove_entry(&digest)
    }
}

/// The name with registry and tag, as the common engines complete it: `busybox` is `docker.io/library/busybox:latest`.
pub fn full_name(image: &str) -> Result<String, ImageError> {
    let invalid = || ImageError::Invalid(format!("{image:?} is not the name of an image"));
    let good = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if image.is_empty() || image.len() > 512 || !image.chars().all(good) {
        return Err(invalid());
    }
    let (registry, rest) = match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (first, rest.to_owned())
        }
        Some(_) => ("docker.io", image.to_owned()),
        None => ("docker.io", format!("library/{image}")),
    };
    let has_tag =
        rest.contains('@') || rest.rsplit('/').next().is_some_and(|last| last.contains(':'));
    let empty_part = rest.split(['/', ':', '@']).any(str::is_empty);
    if empty_part || rest.chars().any(|c| c.is_ascii_uppercase() && !has_tag) {
        return Err(invalid());
    }
    Ok(if has_tag { format!("{registry}/{rest}") } else { format!("{registry}/{rest}:latest") })
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn names_are_completed() {
        for (short, full) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.36", "docker.io/library/busybox:1.36"),
            ("argoproj/argosay:v2", "docker.io/argoproj/argosay:v2"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            ("quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00"),
        ] {
            assert_eq!(full_name(short).unwrap(), full);
        }
        for bad in ["", "a b", "a//b", "a:", "../x$", "Upper"] {
            assert!(full_name(bad).is_err(), "{bad}");
        }
    }
}
