//! A server process, killed when its value is dropped or the test process ends in whatever way.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::wait_for;

/// Runs the server until it ends or standard input does, which is ours to close: the kernel does it when we are killed.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
exec 2>/dev/null
{ cat <&3 >/dev/null; kill -9 $server; } &
wait $server
"#;

/// A server that accepts connections.
pub struct Server {
    guard: Child,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts what `command` makes of a free port and an empty folder for data, and waits until it accepts connections.
    pub fn start(command: impl Fn(u16, &Path) -> Command) -> Self {
        // The port may be taken by another process between our look and the server's start.
        (0..5).find_map(|_| Self::try_start(&command)).unwrap_or_else(|| {
            panic!("{:?} does not start; its output is above", command(0, Path::new("FOLDER")))
        })
    }

    fn try_start(command: impl Fn(u16, &Path) -> Command) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("lighter-server-").tempdir().unwrap();
        let port = free_port();
        let command = command(port, folder.path());
        let mut guarded = Command::new("sh");
        guarded.args(["-c", GUARD, "guard"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(name, value),
                None => guarded.env_remove(name),
            };
        }
        let guard = guarded.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut server = Self { guard, port, folder };
        let mut ended = false;
        wait_for("a server to accept connections", || {
            ended = server.guard.try_wait().unwrap().is_some();
            ended || TcpStream::connect(server.address()).is_ok()
        });
        (!ended).then_some(server)
    }

    /// The loopback port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The folder for its data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // Nothing can be done about a failure here.
        let _ = self.guard.wait();
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_ends_with_its_value() {
        let server = Server::start(|port, folder| {
            let mut command = Command::new("python3");
            command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]);
            command.arg("--directory").arg(folder);
            command
        });
        let (address, folder) = (server.address(), server.folder().to_owned());
        drop(server);
        assert!(TcpStream::connect(address).is_err());
        assert!(!folder.exists());
    }
}
