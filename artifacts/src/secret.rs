//! Credentials: read from where they are mounted, never printed.

use crate::Error;
use crate::error::Context;
use std::fmt;
use std::path::PathBuf;

/// A secret text; prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself: for headers and signatures only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where secrets come from.
pub trait Secrets: Send + Sync {
    /// The value of `key` in the secret `name`.
    fn read(&self, name: &str, key: &str) -> Result<Secret, Error>;
}

/// Secrets mounted as files `<root>/<name>/<key>`; in a pod the root is `/argo/secret`.
#[derive(Clone, Debug)]
pub struct SecretFiles {
    pub root: PathBuf,
}

impl Secrets for SecretFiles {
    fn read(&self, name: &str, key: &str) -> Result<Secret, Error> {
        let doing = || format!("read key `{key}` of secret `{name}`");
        let plain = |text: &str| {
            !text.is_empty() && !text.contains(['/', '\0']) && text != "." && text != ".."
        };
        if !plain(name) || !plain(key) {
            return Err(Error::new(Error::Invalid, doing(), "not a name of a secret and its key"));
        }
        let bytes = std::fs::read(self.root.join(name).join(key)).doing(doing)?;
        // A trailing newline comes from `echo … | base64`, never from the credential.
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::new(Error::Invalid, doing(), "the value is not UTF-8 text"))?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_never_print_and_lose_their_newline() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("cred")).unwrap();
        std::fs::write(dir.path().join("cred/password"), "hunter2\n").unwrap();
        let secrets = SecretFiles { root: dir.path().into() };
        let secret = secrets.read("cred", "password").unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert!(matches!(secrets.read("cred", "absent"), Err(Error::NotFound(_))));
        assert!(matches!(secrets.read("cred", "../x"), Err(Error::Invalid(_))));
    }
}
