//! Certificates: whom to believe, and who we are.

use super::{Identity, Options, Trust};
use crate::error::{Context, Error};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// Where distributions keep the authorities they trust; the first that exists is read, as Go does.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Where single authorities are added.
const FOLDER: &str = "/etc/ssl/certs";

/// `read` answers with the value of an environment variable.
pub(super) fn config(
    options: &Options,
    read: impl Fn(&str) -> Option<OsString>,
) -> Result<TlsConfig, Error> {
    let mut config = TlsConfig::builder();
    match &options.trust {
        Trust::System => config = config.root_certs(system(read)?),
        Trust::Only(pem) => {
            let mut roots = Roots::default();
            roots.add(pem, "use the certificates of one's own authority")?;
            if roots.certificates.is_empty() {
                return Err(Error::new(
                    Error::Invalid,
                    "use the certificates of one's own authority",
                    "there is none in the secret",
                )
                .advise("store the authority's certificate as PEM"));
            }
            config = config.root_certs(RootCerts::new_with_certs(&roots.certificates));
        }
        Trust::Anyone => config = config.disable_verification(true),
    }
    if let Some(identity) = &options.identity {
        config = config.client_cert(Some(client(identity)?));
    }
    Ok(config.build())
}

fn system(read: impl Fn(&str) -> Option<OsString>) -> Result<RootCerts, Error> {
    let read = |name| read(name).filter(|value| !value.is_empty());
    let mut roots = Roots::default();
    match read("SSL_CERT_FILE") {
        Some(file) => {
            let doing =
                format!("read the certificates in {} (SSL_CERT_FILE)", file.to_string_lossy());
            roots.add(&std::fs::read(&file).doing(|| &doing)?, &doing)?;
        }
        None => {
            if let Some(pem) = BUNDLES.iter().find_map(|path| std::fs::read(path).ok()) {
                roots.add_what_is_well_formed(&pem);
            }
        }
    }
    let folders: Vec<PathBuf> = match read("SSL_CERT_DIR") {
        Some(folders) => std::env::split_paths(&folders).collect(),
        None => vec![FOLDER.into()],
    };
    for folder in folders {
        roots.add_folder(&folder);
    }
    if roots.certificates.is_empty() {
        return Ok(RootCerts::WebPki);
    }
    Ok(RootCerts::new_with_certs(&roots.certificates))
}

/// Authorities, each once.
#[derive(Default)]
struct Roots {
    certificates: Vec<Certificate<'static>>,
    known: HashSet<Vec<u8>>,
}

impl Roots {
    fn add(&mut self, pem: &[u8], doing: &str) -> Result<(), Error> {
        for item in parse_pem(pem) {
            match item {
                Ok(item) => self.add_item(item),
                Err(error) => return Err(Error::new(Error::Invalid, doing, error.to_string())),
            }
        }
        Ok(())
    }

    fn add_what_is_well_formed(&mut self, pem: &[u8]) {
        parse_pem(pem).filter_map(Result::ok).for_each(|item| self.add_item(item));
    }

    /// As Go: a folder or file that cannot be read adds nothing.
    fn add_folder(&mut self, folder: &Path) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let pem = std::fs::metadata(entry.path())
                .ok()
                .filter(|meta| meta.is_file())
                .and_then(|_| std::fs::read(entry.path()).ok());
            self.add_what_is_well_formed(&pem.unwrap_or_default());
        }
    }

    fn add_item(&mut self, item: PemItem<'static>) {
        if let PemItem::Certificate(certificate) = item
            && self.known.insert(certificate.der().to_vec())
        {
            self.certificates.push(certificate);
        }
    }
}

/// The agent takes a certificate and key that belong together for granted, so that is found out here.
fn client(identity: &Identity) -> Result<ClientCert, Error> {
    let invalid = |why: String| Error::new(Error::Invalid, "use the client certificate", why);
    let pem = identity.certificate.expose().as_bytes();
    let mut roots = Roots::default();
    roots.add(pem, "use the client certificate")?;
    if roots.certificates.is_empty() {
        return Err(invalid("it is not a certificate in PEM".into()));
    }
    let key = identity.key.expose().as_bytes();
    // The text of this error could repeat the key.
    let unreadable = || invalid("its key is not a private key in PEM without a passphrase".into());
    let parsed = PrivateKeyDer::from_pem_slice(key).map_err(|_| unreadable())?;
    let chain = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
    rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(|error| invalid(error.to_string()))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_auth_cert(chain, parsed)
        .map_err(|error| invalid(error.to_string()))?;
    let key = PrivateKey::from_pem(key).map_err(|_| unreadable())?;
    Ok(ClientCert::new_with_certs(&roots.certificates, key))
}
