//! S3 and what speaks its protocol.

mod credentials;
mod encryption;
mod place;
mod profile;
mod requests;
mod signing;

use super::objects::{Bucket, Connector, Objects, UploadSettings, no_retries, shared};
use crate::error::Error;
use crate::retry::Retry;
use crate::secret::{Secret, Secrets};
use crate::web::{Options, Trust};
use credentials::Chain;
pub(super) use credentials::checked;
pub(super) use encryption::Encryption;
use k8s_openapi::api::core::v1::SecretKeySelector;
use lighter_api::S3Artifact;
use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3Builder, AwsCredential, AwsCredentialProvider};
pub(super) use place::{DEFAULT_REGION, Place};
pub(super) use requests::Creation;
use requests::Requests;
use signing::Signing;
use std::sync::Arc;

/// What an S3 location and its relatives say about a bucket, with secrets read.
pub(super) struct Settings {
    /// `s3` or `oss`.
    pub kind: &'static str,
    pub place: Place,
    pub credentials: Credentials,
    pub trust: Trust,
    pub encryption: Encryption,
    pub creation: Option<Creation>,
}

/// Where credentials come from.
pub(super) enum Credentials {
    Keys(AwsCredential),
    /// A role that the default chain of the SDK assumes.
    Role(String),
    /// The default chain of the SDK.
    Sdk,
    /// What the machine or pod has.
    Machine,
}

/// The store of a bucket.
pub(super) fn open(location: &S3Artifact, secrets: &dyn Secrets) -> Result<Objects, Error> {
    let place = S3Artifact { key: String::new(), ..location.clone() };
    let customer = location
        .encryption_options
        .as_ref()
        .and_then(|options| options.server_side_customer_key_secret.as_ref());
    let selectors = [
        location.access_key_secret.as_ref(),
        location.secret_key_secret.as_ref(),
        location.session_token_secret.as_ref(),
        location.ca_secret.as_ref(),
        customer,
    ];
    shared(&place, &selectors, secrets, || settings(location, secrets)?.open())
}

fn settings(location: &S3Artifact, secrets: &dyn Secrets) -> Result<Settings, Error> {
    let trust = match &location.ca_secret {
        Some(ca) => Trust::Only(read(secrets, ca)?.expose().as_bytes().to_vec()),
        None => Trust::System,
    };
    let encryption = Encryption::new(location.encryption_options.as_ref(), secrets)?;
    let creation = location.create_bucket_if_not_present.as_ref().map(|options| Creation {
        make: true,
        object_locking: options.object_locking == Some(true),
        lifecycle: None,
    });
    Ok(Settings {
        kind: "s3",
        place: Place::parse(location)?,
        credentials: chosen(location, secrets)?,
        trust,
        encryption,
        creation,
    })
}

/// The first of Argo's sources that the location names.
fn chosen(location: &S3Artifact, secrets: &dyn Secrets) -> Result<Credentials, Error> {
    if let (Some(access), Some(secret)) = (&location.access_key_secret, &location.secret_key_secret)
    {
        let token = location.session_token_secret.as_ref();
        return keys(access, secret, token, secrets).map(Credentials::Keys);
    }
    Ok(match (location.role_arn.trim(), location.use_sdk_creds) {
        ("", Some(true)) => Credentials::Sdk,
        ("", _) => Credentials::Machine,
        (role, _) => Credentials::Role(role.to_owned()),
    })
}

/// Keys from secrets; blanks around them come from how secrets are written.
pub(super) fn keys(
    access: &SecretKeySelector,
    secret: &SecretKeySelector,
    token: Option<&SecretKeySelector>,
    secrets: &dyn Secrets,
) -> Result<AwsCredential, Error> {
    let text = |selector| -> Result<String, Error> {
        let secret: Secret = read(secrets, selector)?;
        checked(secret.expose().trim())
    };
    Ok(AwsCredential {
        key_id: text(access)?,
        secret_key: text(secret)?,
        token: token.map(text).transpose()?.filter(|token| !token.is_empty()),
    })
}

fn read(secrets: &dyn Secrets, selector: &SecretKeySelector) -> Result<Secret, Error> {
    secrets.read(&selector.name, &selector.key)
}

impl Settings {
    pub(super) fn open(self) -> Result<Objects, Error> {
        let name = format!("{} bucket {} at {}", self.kind, self.place.bucket, self.place.host);
        let doing = format!("open the {name}");
        if matches!(self.encryption, Encryption::Customer { .. }) && !self.place.secure {
            let why = "`serverSideCustomerKeySecret` would send the key over plain HTTP";
            return Err(Error::new(Error::Invalid, doing, why).advise("remove `insecure: true`"));
        }
        let connector = Connector::new(Options { trust: self.trust, ..Options::default() })?;
        let chain = Chain::new(self.place.region.clone())?;
        let credentials: AwsCredentialProvider = match self.credentials {
            Credentials::Keys(keys) => Arc::new(StaticCredentialProvider::new(keys)),
            Credentials::Role(role) => chain.role(role)?,
            Credentials::Sdk => chain.sdk()?,
            Credentials::Machine => chain.machine()?,
        };
        let mut requests = Requests {
            connector: connector.clone(),
            credentials: Arc::clone(&credentials),
            place: self.place,
            name: name.clone(),
            encryption: self.encryption.clone(),
            creation: self.creation,
            made: false.into(),
        };
        requests.find_region();
        let place = &requests.place;
        let signing = Signing {
            connector,
            credentials: Arc::clone(&credentials),
            region: place.region.clone(),
            // As minio-go: TLS keeps the payload whole, plain HTTP does not.
            sign_payload: !place.secure,
            encryption: self.encryption,
            base: place.bucket_path(),
            bucket: place.bucket.clone(),
        };
        let remote = AmazonS3Builder::new()
            .with_bucket_name(&place.bucket)
            .with_region(&place.region)
            .with_endpoint(place.client_endpoint())
            .with_virtual_hosted_style_request(place.virtual_hosted)
            .with_allow_http(!place.secure)
            .with_credentials(credentials)
            // `Signing` does that, for it has headers to add.
            .with_skip_signature(true)
            .with_retry(no_retries())
            .with_http_connector(signing)
            .build()
            .map_err(|error| Error::new(Error::Invalid, doing, error.to_string()))?;
        Ok(Objects(Arc::new(Bucket {
            name,
            remote: Arc::new(remote),
            admin: Some(Box::new(requests)),
            retry: Retry::default(),
            upload: UploadSettings::from_env(),
            refused: None,
        })))
    }
}
