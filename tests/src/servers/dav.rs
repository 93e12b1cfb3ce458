//! WebDAV by nginx, with a user and a password.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use lighter_api::ArtifactLocation;
use lighter_artifacts::SecretFiles;
use serde_json::json;

use super::{Server, program};

/// A running nginx that stores what it is sent.
pub struct Dav {
    server: Server,
}

impl Dav {
    /// Starts it empty.
    pub fn start() -> Self {
        let server = Server::start(|port, folder| {
            std::fs::create_dir_all(folder.join("data")).unwrap();
            std::fs::write(folder.join("users"), "user:{PLAIN}password\n").unwrap();
            std::fs::write(folder.join("nginx.conf"), configuration(port, folder)).unwrap();
            let mut command = Command::new(program("nginx"));
            command.arg("-e").arg(folder.join("errors"));
            command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
            command
        });
        let credentials = server.folder().join("secrets/dav");
        std::fs::create_dir_all(&credentials).unwrap();
        std::fs::write(credentials.join("user"), "user").unwrap();
        std::fs::write(credentials.join("password"), "password").unwrap();
        Self { server }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where it keeps files.
    pub fn data(&self) -> PathBuf {
        self.server.folder().join("data")
    }

    /// A location with its credentials; reached at `address`, which may be a proxy before it.
    pub fn location_at(&self, address: SocketAddr, path: &str) -> ArtifactLocation {
        let secret = |key: &str| json!({"name": "dav", "key": key});
        let location = json!({"http": {
            "url": format!("http://{address}/{path}"),
            "auth": {"basicAuth": {
                "usernameSecret": secret("user"),
                "passwordSecret": secret("password"),
            }},
        }});
        serde_json::from_value(location).unwrap()
    }

    /// What the location's Secrets hold.
    pub fn secrets(&self) -> SecretFiles {
        SecretFiles { root: self.server.folder().join("secrets") }
    }
}

fn configuration(port: u16, folder: &Path) -> String {
    let user = if crate::is_root() { "user root;" } else { "" };
    format!(
        r#"
daemon off;
master_process off;
{user}
pid {folder}/pid;
error_log {folder}/errors;
events {{}}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/data;
    auth_basic store;
    auth_basic_user_file {folder}/users;
    dav_methods PUT DELETE MKCOL;
    create_full_put_path on;
  }}
}}
"#,
        folder = folder.display()
    )
}
