//! Where artifacts lie: locations, keys, and the repository that completes them.

use lighter_api::{
    Artifact, ArtifactLocation, ArtifactRepository, AzureArtifact, FolderArtifact, GcsArtifact,
    HdfsArtifact, OssArtifact, PluginArtifact, S3Artifact, VolumeArtifact, Workflow,
};

/// Argo's default layout of keys.
const DEFAULT_KEY_FORMAT: &str = "{{workflow.name}}/{{pod.name}}";

/// Puts a location into an artifact.
pub(crate) fn put(artifact: &mut Artifact, location: ArtifactLocation) {
    artifact.artifactory = location.artifactory;
    artifact.azure = location.azure;
    artifact.gcs = location.gcs;
    artifact.git = location.git;
    artifact.hdfs = location.hdfs;
    artifact.http = location.http;
    artifact.oss = location.oss;
    artifact.plugin = location.plugin;
    artifact.raw = location.raw;
    artifact.s3 = location.s3;
    artifact.folder = location.folder;
    artifact.volume = location.volume;
}

/// True if the artifact says where it lies, fully or by a key in the repository.
pub(crate) fn is_placed(artifact: &Artifact) -> bool {
    artifact.location() != ArtifactLocation::default()
}

/// The key in a location, for those kinds that have one.
pub(crate) fn key_mut(location: &mut ArtifactLocation) -> Option<&mut String> {
    if let Some(s3) = &mut location.s3 {
        return Some(&mut s3.key);
    }
    if let Some(gcs) = &mut location.gcs {
        return Some(&mut gcs.key);
    }
    if let Some(azure) = &mut location.azure {
        return Some(&mut azure.blob);
    }
    if let Some(oss) = &mut location.oss {
        return Some(&mut oss.key);
    }
    if let Some(hdfs) = &mut location.hdfs {
        return Some(&mut hdfs.path);
    }
    if let Some(plugin) = &mut location.plugin {
        return Some(&mut plugin.key);
    }
    if let Some(folder) = &mut location.folder {
        return Some(&mut folder.key);
    }
    if let Some(volume) = &mut location.volume {
        return Some(&mut volume.key);
    }
    location.artifactory.as_mut().map(|a| &mut a.url).or(location.http.as_mut().map(|h| &mut h.url))
}

/// The key, if the location is nothing but a key in some repository.
pub(crate) fn bare_key(location: &ArtifactLocation) -> Option<String> {
    let mut copy = location.clone();
    let key = std::mem::take(key_mut(&mut copy)?);
    let empty = [
        ArtifactLocation { s3: Some(S3Artifact::default()), ..Default::default() },
        ArtifactLocation { gcs: Some(GcsArtifact::default()), ..Default::default() },
        ArtifactLocation { azure: Some(AzureArtifact::default()), ..Default::default() },
        ArtifactLocation { oss: Some(OssArtifact::default()), ..Default::default() },
        ArtifactLocation { hdfs: Some(HdfsArtifact::default()), ..Default::default() },
        ArtifactLocation { plugin: Some(PluginArtifact::default()), ..Default::default() },
        ArtifactLocation { folder: Some(FolderArtifact::default()), ..Default::default() },
        ArtifactLocation { volume: Some(VolumeArtifact::default()), ..Default::default() },
    ];
    (!key.is_empty() && empty.contains(&copy)).then_some(key)
}

/// A bare key, completed by the repository that it belongs to. Any other location stays as it is.
pub(crate) fn complete(
    location: ArtifactLocation,
    repository: &ArtifactLocation,
) -> ArtifactLocation {
    let Some(key) = bare_key(&location) else { return location };
    let mut full = ArtifactLocation { archive_logs: None, ..repository.clone() };
    match key_mut(&mut full) {
        Some(place) => {
            *place = key;
            full
        }
        None => location,
    }
}

/// Where an artifact of a workflow's status lies: a bare key is one in the repository that the status names.
pub fn location_of(workflow: &Workflow, artifact: &Artifact) -> ArtifactLocation {
    let kept = workflow.status.as_ref().and_then(|s| s.artifact_repository_ref.as_ref());
    let repository = kept.and_then(|kept| from_repository(kept.artifact_repository.as_ref()?));
    match repository {
        Some(repository) => complete(artifact.location(), &repository),
        None => artifact.location(),
    }
}

/// Appends a path to the key.
pub(crate) fn append(location: &mut ArtifactLocation, sub_path: &str) -> Result<(), String> {
    match key_mut(location) {
        Some(key) => {
            let joined = format!("{}/{}", key.trim_end_matches('/'), sub_path.trim_matches('/'));
            *key = joined;
            Ok(())
        }
        None => Err("subPath needs an artifact that lies under a key".to_owned()),
    }
}

