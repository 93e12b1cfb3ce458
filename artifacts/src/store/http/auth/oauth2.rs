//! Tokens for a client's own credentials: RFC 6749, 4.4. One token serves until shortly before its end.

use super::{basic_header, required, sensitive};
use crate::error::Error;
use crate::retry::Fault;
use crate::secret::{Secret, Secrets};
use crate::store::http::url::encode_form;
use crate::web::Web;
use lighter_api::OAuth2Auth;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::SendBody;
use ureq::http::{HeaderValue, Request, Response, StatusCode, Uri, header};

/// A token is not used in the last seconds of its time, when it could end on the way.
const MARGIN: Duration = Duration::from_secs(10);
/// Most bytes of an answer that are read.
const ANSWER: u64 = 1 << 20;

pub(in crate::store::http) struct Tokens {
    url: Uri,
    id: Secret,
    secret: Secret,
    /// All but the credentials.
    form: Vec<(String, String)>,
    current: Mutex<Option<Token>>,
}

struct Token {
    header: HeaderValue,
    /// None: it has no end.
    until: Option<Instant>,
}

impl Tokens {
    pub fn new(auth: &OAuth2Auth, secrets: &dyn Secrets, doing: &str) -> Result<Tokens, Error> {
        let part = |selector: &Option<_>, name: &str| {
            required(selector.as_ref(), &format!("http.auth.oauth2.{name}"), secrets, doing)
        };
        let url = part(&auth.token_url_secret, "tokenURLSecret")?;
        let url = url.expose().parse::<Uri>().ok();
        let url = url.filter(|url| url.scheme().is_some() && url.host().is_some());
        let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        if !auth.scopes.is_empty() {
            form.push(("scope".to_owned(), auth.scopes.join(" ")));
        }
        form.extend(auth.endpoint_params.iter().map(|p| (p.key.clone(), p.value.clone())));
        Ok(Tokens {
            url: url.ok_or_else(|| {
                Error::new(Error::Invalid, doing, "the secret of `tokenURLSecret` is not a URL")
            })?,
            id: part(&auth.client_id_secret, "clientIDSecret")?,
            secret: part(&auth.client_secret_secret, "clientSecretSecret")?,
            form,
            current: Mutex::new(None),
        })
    }

    pub fn header(&self, web: &Web) -> Result<HeaderValue, Fault> {
        // Held while a token is fetched, so that parallel transfers fetch one.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |token: &&Token| token.until.is_none_or(|until| Instant::now() < until);
        if let Some(token) = current.as_ref().filter(holds) {
            return Ok(token.header.clone());
        }
        let token = self.fetch(web)?;
        let header = token.header.clone();
        *current = Some(token);
        Ok(header)
    }

    /// The credentials go into a header, and into the form for servers that refuse that, as Argo's client does.
    fn fetch(&self, web: &Web) -> Result<Token, Fault> {
        let mut response = self.ask(web, false)?;
        if matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) {
            response = self.ask(web, true)?;
        }
        if !response.status().is_success() {
            return Err(named(Fault::status(&response)));
        }
        let mut answer = Vec::new();
        let mut body = response.into_body().into_reader().take(ANSWER);
        body.read_to_end(&mut answer).map_err(|error| named(Fault::io(error)))?;
        token(&answer)
    }

    fn ask(&self, web: &Web, in_form: bool) -> Result<Response<ureq::Body>, Fault> {
        let mut request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        let mut form: Vec<(&str, &str)> =
            self.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if in_form {
            form.push(("client_id", self.id.expose()));
            form.push(("client_secret", self.secret.expose()));
        } else {
            // Encoded before they are joined: RFC 6749, 2.3.1.
            let id = Secret::new(encode_form(self.id.expose()));
            let secret = Secret::new(encode_form(self.secret.expose()));
            let value = basic_header(&id, &secret, "").map_err(Fault::ours)?;
            request = request.header(header::AUTHORIZATION, value);
        }
        let pairs = form
            .iter()
            .map(|(name, value)| format!("{}={}", encode_form(name), encode_form(value)));
        let text = pairs.collect::<Vec<_>>().join("&");
        let agent = web.agent(&self.url).map_err(Fault::ours)?;
        let request = request
            .body(SendBody::from_owned_reader(std::io::Cursor::new(text.into_bytes())))
            .map_err(|error| Fault::of(error.into()))?;
        agent.run(request).map_err(|error| named(Fault::of(error)))
    }
}

/// RFC 6749, 5.1. Nothing of the answer shows in an error.
fn token(answer: &[u8]) -> Result<Token, Fault> {
    let bad = |why: &str| named(Fault::lasting(why));
    let answer: serde_json::Value =
        serde_json::from_slice(answer).map_err(|_| bad("its answer is not JSON"))?;
    let text = answer["access_token"].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| bad("its answer has no `access_token`"))?;
    let scheme = match answer["token_type"].as_str() {
        Some(kind) if !kind.is_empty() && !kind.eq_ignore_ascii_case("bearer") => kind,
        _ => "Bearer",
    };
    // Some servers write the seconds as a text.
    let seconds = match &answer["expires_in"] {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let life = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    let until = life.and_then(|life| Instant::now().checked_add(life.saturating_sub(MARGIN)));
    Ok(Token { header: sensitive(scheme, text, "").map_err(Fault::ours)?, until })
}

/// The fault is the token server's; a token that cannot be had never means that the artifact is missing.
fn named(fault: Fault) -> Fault {
    let retry_after = fault.retry_after;
    let error = match fault.error {
        Error::NotFound(details) => Error::Invalid(details),
        other => other,
    };
    Fault { error: error.because("no token from the OAuth2 server"), retry_after }
}
