//! Where a bucket is: host, region, and whether its name stands in the host or in the path.

use crate::error::Error;
use lighter_api::S3Artifact;

/// The region of buckets without one, and of requests that ask for one.
pub(in crate::store) const DEFAULT_REGION: &str = "us-east-1";

#[derive(Clone, Debug)]
pub(in crate::store) struct Place {
    /// Without the bucket; may have a port.
    pub host: String,
    pub secure: bool,
    pub bucket: String,
    /// Empty until it is found.
    pub region: String,
    pub virtual_hosted: bool,
}

impl Place {
    pub fn parse(location: &S3Artifact) -> Result<Place, Error> {
        let doing = format!("open the s3 bucket {} at {}", location.bucket, location.endpoint);
        let invalid = |why: &str, advice: &str| {
            Error::new(Error::Invalid, &doing, why).advise(advice.to_owned())
        };
        let endpoint = location.endpoint.trim();
        let host = endpoint.strip_suffix('/').unwrap_or(endpoint);
        if !is_host(host) {
            return Err(invalid(
                "`s3.endpoint` is not a host with an optional port",
                "write it without `http://`, e.g. `s3.amazonaws.com`, and set `insecure` for plain HTTP",
            ));
        }
        if !is_bucket(&location.bucket) {
            return Err(invalid("`s3.bucket` is not the name of a bucket", "set `s3.bucket`"));
        }
        let secure = location.insecure != Some(true);
        let virtual_hosted = match location.addressing_style.as_str() {
            "" | "auto" => is_known(host) && !(secure && location.bucket.contains('.')),
            "path" => false,
            "virtual-hosted" => true,
            _ => {
                return Err(invalid(
                    "`s3.addressingStyle` is neither `path` nor `virtual-hosted`",
                    "leave it out to let the endpoint decide",
                ));
            }
        };
        let mut region = location.region.trim().to_owned();
        if region.is_empty() {
            region = amazon_region(host).unwrap_or_default().to_owned();
        }
        Ok(Place {
            host: host.to_owned(),
            secure,
            bucket: location.bucket.clone(),
            region,
            virtual_hosted,
        })
    }

    fn scheme(&self) -> &str {
        if self.secure { "https" } else { "http" }
    }

    /// Amazon's hosts have twins that are reached by IPv6 too.
    fn service_host(&self) -> String {
        let plain = self.host == "s3.amazonaws.com" || amazon_region(&self.host).is_some();
        if !plain || self.region.is_empty() {
            return self.host.clone();
        }
        let suffix = if self.region.starts_with("cn-") { ".cn" } else { "" };
        format!("s3.dualstack.{}.amazonaws.com{suffix}", self.region)
    }

    /// What the client library takes for the endpoint.
    pub fn client_endpoint(&self) -> String {
        let host = self.service_host();
        if self.virtual_hosted {
            return format!("{}://{}.{host}", self.scheme(), self.bucket);
        }
        format!("{}://{host}", self.scheme())
    }

    /// The bucket's own URL, without `/` at its end.
    pub fn bucket_url(&self) -> String {
        format!("{}{}", self.client_endpoint(), self.bucket_path())
    }

    /// The bucket's URL for requests that must not need to know its region.
    pub fn global_url(&self) -> String {
        format!("{}://{}/{}", self.scheme(), self.host, self.bucket)
    }

    /// What stands before keys in the path of a URL.
    pub fn bucket_path(&self) -> String {
        if self.virtual_hosted { String::new() } else { format!("/{}", self.bucket) }
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let name_fits = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(plain),
    };
    name_fits && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_bucket(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// Hosts where minio-go puts the bucket's name before the host.
fn is_known(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    ["amazonaws.com", "amazonaws.com.cn", "storage.googleapis.com", "aliyuncs.com"]
        .iter()
        .any(|known| name == *known || name.ends_with(&format!(".{known}")))
}

/// `eu-west-1` of `s3.eu-west-1.amazonaws.com`.
fn amazon_region(host: &str) -> Option<&str> {
    let name = host.strip_suffix(".amazonaws.com.cn").or(host.strip_suffix(".amazonaws.com"))?;
    let region = name.strip_prefix("s3.dualstack.").or(name.strip_prefix("s3."))?;
    let region = region.strip_prefix("dualstack.").unwrap_or(region);
    (region.contains('-') && !region.contains('.')).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(endpoint: &str, bucket: &str, style: &str) -> Result<Place, Error> {
        Place::parse(&S3Artifact {
            endpoint: endpoint.into(),
            bucket: bucket.into(),
            addressing_style: style.into(),
            ..S3Artifact::default()
        })
    }

    #[test]
    fn the_bucket_stands_in_the_host_or_in_the_path() {
        for (endpoint, bucket, style, url) in [
            ("s3.amazonaws.com", "b", "", "https://b.s3.amazonaws.com"),
            ("s3.amazonaws.com", "b.c", "", "https://s3.amazonaws.com/b.c"),
            (
                "s3.eu-west-1.amazonaws.com",
                "b",
                "",
                "https://b.s3.dualstack.eu-west-1.amazonaws.com",
            ),
            (
                "s3.eu-west-1.amazonaws.com",
                "b",
                "path",
                "https://s3.dualstack.eu-west-1.amazonaws.com/b",
            ),
            (
                "s3.cn-north-1.amazonaws.com.cn",
                "b",
                "",
                "https://b.s3.dualstack.cn-north-1.amazonaws.com.cn",
            ),
            ("storage.googleapis.com", "b", "", "https://b.storage.googleapis.com"),
            ("minio:9000", "b", "", "https://minio:9000/b"),
            ("minio:9000/", "b", "virtual-hosted", "https://b.minio:9000"),
            ("[::1]:9000", "b", "", "https://[::1]:9000/b"),
        ] {
            assert_eq!(place(endpoint, bucket, style).unwrap().bucket_url(), url);
        }
        assert_eq!(place("s3.eu-west-1.amazonaws.com", "b", "").unwrap().region, "eu-west-1");
    }

    #[test]
    fn what_is_no_host_or_bucket_is_refused() {
        for (endpoint, bucket, style) in [
            ("", "b", ""),
            ("http://minio:9000", "b", ""),
            ("minio:99999", "b", ""),
            ("mi nio", "b", ""),
            ("[::x]", "b", ""),
            ("minio", "", ""),
            ("minio", "b/c", ""),
            ("minio", "..", ""),
            ("minio", "b", "other"),
        ] {
            let refused = place(endpoint, bucket, style);
            assert!(matches!(refused, Err(Error::Invalid(_))), "{endpoint} {bucket} {style}");
        }
    }
}
