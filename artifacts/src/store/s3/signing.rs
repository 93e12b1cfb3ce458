//! Requests to S3, completed and signed.

use super::encryption::Encryption;
use crate::error::Error;
use crate::retry::Fault;
use crate::store::objects::{Connector, Refusal};
use async_trait::async_trait;
use http_body::Body;
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpRequestBody, HttpResponse, HttpService,
};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Signs what it sends; <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>.
#[derive(Clone, Debug)]
pub(super) struct Signing {
    pub connector: Connector,
    pub credentials: AwsCredentialProvider,
    pub region: String,
    pub sign_payload: bool,
    pub encryption: Encryption,
    /// What stands before keys in the path.
    pub base: String,
    pub bucket: String,
}

impl HttpConnector for Signing {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Signing {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let key = self.key(&request);
        if !key.is_empty() {
            self.encryption.add_headers(&mut request, &self.bucket, &key).map_err(ours)?;
        }
        let credential = credential(&self.credentials).await?;
        sign(&mut request, &credential, "s3", &self.region, self.sign_payload)?;
        self.connector.send(request)
    }
}

impl Signing {
    /// The key that a request is for; empty for the bucket itself.
    fn key(&self, request: &HttpRequest) -> String {
        let path = request.uri().path();
        let key = path.strip_prefix(&self.base).unwrap_or(path).trim_start_matches('/');
        percent_decode_str(key).decode_utf8_lossy().into_owned()
    }
}

/// The credential of now.
pub(super) async fn credential(
    credentials: &AwsCredentialProvider,
) -> Result<Arc<AwsCredential>, HttpError> {
    credentials.get_credential().await.map_err(|error| {
        let said = Refusal::find(&error);
        // Time-outs of an address that is not there do not pass.
        let passes = said.is_some_and(|refusal| refusal.status >= 500);
        let why = match said {
            Some(refusal) => format!("no credentials could be had: {refusal}"),
            None => format!("no credentials could be had: {error}"),
        };
        let class = if passes { Error::Transient } else { Error::Denied };
        ours(Error::new(class, "", why).advise(
            "set `accessKeySecret` and `secretKeySecret`, or give the pod's service account a role",
        ))
    })
}

pub(super) fn sign(
    request: &mut HttpRequest,
    credential: &AwsCredential,
    service: &str,
    region: &str,
    sign_payload: bool,
) -> Result<(), HttpError> {
    let digest = sign_payload.then(|| digest(request.body()));
    AwsAuthorizer::new(credential, service, region)
        .with_sign_payload(sign_payload)
        .try_authorize(request, digest.as_ref().map(|digest| digest.as_slice()))
        .map_err(|error| ours(Error::new(Error::Invalid, "", error.to_string())))
}

fn digest(body: &HttpRequestBody) -> [u8; 32] {
    let mut body = body.clone();
    let mut hash = Sha256::new();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
        hash.update(frame.into_data().unwrap_or_default());
    }
    hash.finalize().into()
}

pub(super) fn ours(error: Error) -> HttpError {
    Refusal::transport(Fault::ours(error)).into()
}
