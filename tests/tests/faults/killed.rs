//! A process killed in the middle of an upload leaves it open; the next save of the key ends it.

use std::path::Path;
use std::sync::mpsc;

use lighter_artifacts::{Mounts, open_store};
use lighter_tests::proxy::{Fault, Proxy};
use lighter_tests::servers::S3;
use lighter_tests::wait_for;

use super::cells::{LARGE, bytes, read, save};
use super::impatient;
use super::place::{Place, Step};

const WHERE: &str = "LIGHTER_TEST_SAVE";

#[test]
fn a_killed_upload_is_ended_by_the_next_save() {
    if let Ok(location) = std::env::var(WHERE) {
        return save_and_be_killed(&location);
    }
    let server = S3::start();
    server.make("bucket");
    let proxy = Proxy::before(server.address());
    let recognise = server.recogniser();
    let (sender, parts) = mpsc::channel();
    let mut seen = 0;
    proxy.script(move |request| {
        seen += usize::from(recognise(request) == Some(Step::Part));
        // The first part arrives; the second hangs.
        (seen == 2 && recognise(request) == Some(Step::Part)).then(|| {
            let _ = sender.send(());
            Fault::Stall(0)
        })
    });
    let location =
        serde_json::to_string(&server.location_at(proxy.address(), "bucket", "k")).unwrap();
    let secrets = server.secrets().root;
    let name = "killed::a_killed_upload_is_ended_by_the_next_save";
    let told = format!("{}\n{location}", secrets.display());
    let mut command = impatient(name, &[(WHERE, told)]).unwrap();
    // Its silence must not end before we do.
    let mut saving = command.env("LIGHTER_SILENCE_MS", "60000").spawn().unwrap();
    let hung = parts.recv_timeout(std::time::Duration::from_secs(60));
    saving.kill().unwrap();
    saving.wait().unwrap();
    hung.unwrap();
    wait_for("the server to have one upload", || server.open_uploads("bucket") == 1);

    let scratch = tempfile::tempdir().unwrap();
    let store = server.store("bucket", server.address());
    save(&*store, scratch.path(), "key", &bytes(4, LARGE)).unwrap();
    assert!(read(&*store, "key").unwrap() == bytes(4, LARGE));
    assert_eq!(server.open_uploads("bucket"), 0);
}

fn save_and_be_killed(told: &str) {
    let (secrets, location) = told.split_once('\n').unwrap();
    let location = serde_json::from_str(location).unwrap();
    let secrets = lighter_artifacts::SecretFiles { root: Path::new(secrets).into() };
    let store = open_store(&location, &Mounts::default(), &secrets).unwrap().0;
    let scratch = tempfile::tempdir().unwrap();
    let saved = save(&*store, scratch.path(), "key", &bytes(3, LARGE));
    panic!("the upload ended: {saved:?}");
}
