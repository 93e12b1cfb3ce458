//! Requests that the client library does not know: where a bucket is, making it, and uploads that nobody ended.

use super::encryption::{Encryption, md5};
use super::place::{DEFAULT_REGION, Place};
use super::signing::{credential, ours, sign};
use crate::error::Error;
use crate::retry::Retry;
use crate::store::objects::{Admin, Connector, Refusal, wait};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use object_store::aws::AwsCredentialProvider;
use object_store::client::HttpRequestBody;
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::Deserialize;
use std::sync::{Mutex, PoisonError};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

/// What is done to the bucket before the first save.
#[derive(Clone, Debug)]
pub(in crate::store) struct Creation {
    /// It is made where it is missing.
    pub make: bool,
    pub object_locking: bool,
    /// The rules of the bucket's life cycle, as S3's XML.
    pub lifecycle: Option<String>,
}

/// What a server says of a bucket that is there already.
const EXISTS: [&str; 2] = ["BucketAlreadyExists", "BucketAlreadyOwnedByYou"];

pub(super) struct Requests {
    pub connector: Connector,
    pub credentials: AwsCredentialProvider,
    pub place: Place,
    pub name: String,
    pub encryption: Encryption,
    pub creation: Option<Creation>,
    /// Whether the bucket has been made.
    pub made: Mutex<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Uploads {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default)]
    upload: Vec<OpenUpload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OpenUpload {
    key: String,
    upload_id: String,
}

impl Requests {
    fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: String,
    ) -> Result<String, Box<Refusal>> {
        let region = if self.place.region.is_empty() { DEFAULT_REGION } else { &self.place.region };
        let bytes = wait(async {
            let mut request = Request::builder()
                .method(method)
                .uri(url)
                .body(HttpRequestBody::from(body))
                .map_err(|error| ours(Error::new(Error::Invalid, "", error.to_string())))?;
            *request.headers_mut() = headers;
            let credential = credential(&self.credentials).await?;
            sign(&mut request, &credential, "s3", region, true)?;
            self.connector.send(request)?.into_body().bytes().await
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Looks up the bucket's region, once and without insisting: what fails now fails again, with a better message, when
    /// the bucket is used.
    pub fn find_region(&mut self) {
        if !self.place.region.is_empty() {
            return;
        }
        let url = format!("{}?location", self.place.global_url());
        let found = match self.send(Method::GET, &url, HeaderMap::new(), String::new()) {
            Ok(answer) => location(&answer),
            Err(refusal) => Some(refusal.region),
        };
        self.place.region =
            found.filter(|region| !region.is_empty()).unwrap_or_else(|| DEFAULT_REGION.to_owned());
    }

    fn put(&self, query: &str, headers: HeaderMap, body: String) -> Result<(), Error> {
        let doing = format!("create the {}", self.name);
        let url = format!("{}/{query}", self.place.bucket_url());
        Retry::default().run(&doing, || {
            match self.send(Method::PUT, &url, headers.clone(), body.clone()) {
                Err(refusal) if !EXISTS.contains(&refusal.code.as_str()) => Err(refusal.fault()),
                _ => Ok(()),
            }
        })
    }

    fn create(&self, creation: &Creation) -> Result<(), Error> {
        if creation.make {
            self.make(creation.object_locking)?;
        }
        if let Some(lifecycle) = &creation.lifecycle {
            self.put("?lifecycle", digested(lifecycle), lifecycle.clone())?;
        }
        Ok(())
    }

    fn make(&self, object_locking: bool) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        if object_locking {
            headers.insert("x-amz-bucket-object-lock-enabled", HeaderValue::from_static("true"));
        }
        let region = &self.place.region;
        let body = if region == DEFAULT_REGION {
            String::new()
        } else {
            format!(
                "<CreateBucketConfiguration><LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
                quick_xml::escape::escape(region.as_str())
            )
        };
        self.put("", headers, body)?;
        if let Some(encryption) = self.encryption.bucket_default() {
            self.put("?encryption", digested(&encryption), encryption)?;
        }
        Ok(())
    }
}

impl Admin for Requests {
    fn prepare(&self) -> Result<(), Error> {
        let Some(creation) = &self.creation else { return Ok(()) };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !*made {
            self.create(creation)?;
            *made = true;
        }
        Ok(())
    }

    fn open_uploads(&self, key: &str) -> Result<Vec<String>, Error> {
        let doing = format!("list uploads of key `{key}` in {}", self.name);
        let failed = |why: String| Error::new(Error::Io, &doing, why);
        let mut ids = Vec::new();
        let (mut key_marker, mut id_marker) = (String::new(), String::new());
        loop {
            let url = format!(
                "{}/?uploads=&prefix={}&key-marker={}&upload-id-marker={}",
                self.place.bucket_url(),
                encode(key),
                encode(&key_marker),
                encode(&id_marker)
            );
            let answer = self
                .send(Method::GET, &url, HeaderMap::new(), String::new())
                .map_err(|error| failed(error.to_string()))?;
            let page: Uploads =
                quick_xml::de::from_str(&answer).map_err(|error| failed(error.to_string()))?;
            ids.extend(page.upload.into_iter().filter(|u| u.key == key).map(|u| u.upload_id));
            let next = (page.next_key_marker, page.next_upload_id_marker);
            // Keys come in order: what lies behind ours only starts like it.
            if !page.is_truncated
                || next.0 != key
                || (&next.0, &next.1) == (&key_marker, &id_marker)
            {
                return Ok(ids);
            }
            (key_marker, id_marker) = next;
        }
    }
}

/// The region in an answer to GetBucketLocation: empty and `EU` are older spellings.
fn location(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("<LocationConstraint")?;
    let text = rest.split_once('>')?.1.split('<').next()?.trim();
    match text {
        "EU" => Some("eu-west-1".to_owned()),
        text => Some(text.to_owned()),
    }
}

/// S3 wants a digest of what changes a bucket.
fn digested(body: &str) -> HeaderMap {
    let digest = STANDARD.encode(md5(body.as_bytes()));
    let value = HeaderValue::from_str(&digest).unwrap_or(HeaderValue::from_static(""));
    HeaderMap::from_iter([(HeaderName::from_static("content-md5"), value)])
}

fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
