//! A server with room for every cell of a matrix.

use std::net::SocketAddr;
use std::path::Path;

use lighter_artifacts::{Mounts, Secrets, Store, open_store};
use lighter_tests::proxy::Request;
use lighter_tests::servers::{Dav, S3};

/// What a request does, or a call that consists of such requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Get,
    Put,
    /// The start of an upload in parts.
    Start,
    Part,
    Complete,
    List,
    Delete,
}

/// A server of a store.
pub trait Place: Sync {
    /// A new empty bucket, or what is its like.
    fn make(&self, name: &str);

    /// Its store, reached at an address that may be a proxy's.
    fn store(&self, name: &str, address: SocketAddr) -> Box<dyn Store>;

    fn server(&self) -> SocketAddr;

    /// What the server knows.
    fn steps(&self) -> &'static [Step];

    /// Tells which step a request is.
    fn recogniser(&self) -> fn(&Request) -> Option<Step>;

    /// The object that cells deal with.
    fn key(&self, _name: &str) -> String {
        "key".to_owned()
    }

    /// Faults that cannot happen here, or that nothing in the protocol tells.
    fn senseless(&self) -> &'static [&'static str];

    /// Uploads that were begun and neither completed nor aborted.
    fn open_uploads(&self, name: &str) -> usize;
}

fn open(location: &lighter_api::ArtifactLocation, secrets: &dyn Secrets) -> Box<dyn Store> {
    open_store(location, &Mounts::default(), secrets).unwrap().0
}

impl Place for S3 {
    fn make(&self, name: &str) {
        self.bucket(name);
    }

    fn store(&self, name: &str, address: SocketAddr) -> Box<dyn Store> {
        open(&self.location_at(address, name, "k"), &self.secrets())
    }

    fn server(&self) -> SocketAddr {
        self.address()
    }

    fn steps(&self) -> &'static [Step] {
        use Step::*;
        &[Get, Put, Start, Part, Complete, List, Delete]
    }

    fn senseless(&self) -> &'static [&'static str] {
        &[]
    }

    fn recogniser(&self) -> fn(&Request) -> Option<Step> {
        s3_step
    }

    /// versitygw keeps an upload as `.sgwtmp/multipart/<hash of the key>/<upload>/`.
    fn open_uploads(&self, name: &str) -> usize {
        let folders = |path: &Path| -> Vec<_> {
            let entries = std::fs::read_dir(path).into_iter().flatten();
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
        };
        let keys = folders(&self.bucket(name).join(".sgwtmp/multipart"));
        keys.iter().map(|key| folders(key).len()).sum()
    }
}

impl Place for Dav {
    fn make(&self, name: &str) {
        std::fs::create_dir(self.data().join(name)).unwrap();
    }

    fn store(&self, name: &str, address: SocketAddr) -> Box<dyn Store> {
        open(&self.location_at(address, name), &self.secrets())
    }

    fn server(&self) -> SocketAddr {
        self.address()
    }

    fn steps(&self) -> &'static [Step] {
        &[Step::Get, Step::Put]
    }

    fn recogniser(&self) -> fn(&Request) -> Option<Step> {
        dav_step
    }

    /// A store's URL is that of one object.
    fn key(&self, name: &str) -> String {
        format!("{name}/key")
    }

    fn senseless(&self) -> &'static [&'static str] {
        &["clock skew", "wrong byte in the request"]
    }

    /// nginx writes beside and renames.
    fn open_uploads(&self, name: &str) -> usize {
        let folder = self.data().join(name);
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|file| file != "key").count()
    }
}

fn s3_step(request: &Request) -> Option<Step> {
    let has = |text: &str| request.target.contains(text);
    match request.method.as_str() {
        "GET" if has("list-type=2") => Some(Step::List),
        "GET" | "HEAD" if !has("uploads") => Some(Step::Get),
        "PUT" if has("partNumber=") => Some(Step::Part),
        "PUT" => Some(Step::Put),
        "POST" if has("uploadId=") => Some(Step::Complete),
        "POST" if has("uploads") => Some(Step::Start),
        "POST" if has("delete") => Some(Step::Delete),
        "DELETE" if !has("uploadId=") => Some(Step::Delete),
        _ => None,
    }
}

fn dav_step(request: &Request) -> Option<Step> {
    match request.method.as_str() {
        "GET" | "HEAD" => Some(Step::Get),
        "PUT" => Some(Step::Put),
        _ => None,
    }
}
