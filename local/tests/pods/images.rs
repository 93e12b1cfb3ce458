//! Images: archives of every kind, layers over layers, hostile ones, and a registry.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use lighter_local::{ImagePolicy, ImageStore};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::bench::{Bench, end, phase, pod, script};
use crate::registry::Registry;

/// One entry of a layer: name, type, mode, content or link target.
type Part<'a> = (&'a str, EntryType, u32, &'a [u8]);

pub fn tar_of(parts: &[Part<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, mode, content) in parts {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_600_000_000);
        header.set_uid(0);
        header.set_gid(0);
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if is_link {
            header.as_gnu_mut().unwrap().linkname[..content.len()].copy_from_slice(content);
        }
        let data = if is_link { &[][..] } else { content };
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    format!("sha256:{}", hash.iter().map(|b| format!("{b:02x}")).collect::<String>())
}

fn busybox() -> Vec<u8> {
    fs::read("/bin/busybox").expect("busybox-static is installed")
}

/// A small image: busybox as `sh`, `cat`, `ls`, `id`, and links that a hostile image might have.
pub fn base_layer(busybox: &[u8]) -> Vec<u8> {
    let file = EntryType::Regular;
    tar_of(&[
        ("bin/", EntryType::Directory, 0o755, b""),
        ("bin/busybox", file, 0o4755, busybox),
        ("bin/sh", EntryType::Symlink, 0o777, b"busybox"),
        ("bin/cat", EntryType::Link, 0o755, b"bin/busybox"),
        ("bin/ls", EntryType::Symlink, 0o777, b"/bin/busybox"),
        ("bin/stat", EntryType::Symlink, 0o777, b"/bin/busybox"),
        ("bin/id", EntryType::Symlink, 0o777, b"/bin/busybox"),
        (
            "etc/passwd",
            file,
            0o644,
            b"root:x:0:0::/root:/bin/sh\napp:x:1001:1002::/home/app:/bin/sh\n",
        ),
        ("etc/gone", file, 0o644, b"x"),
        ("etc/changed", file, 0o644, b"old\n"),
        ("old/a", file, 0o644, b"x"),
        ("run/", EntryType::Directory, 0o755, b""),
        ("var/run", EntryType::Symlink, 0o777, b"/run"),
        ("locked/", EntryType::Directory, 0o555, b""),
        ("dev/odd", EntryType::Char, 0o666, b""),
    ])
}

fn config(layers: &[&[u8]]) -> Value {
    json!({
        "architecture": if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }, "os": "linux",
        "config": {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo from $GREETING in $PWD as $(id -u):$(id -g) $HOME"],
                   "Env": ["GREETING=image", "PATH=/bin"], "WorkingDir": "/etc", "User": "app"},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|l| digest(l)).collect::<Vec<_>>()},
    })
}

fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

/// What `docker save` writes.
fn docker_save(name: &str, layers: &[&[u8]]) -> Vec<u8> {
    let config = config(layers).to_string();
    let names: Vec<String> = (0..layers.len()).map(|n| format!("l{n}/layer.tar")).collect();
    let manifest = json!([{"Config": "c.json", "RepoTags": [name], "Layers": names}]).to_string();
    let mut parts: Vec<Part<'_>> = vec![("c.json", EntryType::Regular, 0o644, config.as_bytes())];
    parts.extend(
        names
            .iter()
            .zip(layers)
            .map(|(name, layer)| (name.as_str(), EntryType::Regular, 0o644, *layer)),
    );
    parts.push(("manifest.json", EntryType::Regular, 0o644, manifest.as_bytes()));
    tar_of(&parts)
}

