//! Private keys and certificates. Keys come from the seed: the same call gives the same key.

mod build;
mod keys;

use std::net::IpAddr;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_cert::Certificate;
use x509_cert::der::{Decode, DecodePem, pem};

use super::cast;
use crate::expr::run::{Fail, Outcome, Run};
use crate::expr::value::Val;
use build::Request;
use keys::Key;

/// The size of RSA keys for certificates, in bits.
const BITS: usize = 2048;

pub(super) fn call(run: &Run<'_>, name: &str, args: &[Val]) -> Option<Outcome> {
    Some(match (name, args) {
        ("genPrivateKey", [Val::Str(kind)]) => private_key(run, kind),
        ("buildCustomCert", [Val::Str(cert), Val::Str(key)]) => custom(cert, key),
        ("genCA", [Val::Str(name), days]) => authority(run, name, days, || Key::rsa(run, BITS)),
        ("genCAWithKey", [Val::Str(name), days, Val::Str(pem)]) => {
            authority(run, name, days, || Key::read(pem))
        }
        ("genSelfSignedCert", [name, ips, names, days]) => {
            leaf(run, [name, ips, names, days], None, || Key::rsa(run, BITS))
        }
        ("genSelfSignedCertWithKey", [name, ips, names, days, Val::Str(pem)]) => {
            leaf(run, [name, ips, names, days], None, || Key::read(pem))
        }
        ("genSignedCert", [name, ips, names, days, ca]) => {
            leaf(run, [name, ips, names, days], Some(ca), || Key::rsa(run, BITS))
        }
        ("genSignedCertWithKey", [name, ips, names, days, ca, Val::Str(pem)]) => {
            leaf(run, [name, ips, names, days], Some(ca), || Key::read(pem))
        }
        _ => return None,
    })
}

fn private_key(run: &Run<'_>, kind: &str) -> Outcome {
    let key = match kind {
        "" | "rsa" => Key::rsa(run, 4096)?,
        "ecdsa" => Key::ecdsa(run)?,
        "ed25519" => Key::ed25519(run)?,
        "dsa" => {
            return Err("genPrivateKey: dsa keys are not supported: use ecdsa or ed25519".into());
        }
        other => return Ok(Val::from(format!("Unknown type {other}"))),
    };
    key.pem().map(Val::from)
}

/// What all these functions give: `Cert` and `Key`, both PEM.
fn pair(cert: String, key: String) -> Val {
    let fields = [("Cert", cert), ("Key", key)];
    Val::map(fields.into_iter().map(|(name, text)| (Rc::from(name), Val::from(text))).collect())
}

fn custom(cert: &str, key: &str) -> Outcome {
    let decode = |text: &str, what: &str| {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        bytes.ok_or_else(|| Fail::from(format!("unable to decode base64 {what}")))
    };
    let cert = decode(cert, "certificate")?;
    let key = decode(key, "private key")?;
    certificate(&cert)?;
    Key::read(&key)?;
    Ok(pair(cert, key))
}

fn certificate(text: &str) -> Result<Certificate, Fail> {
    let failed = |e: String| Fail::from(format!("error parsing certificate: {e}"));
    if text.contains("BEGIN CERTIFICATE") {
        return Certificate::from_pem(text).map_err(|e| failed(e.to_string()));
    }
    let (_, bytes) =
        pem::decode_vec(text.as_bytes()).map_err(|_| Fail::from("unable to decode certificate"))?;
    Certificate::from_der(&bytes).map_err(|e| failed(e.to_string()))
}

fn authority(
    run: &Run<'_>,
    name: &str,
    days: &Val,
    key: impl Fn() -> Result<Key, Fail>,
) -> Outcome {
    let key = key()?;
    let request = Request {
        name: name.to_owned(),
        ips: Vec::new(),
        names: Vec::new(),
        days: cast::int(days),
        authority: true,
    };
    let cert = build::signed(run, &request, &key, None, &key)?;
    Ok(pair(cert, key.pem()?))
}

fn leaf(
    run: &Run<'_>,
    [name, ips, names, days]: [&Val; 4],
    ca: Option<&Val>,
    key: impl Fn() -> Result<Key, Fail>,
) -> Outcome {
    let ips = list(ips, "error parsing ip")?
        .into_iter()
        .map(|ip| ip.parse().map_err(|_| Fail::from(format!("error parsing ip: {ip}"))))
        .collect::<Result<Vec<IpAddr>, Fail>>()?;
    let names = list(names, "error processing alternate dns name")?;
    let name = name.as_str().ok_or_else(|| Fail::from("the common name has to be a string"))?;
    let request = Request {
        name: name.to_owned(),
        ips,
        names: names.into_iter().map(str::to_owned).collect(),
        days: cast::int(days),
        authority: false,
    };
    let key = key()?;
    let cert = match ca {
        None => build::signed(run, &request, &key, None, &key)?,
        Some(ca) => {
            let field = |name: &str| {
                let value = ca.as_map().and_then(|map| map.get(name)).and_then(Val::as_str);
                value.ok_or_else(|| Fail::from(format!("the authority has no {name}")))
            };
            let issuer = certificate(field("Cert")?)?;
            build::signed(run, &request, &key, Some(&issuer), &Key::read(field("Key")?)?)?
        }
    };
    Ok(pair(cert, key.pem()?))
}

/// The texts of a list; nil is an empty one.
fn list<'a>(value: &'a Val, what: &str) -> Result<Vec<&'a str>, Fail> {
    let items = match value {
        Val::Nil => &[],
        other => other.as_list().ok_or_else(|| Fail::from(format!("{what}: not a list")))?,
    };
    items
        .iter()
        .map(|item| {
            item.as_str().ok_or_else(|| Fail::from(format!("{what}: {item} is not a string")))
        })
        .collect()
}
