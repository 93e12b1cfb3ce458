//! Files in a real HDFS, through the drivers program, which the test program is too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use lighter_api::{ArtifactLocation, HdfsArtifact};
use lighter_artifacts::archive::{Archive, Limits, Packed, Unpacking};
use lighter_artifacts::{
    Error, Mounts, SecretFiles, Source, Store, Target, driver, open_store, transfer,
};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

fn main() -> ExitCode {
    if std::env::args().next().is_some_and(|name| name.ends_with(driver::PROGRAM)) {
        return lighter_drivers::main();
    }
    driver::contained();
    let arguments = libtest_mimic::Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, Vec::new()).exit_code();
    }
    let cluster = Arc::new(Cluster::start());
    type Case = fn(&Cluster);
    let cases: [(&str, Case); 4] = [
        ("files are saved whole and loaded", files),
        ("what is there is replaced by force only", force),
        ("a user has rights of its own", rights),
        ("what cannot be is refused", refused),
    ];
    let trials = cases.map(|(name, case)| {
        let cluster = Arc::clone(&cluster);
        libtest_mimic::Trial::test(name, move || {
            case(&cluster);
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

/// Name node and data node in one process, which ends when its standard input is closed: with the test, however that ends.
struct Cluster {
    process: Child,
    address: String,
    dir: TempDir,
}

impl Cluster {
    fn start() -> Cluster {
        let home = PathBuf::from(std::env::var_os("HOME").unwrap());
        let jars = home.join(".cache/lighter/servers/hdfs");
        assert!(jars.is_dir(), "no HDFS to test with: `make setup-tests` gets it");
        let dir = tempfile::tempdir().unwrap();
        let mut process = Command::new("java")
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp"])
            .arg(jars.join("*"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hdfs/Hdfs.java"))
            .arg(dir.path().join("data"))
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| line.parse::<u16>().ok());
        let port = port.expect("HDFS did not start");
        Cluster { process, address: format!("127.0.0.1:{port}"), dir }
    }

    fn open(&self, fields: Value) -> Result<(Box<dyn Store>, String), Error> {
        let mut hdfs = json!({"addresses": [self.address], "hdfsUser": user()});
        for (name, value) in fields.as_object().unwrap() {
            hdfs[name] = value.clone();
        }
        let hdfs: HdfsArtifact = serde_json::from_value(hdfs).unwrap();
        let location = ArtifactLocation { hdfs: Some(hdfs), ..Default::default() };
        open_store(&location, &Mounts::default(), &SecretFiles { root: "/nowhere".into() })
    }

    fn at(&self, path: &str) -> Box<dyn Store> {
        self.open(json!({"path": path})).unwrap().0
    }

    fn source(&self, name: &str, content: &[u8]) -> Source {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        Source::open(&path).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Who started the cluster is its superuser.
fn user() -> String {
    nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name
}

fn load(store: &dyn Store, key: &str) -> Result<Vec<u8>, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("loaded");
    let target = Target::at(&path).unwrap();
    let loaded = transfer::load(store, key, Unpacking::Detect, &target, &Limits::default(), "");
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, usize::from(loaded.is_ok()), "left behind");
    loaded.map(|()| std::fs::read(path).unwrap())
}

fn keys(store: &dyn Store, prefix: &str) -> Vec<String> {
    store.list(prefix).unwrap().into_iter().map(|object| object.key).collect()
}

fn files(cluster: &Cluster) {
    let (store, key) = cluster.open(json!({"path": "/files/a b/größe"})).unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at >> 9) as u8).collect();
    let source = cluster.source("large", &content);
    let saved = store.save(&source, &key).unwrap();
    assert_eq!((saved.size, saved.sha256.len()), (3_000_000, 64));
    assert!(load(&*store, &key).unwrap() == content);
    assert_eq!(store.save(&cluster.source("empty", b""), "/files/empty").unwrap().size, 0);
    assert_eq!(load(&*store, "/files/empty").unwrap(), b"");
    let packed = Packed { source, archive: Archive::TarGz { level: 1 } };
    transfer::load(
        &*store,
        {
            store.save_stream(&packed, "/files/packed.tgz").unwrap();
            "/files/packed.tgz"
        },
        Unpacking::Detect,
        &Target::at(&cluster.dir.path().join("unpacked")).unwrap(),
        &Limits::default(),
        "",
    )
    .unwrap();
    assert!(std::fs::read(cluster.dir.path().join("unpacked")).unwrap() == content);
    let all = ["/files/a b/größe", "/files/empty", "/files/packed.tgz"];
    assert_eq!(keys(&*store, "/files"), all);
    store.delete("/files/a b").unwrap();
    store.delete("/files/a b").unwrap();
    assert_eq!(keys(&*store, "/files"), all[1..]);
    assert!(!store.exists(&key).unwrap());
    let missing = load(&*store, &key).unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    // Of several name nodes one answers.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let addresses = json!({"addresses": [nobody, cluster.address], "path": "/files/empty"});
    let (store, key) = cluster.open(addresses).unwrap();
    assert_eq!(load(&*store, &key).unwrap(), b"");
}

fn force(cluster: &Cluster) {
    let store = cluster.at("/force/a");
    store.save(&cluster.source("old", b"old"), "/force/a").unwrap();
    let new = cluster.source("new", b"new");
    let error = store.save(&new, "/force/a").unwrap_err();
    assert!(matches!(error, Error::Exists(_)), "{error}");
    assert!(error.to_string().contains("`hdfs.force`"), "{error}");
    assert_eq!(load(&*store, "/force/a").unwrap(), b"old");
    let (store, key) = cluster.open(json!({"path": "/force/a", "force": true})).unwrap();
    store.save(&new, &key).unwrap();
    assert_eq!(load(&*store, &key).unwrap(), b"new");
    assert_eq!(keys(&*store, "/force"), ["/force/a"], "no temporary file");
}

fn rights(cluster: &Cluster) {
    let alice = |path: &str| cluster.open(json!({"path": path, "hdfsUser": "alice"})).unwrap();
    let source = cluster.source("mine", b"mine");
    let (store, key) = alice("/alice/a");
    let error = store.save(&source, &key).unwrap_err();
    assert!(matches!(error, Error::Denied(_)), "{error}");
    // Directories are made for all.
    cluster.at("/shared/b").save(&source, "/shared/b").unwrap();
    let (store, key) = alice("/shared/a");
    store.save(&source, &key).unwrap();
    assert_eq!(load(&*store, &key).unwrap(), b"mine");
}

fn refused(cluster: &Cluster) {
    let store = cluster.at("/dir/a");
    store.save(&cluster.source("in", b"x"), "/dir/a").unwrap();
    let text = "HDFS artifact does not suppot directory copy";
    assert!(load(&*store, "/dir").unwrap_err().to_string().contains(text));
    let directory = Source::open(cluster.dir.path()).unwrap();
    assert!(store.save(&directory, "/dir/b").unwrap_err().to_string().contains(text));
    let selector = json!({"name": "kerberos", "key": "cache", "optional": true});
    for (fields, why) in [
        (json!({"path": "/a", "krbCCacheSecret": selector}), "Kerberos is not supported"),
        (json!({"path": "/a", "krbKeytabSecret": selector}), "Kerberos is not supported"),
        (json!({"path": "/a", "hdfsUser": ""}), "`hdfs.hdfsUser` is missing"),
        (json!({"path": "a"}), "not an absolute path"),
        (json!({"path": "/a/../b"}), "not an absolute path"),
        (json!({"path": "/a", "addresses": []}), "`hdfs.addresses` is empty"),
        (json!({"path": "/a", "addresses": ["host"]}), "not `host:port`"),
        (json!({"path": "/a", "dataTransferProtection": "none"}), "`hdfs.dataTransferProtection`"),
    ] {
        let error = cluster
            .open(fields)
            .and_then(|(store, key)| store.exists(&key))
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{error}");
    }
}
