//! Google Cloud Storage by fake-gcs-server: takes any credentials.

use std::net::SocketAddr;
use std::process::Command;

use lighter_api::ArtifactLocation;
use serde_json::json;

use super::{Server, program, python};

const CREATE: &str = r#"
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(
    f"http://{sys.argv[1]}/storage/v1/b?project=test", method="POST",
    data=b'{"name": "%s"}' % sys.argv[2].encode(), headers={"Content-Type": "application/json"}))
"#;

const PUT: &str = r#"
import sys, urllib.parse, urllib.request
address, bucket, name, content = sys.argv[1:]
query = urllib.parse.urlencode({"uploadType": "media", "name": name})
urllib.request.urlopen(urllib.request.Request(
    f"http://{address}/upload/storage/v1/b/{bucket}/o?{query}", method="POST", data=content.encode()))
"#;

/// A running fake-gcs-server. Clients find it by `STORAGE_EMULATOR_HOST`.
pub struct Gcs {
    server: Server,
}

impl Gcs {
    /// Starts it without buckets.
    pub fn start() -> Self {
        let server = Server::start(|port, _| {
            let address = format!("127.0.0.1:{port}");
            let mut command = Command::new(program("fake-gcs-server"));
            command.args(["-scheme", "http", "-backend", "memory", "-log-level", "error"]);
            command.args(["-host", "127.0.0.1", "-port", &port.to_string()]);
            command.args(["-public-host", &address, "-external-url", &format!("http://{address}")]);
            command
        });
        Self { server }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        python(CREATE, &[&self.address().to_string(), name]);
    }

    /// Puts an object there by the JSON interface.
    pub fn put(&self, bucket: &str, name: &str, content: &[u8]) {
        let content = String::from_utf8_lossy(content);
        python(PUT, &[&self.address().to_string(), bucket, name, &content]);
    }

    /// A location in a bucket.
    pub fn location(&self, bucket: &str, key: &str) -> ArtifactLocation {
        serde_json::from_value(json!({"gcs": {"bucket": bucket, "key": key}})).unwrap()
    }
}
