//! Place: where an artifact lies, seen alike for artifacts, locations and parts of collections.

use lighter_api::k8s_openapi::api::core::v1::SecretKeySelector;
use lighter_api::{
    Artifact, ArtifactLocation, ArtifactoryArtifact, AzureArtifact, FolderArtifact, GcsArtifact,
    GitArtifact, HdfsArtifact, HttpArtifact, OssArtifact, PluginArtifact, S3Artifact, Template,
    VolumeArtifact,
};

/// The one place that is set, if any.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Artifactory(&'a ArtifactoryArtifact),
    Azure(&'a AzureArtifact),
    Folder(&'a FolderArtifact),
    Gcs(&'a GcsArtifact),
    Git(&'a GitArtifact),
    Hdfs(&'a HdfsArtifact),
    Http(&'a HttpArtifact),
    Oss(&'a OssArtifact),
    Plugin(&'a PluginArtifact),
    Raw,
    S3(&'a S3Artifact),
    Volume(&'a VolumeArtifact),
}

macro_rules! place_of {
    ($name:ident, $type:ty) => {
        /// Its place.
        pub(super) fn $name(at: &$type) -> Option<Place<'_>> {
            None.or(at.artifactory.as_ref().map(Place::Artifactory))
                .or(at.azure.as_ref().map(Place::Azure))
                .or(at.folder.as_ref().map(Place::Folder))
                .or(at.gcs.as_ref().map(Place::Gcs))
                .or(at.git.as_ref().map(Place::Git))
                .or(at.hdfs.as_ref().map(Place::Hdfs))
                .or(at.http.as_ref().map(Place::Http))
                .or(at.oss.as_ref().map(Place::Oss))
                .or(at.plugin.as_ref().map(Place::Plugin))
                .or(at.raw.as_ref().map(|_| Place::Raw))
                .or(at.s3.as_ref().map(Place::S3))
                .or(at.volume.as_ref().map(Place::Volume))
        }
    };
}

place_of!(of_artifact, Artifact);
place_of!(of_location, ArtifactLocation);

impl<'a> Place<'a> {
    /// Whether it says everything, so that no repository is needed to complete it. As Argo 4.1 decides.
    pub(super) fn is_whole(self) -> bool {
        match self {
            Self::Artifactory(at) => !at.url.is_empty() && at.username_secret.is_some(),
            Self::Azure(at) => filled(&[&at.endpoint, &at.container, &at.blob]),
            Self::Folder(at) => filled(&[&at.path, &at.key]),
            Self::Gcs(at) => filled(&[&at.bucket, &at.key]),
            Self::Git(at) => !at.repo.is_empty(),
            Self::Hdfs(at) => !at.addresses.is_empty(),
            Self::Http(at) => !at.url.is_empty(),
            Self::Oss(at) => filled(&[&at.bucket, &at.endpoint, &at.key]),
            Self::Plugin(at) => filled(&[&at.name, &at.configuration, &at.key]),
            Self::Raw => true,
            Self::S3(at) => filled(&[&at.endpoint, &at.bucket, &at.key]),
            Self::Volume(at) => filled(&[&at.claim_name, &at.key]),
        }
    }

    /// Whether it says at least what the thing is called in its store.
    pub(super) fn has_key(self) -> bool {
        match self {
            Self::Artifactory(at) => !at.url.is_empty(),
            Self::Azure(at) => !at.blob.is_empty(),
            Self::Folder(at) => !at.key.is_empty(),
            Self::Gcs(at) => !at.key.is_empty(),
            Self::Git(_) | Self::Raw => false,
            Self::Hdfs(at) => !at.path.is_empty(),
            Self::Http(at) => !at.url.is_empty(),
            Self::Oss(at) => !at.key.is_empty(),
            Self::Plugin(at) => !at.key.is_empty(),
            Self::S3(at) => !at.key.is_empty(),
            Self::Volume(at) => !at.key.is_empty(),
        }
    }

    /// The secrets that reading or writing there takes.
    pub(super) fn secrets(self) -> Vec<&'a SecretKeySelector> {
        let secrets: Vec<Option<&SecretKeySelector>> = match self {
            Self::Artifactory(at) => vec![at.username_secret.as_ref(), at.password_secret.as_ref()],
            Self::Azure(at) => vec![at.account_key_secret.as_ref()],
            Self::Folder(_) | Self::Plugin(_) | Self::Raw | Self::Volume(_) => vec![],
            Self::Gcs(at) => vec![at.service_account_key_secret.as_ref()],
            Self::Git(at) => vec![
                at.username_secret.as_ref(),
                at.password_secret.as_ref(),
                at.ssh_private_key_secret.as_ref(),
            ],
            Self::Hdfs(at) => vec![at.krb_ccache_secret.as_ref(), at.krb_keytab_secret.as_ref()],
            Self::Http(at) => http_secrets(at),
            Self::Oss(at) => vec![at.access_key_secret.as_ref(), at.secret_key_secret.as_ref()],
            Self::S3(at) => s3_secrets(at),
        };
        let named = |secret: &&SecretKeySelector| !secret.name.is_empty() && !secret.key.is_empty();
        secrets.into_iter().flatten().filter(named).collect()
    }
}

fn filled(fields: &[&String]) -> bool {
    fields.iter().all(|field| !field.is_empty())
}

fn s3_secrets(at: &S3Artifact) -> Vec<Option<&SecretKeySelector>> {
    let customer_key = at
        .encryption_options
        .as_ref()
        .filter(|options| options.enable_encryption == Some(true))
        .and_then(|options| options.server_side_customer_key_secret.as_ref());
    vec![
        at.access_key_secret.as_ref(),
        at.secret_key_secret.as_ref(),
        at.session_token_secret.as_ref(),
        customer_key,
        at.ca_secret.as_ref(),
    ]
}

fn http_secrets(at: &HttpArtifact) -> Vec<Option<&SecretKeySelector>> {
    let auth = at.auth.as_ref();
    let basic = auth.and_then(|auth| auth.basic_auth.as_ref());
    let certificate = auth.and_then(|auth| auth.client_cert.as_ref());
    let oauth2 = auth.and_then(|auth| auth.oauth2.as_ref());
    vec![
        basic.and_then(|basic| basic.username_secret.as_ref()),
        basic.and_then(|basic| basic.password_secret.as_ref()),
        certificate.and_then(|certificate| certificate.client_cert_secret.as_ref()),
        certificate.and_then(|certificate| certificate.client_key_secret.as_ref()),
        oauth2.and_then(|oauth2| oauth2.client_id_secret.as_ref()),
        oauth2.and_then(|oauth2| oauth2.client_secret_secret.as_ref()),
        oauth2.and_then(|oauth2| oauth2.token_url_secret.as_ref()),
    ]
}

/// Every place that a template's executor reads or writes: the archive location, outputs, inputs, parts of collections.
pub(super) fn of_template(template: &Template) -> impl Iterator<Item = Place<'_>> {
    let archive = template.archive_location.as_ref().and_then(of_location);
    let outputs = template.outputs.iter().flat_map(|outputs| &outputs.artifacts);
    let inputs = template.inputs.iter().flat_map(|inputs| &inputs.artifacts);
    let parts = inputs
        .clone()
        .filter_map(|artifact| artifact.collection.as_ref())
        .flat_map(|collection| &collection.parts)
        .filter_map(|part| part.location.as_ref().and_then(of_location));
    archive.into_iter().chain(outputs.chain(inputs).filter_map(of_artifact)).chain(parts)
}
