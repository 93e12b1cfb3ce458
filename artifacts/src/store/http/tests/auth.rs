//! Artifactory's password and tokens by OAuth2.

use super::server::{Reply, Seen, Server, reply};
use super::{open, read};
use crate::error::Error;
use crate::secret::SecretFiles;
use crate::store::http::Http;
use lighter_api::ArtifactoryArtifact;
use serde_json::{Value, json};
use std::path::Path;

fn secrets(values: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("cred")).unwrap();
    for (key, value) in values {
        std::fs::write(dir.path().join("cred").join(key), value).unwrap();
    }
    dir
}

fn selector(key: &str) -> Value {
    json!({"name": "cred", "key": key})
}

#[test]
fn artifactory_takes_a_password() {
    let secrets = secrets(&[("user", "me"), ("password", "hunter2")]);
    let server = Server::start(|_, _| Reply { body: b"x".into(), ..reply(200) });
    let location: ArtifactoryArtifact = serde_json::from_value(json!({
        "url": server.url("/repo/a"),
        "usernameSecret": selector("user"),
        "passwordSecret": selector("password"),
    }))
    .unwrap();
    let secrets = SecretFiles { root: secrets.path().into() };
    let (store, key) = Http::artifactory(&location, &secrets).unwrap();
    assert_eq!((key.as_str(), read(&store, &key).unwrap()), ("/repo/a", b"x".to_vec()));
    assert_eq!(server.seen()[0].headers["authorization"], "Basic bWU6aHVudGVyMg==");
}

/// A token server at `/token`, that takes credentials in the form only if `in_form`; everything else wants its newest token.
fn token_server(in_form: bool, life: u64) -> Server {
    Server::start(move |seen, number| {
        if seen.path != "/token" {
            let known =
                seen.headers.get("authorization").is_some_and(|a| a.starts_with("Bearer t"));
            return reply(if known { 200 } else { 401 });
        }
        if in_form && seen.headers.contains_key("authorization") {
            return reply(401);
        }
        let answer = json!({"access_token": format!("t{number}"), "token_type": "bearer", "expires_in": life});
        Reply { body: answer.to_string().into_bytes(), ..reply(200) }
    })
}

fn store(server: &Server, secrets: &Path) -> (Http, String) {
    std::fs::write(secrets.join("cred/url"), server.url("/token")).unwrap();
    let location = serde_json::from_value(json!({
        "url": server.url("/a"),
        "auth": {"oauth2": {
            "clientIDSecret": selector("id"),
            "clientSecretSecret": selector("secret"),
            "tokenURLSecret": selector("url"),
            "scopes": ["read", "write"],
            "endpointParams": [{"key": "audience", "value": "a & b"}],
        }},
    }))
    .unwrap();
    open(&location, secrets)
}

fn tokens(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.path == "/token").collect()
}

#[test]
fn one_token_serves_until_its_end() {
    let secrets = secrets(&[("id", "i:d"), ("secret", "s+t")]);
    let server = token_server(false, 3600);
    let (http, key) = store(&server, secrets.path());
    for _ in 0..3 {
        read(&http, &key).unwrap();
    }
    let tokens_seen = tokens(&server);
    assert_eq!(tokens_seen.len(), 1);
    let request = &tokens_seen[0];
    // `i%3Ad:s%2Bt`
    assert_eq!(request.headers["authorization"], "Basic aSUzQWQ6cyUyQnQ=");
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        "grant_type=client_credentials&scope=read+write&audience=a+%26+b"
    );
    assert_eq!(server.seen()[1].headers["authorization"], "Bearer t1");
    // What ends within the margin serves once.
    let server = token_server(false, 5);
    let (http, key) = store(&server, secrets.path());
    read(&http, &key).unwrap();
    read(&http, &key).unwrap();
    assert_eq!(tokens(&server).len(), 2);
}

#[test]
fn credentials_go_into_the_form_where_a_header_is_refused() {
    let secrets = secrets(&[("id", "id"), ("secret", "s3cret")]);
    let server = token_server(true, 3600);
    let (http, key) = store(&server, secrets.path());
    read(&http, &key).unwrap();
    let body = String::from_utf8(tokens(&server)[1].body.clone()).unwrap();
    assert!(body.ends_with("&client_id=id&client_secret=s3cret"), "{body}");
}

#[test]
fn a_refused_token_is_no_missing_artifact_and_shows_no_secret() {
    let secrets = secrets(&[("id", "1d"), ("secret", "s3cret")]);
    for (status, body, tries) in [
        (404, "", 1),
        (400, r#"{"error": "invalid_client s3cret"}"#, 2),
        (200, "<html>s3cret", 1),
        (200, r#"{"token": "s3cret"}"#, 1),
        (503, "", 3),
    ] {
        let server = Server::start(move |_, _| Reply { body: body.into(), ..reply(status) });
        let (http, key) = store(&server, secrets.path());
        let error = read(&http, &key).unwrap_err();
        assert!(!matches!(error, Error::NotFound(_)), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("no token from the OAuth2 server") && !text.contains("s3cret"),
            "{text}"
        );
        assert_eq!(server.seen().len(), tries, "{text}");
    }
}
