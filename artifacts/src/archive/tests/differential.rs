//! Python, GNU tar, zip and unzip must see in our archives what we see in them, and we what they see in theirs.

use super::hostile::{file, honest, tar, tgz};
use super::*;
use std::process::Command;

/// Runs a program; `None`, with a word about it, where it is not installed.
fn run(program: &str, arguments: &[&str], directory: &Path) -> Option<Vec<u8>> {
    match Command::new(program).args(arguments).current_dir(directory).env("TZ", "UTC").output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {errors}");
            Some(output.stdout)
        }
        Err(error) => {
            eprintln!("not compared with {program}, which does not run here: {error}");
            None
        }
    }
}

const LIST: &str = r"
import sys, tarfile
kind = lambda m: 'd' if m.isdir() else 'l' if m.issym() else 'h' if m.islnk() else 'f' if m.isreg() else '?'
for m in tarfile.open(sys.argv[1], encoding='utf-8', errors='surrogateescape'):
    print(kind(m), m.name, m.linkname, m.size if m.isreg() else 0, oct(m.mode), int(m.mtime), sep='|')
";

fn ours(bytes: &[u8]) -> Vec<String> {
    let (mut reader, _) = tar_reader(Box::new(Cursor::new(bytes.to_vec())), "list").unwrap();
    let mut lines = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        let kind = match entry.kind {
            Kind::File => 'f',
            Kind::Directory => 'd',
            Kind::Symlink => 'l',
            Kind::HardLink => 'h',
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (path, link) = (text(&entry.path), text(&entry.link));
        lines.push(format!(
            "{kind}|{}|{link}|{}|0o{:o}|{}",
            path.trim_end_matches('/'),
            entry.size,
            entry.mode,
            entry.mtime
        ));
    }
    lines
}

/// A tree with what archives get wrong.
fn sample(dir: &Path) {
    let root = dir.join("sample");
    std::fs::create_dir_all(root.join("empty")).unwrap();
    std::fs::create_dir_all(root.join("sub").join("n".repeat(120))).unwrap();
    std::fs::write(root.join("plain"), "plain").unwrap();
    std::fs::write(root.join("zero"), "").unwrap();
    std::fs::write(root.join("ünï cödé"), "unicode").unwrap();
    std::fs::write(root.join("sub").join("n".repeat(120)).join("long"), "x".repeat(513)).unwrap();
    std::fs::write(root.join("sub/run"), "#!/bin/sh\n").unwrap();
    std::os::unix::fs::symlink("plain", root.join("link")).unwrap();
    std::os::unix::fs::symlink("../plain", root.join("sub/up")).unwrap();
    std::os::unix::fs::symlink("t".repeat(130), root.join("long-link")).unwrap();
    std::fs::hard_link(root.join("plain"), root.join("sub/twin")).unwrap();
    std::fs::set_permissions(
        root.join("sub/run"),
        std::os::unix::fs::PermissionsExt::from_mode(0o751),
    )
    .unwrap();
}

/// Archives as Go lists them, whose reader the stock executor uses.
fn listed_by_go(archives: &[&Path]) -> Option<Vec<Vec<String>>> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/src/archive/tests/list.go");
    let mut arguments = vec!["run", program];
    arguments.extend(archives.iter().filter_map(|path| path.to_str()));
    let listing = String::from_utf8(run("go", &arguments, Path::new("/"))?).unwrap();
    let one = |text: &str| text.lines().map(without_slash).collect();
    Some(listing.split_terminator("--\n").map(one).collect())
}

/// Readers differ on whether a directory's name ends in a slash.
fn without_slash(line: &str) -> String {
    line.replacen("/|", "|", 1)
}

fn listed_by_python(archive: &Path) -> Option<Vec<String>> {
    let listing = run("python3", &["-c", LIST, &archive.display().to_string()], Path::new("/"))?;
    Some(String::from_utf8(listing).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn others_read_our_tars() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    for level in [0, 1, 6, 9] {
        let bytes = pack_bytes(&dir.path().join("sample"), Archive::TarGz { level });
        let path = dir.path().join("ours.tgz");
        std::fs::write(&path, &bytes).unwrap();
        if let Some(listing) = listed_by_python(&path) {
            assert_eq!(listing, ours(&bytes));
        }
        let unpacked = dir.path().join(format!("by-tar-{level}"));
        std::fs::create_dir(&unpacked).unwrap();
        if run("tar", &["xzf", "../ours.tgz", "-p"], &unpacked).is_some() {
            assert_eq!(tree(&unpacked.join("sample")), tree(&dir.path().join("sample")));
        }
        if let Some(names) = run("tar", &["tzf", "ours.tgz", "--quoting-style=literal"], dir.path())
        {
            let names: Vec<String> = String::from_utf8(names)
                .unwrap()
                .lines()
                .map(|name| name.trim_end_matches('/').to_owned())
                .collect();
            assert_eq!(names, listing(&bytes));
        }
    }
}

#[test]
fn all_list_the_same() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let mut archives = vec![pack_bytes(&dir.path().join("sample"), Archive::TarGz { level: 6 })];
    let big = [super::gzip::text(400_000), super::gzip::noise(400_000)].concat();
    std::fs::write(dir.path().join("sample/big"), big).unwrap();
    archives.push(pack_bytes(&dir.path().join("sample"), Archive::TarGz { level: 1 }));
    archives.extend(honest().into_iter().map(|(entries, _)| tgz(&entries)));
    let tar = tar(&[file("a"), file("b")]);
    archives.push([super::hostile::gzip(&tar[..700]), super::hostile::gzip(&tar[700..])].concat());
    let paths: Vec<_> =
        (0..archives.len()).map(|index| dir.path().join(format!("{index}.tgz"))).collect();
    for (path, bytes) in paths.iter().zip(&archives) {
        std::fs::write(path, bytes).unwrap();
        if let Some(listing) = listed_by_python(path) {
            assert_eq!(listing, ours(bytes), "{}", path.display());
        }
    }
    let paths: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
    if let Some(listings) = listed_by_go(&paths) {
        assert_eq!(listings.len(), archives.len());
        for (listing, bytes) in listings.iter().zip(&archives) {
            assert_eq!(listing, &ours(bytes));
        }
    }
}

