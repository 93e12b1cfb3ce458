//! A registry of one image on this machine, over plain HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::images::digest;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub struct Registry {
    pub address: String,
    requests: Arc<AtomicUsize>,
}

/// Answers by path: content type and body.
type Answers = BTreeMap<String, (&'static str, Vec<u8>)>;

impl Registry {
    /// Serves `team/tool:1`, an index of two platforms of which one is this machine's.
    pub fn start(config: Vec<u8>, layer: Vec<u8>) -> Self {
        let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
        let describe = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": describe("application/vnd.oci.image.config.v1+json", &config),
            "layers": [describe("application/vnd.oci.image.layer.v1.tar+gzip", &layer)],
        })
        .to_string()
        .into_bytes();
        let mut ours = describe(MANIFEST, &manifest);
        ours["platform"] = json!({"os": "linux", "architecture": arch});
        let other = json!({"mediaType": MANIFEST, "digest": digest(b"other"), "size": 5,
            "platform": {"os": "linux", "architecture": "s390x"}});
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [other, ours]})
            .to_string()
            .into_bytes();
        let at = |kind: &str, name: &str| format!("/v2/team/tool/{kind}/{name}");
        let answers = Answers::from([
            (String::from("/v2/"), ("application/json", b"{}".to_vec())),
            (at("manifests", "1"), (INDEX, index)),
            (at("manifests", &digest(&manifest)), (MANIFEST, manifest)),
            (at("blobs", &digest(&config)), ("application/octet-stream", config)),
            (at("blobs", &digest(&layer)), ("application/octet-stream", layer)),
        ]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let (answers, counter) = (Arc::new(answers), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, counter) = (Arc::clone(&answers), Arc::clone(&counter));
                std::thread::spawn(move || serve(&stream.unwrap(), &answers, &counter));
            }
        });
        Self { address, requests }
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// One request, one answer.
fn serve(mut stream: &TcpStream, answers: &Answers, requests: &AtomicUsize) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    requests.fetch_add(1, Ordering::SeqCst);
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match answers.get(path) {
        Some((kind, body)) => ("200 OK", *kind, body.clone()),
        None => (
            "404 Not Found",
            "application/json",
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#.to_vec(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}
