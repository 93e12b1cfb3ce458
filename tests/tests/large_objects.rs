//! Large objects to and from a real S3 server: in constant memory, and with nothing left open after a kill.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]

use lighter_api::ArtifactLocation;
use lighter_artifacts::{
    Body, Error, Mounts, Progress, SecretFiles, Source, Store, Target, open_store,
};
use lighter_tests::servers::S3;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Names the folder of a child's orders; a test that finds it is that child.
const ORDERS: &str = "LIGHTER_TEST_ORDERS";
const GIBIBYTE: u64 = 1 << 30;
/// Anonymous memory of a process that moves objects of any size, in KiB.
const MOST: u64 = 32 * 1024;

/// Runs the test `name` again in a process of its own, which finds `location` and `secrets` in `orders`.
fn child(name: &str, orders: &Path, server: &S3, location: &ArtifactLocation) -> Killed {
    std::fs::write(orders.join("location"), serde_json::to_string(location).unwrap()).unwrap();
    std::os::unix::fs::symlink(server.secrets().root, orders.join("secrets")).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ORDERS, orders)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    Killed(child)
}

/// A process that does not outlive its value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn orders() -> Option<PathBuf> {
    std::env::var_os(ORDERS).map(PathBuf::from)
}

fn ordered_store(orders: &Path) -> Box<dyn Store> {
    let text = std::fs::read_to_string(orders.join("location")).unwrap();
    let location = serde_json::from_str(&text).unwrap();
    let secrets = SecretFiles { root: orders.join("secrets") };
    open_store(&location, &Mounts::default(), &secrets).unwrap().0
}

/// KiB of anonymous memory now.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_gibibyte_in_constant_memory() {
    let Some(orders) = orders() else {
        let server = S3::start();
        server.bucket("data");
        let orders = tempfile::tempdir().unwrap();
        File::create(orders.path().join("large")).unwrap().set_len(GIBIBYTE).unwrap();
        let location = server.location("data", "k");
        let mut child = child("a_gibibyte_in_constant_memory", orders.path(), &server, &location);
        assert!(child.0.wait().unwrap().success());
        return;
    };
    let (most, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                most.fetch_max(anonymous(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let store = ordered_store(&orders);
        let (up, down) = (Progress::counting(), Progress::counting());
        let source = Source::open(&orders.join("large")).unwrap().with_progress(&up);
        let saved = store.save(&source, "large").unwrap();
        let loaded = Target::at(&orders.join("loaded")).unwrap().with_progress(&down);
        let done = store.load("large", &loaded).and_then(|()| store.open("large"));
        let read = done.map(|mut reader| std::io::copy(&mut reader, &mut std::io::sink()).unwrap());
        ended.store(true, Ordering::Relaxed);
        assert_eq!((saved.size, read.unwrap()), (GIBIBYTE, GIBIBYTE));
        for progress in [up, down] {
            assert_eq!((progress.done(), progress.total()), (GIBIBYTE, Some(GIBIBYTE)));
        }
        assert_eq!(std::fs::metadata(orders.join("loaded")).unwrap().len(), GIBIBYTE);
    });
    let most = most.into_inner();
    println!("{most} KiB of anonymous memory");
    assert!(most <= MOST, "{most} KiB");
}

/// Some parts, then nothing for ever.
struct Endless;

impl Body for Endless {
    fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(std::io::repeat(7).take(12 << 20).chain(Asleep)))
    }

    fn length(&self) -> Result<u64, Error> {
        Ok(0)
    }

    fn known_length(&self) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

struct Asleep;

impl Read for Asleep {
    fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
        println!("\nasleep");
        loop {
            std::thread::park();
        }
    }
}

/// Uploads that the server holds open: folders two levels below its own.
fn open_uploads(bucket: &Path) -> usize {
    let below = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let keys = below(&bucket.join(".sgwtmp/multipart"));
    keys.iter().flat_map(|key| below(key)).filter(|path| path.is_dir()).count()
}

#[test]
fn an_upload_that_was_killed_is_ended_by_the_next() {
    if let Some(orders) = orders() {
        let _ = ordered_store(&orders).save_stream(&Endless, "large");
        return;
    }
    let server = S3::start();
    let bucket = server.bucket("data");
    let dir = tempfile::tempdir().unwrap();
    let location = server.location("data", "k");
    let name = "an_upload_that_was_killed_is_ended_by_the_next";
    let mut child = child(name, dir.path(), &server, &location);
    let output = BufReader::new(child.0.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == "asleep"));
    drop(child);
    assert_eq!(open_uploads(&bucket), 1);

    let file = dir.path().join("file");
    File::create(&file).unwrap().set_len(12 << 20).unwrap();
    let store = ordered_store(dir.path());
    store.save(&Source::open(&file).unwrap(), "large").unwrap();
    assert_eq!(open_uploads(&bucket), 0);
    assert_eq!(store.list("").unwrap().len(), 1);
}