/// A repository as a location; its key is still a format with tags.
pub(crate) fn from_repository(repository: &ArtifactRepository) -> Option<ArtifactLocation> {
    let format = |given: &str| {
        if given.is_empty() { DEFAULT_KEY_FORMAT.to_owned() } else { given.to_owned() }
    };
    let mut location =
        ArtifactLocation { archive_logs: repository.archive_logs, ..Default::default() };
    if let Some(s3) = &repository.s3 {
        let key = match (s3.key_format.is_empty(), s3.key_prefix.is_empty()) {
            (true, false) => format!("{}/{DEFAULT_KEY_FORMAT}", s3.key_prefix),
            _ => format(&s3.key_format),
        };
        location.s3 = Some(S3Artifact {
            access_key_secret: s3.access_key_secret.clone(),
            addressing_style: s3.addressing_style.clone(),
            bucket: s3.bucket.clone(),
            ca_secret: s3.ca_secret.clone(),
            create_bucket_if_not_present: s3.create_bucket_if_not_present.clone(),
            encryption_options: s3.encryption_options.clone(),
            endpoint: s3.endpoint.clone(),
            insecure: s3.insecure,
            key,
            region: s3.region.clone(),
            role_arn: s3.role_arn.clone(),
            secret_key_secret: s3.secret_key_secret.clone(),
            session_token_secret: s3.session_token_secret.clone(),
            use_sdk_creds: s3.use_sdk_creds,
        });
    } else if let Some(gcs) = &repository.gcs {
        location.gcs = Some(GcsArtifact {
            bucket: gcs.bucket.clone(),
            key: format(&gcs.key_format),
            service_account_key_secret: gcs.service_account_key_secret.clone(),
        });
    } else if let Some(azure) = &repository.azure {
        location.azure = Some(AzureArtifact {
            account_key_secret: azure.account_key_secret.clone(),
            blob: format(&azure.blob_name_format),
            container: azure.container.clone(),
            endpoint: azure.endpoint.clone(),
            use_sdk_creds: azure.use_sdk_creds,
        });
    } else if let Some(oss) = &repository.oss {
        location.oss = Some(OssArtifact {
            access_key_secret: oss.access_key_secret.clone(),
            bucket: oss.bucket.clone(),
            create_bucket_if_not_present: oss.create_bucket_if_not_present,
            endpoint: oss.endpoint.clone(),
            key: format(&oss.key_format),
            lifecycle_rule: oss.lifecycle_rule.clone(),
            secret_key_secret: oss.secret_key_secret.clone(),
            security_token: oss.security_token.clone(),
            use_sdk_creds: oss.use_sdk_creds,
        });
    } else if let Some(folder) = &repository.folder {
        location.folder =
            Some(FolderArtifact { path: folder.path.clone(), key: format(&folder.key_format) });
    } else if let Some(volume) = &repository.volume {
        location.volume = Some(VolumeArtifact {
            claim_name: volume.claim_name.clone(),
            key: format(&volume.key_format),
        });
    } else if let Some(plugin) = &repository.plugin {
        location.plugin = Some(PluginArtifact {
            name: plugin.name.clone(),
            configuration: plugin.configuration.clone(),
            connection_timeout_seconds: None,
            key: format(&plugin.key_format),
        });
    } else if let Some(hdfs) = &repository.hdfs {
        location.hdfs = Some(HdfsArtifact {
            addresses: hdfs.addresses.clone(),
            data_transfer_protection: hdfs.data_transfer_protection.clone(),
            force: hdfs.force,
            hdfs_user: hdfs.hdfs_user.clone(),
            krb_ccache_secret: hdfs.krb_ccache_secret.clone(),
            krb_config_config_map: hdfs.krb_config_config_map.clone(),
            krb_keytab_secret: hdfs.krb_keytab_secret.clone(),
            krb_realm: hdfs.krb_realm.clone(),
            krb_service_principal_name: hdfs.krb_service_principal_name.clone(),
            krb_username: hdfs.krb_username.clone(),
            path: format(&hdfs.path_format),
        });
    } else {
        let artifactory = repository.artifactory.as_ref()?;
        location.artifactory = Some(lighter_api::ArtifactoryArtifact {
            password_secret: artifactory.password_secret.clone(),
            url: format!(
                "{}/{}",
                artifactory.repo_url.trim_end_matches('/'),
                format(&artifactory.key_format)
            ),
            username_secret: artifactory.username_secret.clone(),
        });
    }
    Some(location)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_keys_are_completed_and_others_are_not() {
        let bare = ArtifactLocation {
            folder: Some(FolderArtifact { key: "a/b".into(), ..Default::default() }),
            ..Default::default()
        };
        let home = ArtifactLocation {
            folder: Some(FolderArtifact { path: "/store".into(), key: "x".into() }),
            ..Default::default()
        };
        let full = complete(bare.clone(), &home);
        assert_eq!(full.folder, Some(FolderArtifact { path: "/store".into(), key: "a/b".into() }));
        assert_eq!(complete(full.clone(), &home), full);
        assert_eq!(bare_key(&bare).as_deref(), Some("a/b"));
        assert_eq!(bare_key(&full), None);
        let mut deeper = bare;
        append(&mut deeper, "/c/").unwrap();
        assert_eq!(bare_key(&deeper).as_deref(), Some("a/b/c"));
    }
}
