//! Credentials for S3 that no secret holds: from the environment, profiles, tokens of the pod, and the machine.

use super::profile;
use super::signing::{ours, sign};
use crate::error::Error;
use crate::store::objects::{Connector, no_retries};
use crate::web::Options;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::client::{HttpError, HttpRequestBody};
use object_store::{CredentialProvider, StaticCredentialProvider};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use ureq::http::{Method, Request, header};

/// Credentials are renewed so long before they end.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
const SESSION: &str = "lighter";

/// Sources of credentials, in the order of the SDK.
pub(super) struct Chain {
    region: String,
    connector: Connector,
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn invalid(why: impl Into<String>) -> Error {
    Error::new(Error::Invalid, "find credentials for S3", why)
}

/// Text that fits into a header.
pub(in crate::store) fn checked(text: &str) -> Result<String, Error> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(invalid("a key or token holds blanks or other characters that no key has"))
}

impl Chain {
    pub fn new(region: String) -> Result<Chain, Error> {
        let region = [region, env("AWS_REGION").unwrap_or_default()]
            .into_iter()
            .find(|region| !region.is_empty())
            .or(env("AWS_DEFAULT_REGION"))
            .unwrap_or_else(|| super::place::DEFAULT_REGION.to_owned());
        Ok(Chain { region, connector: Connector::new(Options::default())? })
    }

    /// Environment, token of the service account, profile, container, machine.
    pub fn sdk(&self) -> Result<AwsCredentialProvider, Error> {
        if let (Some(key_id), Some(secret_key)) =
            (env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"))
        {
            let token = env("AWS_SESSION_TOKEN").map(|token| checked(&token)).transpose()?;
            return Ok(fixed(AwsCredential {
                key_id: checked(&key_id)?,
                secret_key: checked(&secret_key)?,
                token,
            }));
        }
        if env("AWS_WEB_IDENTITY_TOKEN_FILE").is_none()
            && let Some(keys) = profile::read(env)?
        {
            return Ok(fixed(keys));
        }
        self.machine()
    }

    /// Token of the service account, container, machine.
    pub fn machine(&self) -> Result<AwsCredentialProvider, Error> {
        if let Some(file) = env("AWS_WEB_IDENTITY_TOKEN_FILE") {
            return self.web_identity(&file);
        }
        if let Some(path) = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return Ok(self.container(format!("http://169.254.170.2{path}")));
        }
        if let Some(url) = env("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            if !is_near(&url) {
                return Err(invalid(
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine",
                ));
            }
            return Ok(self.container(url));
        }
        let mut machine = AmazonS3Builder::new();
        if let Some(endpoint) = env("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            machine = machine.with_metadata_endpoint(endpoint.trim_end_matches('/'));
        }
        provider(machine.with_http_connector(self.connector.clone()))
    }

    /// The default chain's credentials, and the role that they assume.
    pub fn role(&self, role: String) -> Result<AwsCredentialProvider, Error> {
        Ok(Arc::new(Cached {
            source: Source::Role {
                role,
                endpoint: self.sts(),
                region: self.region.clone(),
                connector: self.connector.clone(),
                by: self.sdk()?,
            },
            kept: Mutex::new(None),
        }))
    }

    fn sts(&self) -> String {
        env("AWS_ENDPOINT_URL_STS")
            .unwrap_or_else(|| format!("https://sts.{}.amazonaws.com", self.region))
    }

    fn web_identity(&self, file: &str) -> Result<AwsCredentialProvider, Error> {
        let role = env("AWS_ROLE_ARN")
            .ok_or_else(|| invalid("AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not"))?;
        let session = env("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION.to_owned());
        provider(
            AmazonS3Builder::new()
                .with_region(&self.region)
                .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, file)
                .with_config(AmazonS3ConfigKey::RoleArn, role)
                .with_config(AmazonS3ConfigKey::RoleSessionName, session)
                .with_config(AmazonS3ConfigKey::StsEndpoint, self.sts())
                .with_http_connector(self.connector.clone()),
        )
    }

    fn container(&self, url: String) -> AwsCredentialProvider {
        let token = match env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(Token::File(file.into())),
            None => env("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Token::Text),
        };
        let source = Source::Container { url, token, connector: self.connector.clone() };
        Arc::new(Cached { source, kept: Mutex::new(None) })
    }
}

