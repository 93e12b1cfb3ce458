#!/usr/bin/env python3
"""Makes an archive of images from root folders, the same bytes from the same files, without a container engine.

The archive is an OCI layout (github.com/opencontainers/image-spec) that holds a `manifest.json` too, so that containerd,
Podman, skopeo and every Docker take it. An image has one layer; several platforms make an index.

    images/oci.py OUT.tar SPEC.json

SPEC is a list of images:
    {"names": ["localhost/a:1"], "roots": {"amd64": "folder", "arm64": "folder"}, "config": {"Entrypoint": ["/a"]}}
`config` is the image-spec's. Files belong to root, are as old as the epoch, and keep no more of their mode than
whether they can be run; folders are 0755, or 1777 where they have the sticky bit.
"""
import gzip
import hashlib
import io
import json
import os
import stat
import sys
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

blobs: dict[str, bytes] = {}
layers: dict[str, tuple[dict, str]] = {}


def add(media_type: str, content: bytes) -> dict:
    """Keeps a blob and describes it."""
    digest = hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def add_json(media_type: str, content: object) -> dict:
    return add(media_type, json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry without what differs from machine to machine."""
    if entry.isdir():
        entry.mode = 0o1777 if entry.mode & stat.S_ISVTX else 0o755
    elif entry.isfile():
        entry.mode = 0o755 if entry.mode & stat.S_IXUSR else 0o644
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def layer(root: str) -> tuple[dict, str]:
    """The layer of a root folder and the digest of its content before compression."""
    if root not in layers:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
            # A folder's entries come sorted.
            for name in sorted(os.listdir(root)):
                tar.add(os.path.join(root, name), arcname=name, filter=plain)
        content = archive.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        layers[root] = add(LAYER, gzip.compress(content, mtime=0)), f"sha256:{digest}"
    return layers[root]


def manifest(root: str, architecture: str, config: dict) -> tuple[dict, dict]:
    """Describes the image of one platform: for the index, and for Docker's manifest."""
    descriptor, content = layer(root)
    configuration = add_json(CONFIG, {
        "architecture": architecture, "os": "linux", "created": "1970-01-01T00:00:00Z", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [content]}, "history": [{"created_by": "images/oci.py"}]})
    described = add_json(MANIFEST, {
        "schemaVersion": 2, "mediaType": MANIFEST, "config": configuration, "layers": [descriptor]})
    path = {"Config": blob(configuration), "Layers": [blob(descriptor)]}
    return described | {"platform": {"architecture": architecture, "os": "linux"}}, path


def blob(descriptor: dict) -> str:
    return "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")


def main(out: str, spec: str) -> None:
    index, docker = [], []
    for image in json.load(open(spec)):
        made = [manifest(root, architecture, image["config"]) for architecture, root in sorted(image["roots"].items())]
        platforms = [described for described, _ in made]
        top = add_json(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": platforms})
        for name in image["names"]:
            tag = name.rpartition(":")[2]
            index.append(top | {"annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}})
        docker.append(made[0][1] | {"RepoTags": image["names"]})
    files = {
        "oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"}).encode(),
        "index.json": json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": index}).encode(),
        "manifest.json": json.dumps(docker).encode(),
    } | {f"blobs/sha256/{digest}": content for digest, content in blobs.items()}
    with tarfile.open(out + ".part", "w") as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    os.rename(out + ".part", out)


main(*sys.argv[1:])