/// An OCI layout folder with compressed layers.
fn oci_layout(folder: &Path, name: &str, layers: &[&[u8]]) {
    let blob = |bytes: &[u8]| {
        let digest = digest(bytes);
        write(&folder.join("blobs").join(digest.replace(':', "/")), bytes);
        json!({"digest": digest, "size": bytes.len(), "mediaType": "x"})
    };
    let config = blob(config(layers).to_string().as_bytes());
    let layers: Vec<Value> = layers.iter().map(|layer| blob(&gzip(layer))).collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
    let mut entry = blob(manifest.as_bytes());
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    write(
        &folder.join("index.json"),
        json!({"schemaVersion": 2, "manifests": [entry]}).to_string().as_bytes(),
    );
    write(&folder.join("oci-layout"), br#"{"imageLayoutVersion": "1.0.0"}"#);
}

fn store(bench: &Bench) -> ImageStore {
    fs::create_dir_all(bench.state()).unwrap();
    ImageStore::open(&bench.state().join("images")).unwrap()
}

pub fn archives(bench: &Bench) {
    let store = store(bench);
    let folder = bench.folder.path();
    let busybox = busybox();
    let base = base_layer(&busybox);
    let saved = write(&folder.join("saved.tar.gz"), &gzip(&docker_save("first:1", &[&base])));
    oci_layout(&folder.join("oci"), "localhost/second:2", &[&base]);
    let plain = write(&folder.join("plain.tar"), &base);
    let tree = folder.join("tree");
    write(&tree.join("bin/busybox"), &busybox);
    fs::set_permissions(tree.join("bin/busybox"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("busybox", tree.join("bin/sh")).unwrap();

    let first = store.import(&saved, None).unwrap();
    assert_eq!(first[0].names, ["docker.io/library/first:1"]);
    let second = store.import(&folder.join("oci"), None).unwrap();
    assert_eq!(
        second[0].names,
        ["docker.io/library/first:1", "localhost/second:2"],
        "one image, two names"
    );
    assert!(store.import(&plain, None).unwrap_err().to_string().contains("give it a name"));
    store.import(&plain, Some("third")).unwrap();
    store.import(&tree, Some("fourth")).unwrap();
    assert_eq!(store.list().unwrap().len(), 3);
    assert_eq!(store.command("first:1").unwrap().entrypoint, ["/bin/sh", "-c"]);

    let mut run = bench.open(ImagePolicy::Local);
    let own = json!({"containers": [{"name": "main", "image": "first:1"}]});
    assert_eq!(run.output(pod("own", own)), "from image in /etc as 1001:1002 /home/app\n");
    for (number, image) in ["localhost/second:2", "third", "fourth"].into_iter().enumerate() {
        let pod = script(
            &format!("run-{number}"),
            "echo $0 > /x && busybox cat /x && busybox ls /",
            json!({"image": image, "securityContext": {"runAsUser": 0}}),
        );
        let output = run.output(pod);
        assert!(output.starts_with("sh\n") && output.contains("\nx\n"), "{output}");
    }
    assert!(
        !output_of_root(bench).iter().any(|path| path.ends_with("x")),
        "writes never reach the image"
    );
    store.remove("first:1").unwrap();
    assert_eq!(store.list().unwrap().len(), 3);
    store.remove("localhost/second:2").unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
    assert!(store.remove("first:1").is_err());
    assert_eq!(fs::read_dir(bench.state().join("images/roots")).unwrap().count(), 2);
    assert_eq!(fs::read_dir(bench.state().join("images/tmp")).unwrap().count(), 0);
}

fn output_of_root(bench: &Bench) -> Vec<PathBuf> {
    let roots = fs::read_dir(bench.state().join("images/roots")).unwrap();
    roots
        .flat_map(|root| fs::read_dir(root.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect()
}

pub fn layers(bench: &Bench) {
    let store = store(bench);
    let busybox = busybox();
    let base = base_layer(&busybox);
    let file = EntryType::Regular;
    let second = tar_of(&[
        ("etc/.wh.gone", file, 0o644, b""),
        ("etc/changed", file, 0o600, b"new\n"),
        ("old/b", file, 0o644, b"x"),
        ("old/.wh..wh..opq", file, 0o644, b""),
        ("locked/in", file, 0o644, b"x"),
        ("var/run/through", file, 0o644, b"x"),
    ]);
    let saved = write(&bench.folder.path().join("two.tar"), &docker_save("two", &[&base, &second]));
    store.import(&saved, None).unwrap();
    let mut run = bench.open(ImagePolicy::Local);
    let source = "cat /etc/changed; ls /etc/gone 2>/dev/null; ls /old /locked /run; stat -c %a /locked /bin/busybox; ls /dev/odd 2>&1; \
        cat /var/run/argo/f";
    let mut made = script(
        "two",
        source,
        json!({"image": "two", "workingDir": "/", "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "argo", "mountPath": "/var/run/argo"}]}),
    );
    let spec = made.spec.as_mut().unwrap();
    spec.volumes = serde_json::from_value(json!([{"name": "argo", "emptyDir": {}}])).unwrap();
    let mut init = spec.containers[0].clone();
    init.name = "before".to_owned();
    init.command = Some(["sh", "-c", "echo volume > /var/run/argo/f"].map(str::to_owned).to_vec());
    spec.init_containers = Some(vec![init]);
    let output = run.output(made);
    let expected = "new\n/locked:\nin\n\n/old:\nb\n\n/run:\nargo\nlighter\nthrough\n555\n755\nls: /dev/odd: No such file or directory\nvolume\n";
    assert_eq!(output.replace("lighter\n", ""), expected.replace("lighter\n", ""));
    drop(run);
    store.remove("two").unwrap();
    let left = fs::read_dir(bench.state().join("images/roots")).unwrap().count();
    assert_eq!(left, 0, "folders that forbid writing go too");
}

pub fn hostile(bench: &Bench) {
    let store = store(bench);
    let file = EntryType::Regular;
    let outside = bench.folder.path().join("outside");
    fs::create_dir_all(&outside).unwrap();
    let target = outside.display().to_string();
    let cases: &[(&str, &[Part<'_>])] = &[
        ("leads out", &[("../up", file, 0o644, b"x")]),
        ("leads out", &[("a/../../up", file, 0o644, b"x")]),
        ("leads out", &[("steal", EntryType::Link, 0o644, b"../../../../etc/passwd")]),
        ("leads out", &[("steal", EntryType::Link, 0o644, b"/etc/passwd")]),
        ("hides no file", &[("a/.wh...", file, 0o644, b"")]),
        ("cannot be unpacked", &[("a", file, 0o644, b"x"), ("a/b", file, 0o644, b"x")]),
    ];
    for (number, (expected, parts)) in cases.iter().enumerate() {
        let tar = write(&bench.folder.path().join(format!("{number}.tar")), &tar_of(parts));
        let error = store.import(&tar, Some("bad")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // A link that leads out of the folder leads nowhere out of the image.
    let astray = tar_of(&[
        (&target[1..], EntryType::Directory, 0o755, b""),
        ("way", EntryType::Symlink, 0o777, target.as_bytes()),
        ("way/file", file, 0o644, b"x"),
        ("way/.wh.file2", file, 0o644, b""),
    ]);
    fs::write(outside.join("file2"), "kept").unwrap();
    let path = write(&bench.folder.path().join("astray.tar"), &astray);
    store.import(&path, Some("astray")).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);

    let busybox = busybox();
    let base = base_layer(&busybox);
    let mut damaged = docker_save("damaged", &[&base]);
    let at = damaged.windows(4).rposition(|w| w == b"old\n").unwrap();
    damaged[at] = b'O';
    let path = write(&bench.folder.path().join("damaged.tar"), &damaged);
    assert!(store.import(&path, None).unwrap_err().to_string().contains("is damaged"));
    let path = write(&bench.folder.path().join("cut.tar.gz"), &gzip(&base)[..1000]);
    assert!(store.import(&path, Some("cut")).is_err());
    assert!(
        store.import(&write(&bench.folder.path().join("empty"), b""), Some("x/../y z")).is_err()
    );
    assert_eq!(fs::read_dir(bench.state().join("images/tmp")).unwrap().count(), 0);

    // Links in place of the container's own folders lead the mounts nowhere but into the image.
    let links = tar_of(&[
        ("bin/sh", file, 0o755, &busybox),
        ("bin/ls", file, 0o755, &busybox),
        ("tmp2/", EntryType::Directory, 0o755, b""),
        ("proc", EntryType::Symlink, 0o777, b"../../tmp2"),
        ("nowhere", EntryType::Symlink, 0o777, target.as_bytes()),
        ("data", EntryType::Symlink, 0o777, b"../../../../../../tmp"),
    ]);
    let path = write(&bench.folder.path().join("links.tar"), &links);
    store.import(&path, Some("links")).unwrap();
    let mut run = bench.open(ImagePolicy::Local);
    let mut made = script(
        "links",
        "echo x > /data/x; ls /tmp",
        json!({"image": "links", "volumeMounts": [{"name": "v", "mountPath": "/data"}]}),
    );
    made.spec.as_mut().unwrap().volumes =
        serde_json::from_value(json!([{"name": "v", "emptyDir": {}}])).unwrap();
    let mut dangling = made.clone();
    assert_eq!(run.output(made), "x\n");
    dangling.metadata.name = Some("nowhere".to_owned());
    dangling.spec.as_mut().unwrap().containers[0].volume_mounts.as_mut().unwrap()[0].mount_path =
        "/nowhere".to_owned();
    let ended = end(&run.finish(dangling), "main");
    assert_eq!(ended.exit_code, 128, "{ended:?}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

pub fn missing(bench: &Bench) {
    let mut run = bench.open(ImagePolicy::Local);
    let ended = run.finish(script("absent", "true", json!({"image": "no/such:1"})));
    assert_eq!(phase(&ended), "Failed");
    let message = ended.status.unwrap().message.unwrap();
    assert!(
        message.contains("lighter images pull no/such:1") && message.contains("--images host"),
        "{message}"
    );
}

pub fn from_registry(bench: &Bench) {
    let busybox = busybox();
    let base = base_layer(&busybox);
    let registry = Registry::start(config(&[&base]).to_string().into_bytes(), gzip(&base));
    let image = format!("{}/team/tool:1", registry.address);
    let mut run = bench.open(ImagePolicy::Auto);
    run.host.look_up_image(&image);
    match run.next() {
        lighter_local::PodEvent::Image { command, .. } => {
            assert_eq!(command.unwrap().entrypoint, ["/bin/sh", "-c"]);
        }
        other => panic!("{other:?}"),
    }
    let asked = registry.requests();
    let own = json!({"containers": [{"name": "main", "image": image}]});
    assert_eq!(run.output(pod("pulled", own)), "from image in /etc as 1001:1002 /home/app\n");
    assert_eq!(registry.requests(), asked, "what is there is not pulled again");
    let ended = run.finish(script(
        "no-tag",
        "true",
        json!({"image": format!("{}/team/tool:2", registry.address)}),
    ));
    let message = ended.status.as_ref().unwrap().message.clone().unwrap();
    assert!(
        message.contains("pulling it failed") && message.contains("lighter images import"),
        "{message}"
    );
    assert!(
        ended.status.unwrap().container_statuses.unwrap()[0]
            .state
            .as_ref()
            .unwrap()
            .terminated
            .is_none()
    );
    let never =
        json!({"image": format!("{}/team/tool:3", registry.address), "imagePullPolicy": "Never"});
    let asked = registry.requests();
    assert_eq!(phase(&run.finish(script("never", "true", never))), "Failed");
    assert_eq!(registry.requests(), asked);
}
