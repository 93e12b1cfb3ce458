//! Builds and signs certificates with the fields that sprig's have.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use p256::ecdsa::DerSignature;
use sha2::Sha256;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder, Result as Built};
use x509_cert::der::asn1::{GeneralizedTime, Ia5String};
use x509_cert::der::oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{DateTime, EncodePem};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};

use super::super::random::bytes;
use super::keys::Key;
use crate::expr::run::{Fail, Run};

/// What a certificate is for.
pub(super) struct Request {
    pub(super) name: String,
    pub(super) ips: Vec<IpAddr>,
    pub(super) names: Vec<String>,
    pub(super) days: i64,
    /// True if it may sign others.
    pub(super) authority: bool,
}

struct Profile {
    subject: Name,
    issuer: Name,
    alternatives: Vec<GeneralName>,
    authority: bool,
    self_signed: bool,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> Built<Vec<Extension>> {
        let subject = tbs.subject();
        let mut usage = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment;
        if self.authority {
            usage |= KeyUsages::KeyCertSign;
        }
        let mut all: Vec<Extension> = Vec::new();
        all.push(KeyUsage(usage).to_extension(subject, &all)?);
        let purposes = ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH]);
        all.push(purposes.to_extension(subject, &all)?);
        let limits = BasicConstraints { ca: self.authority, path_len_constraint: None };
        all.push(limits.to_extension(subject, &all)?);
        if self.authority {
            all.push(SubjectKeyIdentifier::try_from(key)?.to_extension(subject, &all)?);
        }
        if !self.self_signed {
            all.push(AuthorityKeyIdentifier::try_from(issuer_key)?.to_extension(subject, &all)?);
        }
        if !self.alternatives.is_empty() {
            all.push(SubjectAltName(self.alternatives.clone()).to_extension(subject, &all)?);
        }
        Ok(all)
    }
}

/// A certificate for `key` in PEM, signed with `signer`; without an issuer it is its own.
pub(super) fn signed(
    run: &Run<'_>,
    request: &Request,
    key: &Key,
    issuer: Option<&Certificate>,
    signer: &Key,
) -> Result<String, Fail> {
    build(run, request, key, issuer, signer)
        .map_err(|e| Fail::from(format!("error creating certificate: {e}")))
}

type Anything = Box<dyn std::error::Error>;

fn build(
    run: &Run<'_>,
    request: &Request,
    key: &Key,
    issuer: Option<&Certificate>,
    signer: &Key,
) -> Result<String, Anything> {
    let subject = Name::from_str(&format!("CN={}", escaped(&request.name)))?;
    let mut alternatives = Vec::new();
    for name in &request.names {
        alternatives.push(GeneralName::DnsName(Ia5String::new(name)?));
    }
    alternatives.extend(request.ips.iter().copied().map(GeneralName::from));
    let profile = Profile {
        issuer: issuer
            .map_or_else(|| subject.clone(), |issuer| issuer.tbs_certificate().subject().clone()),
        subject,
        alternatives,
        authority: request.authority,
        self_signed: issuer.is_none(),
    };
    let mut serial = bytes(run, 16);
    if let Some(first) = serial.first_mut() {
        // Positive, and of the same length always.
        *first = *first & 0x7f | 0x40;
    }
    let public = match key {
        Key::Rsa(key) => SubjectPublicKeyInfoOwned::from_key(&key.to_public_key())?,
        Key::Ecdsa(key) => SubjectPublicKeyInfoOwned::from_key(&key.public_key())?,
        Key::Ed25519(key) => SubjectPublicKeyInfoOwned::from_key(&key.verifying_key())?,
    };
    let builder = CertificateBuilder::new(
        profile,
        SerialNumber::new(&serial)?,
        validity(run, request.days)?,
        public,
    )?;
    let certificate = match signer {
        Key::Rsa(key) => {
            let signer = rsa::pkcs1v15::SigningKey::<Sha256>::new((**key).clone());
            builder.build::<_, rsa::pkcs1v15::Signature>(&signer)?
        }
        Key::Ecdsa(key) => {
            let signer = p256::ecdsa::SigningKey::from(key);
            builder.build::<_, DerSignature>(&signer)?
        }
        Key::Ed25519(key) => builder.build::<_, ed25519_dalek::Signature>(&**key)?,
    };
    Ok(certificate.to_pem(LineEnding::LF)?)
}

fn validity(run: &Run<'_>, days: i64) -> Result<Validity, Anything> {
    let now = run.cx.now.as_second();
    let end = now.saturating_add(days.saturating_mul(86_400));
    let time = |second: i64| -> Result<Time, Anything> {
        let since = Duration::from_secs(u64::try_from(second)?);
        let date = DateTime::from_unix_duration(since)?;
        Ok(Time::from(GeneralizedTime::from_date_time(date)))
    };
    Ok(Validity::new(time(now)?, time(end)?))
}

/// A common name as RFC 4514 writes it.
fn escaped(name: &str) -> String {
    let last = name.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.chars().enumerate() {
        let edge = c == ' ' && (at == 0 || at == last) || c == '#' && at == 0;
        if edge || matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
