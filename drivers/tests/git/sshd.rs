//! A real `sshd` on a free port, with keys of its own, for the current user.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Sshd {
    dir: TempDir,
    child: Child,
    pub port: u16,
}

impl Sshd {
    pub fn start() -> Sshd {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        for (name, kind) in [
            ("host", "ed25519"),
            ("host_rsa", "rsa"),
            ("user", "ed25519"),
            ("user_rsa", "rsa"),
            ("stranger", "ed25519"),
        ] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", kind, "-N", "", "-f", &path(name)])
                .status()
                .unwrap();
            assert!(made.success());
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join("authorized"), read("user.pub") + &read("user_rsa.pub"))
            .unwrap();
        if nix::unistd::geteuid().is_root() {
            std::fs::create_dir_all("/run/sshd").unwrap();
            std::fs::set_permissions("/run/sshd", std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        // A port that was free a moment ago; taken meanwhile, sshd says so and another is tried.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let config = format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
                 PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n",
                path("host"),
                path("host_rsa"),
                path("authorized")
            );
            std::fs::write(dir.path().join("config"), config).unwrap();
            // It ends with the test program, however that ends.
            let mut command = Command::new("setpriv");
            command
                .args(["--pdeathsig", "KILL", "/usr/sbin/sshd", "-D", "-e", "-f", &path("config")])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0);
            let mut child = command.spawn().expect("openssh-server is installed");
            if ready(&mut child, port) {
                return Sshd { dir, child, port };
            }
        }
        panic!("sshd does not start");
    }

    /// The path of a key file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A known_hosts file that says that this server has the key of the file `key`.
    pub fn known_hosts(&self, key: &str) -> PathBuf {
        let path = self.path(&format!("known_{key}"));
        std::fs::write(&path, format!("[127.0.0.1]:{} {}", self.port, self.read(key))).unwrap();
        path
    }
}

/// Waits until it takes connections; `false` if it ends instead.
fn ready(child: &mut Child, port: u16) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
