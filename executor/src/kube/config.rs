//! Where the API server is and who we are: flags, a kubeconfig file, or what Kubernetes gives to every pod.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lighter_artifacts::Secret;
use ureq::tls::{PemItem, RootCerts, parse_pem};

use super::kubeconfig;
use crate::cli::Invocation;
use crate::failure::{Failure, path_error};
use crate::settings;

/// Where Kubernetes mounts a pod's service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What a client needs to know.
#[derive(Debug, Default)]
pub struct Config {
    /// `https://host:port`, without a slash at its end.
    pub server: String,
    pub namespace: String,
    pub login: Login,
    /// Who signs the server's certificate; `None`: the public authorities.
    pub authority: Option<Pem>,
    pub insecure: bool,
    pub proxy: Option<String>,
    /// Headers of `--as` and its like.
    pub impersonate: Vec<(&'static str, String)>,
    pub timeout: Option<Duration>,
}

/// How the server knows us.
#[derive(Debug, Default)]
pub enum Login {
    #[default]
    None,
    Token(Secret),
    /// The token is in a file that changes.
    TokenFile(PathBuf),
    Basic(Secret),
    Certificate {
        chain: Pem,
        key: Pem,
    },
}

/// Certificates or a key: a file, or their text.
#[derive(Clone, Debug)]
pub enum Pem {
    File(PathBuf),
    Text(Secret),
}

impl Config {
    /// Flags win over a kubeconfig file (`--kubeconfig`, `KUBECONFIG`, `~/.kube/config`), which wins over the pod's own account.
    pub fn load(asked: &Invocation) -> Result<Self, Failure> {
        let flag = |name| {
            asked
                .value(name)
                .map(|value| value.to_string_lossy().into_owned())
                .filter(|value| !value.is_empty())
        };
        if flag("tls-server-name").is_some() {
            return Err(Failure::new(
                "--tls-server-name is not supported: name the API server as its certificate does",
            ));
        }
        let mut config = match kubeconfig::read(&flag)? {
            Some(config) => config,
            None => in_cluster()?,
        };
        if let Some(server) = flag("server") {
            let has_scheme = server.starts_with("http://") || server.starts_with("https://");
            config.server = if has_scheme { server } else { format!("https://{server}") };
        }
        config.server = config.server.trim_end_matches('/').to_owned();
        if config.server.is_empty() {
            return Err(Failure::new(
                "the API server is not known: KUBERNETES_SERVICE_HOST is not set and there is no kubeconfig; run in a pod, or give --kubeconfig or --server",
            ));
        }
        if let Some(namespace) = flag("namespace") {
            config.namespace = namespace;
        }
        if let Some(file) = flag("certificate-authority") {
            config.authority = Some(Pem::File(file.into()));
        }
        if let (Some(chain), Some(key)) = (flag("client-certificate"), flag("client-key")) {
            config.login =
                Login::Certificate { chain: Pem::File(chain.into()), key: Pem::File(key.into()) };
        }
        if let (Some(user), Some(password)) = (flag("username"), flag("password")) {
            config.login = Login::basic(&user, &password);
        }
        if let Some(token) = flag("token") {
            config.login = Login::Token(Secret::new(token));
        }
        config.insecure |= asked.has("insecure-skip-tls-verify");
        config.proxy = flag("proxy-url").or(config.proxy);
        for (name, header) in [
            ("as", "impersonate-user"),
            ("as-group", "impersonate-group"),
            ("as-uid", "impersonate-uid"),
        ] {
            let values = asked.values.iter().filter(|(flag, _)| *flag == name);
            config
                .impersonate
                .extend(values.map(|(_, value)| (header, value.to_string_lossy().into_owned())));
        }
        if let Some(timeout) = flag("request-timeout").filter(|timeout| timeout != "0") {
            let timeout = settings::go_duration(&timeout)
                .or_else(|| timeout.parse().ok().map(Duration::from_secs));
            config.timeout = Some(timeout.ok_or_else(|| {
                Failure::new("--request-timeout is not a duration such as \"30s\"")
            })?);
        }
        Ok(config)
    }
}

/// What kubelet gives to a pod. Without the variables the server stays empty.
fn in_cluster() -> Result<Config, Failure> {
    let account = PathBuf::from(ACCOUNT);
    let namespace = settings::text("POD_NAMESPACE")
        .or_else(|| fs::read_to_string(account.join("namespace")).ok())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "default".into());
    let (Some(host), Some(port)) =
        (settings::text("KUBERNETES_SERVICE_HOST"), settings::text("KUBERNETES_SERVICE_PORT"))
    else {
        return Ok(Config { namespace, ..Config::default() });
    };
    let token = account.join("token");
    if !token.exists() {
        return Err(Failure::new(format!(
            "{}: the pod has no service account token; do not set automountServiceAccountToken: false, or set executor.serviceAccountName",
            path_error("open", &token, &std::io::Error::from_raw_os_error(nix::libc::ENOENT))
        )));
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let authority = account.join("ca.crt");
    Ok(Config {
        server: format!("https://{host}:{port}"),
        namespace,
        login: Login::TokenFile(token),
        authority: authority.exists().then_some(Pem::File(authority)),
        ..Config::default()
    })
}

impl Login {
    pub(super) fn basic(user: &str, password: &str) -> Self {
        Self::Basic(Secret::new(BASE64_STANDARD.encode(format!("{user}:{password}"))))
    }

    /// The `Authorization` header, if this is a login by header.
    pub(super) fn header(&self) -> Result<Option<String>, String> {
        Ok(Some(match self {
            Self::None | Self::Certificate { .. } => return Ok(None),
            Self::Token(token) => format!("Bearer {}", token.expose()),
            Self::Basic(pair) => format!("Basic {}", pair.expose()),
            Self::TokenFile(file) => {
                let token =
                    fs::read_to_string(file).map_err(|error| path_error("open", file, &error))?;
                format!("Bearer {}", token.trim())
            }
        }))
    }
}

impl Pem {
    /// The text, read anew if it is a file.
    pub(super) fn read(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Text(text) => Ok(text.expose().as_bytes().to_vec()),
            Self::File(file) => {
                fs::read(file).map_err(|error| Failure::new(path_error("open", file, &error)))
            }
        }
    }

    /// All certificates in it, as authorities.
    pub(super) fn roots(&self) -> Result<RootCerts, Failure> {
        let mut roots = Vec::new();
        for item in parse_pem(&self.read()?) {
            let item = item.map_err(|error| {
                Failure::new(format!("the API server's certificate authority is no PEM: {error}"))
            })?;
            if let PemItem::Certificate(certificate) = item {
                roots.push(certificate);
            }
        }
        Ok(RootCerts::new_with_certs(&roots))
    }
}
