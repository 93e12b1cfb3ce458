//! Kubeconfig files, as `kubectl` writes them: a context names a cluster, a user and a namespace.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lighter_artifacts::Secret;
use serde_json::Value;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, parse_pem};

use super::config::{Config, Login, Pem};
use crate::failure::{Failure, path_error};
use crate::settings;

/// A file and the directory that its relative paths start from.
struct File {
    value: Value,
    directory: PathBuf,
}

/// Reads the files that flags and environment name; `None` if there are none.
///
/// The first file that has an entry of a name wins, as with `kubectl`.
pub(super) fn read(
    flag: &dyn Fn(&'static str) -> Option<String>,
) -> Result<Option<Config>, Failure> {
    let files = files(flag("kubeconfig"))?;
    if files.is_empty() {
        return Ok(None);
    }
    let context = flag("context").or_else(|| {
        files.iter().find_map(|file| text(&file.value, "current-context").map(str::to_owned))
    });
    let context = match &context {
        Some(name) => entry(&files, "contexts", "context", name)?.0,
        None => &Value::Null,
    };
    let mut config = Config {
        namespace: text(context, "namespace").unwrap_or("default").to_owned(),
        ..Config::default()
    };
    if let Some(name) = flag("cluster").or_else(|| text(context, "cluster").map(str::to_owned)) {
        let (cluster, directory) = entry(&files, "clusters", "cluster", &name)?;
        if text(cluster, "tls-server-name").is_some() {
            return Err(Failure::new(format!(
                "kubeconfig: cluster {name:?}: tls-server-name is not supported: name the API server as its certificate does"
            )));
        }
        config.server = text(cluster, "server").unwrap_or_default().to_owned();
        config.authority = pem(cluster, "certificate-authority", directory)?;
        config.insecure = cluster["insecure-skip-tls-verify"] == true;
        config.proxy = text(cluster, "proxy-url").map(str::to_owned);
    }
    if let Some(name) = flag("user").or_else(|| text(context, "user").map(str::to_owned)) {
        let (user, directory) = entry(&files, "users", "user", &name)?;
        config.login = login(&name, user, directory)?;
    }
    Ok(Some(config))
}

fn files(asked: Option<String>) -> Result<Vec<File>, Failure> {
    let named = asked.or_else(|| settings::text("KUBECONFIG"));
    let paths: Vec<PathBuf> = match &named {
        Some(list) => std::env::split_paths(list).collect(),
        None => settings::text("HOME")
            .map(|home| Path::new(&home).join(".kube/config"))
            .filter(|path| path.exists())
            .into_iter()
            .collect(),
    };
    paths.into_iter().filter(|path| !path.as_os_str().is_empty()).map(open).collect()
}

fn open(path: PathBuf) -> Result<File, Failure> {
    let failed = |why: String| Failure::new(format!("kubeconfig: {why}"));
    let read = std::fs::read_to_string(&path);
    let read = read.map_err(|error| failed(path_error("open", &path, &error)))?;
    let value = lighter_api::read_value(&path.to_string_lossy(), &read)
        .map_err(|problems| failed(problems.to_string()))?;
    Ok(File { value, directory: path.parent().unwrap_or(&path).to_owned() })
}

/// The entry of a list of named things, and the directory of its file.
fn entry<'a>(
    files: &'a [File],
    list: &str,
    field: &str,
    name: &str,
) -> Result<(&'a Value, &'a Path), Failure> {
    let found = files.iter().find_map(|file| {
        let entries = file.value[list].as_array()?;
        let entry = entries.iter().find(|entry| entry["name"] == name)?;
        Some((&entry[field], file.directory.as_path()))
    });
    found.ok_or_else(|| Failure::new(format!("kubeconfig: {list} has no entry {name:?}")))
}

fn login(name: &str, user: &Value, directory: &Path) -> Result<Login, Failure> {
    for plugin in ["exec", "auth-provider"] {
        if user.get(plugin).is_some_and(|value| !value.is_null()) {
            return Err(Failure::new(format!(
                "kubeconfig: user {name:?} logs in by {plugin}, which is not supported: use a token, a token file or a client certificate"
            )));
        }
    }
    if let Some(file) = text(user, "tokenFile") {
        return Ok(Login::TokenFile(directory.join(file)));
    }
    if let Some(token) = text(user, "token") {
        return Ok(Login::Token(Secret::new(token)));
    }
    if let (Some(chain), Some(key)) =
        (pem(user, "client-certificate", directory)?, pem(user, "client-key", directory)?)
    {
        return Ok(Login::Certificate { chain, key });
    }
    Ok(match (text(user, "username"), text(user, "password")) {
        (Some(name), Some(password)) => Login::basic(name, password),
        _ => Login::None,
    })
}

/// `field-data` holds the text in base64, `field` names a file.
fn pem(value: &Value, field: &str, directory: &Path) -> Result<Option<Pem>, Failure> {
    let Some(data) = text(value, &format!("{field}-data")) else {
        return Ok(text(value, field).map(|file| Pem::File(directory.join(file))));
    };
    let decoded =
        BASE64_STANDARD.decode(data.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(|| {
        Failure::new(format!("kubeconfig: {field}-data is not base64 of a PEM text"))
    })?;
    Ok(Some(Pem::Text(Secret::new(decoded))))
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value[field].as_str().filter(|text| !text.is_empty())
}

/// A client certificate with all that is between it and its authority.
pub(super) fn client_certificate(chain: &Pem, key: &Pem) -> Result<ClientCert, Failure> {
    let bad = |what: &str, error: ureq::Error| {
        Failure::new(format!("the client {what} for the API server is no PEM: {error}"))
    };
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&chain.read()?) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| bad("certificate", error))?
        {
            certificates.push(certificate);
        }
    }
    let key = PrivateKey::from_pem(&key.read()?).map_err(|error| bad("key", error))?;
    Ok(ClientCert::new_with_certs(&certificates, key))
}
