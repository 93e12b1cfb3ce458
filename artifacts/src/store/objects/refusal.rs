//! What a server said when it did not do what it was asked, carried through the client library as an error's source.

use crate::error::{Details, Error};
use crate::retry::{Fault, retry_after};
use object_store::client::{HttpError, HttpErrorKind};
use std::time::Duration;
use ureq::http::{HeaderMap, StatusCode, header};

/// An answer that is no success, or none at all.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub(in crate::store) struct Refusal {
    /// 0 without an answer.
    pub status: u16,
    /// The store's own word, e.g. `NoSuchKey`; may be empty.
    pub code: String,
    /// Where S3 says the bucket is; may be empty.
    pub region: String,
    why: String,
    advice: String,
    class: fn(Box<Details>) -> Error,
    retry_after: Option<Duration>,
}

type Class = fn(Box<Details>) -> Error;

/// Codes of answers that may pass whatever their status, as Argo and minio-go know them.
const PASSING: [&str; 13] = [
    "RequestError",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "InternalError",
    "SlowDown",
    "ServiceUnavailable",
    "ServerBusy",
    "OperationTimedOut",
    "OperationAborted",
    "ConditionalRequestConflict",
];

const NO_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"];

impl Refusal {
    /// An answer with its headers and the start of its body.
    pub fn answer(status: StatusCode, headers: &HeaderMap, body: &str) -> Refusal {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let code = element(body, "Code").or(header("x-ms-error-code")).unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let said = element(body, "Message")
            .or(json["error"]["message"].as_str())
            .or(json["error_description"].as_str())
            .map(str::trim)
            .unwrap_or_default();
        let region = header("x-amz-bucket-region").or(element(body, "Region")).unwrap_or_default();
        let mut why = format!("the server answered {status}");
        match (code, said) {
            ("", "") => {}
            (code, "") | ("", code) => why.push_str(&format!(" ({code})")),
            (code, said) => why.push_str(&format!(" ({code}: {said})")),
        }
        Refusal {
            advice: advise(status, code, region),
            status: status.as_u16(),
            code: code.to_owned(),
            region: region.to_owned(),
            why,
            class: classify(status, code),
            retry_after: retry_after(headers),
        }
    }

    /// A success whose body is an error, as CompleteMultipartUpload may give.
    pub fn in_success(body: &str) -> Option<Refusal> {
        let root = body.trim_start().trim_start_matches(|c| c != '<');
        let root = match root.strip_prefix("<?") {
            Some(declared) => declared.split_once("?>").map_or("", |(_, rest)| rest.trim_start()),
            None => root,
        };
        root.starts_with("<Error")
            .then(|| Refusal::answer(StatusCode::INTERNAL_SERVER_ERROR, &HeaderMap::new(), body))
    }

    /// No answer: the connection or our own request failed.
    pub fn transport(fault: Fault) -> Refusal {
        let details = fault.error.details();
        let class = match fault.error {
            Error::Invalid(_) => Error::Invalid as Class,
            Error::Denied(_) => Error::Denied,
            Error::Transient(_) => Error::Transient,
            _ => Error::Io,
        };
        Refusal {
            status: 0,
            code: String::new(),
            region: String::new(),
            why: details.why.clone(),
            advice: details.advice.clone(),
            class,
            retry_after: None,
        }
    }

    /// The refusal at the root of an error of the library.
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Refusal> {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref::<Refusal>() {
                return Some(refusal);
            }
            next = error.source();
        }
        None
    }

    pub fn fault(&self) -> Fault {
        let error = Error::new(self.class, "", &*self.why).advise(&*self.advice);
        Fault { error, retry_after: self.retry_after }
    }
}

impl From<Refusal> for HttpError {
    /// Of a kind that the library never tries again: that is ours to do.
    fn from(refusal: Refusal) -> HttpError {
        HttpError::new(HttpErrorKind::Unknown, refusal)
    }
}

fn advise(status: StatusCode, code: &str, region: &str) -> String {
    match (code, status.as_u16()) {
        ("RequestTimeTooSkewed", _) => {
            "set the clock of this machine: it is too far from the server's".to_owned()
        }
        ("ExpiredToken" | "TokenRefreshRequired", _) => "renew the session token".to_owned(),
        (code, _) if NO_BUCKET.contains(&code) => {
            "create it, or set `createBucketIfNotPresent` where the store has that".to_owned()
        }
        (_, 301 | 307 | 308 | 400) if !region.is_empty() => format!("set `region: {region}`"),
        (_, 401 | 403 | 407) => {
            "check the credentials and what they may do in this bucket".to_owned()
        }
        _ => String::new(),
    }
}

fn classify(status: StatusCode, code: &str) -> Class {
    if PASSING.contains(&code) {
        return Error::Transient;
    }
    // Not `NotFound`: a missing bucket must not pass for a missing optional artifact.
    if NO_BUCKET.contains(&code) {
        return Error::Invalid;
    }
    if matches!(code, "ExpiredToken" | "TokenRefreshRequired" | "InvalidAccessKeyId") {
        return Error::Denied;
    }
    match status.as_u16() {
        404 | 410 => Error::NotFound,
        401 | 403 | 407 => Error::Denied,
        408 | 425 | 429 => Error::Transient,
        409 | 412 => Error::Exists,
        501 => Error::Unsupported,
        500.. => Error::Transient,
        _ => Error::Invalid,
    }
}

/// The text of the first element of that name.
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    Some(rest.split_once('<')?.0).filter(|text| !text.is_empty())
}

/// Whether the headers promise a body that is worth a look.
pub(super) fn is_xml(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_none_or(|kind| kind.contains("xml"))
}
