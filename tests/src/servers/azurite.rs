//! Azure Blob by Azurite: checks signatures; its addresses name the account in their path.

use std::net::SocketAddr;
use std::process::Command;

use lighter_api::ArtifactLocation;
use lighter_artifacts::SecretFiles;
use serde_json::json;

use super::{Server, program, python};

const ACCOUNT: &str = "devstoreaccount1";
/// The key that every Azurite has; published by its makers.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// "Create Container" signed by the rules of Azure's "Authorize with Shared Key".
const CREATE: &str = r#"
import base64, email.utils, hashlib, hmac, sys, urllib.request
endpoint, account, key, container = sys.argv[1:]
date, version = email.utils.formatdate(usegmt=True), "2021-08-06"
text = ("PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n"
        f"/{account}/{account}/{container}\nrestype:container")
signature = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
urllib.request.urlopen(urllib.request.Request(
    f"{endpoint}/{container}?restype=container", method="PUT",
    headers={"x-ms-date": date, "x-ms-version": version,
             "Authorization": f"SharedKey {account}:{base64.b64encode(signature).decode()}"}))
"#;

/// A running Azurite.
pub struct Azurite {
    server: Server,
}

impl Azurite {
    /// Starts it without containers.
    pub fn start() -> Self {
        let server = Server::start(|port, folder| {
            let mut command = Command::new(program("azurite-blob"));
            command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry"]);
            command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
            command.arg("--location").arg(folder.join("data"));
            command
        });
        let credentials = server.folder().join("secrets/azure");
        std::fs::create_dir_all(&credentials).unwrap();
        std::fs::write(credentials.join("key"), KEY).unwrap();
        Self { server }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Makes a container.
    pub fn container(&self, name: &str) {
        python(CREATE, &[&endpoint(self.address()), ACCOUNT, KEY, name]);
    }

    /// A location in a container, with its credentials; reached at `address`, which may be a proxy before it.
    pub fn location_at(&self, address: SocketAddr, container: &str, key: &str) -> ArtifactLocation {
        let location = json!({"azure": {
            "endpoint": endpoint(address),
            "container": container,
            "blob": key,
            "accountKeySecret": {"name": "azure", "key": "key"},
        }});
        serde_json::from_value(location).unwrap()
    }

    /// What the location's Secrets hold.
    pub fn secrets(&self) -> SecretFiles {
        SecretFiles { root: self.server.folder().join("secrets") }
    }
}

fn endpoint(address: SocketAddr) -> String {
    format!("http://{address}/{ACCOUNT}")
}
