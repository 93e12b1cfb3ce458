//! `git http-backend` behind as much of an HTTP server as it needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Serves the repositories below a folder until the test program ends.
pub struct Server {
    pub port: u16,
    /// How many requests are still to be answered with 503.
    pub faults: Arc<AtomicUsize>,
    /// The `Authorization` headers that came.
    pub credentials: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Settings {
    root: PathBuf,
    /// The only `Authorization` header that is let in.
    password: Option<&'static str>,
    faults: Arc<AtomicUsize>,
    credentials: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(root: &Path, password: Option<&'static str>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (faults, credentials) = (Arc::default(), Arc::default());
        let settings = Settings {
            root: root.to_owned(),
            password,
            faults: Arc::clone(&faults),
            credentials: Arc::clone(&credentials),
        };
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let settings = settings.clone();
                std::thread::spawn(move || answer(connection.unwrap(), &settings));
            }
        });
        Server { port, faults, credentials }
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }
}

/// One request, then the end of the connection. `None` when it breaks.
fn answer(connection: TcpStream, settings: &Settings) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut writer = connection;
    let line = read_line(&mut reader)?;
    let (method, rest) = line.split_once(' ')?;
    let target = rest.split(' ').next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (mut length, mut kind, mut authorization) = (0, String::new(), None);
    loop {
        let line = read_line(&mut reader)?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "content-type" => kind = value.to_owned(),
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    settings.credentials.lock().unwrap().extend(authorization.clone());
    let refuse = |writer: &mut TcpStream, status: &str| {
        let head = format!(
            "HTTP/1.1 {status}\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        writer.write_all(head.as_bytes()).ok()
    };
    if settings
        .faults
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok()
    {
        return refuse(&mut writer, "503 Service Unavailable");
    }
    if settings.password.is_some() && authorization.as_deref() != settings.password {
        return refuse(&mut writer, "401 Unauthorized");
    }
    if let Some(rest) = path.strip_prefix("/moved/") {
        let head = format!(
            "HTTP/1.1 301 Moved\r\nLocation: /{rest}?{query}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        return writer.write_all(head.as_bytes()).ok();
    }
    let mut backend = Command::new("git")
        .args(["-c", "safe.directory=*", "http-backend"])
        .env("GIT_PROJECT_ROOT", &settings.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", kind)
        .env("CONTENT_LENGTH", length.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // The backend may end before it has read all.
    let _ = backend.stdin.take()?.write_all(&body);
    let mut output = BufReader::new(backend.stdout.take()?);
    let (mut status, mut head) = ("200 OK".to_owned(), String::new());
    loop {
        let line = read_line(&mut output)?;
        match line.split_once(": ") {
            Some(("Status", value)) => status = value.to_owned(),
            Some(_) => head.push_str(&format!("{line}\r\n")),
            None => break,
        }
    }
    writer
        .write_all(format!("HTTP/1.1 {status}\r\n{head}Connection: close\r\n\r\n").as_bytes())
        .ok()?;
    std::io::copy(&mut output, &mut writer).ok()?;
    backend.wait().ok().map(drop)
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(1..) => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
