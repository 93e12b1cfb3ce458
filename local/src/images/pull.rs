//! Pulls an image from its registry.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lighter_api::k8s_openapi::ByteString;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, manifest::ImageIndexEntry};
use serde::Deserialize;

use super::import::{Parts, architecture, take};
use super::{Image, ImageError, ImageStore, index};

/// A registry that says nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(60);

impl ImageStore {
    /// Pulls `image` for this machine's architecture, with the credentials that `docker login` has left in
    /// `~/.docker/config.json`. Registries on this machine (`localhost`, `127.0.0.1`) are asked without TLS.
    pub fn pull(&self, image: &str) -> Result<Image, ImageError> {
        let name = index::full_name(image)?;
        let reference: Reference = name.parse().map_err(|e| {
            ImageError::Invalid(format!("{image:?} is not the name of an image: {e}"))
        })?;
        let workspace = self.workspace()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ImageError::io("cannot start a client for", &self.folder))?;
        let parts = runtime.block_on(fetch(&reference, &workspace.0))?;
        take(self, &parts, |path| File::open(path).map_err(ImageError::io("cannot open", path)))
    }
}

async fn fetch(reference: &Reference, folder: &Path) -> Result<Parts, ImageError> {
    // Another part of the program may have chosen a provider already, and that one is good too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = reference.resolve_registry().to_owned();
    let local = registry.starts_with("localhost")
        || registry.starts_with("127.")
        || registry.starts_with("[::1]");
    let config = ClientConfig {
        protocol: ClientProtocol::HttpsExcept(if local {
            vec![registry.clone()]
        } else {
            Vec::new()
        }),
        platform_resolver: Some(Box::new(for_this_machine)),
        read_timeout: Some(SILENCE),
        connect_timeout: Some(Duration::from_secs(10)),
        user_agent: concat!("lighter/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    let client = Client::try_from(config).map_err(|e| failed(reference, &e))?;
    let auth = credentials(&registry);
    let (manifest, _) =
        client.pull_image_manifest(reference, &auth).await.map_err(|e| failed(reference, &e))?;
    let mut files = Vec::new();
    for (number, blob) in std::iter::once(&manifest.config).chain(&manifest.layers).enumerate() {
        let path = folder.join(number.to_string());
        let mut file = tokio::fs::File::create_new(&path)
            .await
            .map_err(ImageError::io("cannot write", &path))?;
        client.pull_blob(reference, blob, &mut file).await.map_err(|e| failed(reference, &e))?;
        tokio::io::AsyncWriteExt::flush(&mut file)
            .await
            .map_err(ImageError::io("cannot write", &path))?;
        files.push(path);
    }
    let layers = files.split_off(1);
    let config = files.pop().unwrap_or_default();
    Ok(Parts { name: Some(reference.whole()), config, layers })
}

fn for_this_machine(manifests: &[ImageIndexEntry]) -> Option<String> {
    let fits = |entry: &&ImageIndexEntry| {
        let platform = entry.platform.as_ref();
        platform.is_some_and(|p| {
            p.os.to_string() == "linux" && p.architecture.to_string() == architecture()
        })
    };
    manifests.iter().find(fits).map(|entry| entry.digest.clone())
}

fn failed(reference: &Reference, error: &dyn std::error::Error) -> ImageError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    ImageError::Registry(format!("cannot pull {reference}: {text}"))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerConfig {
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerAuth {
    /// `user:password` in base64.
    auth: Option<ByteString>,
}

/// What `docker login` has left for a registry; helpers that keep credentials elsewhere are not asked.
fn credentials(registry: &str) -> RegistryAuth {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".docker")));
    let json = folder
        .and_then(|folder| std::fs::read(folder.join("config.json")).ok())
        .unwrap_or_default();
    find_credentials(&json, registry).unwrap_or(RegistryAuth::Anonymous)
}

fn find_credentials(json: &[u8], registry: &str) -> Option<RegistryAuth> {
    let config: DockerConfig = serde_json::from_slice(json).ok()?;
    let host = |key: &str| {
        let key = key.trim_start_matches("https://").trim_start_matches("http://");
        key.split('/').next().unwrap_or_default().to_owned()
    };
    let wanted = if registry.ends_with("docker.io") { "index.docker.io" } else { registry };
    let (_, found) =
        config.auths.iter().find(|(key, _)| [registry, wanted].contains(&host(key).as_str()))?;
    let pair = String::from_utf8(found.auth.as_ref()?.0.clone()).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(RegistryAuth::Basic(user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use oci_client::secrets::RegistryAuth;

    #[test]
    fn credentials_of_docker_login_are_found() {
        let json = br#"{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"}, "reg.example:5000": {"auth": "YTpi"}}}"#;
        let basic =
            |user: &str, password: &str| Some(RegistryAuth::Basic(user.into(), password.into()));
        assert_eq!(super::find_credentials(json, "registry-1.docker.io"), basic("u", "p"));
        assert_eq!(super::find_credentials(json, "reg.example:5000"), basic("a", "b"));
        assert_eq!(super::find_credentials(json, "elsewhere"), None);
    }
}
