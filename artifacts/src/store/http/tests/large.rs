//! Large objects come by several connections; streams go up without a known length.

use super::server::{Reply, Seen, Server, reply};
use super::{at, open, source};
use crate::archive::{Archive, Packed};
use crate::store::Store;
use crate::target::Target;
use lighter_api::HttpArtifact;
use std::path::Path;

const LENGTH: usize = (33 << 20) + 5;

fn content() -> Vec<u8> {
    (0..LENGTH as u32).map(|at| (at >> 12) as u8 ^ at as u8).collect()
}

/// Answers to ranges of `content`; `tag` tells by the request and its number.
fn ranged(content: &[u8], seen: &Seen, tag: &str) -> Reply {
    let headers = vec![("ETag", tag.to_owned()), ("Accept-Ranges", "bytes".into())];
    let range = seen.headers.get("range").filter(|_| seen.headers["if-range"] == tag);
    let Some(range) = range else { return Reply { body: content.into(), headers, ..reply(200) } };
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let first: usize = first.parse().unwrap();
    let last = last.parse().map_or(content.len() - 1, |last: usize| last);
    let range = ("Content-Range", format!("bytes {first}-{last}/{}", content.len()));
    Reply {
        body: content[first..=last].into(),
        headers: [headers, vec![range]].concat(),
        ..reply(206)
    }
}

#[test]
fn a_large_object_comes_by_several_connections() {
    let whole = content();
    let server = Server::start(move |seen, _| ranged(&whole, seen, "\"1\""));
    let (store, key) = at(server.url("/a"));
    let dir = tempfile::tempdir().unwrap();
    store.load(&key, &Target::at(&dir.path().join("a")).unwrap()).unwrap();
    assert!(std::fs::read(dir.path().join("a")).unwrap() == content());
    let ranges = server.seen().iter().filter(|seen| seen.headers.contains_key("range")).count();
    assert!(ranges > 0, "{ranges}");
}

#[test]
fn what_changes_meanwhile_or_has_no_strong_tag_is_never_mixed() {
    let whole = content();
    let server =
        Server::start(move |seen, number| ranged(&whole, seen, &format!("\"{}\"", number.min(2))));
    let (store, key) = at(server.url("/a"));
    let dir = tempfile::tempdir().unwrap();
    let error = store.load(&key, &Target::at(&dir.path().join("a")).unwrap()).unwrap_err();
    assert!(error.to_string().contains("changed while it was read"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let whole = content();
    let server = Server::start(move |seen, _| ranged(&whole, seen, "W/\"1\""));
    let (store, key) = at(server.url("/a"));
    store.load(&key, &Target::at(&dir.path().join("a")).unwrap()).unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_packed_stream_goes_in_chunks_or_is_counted_first() {
    let (_dir, file) = source(b"content");
    let packed = Packed { source: file, archive: Archive::TarGz { level: 6 } };
    let server = Server::start(|seen, _| {
        reply(if seen.headers.contains_key("content-length") { 201 } else { 411 })
    });
    let (store, key) = at(server.url("/a"));
    let saved = store.save_stream(&packed, &key).unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].headers["transfer-encoding"], "chunked");
    assert_eq!(seen[1].body.len() as u64, saved.size);
    let server = Server::start(|_, _| reply(201));
    let location = HttpArtifact {
        url: server.url("/a"),
        save_stream_via_file: Some(true),
        ..Default::default()
    };
    let (store, key) = open(&location, Path::new("/"));
    assert_eq!(store.save_stream(&packed, &key).unwrap(), saved);
    assert_eq!(server.seen()[0].headers["content-length"], saved.size.to_string());
}