#[test]
fn we_read_tars_of_others() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let python = |format: &str| {
        let script = format!(
            "import tarfile; tarfile.open('theirs.tgz', 'w:gz', format=tarfile.{format}).add('sample')"
        );
        ["python3".to_owned(), "-c".to_owned(), script]
    };
    let tar = |format: &str| ["tar".to_owned(), format!("--format={format}"), "-czf".to_owned()];
    for command in
        [tar("gnu"), tar("oldgnu"), tar("posix"), python("GNU_FORMAT"), python("PAX_FORMAT")]
    {
        let mut arguments: Vec<&str> = command.iter().skip(1).map(String::as_str).collect();
        if command[0] == "tar" {
            arguments.extend(["theirs.tgz", "sample"]);
        }
        if run(&command[0], &arguments, dir.path()).is_none() {
            continue;
        }
        let bytes = std::fs::read(dir.path().join("theirs.tgz")).unwrap();
        if let Some(listing) = listed_by_python(&dir.path().join("theirs.tgz")) {
            assert_eq!(ours(&bytes), listing, "{command:?}");
        }
        let (_keep, out) = unpack_bytes(&bytes, Unpacking::Detect, &Limits::default()).unwrap();
        assert_eq!(tree(&out), tree(&dir.path().join("sample")), "{command:?}");
    }
    // `tar -C dir .`, which has an entry for the root.
    if run("tar", &["-C", "sample", "-czf", "dot.tgz", "."], dir.path()).is_some() {
        let (_keep, out) = unpack_bytes(
            &std::fs::read(dir.path().join("dot.tgz")).unwrap(),
            Unpacking::Detect,
            &Limits::default(),
        )
        .unwrap();
        let without_root = |mut tree: Tree| {
            tree.remove(Path::new(""));
            tree
        };
        assert_eq!(without_root(tree(&out)), without_root(tree(&dir.path().join("sample"))));
    }
}

/// Zip knows no hard links, and these programs leave times of links and the like to the machine.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    tree(root)
        .into_iter()
        .map(|(path, node)| match node {
            Node::Directory { mode } => (path, format!("directory {mode:o}").into_bytes()),
            Node::File { mode, mtime, content, .. } => {
                (path, [format!("{mode:o} {mtime} ").into_bytes(), content].concat())
            }
            Node::Link(to) => (path, to.display().to_string().into_bytes()),
        })
        .collect()
}

#[test]
fn zips_of_and_for_others() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let expected = contents(&dir.path().join("sample"));
    std::fs::write(
        dir.path().join("ours.zip"),
        pack_bytes(&dir.path().join("sample"), Archive::Zip),
    )
    .unwrap();
    if run("unzip", &["-q", "ours.zip", "-d", "by-unzip"], dir.path()).is_some() {
        assert_eq!(contents(&dir.path().join("by-unzip/sample")), expected);
    }
    let list = "import zipfile; z = zipfile.ZipFile('ours.zip'); assert z.testzip() is None; print(len(z.namelist()))";
    if let Some(count) = run("python3", &["-c", list], dir.path()) {
        assert_eq!(String::from_utf8(count).unwrap().trim(), expected.len().to_string());
    }
    let made = run("zip", &["-qry", "theirs.zip", "sample"], dir.path());
    if made.is_some() {
        let (_keep, out) = unpack_bytes(
            &std::fs::read(dir.path().join("theirs.zip")).unwrap(),
            Unpacking::Zip,
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(contents(&out), expected);
    }
    // Written to a pipe: sizes come behind the data. And Python's, which has no mode for directories it makes up.
    let piped =
        run("sh", &["-c", "command -v zip > /dev/null && zip -qry - sample || true"], dir.path())
            .unwrap();
    if !piped.is_empty() {
        let (_keep, out) = unpack_bytes(&piped, Unpacking::Zip, &Limits::default()).unwrap();
        assert_eq!(contents(&out), expected);
    }
    let python = "import zipfile; z = zipfile.ZipFile('python.zip', 'w'); z.writestr('a/b', 'x'); z.write('sample/plain', 'plain'); z.close()";
    if run("python3", &["-c", python], dir.path()).is_some() {
        let (_keep, out) = unpack_bytes(
            &std::fs::read(dir.path().join("python.zip")).unwrap(),
            Unpacking::Zip,
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(std::fs::read_to_string(out.join("a/b")).unwrap(), "x");
    }
}
