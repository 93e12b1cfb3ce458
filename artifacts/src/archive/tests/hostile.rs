//! Archives that mean harm or that readers disagree on; what is detected and what is lifted.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tar::{EntryType, Header};

/// A tar entry written by hand: nothing is checked.
pub(super) struct Raw<'a> {
    pub name: &'a [u8],
    pub kind: u8,
    pub link: &'a [u8],
    pub data: &'a [u8],
    pub mode: u32,
}

pub(super) const FILE: Raw<'static> =
    Raw { name: b"file", kind: b'0', link: b"", data: b"data", mode: 0o644 };

pub(super) fn entry(raw: &Raw<'_>) -> Vec<u8> {
    sized(raw, raw.data.len() as u64)
}

fn sized(raw: &Raw<'_>, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..raw.name.len()].copy_from_slice(raw.name);
    gnu.linkname[..raw.link.len()].copy_from_slice(raw.link);
    header.set_entry_type(EntryType::new(raw.kind));
    header.set_mode(raw.mode);
    header.set_mtime(1_000_000_000);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(raw.data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(super) fn file(name: &'static str) -> Vec<u8> {
    entry(&Raw { name: name.as_bytes(), ..FILE })
}

pub(super) fn directory(name: &'static str) -> Vec<u8> {
    entry(&Raw { name: name.as_bytes(), kind: b'5', data: b"", mode: 0o755, ..FILE })
}

pub(super) fn link(name: &'static str, to: &'static str) -> Vec<u8> {
    entry(&Raw { name: name.as_bytes(), kind: b'2', link: to.as_bytes(), data: b"", ..FILE })
}

pub(super) fn hard(name: &'static str, to: &'static str) -> Vec<u8> {
    entry(&Raw { name: name.as_bytes(), kind: b'1', link: to.as_bytes(), data: b"", ..FILE })
}

fn kind(kind: u8) -> Vec<u8> {
    entry(&Raw { kind, data: b"", ..FILE })
}

pub(super) fn pax(records: &str) -> Vec<u8> {
    let mut data = String::new();
    for record in records.lines() {
        // The length counts its own digits.
        let length = (record.len() + 3..)
            .find(|length| length.to_string().len() + record.len() + 2 == *length)
            .unwrap();
        data.push_str(&format!("{length} {record}\n"));
    }
    entry(&Raw { name: b"pax", kind: b'x', data: data.as_bytes(), ..FILE })
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub(super) fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

pub(super) fn tgz(entries: &[Vec<u8>]) -> Vec<u8> {
    gzip(&tar(entries))
}

/// A file whose header says its size so.
fn with_size_field(field: &[u8; 12]) -> Vec<u8> {
    let mut bytes = entry(&FILE);
    bytes[124..136].copy_from_slice(field);
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(&bytes[..512]);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    bytes
}

pub(super) fn refused(bytes: &[u8], how: Unpacking) -> String {
    unpack_bytes(bytes, how, &Limits::default()).map(|(_, out)| tree(&out)).unwrap_err().to_string()
}

#[test]
fn hostile_tars_write_nothing() {
    let long = vec![b'x'; 300];
    for (why, entries) in [
        ("`..`", vec![file("../evil")]),
        ("`..`", vec![file("a/../../evil")]),
        ("absolute path", vec![file("/etc/evil")]),
        ("drive letter", vec![file("C:\\evil")]),
        ("NUL", vec![pax("path=a\0b"), file("a")]),
        (
            "longer than 255",
            vec![entry(&Raw { name: b"L", kind: b'L', data: &long, ..FILE }), file("a")],
        ),
        ("may lead outside", vec![file("a"), link("l", "/etc/passwd")]),
        ("may lead outside", vec![file("a"), link("l", "../evil")]),
        ("may lead outside", vec![file("a"), link("d/l", "../../evil")]),
        ("may lead outside", vec![file("a"), link("up", "."), link("l", "up/../evil")]),
        ("may lead outside", vec![link("only", "somewhere")]),
        // Inside the archive, yet outside once the only top-level entry is lifted.
        ("may lead outside", vec![file("top/a"), link("top/l", "../top/a")]),
        ("comes twice", vec![link("d", "elsewhere"), file("d/evil"), file("x")]),
        ("comes twice", vec![file("d/evil"), link("d", "elsewhere"), file("x")]),
        ("comes twice", vec![file("a"), file("a")]),
        ("comes twice", vec![file("a"), file("./a")]),
        ("no directory", vec![file("a"), file("a/b")]),
        ("is no file that came before", vec![hard("h", "/etc/passwd")]),
        ("is no file that came before", vec![hard("h", "../x")]),
        ("is no file that came before", vec![hard("h", "later"), file("later")]),
        ("is no file that came before", vec![directory("d"), hard("h", "d")]),
        ("is no file that came before", vec![link("l", "a"), hard("h", "l"), file("a")]),
        ("device or FIFO", vec![kind(b'3')]),
        ("device or FIFO", vec![kind(b'4')]),
        ("device or FIFO", vec![kind(b'6')]),
        ("sparse", vec![kind(b'S')]),
        ("sparse", vec![pax("GNU.sparse.major=1"), file("a")]),
        ("type `V`", vec![kind(b'V')]),
        (
            "two sizes",
            vec![
                pax("size=1024"),
                sized(&Raw { data: b"", ..FILE }, 0),
                file("smuggled"),
                file("b"),
            ],
        ),
        ("two sizes", vec![pax("size=3"), file("a")]),
        (
            "described twice",
            vec![
                pax("path=a"),
                entry(&Raw { name: b"L", kind: b'L', data: b"b", ..FILE }),
                file("c"),
            ],
        ),
        ("described twice", vec![pax("path=a\npath=b"), file("c")]),
        ("malformed", vec![entry(&Raw { kind: b'x', data: b"99 path=a\n", ..FILE }), file("a")]),
        (
            "for all entries",
            vec![entry(&Raw { kind: b'g', data: b"10 path=a\n", ..FILE }), file("b")],
        ),
        ("larger than any name", vec![sized(&Raw { kind: b'L', data: b"", ..FILE }, 1 << 40)]),
        ("ends after an extension", vec![pax("path=a")]),
        ("yet has data", vec![entry(&Raw { name: b"d", kind: b'5', ..FILE })]),
        ("yet has data", vec![entry(&Raw { name: b"d/", ..FILE })]),
        ("middle of an entry", vec![sized(&FILE, 1 << 20)]),
        ("more than 17592186044416 bytes", vec![sized(&FILE, u64::MAX - 1024)]),
        ("impossible size", vec![sized(&FILE, u64::MAX)]),
        ("not a number", vec![with_size_field(b"12x45678901\0")]),
        ("type `X`", vec![kind(b'X'), file("a")]),
        ("behind its end", vec![file("a"), vec![0; 1024], file("b")]),
        (
            "a file has no name",
            vec![file("./")[..512].to_vec()]
                .into_iter()
                .map(|_| entry(&Raw { name: b".", ..FILE }))
                .collect(),
        ),
    ] {
        for packed in [tgz(&entries), ::zstd::encode_all(&tar(&entries)[..], 1).unwrap()] {
            let text = refused(&packed, Unpacking::Tar);
            assert!(text.contains(why), "{why}: {text}");
            assert!(text.starts_with("cannot unpack it"), "{text}");
        }
    }
}

#[test]
fn broken_tars_are_corrupt() {
    let good = tgz(&[file("a")]);
    let mut checksum = tar(&[file("a")]);
    checksum[0] = b'b';
    for bytes in [
        &b"plain text"[..],
        b"",
        &good[..good.len() / 2],
        &good[..good.len() - 4],
        &gzip(&checksum),
        &gzip(&tar(&[file("a")])[..700]),
        &[&good[..], b"garbage"].concat(),
    ] {
        let error =
            unpack_bytes(bytes, Unpacking::Tar, &Limits::default()).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "{error}");
        assert!(!error.retryable());
    }
}

#[test]
fn limits_hold() {
    let many: Vec<_> = ["a", "b", "c"].into_iter().map(file).collect();
    let deep = vec![file("a/b/c/d")];
    for (limits, entries, why) in [
        (Limits { entries: 2, ..Limits::default() }, &many, "more than 2 entries"),
        (Limits { bytes: 11, ..Limits::default() }, &many, "more than 11 bytes"),
        (Limits { depth: 3, ..Limits::default() }, &deep, "more than 3 nested directories"),
        (Limits { name: 6, ..Limits::default() }, &deep, "more than 6 bytes in a name"),
    ] {
        let error = unpack_bytes(&tgz(entries), Unpacking::Tar, &limits).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let zeros = vec![0; 80 << 20];
    let bomb = tgz(&[entry(&Raw { data: &zeros, ..FILE })]);
    let limits = Limits { ratio: 100, ..Limits::default() };
    let error = unpack_bytes(&bomb, Unpacking::Tar, &limits).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("more than 100 times its packed size"), "{error}");
    assert!(
        unpack_bytes(&bomb, Unpacking::Tar, &Limits::default()).is_ok(),
        "zeros alone are no bomb"
    );
}

/// Odd archives that mean no harm, and what is left of them.
pub(super) fn honest() -> Vec<(Vec<Vec<u8>>, Vec<&'static str>)> {
    let git = entry(&Raw { kind: b'g', data: b"17 comment=abcde\n", ..FILE });
    vec![
        (
            vec![directory("./"), file("./a"), directory("./d/"), file("./d/b")],
            vec!["", "a", "d", "d/b"],
        ),
        (vec![file("d/b"), directory("d"), file("a")], vec!["", "a", "d", "d/b"]),
        (
            vec![
                file("a"),
                link("l", "a"),
                link("d/l", "../a"),
                link("d/loop", "loop"),
                hard("h", "a"),
            ],
            vec!["", "a", "d", "d/l", "d/loop", "h", "l"],
        ),
        (vec![git, file("a")], vec![""]),
        (vec![pax("path=b\nsize=4\nmtime=12.5"), file("a")], vec![""]),
        (vec![], vec![""]),
        (vec![directory("./")], vec![""]),
    ]
}

#[test]
fn odd_but_honest_tars() {
    let paths = |bytes: &[u8], how| -> Vec<String> {
        let (_keep, out) = unpack_bytes(bytes, how, &Limits::default()).unwrap();
        tree(&out).into_keys().map(|path| path.display().to_string()).collect()
    };
    for (entries, expected) in honest() {
        assert_eq!(paths(&tgz(&entries), Unpacking::Tar), expected);
    }
    // One tar in two gzip members, and one without its end.
    let whole = tar(&[file("a"), file("b")]);
    let members = [gzip(&whole[..700]), gzip(&whole[700..])].concat();
    assert_eq!(paths(&members, Unpacking::Detect), ["", "a", "b"]);
    assert_eq!(paths(&gzip(&[file("a"), file("b")].concat()), Unpacking::Detect), ["", "a", "b"]);
}

#[test]
fn modes_are_masked_and_directories_stay_usable() {
    let set = |name: &'static str, kind: u8, mode: u32| {
        entry(&Raw { name: name.as_bytes(), kind, mode, data: b"", ..FILE })
    };
    let bytes = tgz(&[set("d", b'5', 0o2050), set("d/run", b'0', 0o6755), set("d/none", b'0', 0)]);
    let (_keep, out) = unpack_bytes(&bytes, Unpacking::Tar, &Limits::default()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!([mode(&out), mode(&out.join("run")), mode(&out.join("none"))], [0o750, 0o755, 0]);
    assert_eq!(std::fs::metadata(&out).unwrap().mtime(), 1_000_000_000);
}

#[test]
fn only_gzipped_tars_are_detected() {
    let plain_tar = tar(&[file("a")]);
    let zip = super::hostile_zip(&[("a", 0o100_644, b"x")]);
    let empty_tgz = tgz(&[]);
    for bytes in [
        &plain_tar[..],
        &zip,
        &gzip(b"text"),
        &gzip(&[]),
        &empty_tgz,
        b"text",
        b"",
        b"\x1f",
        b"\x1f\x8b",
        b"\x1f\x8b\x08broken",
        &tgz(&[file("a")])[..20],
    ] {
        let (_keep, out) = unpack_bytes(bytes, Unpacking::Detect, &Limits::default()).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), bytes, "as it is");
    }
    let archive = tgz(&[file("a")]);
    let (_keep, out) = unpack_bytes(&archive, Unpacking::Detect, &Limits::default()).unwrap();
    assert_eq!(std::fs::read(out).unwrap(), b"data", "the only entry is lifted");
    let (_keep, out) = unpack_bytes(&archive, Unpacking::None, &Limits::default()).unwrap();
    assert_eq!(std::fs::read(out).unwrap(), archive);
}

#[test]
fn an_existing_target_follows_rename() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let target = Target::at(&out).unwrap();
    let unpack = |entries: &[Vec<u8>]| {
        unpack(
            Box::new(Cursor::new(tgz(entries))),
            Unpacking::Tar,
            &target,
            &Limits::default(),
            "unpack it",
        )
    };
    std::fs::write(&out, "old").unwrap();
    unpack(&[file("a")]).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), b"data");
    assert!(matches!(unpack(&[file("a"), file("b")]), Err(Error::Exists(_))));
    std::fs::remove_file(&out).unwrap();
    std::fs::create_dir(&out).unwrap();
    unpack(&[file("a"), file("b")]).unwrap();
    assert!(matches!(unpack(&[file("a"), file("b")]), Err(Error::Exists(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
