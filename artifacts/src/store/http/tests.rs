//! HTTP against a scripted server: what is sent, what is tried again, what never shows.

mod auth;
mod dav;
mod large;
mod server;

use super::*;
use crate::conformance::{Abilities, conforms};
use crate::secret::SecretFiles;
use lighter_api::Header;
use server::{Reply, Seen, Server, reply};
use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

fn open(location: &HttpArtifact, secrets: &Path) -> (Http, String) {
    let (mut store, key) = Http::new(location, &SecretFiles { root: secrets.into() }).unwrap();
    let pause = Duration::from_millis(1);
    let retry = Retry { tries: 3, first: pause, longest: pause, total: Duration::from_secs(20) };
    Arc::get_mut(&mut store.client).unwrap().retry = retry;
    (store, key)
}

fn at(url: String) -> (Http, String) {
    open(&HttpArtifact { url, ..Default::default() }, Path::new("/"))
}

fn read(store: &Http, key: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    store.open(key)?.read_to_end(&mut bytes).doing(|| "read")?;
    Ok(bytes)
}

fn source(text: &[u8]) -> (TempDir, Source) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), text).unwrap();
    let source = Source::open(&dir.path().join("file")).unwrap();
    (dir, source)
}

#[test]
fn http_conforms() {
    let objects: Mutex<HashMap<String, Vec<u8>>> = Mutex::default();
    let server = Server::start(move |seen, _| {
        let mut objects = objects.lock().unwrap();
        if seen.method == "PUT" {
            objects.insert(seen.path.clone(), seen.body.clone());
            return reply(201);
        }
        match objects.get(&seen.path) {
            Some(body) => Reply { body: body.clone(), ..reply(200) },
            None => reply(404),
        }
    });
    let (store, _) = at(server.url("/base?sig=1"));
    let scratch = tempfile::tempdir().unwrap();
    conforms(&store, &Abilities::HTTP, scratch.path());
    let seen = server.seen();
    let put = seen.iter().rfind(|seen| seen.method == "PUT").unwrap();
    assert_eq!(put.path, "/one/deep/key?sig=1");
    assert_eq!(put.headers["content-length"], put.body.len().to_string());
}

#[test]
fn headers_and_credentials_are_sent_and_never_shown() {
    let secrets = tempfile::tempdir().unwrap();
    std::fs::create_dir(secrets.path().join("cred")).unwrap();
    std::fs::write(secrets.path().join("cred/user"), "me").unwrap();
    std::fs::write(secrets.path().join("cred/password"), "hunter2\n").unwrap();
    let server = Server::start(|_, _| reply(403));
    let location: HttpArtifact = serde_json::from_value(serde_json::json!({
        "url": server.url("/a?token=tok3n"),
        "headers": [{"name": "X-Key", "value": "k3y"}],
        "auth": {"basicAuth": {
            "usernameSecret": {"name": "cred", "key": "user"},
            "passwordSecret": {"name": "cred", "key": "password"},
        }},
    }))
    .unwrap();
    let (store, key) = open(&location, secrets.path());
    let error = read(&store, &key).unwrap_err();
    assert!(matches!(error, Error::Denied(_)));
    let text = format!("{error} {error:?} {}", store.describe());
    for secret in ["tok3n", "k3y", "hunter2", "bWU6aHVudGVyMg"] {
        assert!(!text.contains(secret), "{text}");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "a refusal is not tried again");
    assert_eq!(
        (seen[0].path.as_str(), seen[0].headers["x-key"].as_str()),
        ("/a?token=tok3n", "k3y")
    );
    assert_eq!(seen[0].headers["authorization"], "Basic bWU6aHVudGVyMg==");
}