fn fixed(keys: AwsCredential) -> AwsCredentialProvider {
    Arc::new(StaticCredentialProvider::new(keys))
}

/// The credentials that a client of the library would use.
fn provider(builder: AmazonS3Builder) -> Result<AwsCredentialProvider, Error> {
    let client = builder
        .with_bucket_name("none")
        .with_retry(no_retries())
        .build()
        .map_err(|error| invalid(error.to_string()))?;
    Ok(Arc::clone(client.credentials()))
}

/// As the SDK: a token goes to nobody but TLS servers, this machine, and the agents of ECS and EKS.
fn is_near(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return url.starts_with("https://") };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    ["localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]
        .contains(&host)
}

#[derive(Clone)]
enum Token {
    /// Read anew each time, for it is replaced.
    File(PathBuf),
    Text(String),
}

enum Source {
    Container {
        url: String,
        token: Option<Token>,
        connector: Connector,
    },
    Role {
        role: String,
        endpoint: String,
        region: String,
        connector: Connector,
        by: AwsCredentialProvider,
    },
}

/// Credentials that end, kept until shortly before.
struct Cached {
    source: Source,
    kept: Mutex<Option<(Arc<AwsCredential>, Timestamp)>>,
}

impl std::fmt::Debug for Cached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cached")
    }
}

/// As the agents of ECS and EKS say it in JSON, and STS in XML.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "SessionToken")]
    token: Option<String>,
    expiration: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleResponse {
    assume_role_result: AssumeRoleResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleResult {
    credentials: Answer,
}

#[async_trait]
impl CredentialProvider for Cached {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((credential, end)) = kept
            && Timestamp::now() < end
        {
            return Ok(credential);
        }
        let answer = self.source.fetch().await.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(error),
        })?;
        let credential = Arc::new(AwsCredential {
            key_id: answer.access_key_id,
            secret_key: answer.secret_access_key,
            token: answer.token,
        });
        let end = answer.expiration.unwrap_or(Timestamp::MAX);
        let end = end.checked_sub(MARGIN).unwrap_or(end);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Arc::clone(&credential), end));
        Ok(credential)
    }
}

impl Source {
    async fn fetch(&self) -> Result<Answer, HttpError> {
        let malformed = |why: String| ours(Error::new(Error::Io, "", why));
        match self {
            Source::Container { url, token, connector } => {
                let mut request = Request::get(url);
                if let Some(token) = token {
                    request = request.header(header::AUTHORIZATION, token.read()?);
                }
                let request = request
                    .body(HttpRequestBody::empty())
                    .map_err(|error| malformed(error.to_string()))?;
                let bytes = connector.send(request)?.into_body().bytes().await?;
                serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))
            }
            Source::Role { role, endpoint, region, connector, by } => {
                let credential = super::signing::credential(by).await?;
                let role = utf8_percent_encode(role, NON_ALPHANUMERIC);
                let body = format!(
                    "Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName={SESSION}"
                );
                let mut request = Request::builder()
                    .method(Method::POST)
                    .uri(endpoint)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(HttpRequestBody::from(body))
                    .map_err(|error| malformed(error.to_string()))?;
                sign(&mut request, &credential, "sts", region, true)?;
                let bytes = connector.send(request)?.into_body().bytes().await?;
                quick_xml::de::from_reader::<_, AssumeRoleResponse>(&*bytes)
                    .map(|response| response.assume_role_result.credentials)
                    .map_err(|error| malformed(error.to_string()))
            }
        }
    }
}

impl Token {
    fn read(&self) -> Result<String, HttpError> {
        match self {
            Token::Text(text) => Ok(text.clone()),
            Token::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => {
                    let why = format!("{}: {error}", path.display());
                    Err(ours(Error::new(Error::Io, "", why)))
                }
            },
        }
    }
}
