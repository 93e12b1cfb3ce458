//! HTTP against a scripted server: what is sent, what is tried again, what never shows.

use super::*;
use crate::secret::SecretFiles;
use crate::store::tests::conforms;
use lighter_api::Header;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

#[derive(Clone, Debug, Default)]
struct Seen {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

#[derive(Default)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes of the body after which the connection is cut.
    cut: Option<usize>,
}

fn reply(status: u16) -> Reply {
    Reply { status, ..Reply::default() }
}

type Handler = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// Answers one request a connection; ends with the test.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    fn start(handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let handler: Arc<Handler> = Arc::new(handler);
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                std::thread::spawn(move || answer(stream.unwrap(), handler.as_ref(), &log));
            }
        });
        Server { port, seen }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, handler: &Handler, log: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut seen =
        Seen { method: words.next().unwrap(), path: words.next().unwrap(), ..Seen::default() };
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        seen.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = seen.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body).unwrap();
    let number = {
        let mut log = log.lock().unwrap();
        log.push(seen.clone());
        log.len()
    };
    let reply = handler(&seen, number);
    let mut head = format!(
        "HTTP/1.1 {} x\r\nConnection: close\r\nContent-Length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = if seen.method == "HEAD" {
        &[][..]
    } else {
        &reply.body[..reply.cut.unwrap_or(reply.body.len())]
    };
    let mut stream = reader.into_inner();
    // The client may have gone by now, as when it only looks at the start.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(b"\r\n"))
        .and_then(|()| stream.write_all(body));
}

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
    conforms(&store);
    assert!(matches!(store.list(""), Err(Error::Unsupported(_))));
    assert!(matches!(store.delete("a"), Err(Error::Unsupported(_))));
    let put = server.seen().into_iter().find(|seen| seen.method == "PUT").unwrap();
    assert_eq!(
        (put.path.as_str(), put.headers["content-length"].as_str()),
        ("/wf/pod/a?sig=1", "5")
    );
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
fn unsupported_credentials_are_named() {
    for kind in ["clientCert", "oauth2"] {
        let location =
            serde_json::from_value(serde_json::json!({"url": "http://host/a", "auth": {kind: {}}}))
                .unwrap();
        let error =
            Http::new(&location, &SecretFiles { root: "/".into() }).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(&format!("`http.auth.{kind}`")), "{error}");
    }
    let directory = tempfile::tempdir().unwrap();
    let (store, key) = at("http://127.0.0.1:1/a".into());
    let error = store.save(&Source::open(directory.path()).unwrap(), &key).unwrap_err();
    assert!(
        matches!(error, Error::Invalid(_)) && error.to_string().contains("is a directory"),
        "{error}"
    );
}
