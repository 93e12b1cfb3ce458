//! Alibaba Cloud OSS, by its S3-compatible interface:
//! <https://www.alibabacloud.com/help/en/oss/developer-reference/compatibility-with-amazon-s3>.

use super::objects::{Objects, shared};
use super::s3::{Creation, Credentials, Encryption, Place, Settings, keys};
use crate::error::Error;
use crate::secret::Secrets;
use crate::web::Trust;
use lighter_api::{OssArtifact, OssLifecycleRule, S3Artifact};
use object_store::aws::AwsCredential;

/// The store of a bucket.
pub(super) fn open(location: &OssArtifact, secrets: &dyn Secrets) -> Result<Objects, Error> {
    let place = OssArtifact { key: String::new(), ..location.clone() };
    let selectors = [location.access_key_secret.as_ref(), location.secret_key_secret.as_ref()];
    shared(&place, &selectors, secrets, || settings(location, secrets)?.open())
}

fn settings(location: &OssArtifact, secrets: &dyn Secrets) -> Result<Settings, Error> {
    let doing = format!("open the oss bucket {} at {}", location.bucket, location.endpoint);
    let endpoint = location.endpoint.trim().trim_end_matches('/');
    let secure = !endpoint.starts_with("http://");
    let host = endpoint.trim_start_matches("https://").trim_start_matches("http://");
    let (host, region) = compatible(host);
    let place = Place::parse(&S3Artifact {
        endpoint: host,
        bucket: location.bucket.clone(),
        insecure: Some(!secure),
        region,
        ..S3Artifact::default()
    })?;
    let lifecycle = location.lifecycle_rule.as_ref().map(|rule| rules(rule, &doing)).transpose()?;
    let creation = (location.create_bucket_if_not_present == Some(true) || lifecycle.is_some())
        .then_some(Creation {
            make: location.create_bucket_if_not_present == Some(true),
            object_locking: false,
            lifecycle,
        });
    Ok(Settings {
        kind: "oss",
        place,
        credentials: Credentials::Keys(credentials(location, secrets, &doing)?),
        trust: Trust::System,
        encryption: Encryption::None,
        creation,
    })
}

/// `oss-cn-hangzhou.aliyuncs.com` speaks S3 as `s3.oss-cn-hangzhou.aliyuncs.com`; and its region.
fn compatible(host: &str) -> (String, String) {
    let Some(name) = host.strip_suffix(".aliyuncs.com") else {
        return (host.to_owned(), super::s3::DEFAULT_REGION.to_owned());
    };
    let name = name.strip_prefix("s3.").unwrap_or(name);
    let region = name.strip_prefix("oss-").unwrap_or(name);
    let region = region.strip_suffix("-internal").unwrap_or(region);
    (format!("s3.{name}.aliyuncs.com"), region.to_owned())
}

fn credentials(
    location: &OssArtifact,
    secrets: &dyn Secrets,
    doing: &str,
) -> Result<AwsCredential, Error> {
    let missing = |why: &str, advice: &str| {
        Error::new(Error::Unsupported, doing, why).advise(advice.to_owned())
    };
    if location.use_sdk_creds == Some(true) {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(key_id), Some(secret_key)) =
            (env("ALIBABA_CLOUD_ACCESS_KEY_ID"), env("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
        else {
            return Err(missing(
                "`useSDKCreds` finds no keys in the environment, and other sources are not supported",
                "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or use secrets",
            ));
        };
        let token = env("ALIBABA_CLOUD_SECURITY_TOKEN");
        let checked = super::s3::checked;
        return Ok(AwsCredential {
            key_id: checked(&key_id)?,
            secret_key: checked(&secret_key)?,
            token: token.map(|token| checked(&token)).transpose()?,
        });
    }
    let (Some(access), Some(secret)) = (&location.access_key_secret, &location.secret_key_secret)
    else {
        return Err(missing(
            "it has no credentials",
            "set `accessKeySecret` and `secretKeySecret`, or `useSDKCreds`",
        ));
    };
    let mut keys = keys(access, secret, None, secrets)?;
    let token = location.security_token.trim();
    if !token.is_empty() {
        keys.token = Some(super::s3::checked(token)?);
    }
    Ok(keys)
}

/// One rule for all objects of the bucket.
fn rules(rule: &OssLifecycleRule, doing: &str) -> Result<String, Error> {
    let days = |days: Option<i64>| days.filter(|days| *days > 0);
    let (cold, end) =
        (days(rule.mark_infrequent_access_after_days), days(rule.mark_deletion_after_days));
    if let (Some(cold), Some(end)) = (cold, end)
        && cold >= end
    {
        let why = "`lifecycleRule.markInfrequentAccessAfterDays` is not less than `markDeletionAfterDays`";
        return Err(Error::new(Error::Invalid, doing, why).advise("correct the days"));
    }
    let cold = cold.map_or(String::new(), |days| {
        format!(
            "<Transition><Days>{days}</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
        )
    });
    let end =
        end.map_or(String::new(), |days| format!("<Expiration><Days>{days}</Days></Expiration>"));
    Ok(format!(
        "<LifecycleConfiguration><Rule><ID>lighter</ID><Prefix></Prefix><Status>Enabled</Status>{cold}{end}\
         </Rule></LifecycleConfiguration>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_speak_s3() {
        for (host, speaks, region) in [
            ("oss-cn-hangzhou.aliyuncs.com", "s3.oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
            (
                "oss-cn-hangzhou-internal.aliyuncs.com",
                "s3.oss-cn-hangzhou-internal.aliyuncs.com",
                "cn-hangzhou",
            ),
            (
                "s3.oss-eu-central-1.aliyuncs.com",
                "s3.oss-eu-central-1.aliyuncs.com",
                "eu-central-1",
            ),
            ("127.0.0.1:9000", "127.0.0.1:9000", "us-east-1"),
        ] {
            assert_eq!(compatible(host), (speaks.to_owned(), region.to_owned()));
        }
    }

    #[test]
    fn rules_have_their_days_in_order() {
        let rule = |cold, end| OssLifecycleRule {
            mark_infrequent_access_after_days: cold,
            mark_deletion_after_days: end,
        };
        let xml = rules(&rule(Some(3), Some(9)), "").unwrap();
        assert!(xml.contains("<Transition><Days>3</Days>"), "{xml}");
        assert!(xml.contains("<Expiration><Days>9</Days>"), "{xml}");
        assert!(rules(&rule(Some(9), Some(9)), "").is_err());
    }
}
