//! Where S3's credentials come from, and which headers encryption adds, seen by a scripted server that plays every part.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use lighter_api::ArtifactLocation;
use lighter_artifacts::{Body, Error, Mounts, SecretFiles, open_store};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Names the file of a child's location; a test that finds it is that child.
const LOCATION: &str = "LIGHTER_TEST_LOCATION";

const STS: &str = "<Credentials><AccessKeyId>ID</AccessKeyId><SecretAccessKey>SECRET</SecretAccessKey>\
    <SessionToken>TOKEN</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>";

/// Answers by the start of a request's line; remembers the requests' heads, in small letters, and bodies.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

fn answer(line: &str) -> (u16, String) {
    let body = if line.contains("AssumeRoleWithWebIdentity") {
        format!("<R><AssumeRoleWithWebIdentityResult>{STS}</AssumeRoleWithWebIdentityResult></R>")
    } else if line.starts_with("POST / ") {
        format!("<R><AssumeRoleResult>{STS}</AssumeRoleResult></R>")
    } else if line.starts_with("GET /container") {
        json!({"AccessKeyId": "ID", "SecretAccessKey": "SECRET", "Token": "TOKEN",
               "Expiration": "2099-01-01T00:00:00Z"})
        .to_string()
    } else if line.starts_with("PUT /data/ ") {
        return (409, "<Error><Code>BucketAlreadyOwnedByYou</Code></Error>".to_owned());
    } else {
        String::new()
    };
    (200, body)
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &heard);
            }
        });
        Server { address, seen }
    }

    /// The only request whose line starts so.
    fn one(&self, start: &str) -> String {
        let seen = self.seen.lock().unwrap();
        let found: Vec<&String> = seen.iter().filter(|head| head.starts_with(start)).collect();
        assert_eq!(found.len(), 1, "{start}: {seen:#?}");
        found[0].clone()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (mut head, mut length) = (line.clone(), 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&header.to_ascii_lowercase());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    seen.lock().unwrap().push(head + &String::from_utf8_lossy(&body));
    let (status, body) = answer(&line);
    let length = body.len();
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status} X\r\nETag: \"e\"\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
}

struct Hello;

impl Body for Hello {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(&b"hello"[..]))
    }

    fn length(&self) -> Result<u64, Error> {
        Ok(5)
    }
}

/// Saves an object with the location and environment, in a process of its own.
fn save(name: &str, server: &Server, extra: &Value, environment: &[(&str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    let mut s3 = json!({"endpoint": server.address, "bucket": "data", "key": "k", "insecure": true,
                        "region": "us-east-1"});
    s3.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let file = dir.path().join("location");
    std::fs::write(&file, json!({"s3": s3}).to_string()).unwrap();
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .envs(environment.iter().copied())
        .env("HOME", dir.path())
        .env(LOCATION, file)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}

/// Whether this process is a child, which has saved then.
fn is_child() -> bool {
    let Some(file) = std::env::var_os(LOCATION) else { return false };
    let text = std::fs::read_to_string(file).unwrap();
    let location: ArtifactLocation = serde_json::from_str(&text).unwrap();
    let secrets = SecretFiles { root: Path::new("/nonexistent").into() };
    let (store, key) = open_store(&location, &Mounts::default(), &secrets).unwrap();
    store.save_stream(&Hello, &key).unwrap();
    true
}

#[test]
fn a_role_is_assumed_and_the_bucket_made_and_encrypted() {
    if is_child() {
        return;
    }
    let server = Server::start();
    let extra = json!({
        "roleARN": "arn:aws:iam::1:role/a",
        "createBucketIfNotPresent": {"objectLocking": true},
        "encryptionOptions": {"enableEncryption": true, "kmsKeyId": "key-1",
                              "kmsEncryptionContext": "{\"a\":\"b\"}"},
    });
    let environment = [
        ("AWS_ACCESS_KEY_ID", "BASE"),
        ("AWS_SECRET_ACCESS_KEY", "base"),
        ("AWS_ENDPOINT_URL_STS", &*format!("http://{}", server.address)),
    ];
    save("a_role_is_assumed_and_the_bucket_made_and_encrypted", &server, &extra, &environment);
    let assumed = server.one("POST / ");
    assert!(
        assumed.contains("credential=base/") && assumed.contains("/us-east-1/sts/"),
        "{assumed}"
    );
    assert!(assumed.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa"), "{assumed}");
    assert!(server.one("PUT /data/ ").contains("x-amz-bucket-object-lock-enabled: true"));
    let default = server.one("PUT /data/?encryption");
    assert!(default.contains("<KMSMasterKeyID>key-1</KMSMasterKeyID>"), "{default}");
    let object = server.one("PUT /data/k ");
    for header in [
        "x-amz-security-token: token",
        "x-amz-server-side-encryption: aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id: key-1",
        "x-amz-server-side-encryption-context: eyjhijoiyij9",
        "credential=id/",
    ] {
        assert!(object.contains(header), "{header}: {object}");
    }
    let signed = object.split("signedheaders=").nth(1).unwrap().split(',').next().unwrap();
    assert!(signed.contains("x-amz-server-side-encryption-context"), "{signed}");
}

#[test]
fn a_container_has_credentials() {
    if is_child() {
        return;
    }
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "bearer-1\n").unwrap();
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*format!("http://{}/container", server.address)),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap()),
    ];
    save("a_container_has_credentials", &server, &json!({}), &environment);
    assert!(server.one("GET /container").contains("authorization: bearer-1"));
    assert!(server.one("PUT /data/k ").contains("x-amz-security-token: token"));
}

#[test]
fn a_service_account_has_a_role() {
    if is_child() {
        return;
    }
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "web-1").unwrap();
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/a"),
        ("AWS_ENDPOINT_URL_STS", &*format!("http://{}", server.address)),
    ];
    save("a_service_account_has_a_role", &server, &json!({"useSDKCreds": true}), &environment);
    assert!(
        server.one("POST /?Action=AssumeRoleWithWebIdentity").contains("WebIdentityToken=web-1")
    );
    assert!(server.one("PUT /data/k ").contains("x-amz-security-token: token"));
}
