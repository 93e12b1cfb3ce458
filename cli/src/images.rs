//! The images that steps run in: import, pull, list, remove.

use lighter_local::state::State;
use lighter_local::{Image, ImageError, ImageStore};

use crate::args::Images;
use crate::failure::Failure;
use crate::out;
use crate::text::{size, table};

/// `lighter images`.
pub fn run(state: &State, command: &Images) -> Result<(), Failure> {
    let store = ImageStore::open(&state.folder().join("images")).map_err(failed)?;
    match command {
        Images::Import { file, name } => {
            let images = store.import(file, name.as_deref()).map_err(failed)?;
            images.iter().try_for_each(|image| said("imported", image))
        }
        Images::Pull { image } => said("pulled", &store.pull(image).map_err(failed)?),
        Images::Ls => list(&store),
        Images::Rm { images } => images.iter().try_for_each(|image| {
            store.remove(image).map_err(failed)?;
            out::warn(&format!("removed `{image}`"));
            Ok(())
        }),
    }
}

fn said(done: &str, image: &Image) -> Result<(), Failure> {
    let names = if image.names.is_empty() { &image.digest } else { &image.names.join(", ") };
    Ok(out::print(&format!("{done} {names} ({})\n", size(image.size)))?)
}

fn list(store: &ImageStore) -> Result<(), Failure> {
    let images = store.list().map_err(failed)?;
    if images.is_empty() {
        out::warn(
            "no images yet; `lighter images import FILE` and `lighter images pull IMAGE` bring them in",
        );
        return Ok(());
    }
    let mut rows = vec![["IMAGE", "DIGEST", "SIZE"].map(String::from).to_vec()];
    for image in &images {
        let digest: String = image.digest.trim_start_matches("sha256:").chars().take(12).collect();
        let names =
            if image.names.is_empty() { vec!["<none>".to_string()] } else { image.names.clone() };
        rows.extend(names.into_iter().map(|name| vec![name, digest.clone(), size(image.size)]));
    }
    Ok(out::print(&table(&rows))?)
}

fn failed(error: ImageError) -> Failure {
    match error {
        ImageError::Invalid(text) | ImageError::NotFound(text) => Failure::invalid(text),
        other => Failure::failed(other.to_string()),
    }
}
