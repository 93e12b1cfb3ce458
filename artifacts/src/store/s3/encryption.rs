//! Server-side encryption: which headers an object's requests carry.

use super::read;
use crate::error::Error;
use crate::secret::{Secret, Secrets};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lighter_api::S3EncryptionOptions;
use object_store::client::HttpRequest;
use std::sync::{Arc, Mutex, PoisonError};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};

/// A salt and the key derived with it.
type Derived = (String, [u8; 32]);

/// How objects are encrypted.
#[derive(Clone, Debug, Default)]
pub(in crate::store) enum Encryption {
    #[default]
    None,
    /// With keys of the store.
    Store,
    /// With a key of the key service, and its context in base64.
    Kms { key: String, context: String },
    /// With a key derived from this secret. The last derived one is kept, for deriving takes 64 MiB and a while.
    Customer { password: Secret, last: Arc<Mutex<Option<Derived>>> },
}

const ALGORITHM: HeaderName = HeaderName::from_static("x-amz-server-side-encryption");
const KMS_KEY: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id");
const CONTEXT: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-context");
const CUSTOMER_ALGORITHM: HeaderName =
    HeaderName::from_static("x-amz-server-side-encryption-customer-algorithm");
const CUSTOMER_KEY: HeaderName =
    HeaderName::from_static("x-amz-server-side-encryption-customer-key");
const CUSTOMER_MD5: HeaderName =
    HeaderName::from_static("x-amz-server-side-encryption-customer-key-md5");

impl Encryption {
    pub fn new(
        options: Option<&S3EncryptionOptions>,
        secrets: &dyn Secrets,
    ) -> Result<Encryption, Error> {
        // As Argo: without `enableEncryption` the rest says nothing.
        let Some(options) = options.filter(|options| options.enable_encryption == Some(true))
        else {
            return Ok(Encryption::None);
        };
        let invalid = |why: &str, advice: &str| {
            Error::new(Error::Invalid, "encrypt objects in S3", why).advise(advice.to_owned())
        };
        let kms = &options.kms_key_id;
        match &options.server_side_customer_key_secret {
            Some(_) if !kms.is_empty() => Err(invalid(
                "`encryptionOptions` has both `kmsKeyId` and `serverSideCustomerKeySecret`",
                "remove one of them",
            )),
            Some(secret) => {
                Ok(Encryption::Customer { password: read(secrets, secret)?, last: Arc::default() })
            }
            None if kms.is_empty() => Ok(Encryption::Store),
            None => {
                let context = options.kms_encryption_context.trim();
                if !context.is_empty()
                    && serde_json::from_str::<serde_json::Value>(context).is_err()
                {
                    return Err(invalid("`kmsEncryptionContext` is not JSON", "correct it"));
                }
                Ok(Encryption::Kms { key: kms.clone(), context: STANDARD.encode(context) })
            }
        }
    }

    /// Adds what a request for an object needs. Only what begins an object names the store's or service's keys;
    /// a customer's key goes with all that reads or writes content.
    pub fn add_headers(
        &self,
        request: &mut HttpRequest,
        bucket: &str,
        key: &str,
    ) -> Result<(), Error> {
        let query = request.uri().query().unwrap_or_default();
        let has = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
        let begins = match *request.method() {
            Method::PUT => !has("uploadId"),
            Method::POST => has("uploads"),
            _ => false,
        };
        let content = begins
            || *request.method() == Method::PUT
            || matches!(*request.method(), Method::GET | Method::HEAD);
        let headers = request.headers_mut();
        match self {
            Encryption::Store if begins => {
                headers.insert(ALGORITHM, HeaderValue::from_static("AES256"));
            }
            Encryption::Kms { key, context } if begins => {
                headers.insert(ALGORITHM, HeaderValue::from_static("aws:kms"));
                insert(headers, KMS_KEY, key)?;
                if !context.is_empty() {
                    insert(headers, CONTEXT, context)?;
                }
            }
            Encryption::Customer { password, last } if content => {
                let derived = derive(password, last, bucket, key)?;
                headers.insert(CUSTOMER_ALGORITHM, HeaderValue::from_static("AES256"));
                insert(headers, CUSTOMER_KEY, &STANDARD.encode(derived))?;
                insert(headers, CUSTOMER_MD5, &STANDARD.encode(md5(&derived)))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Encryption that a new bucket gives to all its objects, as S3's XML.
    pub fn bucket_default(&self) -> Option<String> {
        let rule = match self {
            Encryption::Store => "<SSEAlgorithm>AES256</SSEAlgorithm>".to_owned(),
            Encryption::Kms { key, .. } => format!(
                "<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{}</KMSMasterKeyID>",
                quick_xml::escape::escape(key.as_str())
            ),
            Encryption::None | Encryption::Customer { .. } => return None,
        };
        Some(format!(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>{rule}\
             </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
        ))
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), Error> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        Error::new(Error::Invalid, "encrypt objects in S3", format!("`{name}` takes no such text"))
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// The key of an object as minio-go's `DefaultPBKDF` derives it: objects that Argo stored can be read.
fn derive(
    password: &Secret,
    last: &Mutex<Option<Derived>>,
    bucket: &str,
    key: &str,
) -> Result<[u8; 32], Error> {
    let salt = format!("{bucket}{key}");
    // Held meanwhile: two derivations at once would take twice the memory.
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, derived)) = &*last
        && *of == salt
    {
        return Ok(*derived);
    }
    let failed = |error: argon2::Error| {
        Error::new(
            Error::Invalid,
            format!("derive the encryption key of key `{key}`"),
            error.to_string(),
        )
    };
    let params = Params::new(64 * 1024, 1, 4, Some(32)).map_err(failed)?;
    let mut derived = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.expose().as_bytes(), salt.as_bytes(), &mut derived)
        .map_err(failed)?;
    *last = Some((salt, derived));
    Ok(derived)
}

pub(super) fn md5(bytes: &[u8]) -> [u8; 16] {
    use md5::Digest;
    md5::Md5::digest(bytes).into()
}
