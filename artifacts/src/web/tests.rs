//! TLS against a real server of an authority of one's own, that may want to know its clients.

use super::*;
use crate::retry::Fault;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use ureq::SendBody;
use ureq::http::Request;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Identity { certificate: Secret::new(certificate), key: Secret::new(key.serialize_pem()) }
    }
}

/// Answers 200 to everything on `localhost`; with `clients` only to those that the authority knows. Ends with the test.
fn server(authority: &Authority, clients: bool) -> Uri {
    let identity = authority.issue("localhost");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = if clients {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        config.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let chain =
        vec![CertificateDer::from_pem_slice(identity.certificate.expose().as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes()).unwrap();
    let config = Arc::new(config.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            // Clients that go away early are a part of the test.
            std::thread::spawn(move || drop(answer(stream.unwrap(), config)));
        }
    });
    format!("https://localhost:{port}/").parse().unwrap()
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut line = String::new();
    while line.trim() != "" || line.is_empty() {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
    }
    let mut stream = stream.into_inner();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    stream.flush()
}

fn get(uri: &Uri, options: Options) -> Result<u16, Error> {
    let agent = Web::new(options)?.agent(uri)?;
    let request = Request::get(uri).body(SendBody::none()).unwrap();
    match agent.run(request) {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(Fault::of(error).error),
    }
}

#[test]
fn only_servers_of_a_known_authority_are_believed() {
    let authority = Authority::new();
    let server = server(&authority, false);
    let with = |trust| get(&server, Options { trust, ..Options::default() });
    assert_eq!(with(Trust::Only(authority.pem().into_bytes())).unwrap(), 200);
    assert_eq!(with(Trust::Anyone).unwrap(), 200);
    for trust in [Trust::System, Trust::Only(Authority::new().pem().into_bytes())] {
        let error = with(trust).unwrap_err();
        assert!(matches!(error, Error::Denied(_)), "{error}");
        assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
    }
    let error = with(Trust::Only(b"nothing".to_vec())).unwrap_err();
    assert!(error.to_string().contains("there is none in the secret"), "{error}");
}

#[test]
fn the_environment_names_authorities() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("own.crt"), authority.pem()).unwrap();
    let given = |name: &'static str, path: std::path::PathBuf| {
        tls::config(&Options::default(), move |asked| (asked == name).then(|| path.clone().into()))
    };
    let own = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
    for (name, path) in
        [("SSL_CERT_FILE", dir.path().join("own.crt")), ("SSL_CERT_DIR", dir.path().into())]
    {
        let config = given(name, path).unwrap();
        let ureq::tls::RootCerts::Specific(roots) = config.root_certs() else { unreachable!() };
        assert!(roots.iter().any(|root| root.der() == own.as_ref()), "{name}");
    }
    let error = given("SSL_CERT_FILE", dir.path().join("absent")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("absent (SSL_CERT_FILE)"), "{error}");
}

#[test]
fn a_client_shows_its_certificate() {
    let authority = Authority::new();
    let server = server(&authority, true);
    let with = |identity: Option<Identity>| {
        let trust = Trust::Only(authority.pem().into_bytes());
        get(&server, Options { trust, identity, ..Options::default() })
    };
    assert_eq!(with(Some(authority.issue("me"))).unwrap(), 200);
    for stranger in [None, Some(Authority::new().issue("me"))] {
        let error = with(stranger).unwrap_err();
        assert!(matches!(error, Error::Denied(_)), "{error}");
        assert!(error.to_string().contains("may want a client certificate"), "{error}");
    }
    // Key and certificate that do not belong together, and what is neither.
    let (mine, other) = (authority.issue("me"), authority.issue("me"));
    let mixed = Identity { certificate: mine.certificate.clone(), key: other.key };
    let no_key = Identity { certificate: mine.certificate.clone(), key: mine.certificate };
    let no_certificate = Identity { certificate: mine.key.clone(), key: mine.key };
    for (identity, why) in [
        (mixed, "use the client certificate"),
        (no_key, "its key is not a private key in PEM"),
        (no_certificate, "it is not a certificate in PEM"),
    ] {
        let error = with(Some(identity)).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)) && error.to_string().contains(why), "{error}");
        assert!(!error.to_string().contains("BEGIN"), "{error}");
    }
}
