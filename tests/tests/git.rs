//! A git repository as the input of a step, from `git http-backend` to the step's files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is unexpected here fails the test")]
#![allow(dead_code, reason = "the drivers' own tests use all of the server")]

#[path = "../../drivers/tests/git/http_server.rs"]
mod http_server;
#[path = "../../drivers/tests/git/repository.rs"]
mod repository;

use lighter_tests::{EVERYWHERE, Images, Lighter};

#[test]
fn a_step_reads_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    repository::Repository::sample(&folder.path().join("origin"));
    let server = http_server::Server::start(folder.path(), None);
    for (user, images) in EVERYWHERE {
        let lighter = Lighter::new(user, images);
        if images == Images::Local {
            lighter.import(&["busybox:stable"]);
        }
        let parameter = format!("server={}", server.url("").trim_end_matches('/'));
        let workflow = lighter.succeed(&["workflows/git.yaml"], &["-p", &parameter]);
        let nodes = workflow["status"]["nodes"].as_object().unwrap();
        let outputs = &nodes.values().next().unwrap()["outputs"]["parameters"];
        assert_eq!(outputs[0]["value"], "one", "{user:?} {images:?}");
    }
}
