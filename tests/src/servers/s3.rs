//! S3 by versitygw: checks signatures, keeps objects as files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use lighter_api::ArtifactLocation;
use lighter_artifacts::SecretFiles;
use serde_json::json;

use super::{Server, program};

const ACCESS_KEY: &str = "lighter-access";
const SECRET_KEY: &str = "lighter-secret-key";

/// A running versitygw. Path-style addresses, and virtual-hosted ones below the domain `localhost`.
pub struct S3 {
    server: Server,
}

impl S3 {
    /// The region that requests must be signed for.
    pub const REGION: &str = "eu-test-1";

    /// Starts it without buckets.
    pub fn start() -> Self {
        Self::start_in(Self::REGION)
    }

    /// Starts it for requests signed for `region`.
    pub fn start_in(region: &str) -> Self {
        let server = Server::start(|port, folder| {
            let (data, metadata) = (folder.join("data"), folder.join("metadata"));
            std::fs::create_dir_all(&data).unwrap();
            std::fs::create_dir_all(&metadata).unwrap();
            let mut command = Command::new(program("versitygw"));
            command.args(["--quiet", "--port", &format!("127.0.0.1:{port}")]);
            command.args(["--region", region, "--virtual-domain", "localhost"]);
            command.env("ROOT_ACCESS_KEY", ACCESS_KEY).env("ROOT_SECRET_KEY", SECRET_KEY);
            command.args(["posix", "--sidecar"]).args([metadata, data]);
            command
        });
        let credentials = server.folder().join("secrets/s3");
        std::fs::create_dir_all(&credentials).unwrap();
        std::fs::write(credentials.join("accessKey"), ACCESS_KEY).unwrap();
        std::fs::write(credentials.join("secretKey"), SECRET_KEY).unwrap();
        Self { server }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Makes a bucket and gives the folder where the server keeps its objects.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let folder = self.server.folder().join("data").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A location in a bucket of this server, with its credentials; reached at `endpoint`, which may be a proxy before it.
    pub fn location_at(&self, endpoint: SocketAddr, bucket: &str, key: &str) -> ArtifactLocation {
        let secret = |key: &str| json!({"name": "s3", "key": key});
        let location = json!({"s3": {
            "endpoint": endpoint.to_string(),
            "insecure": true,
            "region": Self::REGION,
            "bucket": bucket,
            "key": key,
            "accessKeySecret": secret("accessKey"),
            "secretKeySecret": secret("secretKey"),
        }});
        serde_json::from_value(location).unwrap()
    }

    /// A location in a bucket of this server.
    pub fn location(&self, bucket: &str, key: &str) -> ArtifactLocation {
        self.location_at(self.address(), bucket, key)
    }

    /// What the location's Secrets hold.
    pub fn secrets(&self) -> SecretFiles {
        SecretFiles { root: self.server.folder().join("secrets") }
    }
}
