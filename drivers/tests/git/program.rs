//! The drivers program and its end: by a crash, and with the program that asked.

use super::{Case, Place};
use lighter_artifacts::Error;
use serde_json::json;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Makes the drivers program crash before it has read its request.
const CRASH: &str = "TEST_CRASH";

pub fn trials() -> Vec<Case> {
    vec![
        ("a crash is told with its signal and last words", crash),
        ("the program ends with the one that asked", orphan),
    ]
}

/// The drivers program, or a broken one.
pub fn act() -> ExitCode {
    if std::env::var_os(CRASH).is_some() {
        eprintln!("first words\nlast words");
        std::process::abort();
    }
    lighter_drivers::main()
}

fn crash() {
    let place = Place::fresh().env(CRASH, Path::new("1"));
    let loaded = place.load(&json!({"repo": "https://host.example/a"}));
    let text = loaded.error().to_string();
    assert!(matches!(loaded.error(), Error::Io(_)), "{text}");
    assert!(
        text.contains("git https://host.example/a")
            && text.contains("signal 6")
            && text.contains("last words: last words"),
        "{text}"
    );
    assert!(loaded.stderr.contains("first words"));
}

fn orphan() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::fresh();
    let repo = format!("http://127.0.0.1:{}/a", listener.local_addr().unwrap().port());
    let mut asking = place.start(&json!({"repo": repo}));
    // The drivers program waits for an answer that never comes.
    let (mut connection, _) = listener.accept().unwrap();
    asking.kill().unwrap();
    asking.wait().unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut rest = Vec::new();
    match connection.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it still runs: {error}"),
    }
}
