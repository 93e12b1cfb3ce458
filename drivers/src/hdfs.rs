//! HDFS: files, over the name node's own protocol, for a user who is believed (simple authentication).
//!
//! Kerberos is refused: its library is loaded while a program runs, which a static program cannot do.

mod fault;

use bytes::Bytes;
use fault::sort;
use futures_util::{Stream, StreamExt};
use hdfs_native::client::FileStatus;
use hdfs_native::{Client, ClientBuilder, HdfsError, WriteOptions};
use lighter_api::HdfsArtifact;
use lighter_artifacts::{Body, Error, Object, Saved, Source, Store, Target};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Bytes that are sent at once.
const BLOCK: usize = 128 << 10;
/// Argo's words.
const NO_DIRECTORY: &str = "HDFS artifact does not suppot directory copy";

pub struct Hdfs {
    settings: HdfsArtifact,
    client: Client,
    runtime: Arc<Runtime>,
}

impl Hdfs {
    /// Errors: `Invalid` for settings that make no sense, `Unsupported` for Kerberos. Nothing is connected yet.
    pub fn new(settings: &HdfsArtifact) -> Result<Hdfs, Error> {
        let doing = || format!("open the store {}", describe(settings));
        let invalid = |why: &str| Error::new(Error::Invalid, doing(), why);
        if settings.krb_ccache_secret.is_some() || settings.krb_keytab_secret.is_some() {
            let why =
                "Kerberos is not supported: its library cannot be loaded into a static program";
            return Err(Error::new(Error::Unsupported, doing(), why).advise(
                "set `hdfs.hdfsUser`, or use the cluster's HttpFS gateway as an `http` artifact",
            ));
        }
        if settings.hdfs_user.is_empty() {
            return Err(invalid("`hdfs.hdfsUser` is missing"));
        }
        if !settings.path.starts_with('/') || settings.path.split('/').any(|part| part == "..") {
            return Err(invalid("`hdfs.path` is not an absolute path without `..`"));
        }
        let mut config = addresses(&settings.addresses).map_err(invalid)?;
        let protection = settings.data_transfer_protection.as_str();
        match protection {
            "" => {}
            "authentication" | "integrity" | "privacy" => {
                config.push(("dfs.data.transfer.protection".into(), protection.into()));
            }
            _ => {
                return Err(invalid(
                    "`hdfs.dataTransferProtection` is none of authentication, integrity and privacy",
                ));
            }
        }
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Error::io(doing(), error))?;
        let client = ClientBuilder::new()
            .with_url(format!("hdfs://{SERVICE}"))
            .with_config(config)
            .with_user(&settings.hdfs_user)
            .with_io_runtime(runtime.handle().clone())
            .build()
            .map_err(|error| sort(doing(), error))?;
        Ok(Hdfs { settings: settings.clone(), client, runtime: Arc::new(runtime) })
    }

    fn run<T>(
        &self,
        verb: &str,
        key: &str,
        call: impl Future<Output = Result<T, HdfsError>>,
    ) -> Result<T, Error> {
        self.runtime.block_on(call).map_err(|error| sort(self.doing(verb, key), error))
    }

    fn doing(&self, verb: &str, key: &str) -> String {
        format!("{verb} `{key}` in {}", self.describe())
    }

    fn status(&self, key: &str) -> Result<FileStatus, Error> {
        self.run("look up", key, self.client.get_file_info(key))
    }

    /// None when there is nothing.
    fn status_if_any(&self, key: &str) -> Result<Option<FileStatus>, Error> {
        match self.status(key) {
            Ok(status) => Ok(Some(status)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn no_directory(&self, verb: &str, key: &str) -> Error {
        Error::new(Error::Unsupported, self.doing(verb, key), NO_DIRECTORY)
            .advise("pack it: `archive: {tar: {}}`")
    }

    /// Writes under a temporary name in the same directory, then renames: readers see all of it or nothing.
    fn write(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        let force = self.settings.force == Some(true);
        if !force && self.status_if_any(key)?.is_some() {
            return Err(self.exists_already(key));
        }
        let (parent, name) = key.rsplit_once('/').unwrap_or_default();
        let parent = if parent.is_empty() { "/" } else { parent };
        // As Argo: for all.
        self.run("make the directory of", key, self.client.mkdirs(parent, 0o777, true))?;
        let random = RandomState::new().build_hasher().finish();
        let temporary = format!("{}/.{name}.{random:016x}.tmp", parent.trim_end_matches('/'));
        let written = self.write_to(body, key, &temporary).and_then(|saved| {
            self.run("save", key, self.client.rename(&temporary, key, force))?;
            Ok(saved)
        });
        if written.is_err() {
            // What cannot be removed now stays; the first error is the one to tell.
            drop(self.runtime.block_on(self.client.delete(&temporary, false)));
        }
        match written {
            Err(Error::Exists(_)) => Err(self.exists_already(key)),
            written => written,
        }
    }

    fn write_to(&self, body: &dyn Body, key: &str, temporary: &str) -> Result<Saved, Error> {
        let mut reader = body.open()?;
        let mut writer =
            self.run("save", key, self.client.create(temporary, WriteOptions::default()))?;
        let mut block = vec![0; BLOCK];
        let mut size = 0;
        loop {
            let count = match reader.read(&mut block) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io(self.doing("save", key), error)),
            };
            let bytes = Bytes::copy_from_slice(block.get(..count).unwrap_or_default());
            self.run("save", key, writer.write_bytes(bytes))?;
            size += count as u64;
        }
        self.run("save", key, writer.close())?;
        // The digest is the asking program's, which sees the same bytes.
        Ok(Saved { size, ..Default::default() })
    }

    fn exists_already(&self, key: &str) -> Error {
        Error::new(Error::Exists, self.doing("save", key), "there is a file already")
            .advise("set `hdfs.force` to replace it")
    }
}

