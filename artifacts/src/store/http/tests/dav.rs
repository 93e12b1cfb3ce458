//! WebDAV against a scripted server; a real one is in the conformance suite.

use super::server::{Reply, Server, reply};
use super::{at, source};
use crate::error::Error;
use crate::store::{Object, Store};

fn dav() -> Reply {
    Reply { headers: vec![("DAV", "1".into())], ..reply(200) }
}

#[test]
fn missing_collections_are_made_once() {
    let server = Server::start(|seen, number| match (seen.method.as_str(), seen.path.as_str()) {
        ("OPTIONS", _) => dav(),
        ("MKCOL", "/a/b/") if number < 5 => reply(409),
        ("MKCOL", _) => reply(201),
        ("PUT", _) => reply(if number == 1 { 409 } else { 201 }),
        _ => reply(400),
    });
    let (store, key) = at(server.url("/a/b/c"));
    store.save(&source(b"x").1, &key).unwrap();
    let did: Vec<_> =
        server.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    let should =
        ["PUT /a/b/c", "OPTIONS /a/b/c", "MKCOL /a/b/", "MKCOL /a/", "MKCOL /a/b/", "PUT /a/b/c"];
    assert_eq!(did, should);
    // Where nobody speaks WebDAV the first answer stands.
    let server = Server::start(|seen, _| reply(if seen.method == "PUT" { 409 } else { 200 }));
    let (store, key) = at(server.url("/a/b/c"));
    assert!(store.save(&source(b"x").1, &key).unwrap_err().to_string().contains("409"));
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn only_what_is_below_is_listed() {
    let server = Server::start(|seen, _| {
        let member = |href: &str, size: &str| {
            let kind = if size.is_empty() { "<collection/>" } else { "" };
            format!(
                "<response><href>{href}</href><propstat><prop><getcontentlength>{size}</getcontentlength>\
                 <resourcetype>{kind}</resourcetype></prop></propstat></response>"
            )
        };
        let members = match (seen.method.as_str(), seen.path.as_str()) {
            ("OPTIONS", _) => return dav(),
            ("PROPFIND", "/a") => [
                member("/a/", ""),
                member("/a/x%20y", "3"),
                member("/a/b/", ""),
                member("/", ""),
                member("/ab", "9"),
                member("/a/../etc", "9"),
            ]
            .concat(),
            ("PROPFIND", "/a/b/") => [member("/a/b/", ""), member("/a/b/c", "4")].concat(),
            _ => return reply(404),
        };
        let body = format!("<multistatus xmlns='DAV:'>{members}</multistatus>").into_bytes();
        Reply { body, ..reply(207) }
    });
    let (store, key) = at(server.url("/a"));
    let object = |key: &str, size| Object { key: key.into(), size };
    assert_eq!(store.list(&key).unwrap(), [object("/a/b/c", 4), object("/a/x y", 3)]);
    assert!(
        server.seen().iter().all(|seen| seen.method != "PROPFIND" || seen.headers["depth"] == "1")
    );
    assert_eq!(store.list("/none").unwrap(), []);
}

#[test]
fn deleting() {
    let server = Server::start(|seen, _| match (seen.method.as_str(), seen.path.as_str()) {
        ("OPTIONS", _) => dav(),
        ("DELETE", "/file" | "/dir/") => reply(204),
        ("DELETE", "/dir") => reply(409),
        ("DELETE", "/held") => reply(423),
        _ => reply(404),
    });
    let (store, _) = at(server.url("/"));
    for key in ["/file", "/dir", "/dir/", "/gone"] {
        store.delete(key).unwrap();
    }
    assert!(store.delete("/held").unwrap_err().to_string().contains("423"));
    let plain = Server::start(|_, _| reply(200));
    let (store, key) = at(plain.url("/a"));
    let error = store.delete(&key).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    assert!(
        error.to_string().contains("delete not supported for this artifact storage"),
        "{error}"
    );
    assert!(plain.seen().iter().all(|seen| seen.method == "OPTIONS"));
}
