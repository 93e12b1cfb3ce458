//! Archives through a store, with their digest looked at on the way back.

use super::Case;
use crate::archive::{Archive, Limits, Unpacking};
use crate::error::Error;
use crate::transfer;

pub(super) fn with_digest(case: &Case<'_>) {
    let tree = case.path("tree");
    std::fs::create_dir_all(tree.join("empty")).unwrap();
    std::fs::write(tree.join("file"), "x").unwrap();
    let limits = Limits::default();
    let load = |how, digest: &str| {
        transfer::load(case.store, "packed", how, &case.target("out"), &limits, digest)
    };
    for (archive, how) in
        [(Archive::TarGz { level: 6 }, Unpacking::Detect), (Archive::Zip, Unpacking::Zip)]
    {
        let source = case.source("tree");
        let saved = transfer::save(case.store, &source, Some(archive), "packed").unwrap();
        load(how, &saved.sha256).unwrap();
        assert!(case.path("out/empty").is_dir() && case.path("out/file").is_file());
        std::fs::remove_dir_all(case.path("out")).unwrap();
        for how in [how, Unpacking::None] {
            let wrong = load(how, &"0".repeat(64));
            assert!(matches!(wrong, Err(Error::Corrupt(_))), "{wrong:?}");
            assert!(!case.path("out").exists(), "wrong bytes are left behind");
        }
    }
    case.done();
}