#[test]
fn what_is_tried_again() {
    for (status, tries) in
        [(404, 1), (400, 1), (401, 1), (301, 1), (408, 3), (429, 3), (500, 3), (503, 3)]
    {
        let server = Server::start(move |_, _| reply(status));
        let (store, key) = at(server.url("/a"));
        let error = read(&store, &key).unwrap_err();
        assert_eq!(
            (server.seen().len(), error.retryable()),
            (tries, tries > 1),
            "{status}: {error}"
        );
        assert_eq!(matches!(error, Error::NotFound(_)), status == 404);
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        let server = Server::start(move |_, number| reply(if number < 3 { status } else { 200 }));
        let (store, key) = at(server.url("/a"));
        assert_eq!(store.save(&source(b"x").1, &key).is_ok(), tries > 1, "{status}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (store, key) = at(format!("http://{nobody}/a"));
    let error = read(&store, &key).unwrap_err();
    assert!(error.retryable() && error.to_string().contains("3 tries"), "{error}");
    let wait = |_: &Seen, number| Reply {
        headers: vec![("Retry-After", "3600".into())],
        ..reply(if number < 2 { 503 } else { 200 })
    };
    let server = Server::start(wait);
    let (store, key) = at(server.url("/a"));
    assert!(
        read(&store, &key).is_err_and(|error| error.retryable()),
        "an hour is longer than we wait"
    );
}

#[test]
fn redirects() {
    let other =
        Server::start(|seen, _| Reply { body: seen.method.clone().into_bytes(), ..reply(200) });
    let to = other.url("/there");
    let server = Server::start(move |seen, _| match seen.path.as_str() {
        "/loop" => Reply { headers: vec![("Location", "/loop".into())], ..reply(302) },
        "/here" => Reply { headers: vec![("Location", "there".into())], ..reply(308) },
        "/there" => reply(200),
        path => {
            Reply { headers: vec![("Location", to.clone())], ..reply(path[1..].parse().unwrap()) }
        }
    });
    let location = |path: &str| HttpArtifact {
        url: server.url(path).replace("http://", "http://me:pass@"),
        headers: vec![
            Header { name: "X-Key".into(), value: "1".into() },
            Header { name: "Cookie".into(), value: "c".into() },
        ],
        ..Default::default()
    };
    for status in ["/301", "/302", "/303", "/307", "/308"] {
        let (store, key) = open(&location(status), Path::new("/"));
        assert_eq!(read(&store, &key).unwrap(), b"GET");
    }
    let there = other.seen();
    assert!(
        there.iter().all(|seen| !seen.headers.contains_key("authorization")
            && !seen.headers.contains_key("cookie"))
    );
    assert!(there.iter().all(|seen| seen.headers["x-key"] == "1"));
    for (status, follows) in [("/307", true), ("/308", true), ("/301", false), ("/302", false)] {
        let (store, key) = open(&location(status), Path::new("/"));
        assert_eq!(store.save(&source(b"body").1, &key).is_ok(), follows, "{status}");
    }
    assert_eq!(
        other.seen().iter().filter(|seen| seen.method == "PUT" && seen.body == b"body").count(),
        2
    );
    let (store, key) = open(&location("/here"), Path::new("/"));
    store.save(&source(b"body").1, &key).unwrap();
    let last = server.seen().pop().unwrap();
    assert!(
        last.path == "/there" && last.headers.contains_key("authorization"),
        "the same host: {last:?}"
    );
    let (store, key) = open(&location("/loop"), Path::new("/"));
    assert!(read(&store, &key).unwrap_err().to_string().contains("circles"));
}

const CONTENT: &[u8] = b"0123456789";

#[test]
fn a_cut_download_goes_on() {
    let ranged = |seen: &Seen, number: usize| {
        let headers = vec![("ETag", "\"1\"".to_owned())];
        match seen.headers.get("range") {
            None => Reply { body: CONTENT.into(), cut: Some(4), headers, ..reply(200) },
            Some(range) => {
                let start: usize =
                    range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
                let range = ("Content-Range", format!("bytes {start}-9/10"));
                Reply {
                    body: CONTENT[start..].into(),
                    cut: (number == 2).then_some(3),
                    headers: vec![headers[0].clone(), range],
                    ..reply(206)
                }
            }
        }
    };
    let server = Server::start(ranged);
    let (store, key) = at(server.url("/a"));
    assert_eq!(read(&store, &key).unwrap(), CONTENT);
    let ranges: Vec<_> =
        server.seen().iter().filter_map(|seen| seen.headers.get("range").cloned()).collect();
    assert_eq!(ranges, ["bytes=4-", "bytes=7-"]);
    // A server that knows no ranges sends all again.
    let server = Server::start(|_, number| Reply {
        body: CONTENT.into(),
        cut: (number < 2).then_some(6),
        ..reply(200)
    });
    let (store, key) = at(server.url("/a"));
    assert_eq!(read(&store, &key).unwrap(), CONTENT);
}

#[test]
fn what_cannot_go_on_leaves_nothing() {
    let changed = |_: &Seen, number: usize| Reply {
        body: CONTENT.into(),
        cut: (number < 2).then_some(4),
        headers: vec![("ETag", format!("\"{number}\""))],
        ..reply(200)
    };
    let never = |_: &Seen, _: usize| Reply { body: CONTENT.into(), cut: Some(4), ..reply(200) };
    for server in [Server::start(changed), Server::start(never)] {
        let (store, key) = at(server.url("/a"));
        let dir = tempfile::tempdir().unwrap();
        let error = store.load(&key, &Target::at(&dir.path().join("a")).unwrap()).unwrap_err();
        assert!(error.retryable(), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn what_cannot_be_opened_or_saved_is_named() {
    let missing = |auth: serde_json::Value| {
        let location = serde_json::json!({"url": "http://host/a", "auth": auth});
        let location = serde_json::from_value(location).unwrap();
        Http::new(&location, &SecretFiles { root: "/".into() }).map(|_| ()).unwrap_err().to_string()
    };
    let error = missing(serde_json::json!({"clientCert": {}}));
    assert!(error.contains("`http.auth.clientCert.clientCertSecret` is missing"), "{error}");
    let error = missing(serde_json::json!({"oauth2": {}}));
    assert!(error.contains("`http.auth.oauth2.tokenURLSecret` is missing"), "{error}");
    let location = ArtifactoryArtifact { url: "http://host/a".into(), ..Default::default() };
    let error = Http::artifactory(&location, &SecretFiles { root: "/".into() }).map(|_| ());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`artifactory.usernameSecret` is missing"), "{error}");
    let directory = tempfile::tempdir().unwrap();
    let (store, key) = at("http://127.0.0.1:1/a".into());
    let error = store.save(&Source::open(directory.path()).unwrap(), &key).unwrap_err();
    assert!(
        matches!(error, Error::Invalid(_)) && error.to_string().contains("is a directory"),
        "{error}"
    );
}
