//! Google Cloud Storage, by its XML interface.

use super::objects::{Bucket, Connector, Objects, UploadSettings, no_retries, shared};
use crate::error::Error;
use crate::retry::Retry;
use crate::secret::Secrets;
use crate::web::Options;
use lighter_api::GcsArtifact;
use object_store::gcp::GoogleCloudStorageBuilder;
use std::sync::Arc;

/// The store of a bucket.
///
/// Credentials: the location's service account, else the default ones of the application (GOOGLE_APPLICATION_CREDENTIALS,
/// gcloud's, the metadata server). With STORAGE_EMULATOR_HOST none are used.
pub(super) fn open(location: &GcsArtifact, secrets: &dyn Secrets) -> Result<Objects, Error> {
    let place = GcsArtifact { key: String::new(), ..location.clone() };
    let selectors = [location.service_account_key_secret.as_ref()];
    shared(&place, &selectors, secrets, || open_new(location, secrets))
}

fn open_new(location: &GcsArtifact, secrets: &dyn Secrets) -> Result<Objects, Error> {
    let name = format!("gcs bucket {}", location.bucket);
    let doing = format!("open the {name}");
    let invalid = |why: String| Error::new(Error::Invalid, &doing, why);
    if location.bucket.is_empty() || location.bucket.contains(['/', '?', '#']) {
        return Err(invalid("`gcs.bucket` is not the name of a bucket".to_owned()));
    }
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&location.bucket)
        .with_retry(no_retries())
        .with_http_connector(Connector::new(Options::default())?);
    if let Some(selector) = &location.service_account_key_secret {
        let key = secrets.read(&selector.name, &selector.key)?;
        let parsed: Option<serde_json::Value> = serde_json::from_str(key.expose()).ok();
        // As Argo 4: other kinds of credentials may name programs and addresses.
        if parsed.as_ref().and_then(|key| key["type"].as_str()) != Some("service_account") {
            return Err(invalid(
                "`serviceAccountKeySecret` is no key of a service account".to_owned(),
            )
            .advise("use the JSON file that Google gives for such a key"));
        }
        builder = builder.with_service_account_key(key.expose());
    }
    let emulator = std::env::var("STORAGE_EMULATOR_HOST").unwrap_or_default();
    if !emulator.is_empty() {
        let url = if emulator.contains("://") { emulator } else { format!("http://{emulator}") };
        builder = builder
            .with_base_url(url.trim_end_matches('/'))
            .with_credentials(Arc::new(object_store::StaticCredentialProvider::new(
                object_store::gcp::GcpCredential { bearer: String::new() },
            )))
            .with_skip_signature(true);
    }
    let remote = builder.build().map_err(|error| invalid(error.to_string()))?;
    Ok(Objects(Arc::new(Bucket {
        name,
        remote: Arc::new(remote),
        admin: None,
        retry: Retry::default(),
        upload: UploadSettings::from_env(),
        refused: None,
    })))
}
