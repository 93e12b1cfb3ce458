//! Zips that mean harm or lie.

use super::hostile::refused;
use super::*;

#[test]
fn hostile_zips_write_nothing() {
    for (why, entries) in [
        ("`..`", vec![("../evil", 0o100_644, &b"x"[..])]),
        ("absolute path", vec![("/evil", 0o100_644, b"x")]),
        ("drive letter", vec![("C:/evil", 0o100_644, b"x")]),
        ("may lead outside", vec![("a", 0o100_644, b"x"), ("l", 0o120_777, b"/etc/passwd")]),
        ("may lead outside", vec![("a", 0o100_644, b"x"), ("l", 0o120_777, b"../evil")]),
        (
            "comes twice",
            vec![("d", 0o120_777, b"a"), ("d/evil", 0o100_644, b"x"), ("a", 0o100_644, b"x")],
        ),
        ("comes twice", vec![("a", 0o100_644, b"x"), ("./a", 0o100_644, b"x")]),
        ("device or FIFO", vec![("fifo", 0o010_644, b"")]),
    ] {
        let text = refused(&hostile_zip(&entries), Unpacking::Zip);
        assert!(text.contains(why), "{why}: {text}");
    }
    let good = hostile_zip(&[("a", 0o100_644, b"x")]);
    let text = refused(&good[..good.len() - 10], Unpacking::Zip);
    assert!(text.starts_with("cannot unpack it"), "{text}");
    // The name in the local header is another than in the directory at the end.
    let mut two_faced = hostile_zip(&[("aaaa", 0o100_644, b"x")]);
    let place = two_faced.windows(4).position(|window| window == b"aaaa").unwrap();
    two_faced[place..place + 4].copy_from_slice(b"bbbb");
    let text = refused(&two_faced, Unpacking::Zip);
    assert!(text.starts_with("cannot unpack it"), "{text}");
}

/// Sets a 32-bit field of the local header and of the directory at the end.
fn lying_zip(local: usize, central: usize, value: u32) -> Vec<u8> {
    let mut bytes = hostile_zip(&[("a", 0o100_644, &[b'x'; 1000])]);
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes[local..local + 4].copy_from_slice(&value.to_le_bytes());
    bytes[directory + central..directory + central + 4].copy_from_slice(&value.to_le_bytes());
    bytes
}

#[test]
fn lying_zips_write_nothing() {
    // APPNOTE.TXT, sections 4.3.7 and 4.3.12: where both headers keep the checksum, the packed and the plain size.
    for (what, local, central) in [("checksum", 14, 16), ("packed size", 18, 20), ("size", 22, 24)]
    {
        for value in [0, 1, 999, 1001, 0xFFFF_FFF0] {
            match unpack_bytes(
                &lying_zip(local, central, value),
                Unpacking::Zip,
                &Limits::default(),
            ) {
                Err(_) => {}
                // Bytes behind the end of deflate harm nobody, and the checksum is right.
                Ok((_keep, out)) => {
                    assert_eq!(
                        (what, std::fs::read(out).unwrap()),
                        ("packed size", vec![b'x'; 1000])
                    );
                }
            }
        }
    }
    let zeros = vec![0; 80 << 20];
    let bomb = hostile_zip(&[("bomb", 0o100_644, &zeros)]);
    let limits = Limits { ratio: 100, ..Limits::default() };
    let text = unpack_bytes(&bomb, Unpacking::Zip, &limits).unwrap_err().to_string();
    assert!(text.contains("more than 100 times its packed size"), "{text}");
    // The same packed data under two names.
    let mut twice = hostile_zip(&[("aaaa", 0o100_644, b"x"), ("bbbb", 0o100_644, b"x")]);
    let directories: Vec<_> =
        (0..twice.len() - 4).filter(|at| twice[*at..].starts_with(b"PK\x01\x02")).collect();
    let offset = directories[1] + 42;
    twice[offset..offset + 4].copy_from_slice(&[0; 4]);
    assert!(refused(&twice, Unpacking::Zip).starts_with("cannot unpack it"));
}
