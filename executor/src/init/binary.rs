//! The executor's own program, where the pod's other containers find it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::failure::{Failure, path_error};
use crate::paths::Paths;

/// Puts this program at `argoexec` on the shared volume; nothing is copied if it lies there already.
pub fn install(paths: &Paths) -> Result<(), Failure> {
    let own = Path::new("/proc/self/exe");
    let target = paths.var_run_argo.join("argoexec");
    if same_file(own, &target) {
        return Ok(());
    }
    let temporary = paths.var_run_argo.join("argoexec.tmp");
    copy(own, &temporary).and_then(|()| fs::rename(&temporary, &target)).map_err(|error| {
        let _ = fs::remove_file(&temporary);
        Failure::new(path_error("failed to copy argoexec to", &target, &error))
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// The kernel copies, and shares the blocks where the file system can.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.set_permissions(Permissions::from_mode(0o555))
}
