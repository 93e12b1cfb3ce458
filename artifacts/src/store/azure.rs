//! Azure Blob Storage.

use super::objects::{Bucket, Connector, Objects, UploadSettings, no_retries, shared};
use crate::error::Error;
use crate::retry::Retry;
use crate::secret::Secrets;
use crate::web::Options;
use lighter_api::AzureArtifact;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use std::sync::Arc;

/// The store of a container.
///
/// Credentials: with `useSDKCreds` those of the environment (a client's secret, workload identity, managed identity), else
/// the secret, which is an account's key or a shared access signature.
pub(super) fn open(location: &AzureArtifact, secrets: &dyn Secrets) -> Result<Objects, Error> {
    let place = AzureArtifact { blob: String::new(), ..location.clone() };
    let selectors = [location.account_key_secret.as_ref()];
    shared(&place, &selectors, secrets, || open_new(location, secrets))
}

fn open_new(location: &AzureArtifact, secrets: &dyn Secrets) -> Result<Objects, Error> {
    let endpoint = location.endpoint.trim().trim_end_matches('/');
    let name = format!("azure container {} at {endpoint}", location.container);
    let doing = format!("open the {name}");
    let invalid = |why: String| Error::new(Error::Invalid, &doing, why);
    if location.container.is_empty() || location.container.contains(['/', '?', '#']) {
        return Err(invalid("`azure.container` is not the name of a container".to_owned()));
    }
    let account = account(endpoint).ok_or_else(|| {
        invalid("`azure.endpoint` is not the address of an account's blobs".to_owned())
            .advise("write it as `https://ACCOUNT.blob.core.windows.net`")
    })?;
    let from_environment = location.use_sdk_creds == Some(true);
    let builder = if from_environment {
        MicrosoftAzureBuilder::from_env()
    } else {
        MicrosoftAzureBuilder::new()
    };
    let mut builder = builder
        .with_account(account)
        .with_container_name(&location.container)
        .with_endpoint(endpoint.to_owned())
        .with_allow_http(endpoint.starts_with("http://"))
        .with_retry(no_retries())
        .with_http_connector(Connector::new(Options::default())?);
    if !from_environment {
        let selector = location.account_key_secret.as_ref().ok_or_else(|| {
            invalid("it has no credentials".to_owned())
                .advise("set `accountKeySecret`, or `useSDKCreds`")
        })?;
        let secret = secrets.read(&selector.name, &selector.key)?;
        let secret = secret.expose().trim();
        builder = if is_signature(secret) {
            builder.with_config(AzureConfigKey::SasKey, secret)
        } else {
            builder.with_access_key(secret)
        };
    }
    let remote = builder.build().map_err(|error| invalid(error.to_string()))?;
    Ok(Objects(Arc::new(Bucket {
        name,
        remote: Arc::new(remote),
        admin: None,
        retry: Retry::default(),
        upload: UploadSettings::from_env(),
        // It is taken for `/`.
        refused: Some('\\'),
    })))
}

/// The first label of the host; for an emulator on this machine the first part of the path.
fn account(endpoint: &str) -> Option<&str> {
    let rest = endpoint.strip_prefix("https://").or(endpoint.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let name = host.split(':').next()?;
    let account = match name {
        "localhost" | "127.0.0.1" => path.split('/').next()?,
        name => name.split('.').next()?,
    };
    Some(account).filter(|account| !account.is_empty())
}

/// As Argo tells a shared access signature from a key: it has a parameter.
fn is_signature(secret: &str) -> bool {
    let query = secret.split_once('?').map_or(secret, |(_, query)| query);
    query.split('&').any(|part| {
        part.split_once('=').is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
            && (secret.contains('?') || secret.contains('&'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_signatures() {
        for (endpoint, name) in [
            ("https://me.blob.core.windows.net", Some("me")),
            ("http://127.0.0.1:10000/devstoreaccount1", Some("devstoreaccount1")),
            ("http://localhost:10000", None),
            ("me.blob.core.windows.net", None),
        ] {
            assert_eq!(account(endpoint), name, "{endpoint}");
        }
        assert!(is_signature("?sv=2024&sig=abc"));
        assert!(is_signature("sv=2024&sig=abc"));
        assert!(!is_signature(
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
        ));
    }
}
