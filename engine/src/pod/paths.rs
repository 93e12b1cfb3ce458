//! Paths inside containers: cleaning, overlaps, and what an artifact's path may be.

use lighter_api::k8s_openapi::api::core::v1::VolumeMount;

use super::PodError;

/// The shortest path that means the same, without looking at a file system: as Go's `path.Clean`.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// `path` as it lies below `base`; `..` does not lead out.
pub(super) fn below(base: &str, path: &str) -> String {
    format!("{base}{}", clean(&format!("/{path}")).trim_end_matches('/'))
}

/// Whether `path` is `base` or lies below it. An absolute path never lies in a relative one, nor the other way round.
pub(super) fn within(base: &str, path: &str) -> bool {
    let (base, path) = (clean(base), clean(path));
    if base.starts_with('/') != path.starts_with('/') {
        return false;
    }
    if base == "/" {
        return true;
    }
    if base == "." {
        return path != ".." && !path.starts_with("../");
    }
    path.strip_prefix(&base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path lies in one of the user's volumes.
pub(super) fn in_volume(mounts: &[VolumeMount], path: &str) -> bool {
    mounts.iter().any(|mount| within(&mount.mount_path, path))
}

/// The cleaned path of an artifact.
///
/// A path with `..` must stay below what stands before the first `..`: `/safe/<user's words>` cannot leave `/safe`.
pub(super) fn artifact_path(name: &str, path: &str) -> Result<String, PodError> {
    if path.is_empty() {
        return Err(invalid(name, "did not specify a path"));
    }
    if path.contains('\0') {
        return Err(invalid(name, &format!("has the path {path:?}, which holds a NUL")));
    }
    let cleaned = clean(path);
    let safe = match path.split_once("/../") {
        Some((safe, _)) => Some(safe),
        None => path.strip_suffix("/.."),
    };
    let escapes = safe.is_some_and(|safe| {
        !safe.is_empty() && cleaned.strip_prefix(&format!("{safe}/")).is_none_or(str::is_empty)
    });
    if escapes || cleaned == ".." || cleaned.starts_with("../") {
        return Err(invalid(
            name,
            "attempted to use a path containing '..'. Directory traversal is not permitted",
        ));
    }
    if cleaned == "/" || cleaned == "." {
        return Err(invalid(
            name,
            &format!("has the path '{path}', the whole file system: name a path below it"),
        ));
    }
    Ok(cleaned)
}

fn invalid(name: &str, problem: &str) -> PodError {
    PodError::Invalid(format!("Artifact '{name}' {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_as_go_does() {
        for (path, cleaned) in [
            ("", "."),
            ("/", "/"),
            ("//", "/"),
            (".", "."),
            ("./a", "a"),
            ("a/b/", "a/b"),
            ("/a/./b//c/", "/a/b/c"),
            ("/a/../b", "/b"),
            ("/../a", "/a"),
            ("a/..", "."),
            ("a/../..", ".."),
            ("../../a", "../../a"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
        assert_eq!(below("/mainctrfs", "/data/"), "/mainctrfs/data");
        assert_eq!(below("/mainctrfs", "../../etc"), "/mainctrfs/etc");
        assert_eq!(below("/mainctrfs", "/"), "/mainctrfs");
    }

    #[test]
    fn overlap_is_by_components() {
        for (base, path, inside) in [
            ("/data", "/data", true),
            ("/data/", "/data/x", true),
            ("/data", "/database", false),
            ("/data/x", "/data", false),
            ("/data", "data/x", false),
            ("/", "/anything", true),
            ("/data", "/data/../etc", false),
        ] {
            assert_eq!(within(base, path), inside, "{base} {path}");
        }
    }

    #[test]
    fn artifact_paths() {
        for (path, cleaned) in [
            ("/in/one", "/in/one"),
            ("/in//one/", "/in/one"),
            ("in/one", "in/one"),
            ("/safe/a/../b", ""),
            ("/safe/../safe/b", "/safe/b"),
            ("/safe/../etc", ""),
            ("/safe/..", ""),
            ("/safe/..dots", "/safe/..dots"),
            ("../x", ""),
            ("/", ""),
            ("./", ""),
            ("", ""),
            ("/a\0b", ""),
        ] {
            match artifact_path("a", path) {
                Ok(got) => assert_eq!(got, cleaned, "{path}"),
                Err(error) => {
                    assert!(cleaned.is_empty(), "{path}: {error}");
                    assert!(error.to_string().starts_with("Artifact 'a' "), "{error}");
                }
            }
        }
    }
}
