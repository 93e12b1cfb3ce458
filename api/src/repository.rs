//! Artifact repositories: where outputs go that name no place of their own.

use crate::artifact::{CreateS3BucketOptions, OssLifecycleRule, S3EncryptionOptions};
use k8s_openapi::api::core::v1 as core;
use serde::{Deserialize, Serialize};

/// One store, and the format of the keys in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactRepository {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_logs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifactory: Option<ArtifactoryArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcs: Option<GcsArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdfs: Option<HdfsArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oss: Option<OssArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3ArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeArtifactRepository>,
}

/// Names a repository in a ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactRepositoryRef {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub config_map: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
}

/// The repository that a workflow was resolved to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactRepositoryRefStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_repository: Option<ArtifactRepository>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub config_map: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#default: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// An S3 bucket as repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct S3ArtifactRepository {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_secret: Option<core::SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub addressing_style: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret: Option<core::SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_bucket_if_not_present: Option<CreateS3BucketOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_options: Option<S3EncryptionOptions>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_format: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_prefix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    #[serde(rename = "roleARN", skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_secret: Option<core::SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token_secret: Option<core::SecretKeySelector>,
    #[serde(rename = "useSDKCreds", skip_serializing_if = "Option::is_none")]
    pub use_sdk_creds: Option<bool>,
}

/// A GCS bucket as repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GcsArtifactRepository {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_key_secret: Option<core::SecretKeySelector>,
}

/// An Azure container as repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureArtifactRepository {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_key_secret: Option<core::SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub blob_name_format: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    #[serde(rename = "useSDKCreds", skip_serializing_if = "Option::is_none")]
    pub use_sdk_creds: Option<bool>,
}

/// An OSS bucket as repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OssArtifactRepository {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_secret: Option<core::SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_bucket_if_not_present: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle_rule: Option<OssLifecycleRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_secret: Option<core::SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub security_token: String,
    #[serde(rename = "useSDKCreds", skip_serializing_if = "Option::is_none")]
    pub use_sdk_creds: Option<bool>,
}

/// HDFS as repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HdfsArtifactRepository {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data_transfer_protection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hdfs_user: String,
    #[serde(rename = "krbCCacheSecret", skip_serializing_if = "Option::is_none")]
    pub krb_ccache_secret: Option<core::SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub krb_config_config_map: Option<core::ConfigMapKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub krb_keytab_secret: Option<core::SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub krb_realm: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub krb_service_principal_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub krb_username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path_format: String,
}

/// Artifactory as repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactoryArtifactRepository {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<core::SecretKeySelector>,
    #[serde(rename = "repoURL", skip_serializing_if = "String::is_empty")]
    pub repo_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_secret: Option<core::SecretKeySelector>,
}

/// An artifact driver plugin as repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PluginArtifactRepository {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub configuration: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_format: String,
}

/// A folder of the machine as repository. Ours, not Argo's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FolderArtifactRepository {
    /// Absolute path of the store's root on the machine.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_format: String,
}

/// A PersistentVolumeClaim as repository. Ours, not Argo's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeArtifactRepository {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub claim_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_format: String,
}
