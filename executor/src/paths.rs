//! Every absolute path of the executor's contract with the pod, in one place.

use std::path::{Path, PathBuf};

/// Where the shared volumes are mounted. Production uses [`Paths::standard`]; tests build other roots.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The volume that all containers of a pod share.
    pub var_run_argo: PathBuf,
    /// Loaded input artifacts, one entry per artifact name.
    pub inputs: PathBuf,
    /// Mirror of the main container's volume mounts.
    pub mirror: PathBuf,
    /// The script of a script template.
    pub staging: PathBuf,
    /// Offloaded environment values.
    pub config: PathBuf,
    /// Secrets, `<name>/<key>`.
    pub secrets: PathBuf,
    /// Folder stores, `<absolute path on the machine>` below.
    pub folders: PathBuf,
    /// Volume stores, `<claim name>` below.
    pub volumes: PathBuf,
    /// Scratch space.
    pub tmp: PathBuf,
    /// Where kubelet reads a container's last words.
    pub termination_log: PathBuf,
}

impl Paths {
    /// The paths that Argo 4.1 and its pods agree on.
    pub fn standard() -> Self {
        Self {
            var_run_argo: "/var/run/argo".into(),
            inputs: "/argo/inputs/artifacts".into(),
            mirror: "/mainctrfs".into(),
            staging: "/argo/staging".into(),
            config: "/argo/config".into(),
            secrets: "/argo/secret".into(),
            folders: "/argo/folder".into(),
            volumes: "/argo/volume".into(),
            tmp: "/tmp".into(),
            termination_log: "/dev/termination-log".into(),
        }
    }

    /// The directory through which a container is watched and signalled.
    pub fn container(&self, name: &str) -> PathBuf {
        self.var_run_argo.join("ctr").join(name)
    }

    /// The serialized template.
    pub fn template(&self) -> PathBuf {
        self.var_run_argo.join("template")
    }

    /// How far the supervisor is.
    pub fn status(&self) -> PathBuf {
        self.var_run_argo.join("status")
    }

    /// Where `wait` takes outputs from main.
    pub fn handover(&self) -> PathBuf {
        self.var_run_argo.join("outputs.sock")
    }

    /// Exists in a resource template's pod if `wait` completes the task result. Ours alone: controllers before 3.7 start no `wait` there.
    pub fn wait_reports(&self) -> PathBuf {
        self.var_run_argo.join(".wait")
    }

    /// Where an input artifact is loaded to, unless it lies on a user's volume.
    pub fn input(&self, name: &str) -> PathBuf {
        below(&self.inputs, &name.replace('/', "_"))
    }

    /// Main's copy of an output parameter's file.
    pub fn staged_parameter(&self, path: &str) -> PathBuf {
        below(&self.var_run_argo.join("outputs/parameters"), path)
    }

    /// Main's archive of an output artifact.
    pub fn staged_artifact(&self, path: &str) -> PathBuf {
        let archive = format!("{}.tgz", path.strip_suffix('/').unwrap_or(path));
        below(&self.var_run_argo.join("outputs/artifacts"), &archive)
    }

    /// A path of main's as the executor sees it, through the mirrored mounts.
    pub fn mirrored(&self, path: &str) -> PathBuf {
        below(&self.mirror, path)
    }
}

/// Joins an absolute path below a root. `..` cannot lead above the root.
pub fn below(root: &Path, path: &str) -> PathBuf {
    root.join(clean(&format!("/{path}")).trim_start_matches('/'))
}

/// The shortest path that means the same, as Go's `path.Clean`: no `.`, no doubled `/`, `..` resolved by text.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            name => parts.push(name),
        }
    }
    match (rooted, parts.join("/")) {
        (true, joined) => format!("/{joined}"),
        (false, joined) if joined.is_empty() => ".".into(),
        (false, joined) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_as_go_does() {
        for (path, cleaned) in [
            ("/a/./b//c/", "/a/b/c"),
            ("/../a", "/a"),
            ("a/../..", ".."),
            ("a/..", "."),
            ("", "."),
            ("/", "/"),
            ("../../x", "../../x"),
        ] {
            assert_eq!(clean(path), cleaned, "{path:?}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_root() {
        let paths = Paths::standard();
        assert_eq!(paths.mirrored("/../../etc/x"), Path::new("/mainctrfs/etc/x"));
        assert_eq!(
            paths.staged_artifact("/tmp/out/"),
            Path::new("/var/run/argo/outputs/artifacts/tmp/out.tgz")
        );
    }
}