/// The name under which the client knows all addresses.
const SERVICE: &str = "lighter";

/// Any of several name nodes is the active one; the client finds out which.
fn addresses(addresses: &[String]) -> Result<Vec<(String, String)>, &'static str> {
    if addresses.is_empty() {
        return Err("`hdfs.addresses` is empty");
    }
    let mut names = Vec::new();
    let mut config = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) || address.contains('/') {
            return Err("`hdfs.addresses` has one that is not `host:port` of a name node");
        }
        let name = format!("n{number}");
        config.push((format!("dfs.namenode.rpc-address.{SERVICE}.{name}"), address.clone()));
        names.push(name);
    }
    config.push((format!("dfs.ha.namenodes.{SERVICE}"), names.join(",")));
    Ok(config)
}

fn describe(settings: &HdfsArtifact) -> String {
    format!("hdfs {}", settings.addresses.join(","))
}

impl Store for Hdfs {
    fn describe(&self) -> String {
        describe(&self.settings)
    }

    fn load(&self, key: &str, target: &Target) -> Result<(), Error> {
        let mut reader = self.open(key)?;
        let mut file = target.create()?;
        io::copy(&mut reader, &mut file)
            .and_then(|_| file.flush())
            .map_err(|error| Error::io(self.doing("load", key), error))
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, Error> {
        if self.status(key)?.isdir {
            return Err(self.no_directory("load", key));
        }
        let reader = self.run("load", key, self.client.read(key))?;
        let stream = reader.read_range_stream(0, reader.file_length());
        Ok(Box::new(Reading {
            stream: Box::pin(stream),
            bytes: Bytes::new(),
            runtime: Arc::clone(&self.runtime),
            doing: self.doing("load", key),
        }))
    }

    fn save(&self, source: &Source, key: &str) -> Result<Saved, Error> {
        if source.is_directory() {
            return Err(self.no_directory("save", key));
        }
        self.write(source, key)
    }

    fn save_stream(&self, body: &dyn Body, key: &str) -> Result<Saved, Error> {
        self.write(body, key)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, Error> {
        let object = |status: FileStatus| Object { key: status.path, size: status.length as u64 };
        match self.status_if_any(prefix)? {
            None => Ok(Vec::new()),
            Some(status) if !status.isdir => Ok(vec![object(status)]),
            Some(_) => {
                let all = self.run("list", prefix, self.client.list_status(prefix, true))?;
                let files = all.into_iter().filter(|status| !status.isdir);
                let mut objects: Vec<Object> = files.map(object).collect();
                objects.sort();
                Ok(objects)
            }
        }
    }

    fn delete(&self, key: &str) -> Result<(), Error> {
        if Path::new(key).parent().is_none() {
            return Err(Error::new(Error::Invalid, self.doing("delete", key), "it is the root"));
        }
        self.run("delete", key, self.client.delete(key, true)).map(drop)
    }

    fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.status_if_any(key)?.is_some())
    }

    fn is_directory(&self, key: &str) -> Result<bool, Error> {
        Ok(self.status(key)?.isdir)
    }
}

/// A file on its way; the client checks each block's checksums.
struct Reading {
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, HdfsError>> + Send>>,
    bytes: Bytes,
    runtime: Arc<Runtime>,
    doing: String,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.bytes.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(Ok(bytes)) => self.bytes = bytes,
                Some(Err(error)) => {
                    return Err(io::Error::other(sort(self.doing.clone(), error)));
                }
            }
        }
        let count = self.bytes.len().min(buffer.len());
        let part = self.bytes.split_to(count);
        buffer.get_mut(..count).unwrap_or_default().copy_from_slice(&part);
        Ok(count)
    }
}
