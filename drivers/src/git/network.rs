//! What the connections of one clone share: credentials, trust, and the fault that ended one of them.

use super::address::{Address, Kind};
use lighter_api::GitArtifact;
use lighter_artifacts::retry::Fault;
use lighter_artifacts::web::{Options, Trust, Web};
use lighter_artifacts::{Error, Secret};
use std::sync::{Arc, Mutex, PoisonError};

pub struct Network {
    pub web: Web,
    /// User and password, for the repository's own host only.
    pub credentials: Option<(Secret, Secret)>,
    /// The repository's own host, with scheme and port.
    pub home: String,
    pub ssh_key: Option<Secret>,
    pub ignore_host_key: bool,
    /// libgit2 passes on no more than a text.
    fault: Mutex<Option<Fault>>,
}

impl Network {
    pub fn new(
        address: &Address,
        (user, password): (Option<Secret>, Option<Secret>),
        ssh_key: Option<Secret>,
        settings: &GitArtifact,
    ) -> Result<Arc<Network>, Error> {
        let given = (user.is_some() || password.is_some()).then(|| {
            let text = |secret: Option<Secret>| secret.unwrap_or_else(|| Secret::new(""));
            (text(user), text(password))
        });
        let trust = match settings.insecure_skip_tls {
            Some(true) => Trust::Anyone,
            _ => Trust::System,
        };
        let home = match address.kind {
            Kind::Http => origin(&address.to_string()).to_owned(),
            Kind::Ssh | Kind::Local => String::new(),
        };
        Ok(Arc::new(Network {
            web: Web::new(Options { trust, ..Options::default() })?,
            credentials: given.or_else(|| address.credentials.clone()),
            home,
            ssh_key,
            ignore_host_key: settings.insecure_ignore_host_key == Some(true),
            fault: Mutex::new(None),
        }))
    }

    /// Keeps the fault, and gives what libgit2 is told.
    pub fn failed(&self, fault: Fault) -> git2::Error {
        let told = git2::Error::from_str(&fault.error.details().why);
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        told
    }

    /// Why libgit2 failed: the fault of a connection if there was one.
    pub fn fault(&self, error: &git2::Error) -> Fault {
        let kept = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| Fault::ours(of_git(error)))
    }

    /// The error of an operation that is not tried again.
    pub fn error(&self, doing: &str, what: &str, error: &git2::Error) -> Error {
        named(self.fault(error), doing, what).error
    }
}

/// Says what failed: `what` is the operation as Argo calls it.
pub fn named(fault: Fault, doing: &str, what: &str) -> Fault {
    let details = fault.error.details().clone();
    let variant = match fault.error {
        Error::NotFound(_) => Error::NotFound,
        Error::Denied(_) => Error::Denied,
        Error::Exists(_) => Error::Exists,
        Error::Transient(_) => Error::Transient,
        Error::Corrupt(_) => Error::Corrupt,
        Error::Unsupported(_) => Error::Unsupported,
        Error::Invalid(_) => Error::Invalid,
        Error::Io(_) => Error::Io,
    };
    let why = format!("{what}: {}", details.why);
    let error = Error::new(variant, doing, why).advise(details.advice);
    Fault { error, retry_after: fault.retry_after }
}

fn of_git(error: &git2::Error) -> Error {
    let why = error.message().to_owned();
    match (error.class(), error.code()) {
        (git2::ErrorClass::Net, _) => Error::new(Error::Transient, "", why),
        (git2::ErrorClass::Indexer | git2::ErrorClass::Zlib | git2::ErrorClass::Odb, _) => {
            Error::new(Error::Corrupt, "", why)
        }
        (git2::ErrorClass::Os, git2::ErrorCode::NotFound) => Error::new(Error::NotFound, "", why),
        (git2::ErrorClass::Os | git2::ErrorClass::NoMemory, _) => Error::new(Error::Io, "", why),
        _ => Error::new(Error::Invalid, "", why),
    }
}

/// Scheme, host and port of an HTTP address.
pub fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end =
        url.get(start..).and_then(|rest| rest.find(['/', '?'])).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}
