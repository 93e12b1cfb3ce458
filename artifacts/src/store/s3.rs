//! S3 and what speaks its protocol.

use super::objects::{Bucket, Connector, Objects, UploadSettings};
use crate::error::Error;
use crate::retry::Retry;
use crate::secret::{Secret, Secrets};
use crate::web::{Options, Trust, Web};
use k8s_openapi::api::core::v1::SecretKeySelector;
use lighter_api::S3Artifact;
use object_store::RetryConfig;
use object_store::aws::AmazonS3Builder;
use std::sync::Arc;
use std::time::Duration;

/// The store of a bucket.
pub(super) fn open(location: &S3Artifact, secrets: &dyn Secrets) -> Result<Objects, Error> {
    let name = format!("s3 bucket {} at {}", location.bucket, location.endpoint);
    let doing = format!("open the {name}");
    let plain = |text: &str, also: &[u8]| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
        !text.is_empty() && text.bytes().all(fits)
    };
    if !plain(&location.endpoint, b".-:[]") || !plain(&location.bucket, b".-_") {
        let why =
            "`s3.endpoint` is not a host with an optional port, or `s3.bucket` no name of a bucket";
        return Err(Error::new(Error::Invalid, doing, why)
            .advise("write the endpoint without `http://`, and use `insecure`"));
    }
    let later = [
        (!location.role_arn.is_empty(), "roleARN"),
        (location.use_sdk_creds == Some(true), "useSDKCreds"),
        (location.access_key_secret.is_none(), "(without keys)"),
        (location.encryption_options.is_some(), "encryptionOptions"),
        (location.create_bucket_if_not_present.is_some(), "createBucketIfNotPresent"),
        (location.addressing_style == "virtual-hosted", "addressingStyle"),
    ];
    if let Some((_, field)) = later.iter().find(|(set, _)| *set) {
        return Err(Error::new(
            Error::Unsupported,
            doing,
            format!("`s3` {field} is not supported yet"),
        ));
    }
    let insecure = location.insecure == Some(true);
    let scheme = if insecure { "http" } else { "https" };
    let trust = match &location.ca_secret {
        Some(ca) => Trust::Only(read(secrets, ca)?.expose().as_bytes().to_vec()),
        None => Trust::System,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&location.bucket)
        .with_endpoint(format!("{scheme}://{}", location.endpoint))
        .with_allow_http(insecure)
        .with_unsigned_payload(!insecure)
        .with_retry(no_retries())
        .with_http_connector(Connector(Web::new(Options { trust, ..Options::default() })?));
    if let (Some(access), Some(secret)) = (&location.access_key_secret, &location.secret_key_secret)
    {
        builder = builder
            .with_access_key_id(read(secrets, access)?.expose().trim())
            .with_secret_access_key(read(secrets, secret)?.expose().trim());
    }
    if let Some(token) = &location.session_token_secret {
        builder = builder.with_token(read(secrets, token)?.expose().trim());
    }
    if !location.region.is_empty() {
        builder = builder.with_region(&location.region);
    }
    let remote = builder.build().map_err(|e| Error::new(Error::Invalid, doing, e.to_string()))?;
    Ok(Objects(Arc::new(Bucket {
        name,
        remote: Arc::new(remote),
        admin: None,
        retry: Retry::default(),
        upload: UploadSettings { threads: 4, part: None },
    })))
}

fn read(secrets: &dyn Secrets, selector: &SecretKeySelector) -> Result<Secret, Error> {
    secrets.read(&selector.name, &selector.key)
}

/// Ours are the only ones.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() }
}
