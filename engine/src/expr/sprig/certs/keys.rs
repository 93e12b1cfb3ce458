//! Private keys of the kinds that sprig makes, and their PEM.

use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use x509_cert::der::pem::LineEnding;

use super::super::crypto::SLOW;
use crate::expr::run::{Fail, Run};

/// A private key.
pub(super) enum Key {
    Rsa(Box<rsa::RsaPrivateKey>),
    Ecdsa(p256::SecretKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl Key {
    /// A new RSA key of a number of bits.
    pub(super) fn rsa(run: &Run<'_>, bits: usize) -> Result<Key, Fail> {
        run.spend(SLOW * bits / 1024)?;
        rsa::RsaPrivateKey::new(&mut *run.random.borrow_mut(), bits)
            .map(|key| Key::Rsa(Box::new(key)))
            .map_err(|e| Fail::from(format!("error generating rsa key: {e}")))
    }

    /// A new key on the curve P-256.
    pub(super) fn ecdsa(run: &Run<'_>) -> Result<Key, Fail> {
        run.spend(SLOW / 10)?;
        let bytes = super::super::random::bytes(run, 32);
        p256::SecretKey::from_slice(&bytes)
            .map(Key::Ecdsa)
            .map_err(|e| Fail::from(format!("failed to generate private key: {e}")))
    }

    /// A new Ed25519 key.
    pub(super) fn ed25519(run: &Run<'_>) -> Result<Key, Fail> {
        run.spend(SLOW / 10)?;
        let bytes = super::super::random::bytes(run, 32);
        let seed = bytes.first_chunk::<32>().copied().unwrap_or_default();
        Ok(Key::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed))))
    }

    /// A key from its PEM.
    pub(super) fn read(pem: &str) -> Result<Key, Fail> {
        let failed =
            |kind: &str, e: String| Fail::from(format!("parsing {kind} private key from PEM: {e}"));
        let label = pem
            .split_once("-----BEGIN ")
            .and_then(|(_, rest)| rest.split_once("-----"))
            .map(|(label, _)| label)
            .ok_or_else(|| Fail::from("no PEM data in input"))?;
        match label {
            "RSA PRIVATE KEY" => rsa::RsaPrivateKey::from_pkcs1_pem(pem)
                .map(|key| Key::Rsa(Box::new(key)))
                .map_err(|e| failed("RSA", e.to_string())),
            "EC PRIVATE KEY" => p256::SecretKey::from_sec1_pem(pem)
                .map(Key::Ecdsa)
                .map_err(|e| failed("EC", e.to_string())),
            "PRIVATE KEY" => pkcs8(pem),
            other => Err(format!("invalid private key type {other}").into()),
        }
    }

    /// The key as PEM.
    pub(super) fn pem(&self) -> Result<String, Fail> {
        let failed = |e: String| Fail::from(format!("error pem-encoding key: {e}"));
        let text = match self {
            Key::Rsa(key) => key.to_pkcs1_pem(LineEnding::LF).map_err(|e| failed(e.to_string()))?,
            Key::Ecdsa(key) => {
                key.to_sec1_pem(LineEnding::LF).map_err(|e| failed(e.to_string()))?
            }
            Key::Ed25519(key) => {
                key.to_pkcs8_pem(LineEnding::LF).map_err(|e| failed(e.to_string()))?
            }
        };
        Ok(text.to_string())
    }
}

fn pkcs8(pem: &str) -> Result<Key, Fail> {
    if let Ok(key) = ed25519_dalek::SigningKey::from_pkcs8_pem(pem) {
        return Ok(Key::Ed25519(Box::new(key)));
    }
    if let Ok(key) = p256::SecretKey::from_pkcs8_pem(pem) {
        return Ok(Key::Ecdsa(key));
    }
    rsa::RsaPrivateKey::from_pkcs8_pem(pem)
        .map(|key| Key::Rsa(Box::new(key)))
        .map_err(|e| Fail::from(format!("decoding PEM as PKCS#8: {e}")))
}
