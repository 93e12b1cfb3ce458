//! Names that others chose: keys of objects and entries of archives, checked before any use.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest component that Linux file systems take, in bytes.
const COMPONENT: usize = 255;

/// A path below some root: no `..`, no root, no NUL; `.` and empty components are dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Relative(PathBuf);

impl Relative {
    /// Checks a hostile name. The error says what is wrong with it.
    pub fn parse(name: &[u8]) -> Result<Relative, &'static str> {
        if name.contains(&0) {
            return Err("its name contains a NUL byte");
        }
        if name.starts_with(b"/") {
            return Err("its name is an absolute path");
        }
        if let [letter, b':', b'/' | b'\\', ..] = name
            && letter.is_ascii_alphabetic()
        {
            return Err("its name starts with a drive letter");
        }
        let mut path = PathBuf::new();
        for component in name.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => return Err("its name contains `..`"),
                long if long.len() > COMPONENT => {
                    return Err("a part of its name is longer than 255 bytes");
                }
                plain => path.push(OsStr::from_bytes(plain)),
            }
        }
        Ok(Relative(path))
    }

    pub fn as_path(&self) -> &Path {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    pub fn depth(&self) -> usize {
        self.0.components().count()
    }

    /// The last component; none for the root.
    pub fn file_name(&self) -> Option<&OsStr> {
        self.0.file_name()
    }

    /// The path above; the root for a single component.
    pub fn parent(&self) -> &Path {
        self.0.parent().unwrap_or(Path::new(""))
    }
}

/// Whether `link`, read in the real directory `parent` (relative to a root), stays inside that root.
///
/// `..` may only stand at the start: there it climbs real directories. Behind a name it could climb from wherever another link
/// leads. So no chain of such links ever leaves the root, whatever they are called.
pub(crate) fn link_stays_inside(parent: &Path, link: &[u8]) -> bool {
    if link.is_empty() || link.starts_with(b"/") || link.contains(&0) {
        return false;
    }
    let mut depth = parent.components().count();
    let mut descended = false;
    for component in link.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if descended || depth == 0 => return false,
            b".." => depth -= 1,
            _ => descended = true,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for name in ["../a", "a/../b", "a/..", "..", "/a", "//a", "a\0b", "C:\\x", "c:/x"] {
            assert!(Relative::parse(name.as_bytes()).is_err(), "{name}");
        }
        assert!(Relative::parse(&[b'a'; 256]).is_err());
    }

    #[test]
    fn plain_names_are_normalised() {
        for (name, path) in [
            ("a", "a"),
            ("./a//b/", "a/b"),
            ("./", ""),
            ("a/./b", "a/b"),
            ("...", "..."),
            ("C:x", "C:x"),
        ] {
            assert_eq!(
                Relative::parse(name.as_bytes()).unwrap().as_path(),
                Path::new(path),
                "{name}"
            );
        }
    }

    #[test]
    fn links_by_their_text() {
        for (parent, link, inside) in [
            ("", "a", true),
            ("", "../a", false),
            ("", "/etc/passwd", false),
            ("", "", false),
            ("d", "../a", true),
            ("d", "../../a", false),
            ("d", "x/../a", false),
            ("d/e", "..", true),
            ("d/e", "./.././../a", true),
        ] {
            assert_eq!(
                link_stays_inside(Path::new(parent), link.as_bytes()),
                inside,
                "{parent} -> {link}"
            );
        }
    }
}
