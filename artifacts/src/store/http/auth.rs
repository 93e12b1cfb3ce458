//! How a client shows who it is: a user and password, a client certificate, or a token by OAuth2.

mod oauth2;

use super::url::Url;
use crate::error::Error;
use crate::retry::Fault;
use crate::secret::{Secret, Secrets};
use crate::web::{Identity, Web};
use base64::Engine;
use k8s_openapi::api::core::v1::SecretKeySelector;
use lighter_api::{BasicAuth, HttpAuth};
use oauth2::Tokens;
use ureq::http::{HeaderMap, HeaderValue, header};

/// What stands in the `Authorization` header.
pub(super) enum Authorization {
    None,
    Fixed(HeaderValue),
    Token(Tokens),
}

impl Authorization {
    /// Of `auth`, else of the URL, else of the headers, from which it is taken.
    pub fn new(
        auth: Option<&HttpAuth>,
        url: &Url,
        headers: &mut HeaderMap,
        secrets: &dyn Secrets,
        doing: &str,
    ) -> Result<Authorization, Error> {
        let own = headers.remove(header::AUTHORIZATION);
        if let Some(auth) = auth {
            // As Argo: a client certificate wins over a token.
            if let (Some(oauth2), None) = (&auth.oauth2, &auth.client_cert) {
                return Ok(Authorization::Token(Tokens::new(oauth2, secrets, doing)?));
            }
            if let Some(basic) = basic(auth.basic_auth.as_ref(), secrets, doing)? {
                return Ok(basic);
            }
        }
        if let Some((user, password)) = url.user_info() {
            return Ok(Authorization::Fixed(basic_header(&user, &password, doing)?));
        }
        Ok(own.map_or(Authorization::None, Authorization::Fixed))
    }

    /// A user and password that must be there.
    pub fn basic(user: &Secret, password: &Secret, doing: &str) -> Result<Authorization, Error> {
        Ok(Authorization::Fixed(basic_header(user, password, doing)?))
    }

    /// The header's value for the next request; a token is got when there is none that holds.
    pub fn header(&self, web: &Web) -> Result<Option<HeaderValue>, Fault> {
        match self {
            Authorization::None => Ok(None),
            Authorization::Fixed(value) => Ok(Some(value.clone())),
            Authorization::Token(tokens) => tokens.header(web).map(Some),
        }
    }
}

/// The client certificate, if one is asked for.
pub(super) fn identity(
    auth: Option<&HttpAuth>,
    secrets: &dyn Secrets,
    doing: &str,
) -> Result<Option<Identity>, Error> {
    let Some(cert) = auth.and_then(|auth| auth.client_cert.as_ref()) else { return Ok(None) };
    let part = |selector: &Option<_>, name| required(selector.as_ref(), name, secrets, doing);
    Ok(Some(Identity {
        certificate: part(&cert.client_cert_secret, "http.auth.clientCert.clientCertSecret")?,
        key: part(&cert.client_key_secret, "http.auth.clientCert.clientKeySecret")?,
    }))
}

/// The value of a secret that must be named and be there.
pub(super) fn required(
    selector: Option<&SecretKeySelector>,
    field: &str,
    secrets: &dyn Secrets,
    doing: &str,
) -> Result<Secret, Error> {
    let selector = selector.ok_or_else(|| {
        Error::new(Error::Invalid, doing, format!("`{field}` is missing"))
            .advise("name a secret and its key there")
    })?;
    // A secret that is missing must not pass for a missing artifact.
    secrets.read(&selector.name, &selector.key).map_err(|error| match error {
        Error::NotFound(details) => Error::Invalid(details),
        other => other,
    })
}

/// As Argo: sent only if both have something in them.
fn basic(
    auth: Option<&BasicAuth>,
    secrets: &dyn Secrets,
    doing: &str,
) -> Result<Option<Authorization>, Error> {
    let Some(BasicAuth { username_secret: Some(user), password_secret: Some(password) }) = auth
    else {
        return Ok(None);
    };
    let read =
        |selector: &SecretKeySelector, field| match secrets.read(&selector.name, &selector.key) {
            Err(Error::NotFound(_)) if selector.optional == Some(true) => Ok(Secret::new("")),
            _ => required(Some(selector), field, secrets, doing),
        };
    let user = read(user, "http.auth.basicAuth.usernameSecret")?;
    let password = read(password, "http.auth.basicAuth.passwordSecret")?;
    if user.expose().is_empty() || password.expose().is_empty() {
        return Ok(None);
    }
    Authorization::basic(&user, &password, doing).map(Some)
}

fn basic_header(user: &Secret, password: &Secret, doing: &str) -> Result<HeaderValue, Error> {
    let pair = format!("{}:{}", user.expose(), password.expose());
    let text = base64::engine::general_purpose::STANDARD.encode(pair);
    sensitive("Basic", &text, doing)
}

/// `<scheme> <credentials>`, which no log shows.
fn sensitive(scheme: &str, credentials: &str, doing: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {credentials}")).map_err(|_| {
        Error::new(Error::Invalid, doing, "the credentials do not fit into a header")
    })?;
    value.set_sensitive(true);
    Ok(value)
}
