#!/usr/bin/env python3
"""Writes small inputs of every kind for the fuzz targets into DIRECTORY/<target>/. Usage: seeds.py DIRECTORY"""
import gzip
import io
import os
import struct
import sys
import tarfile
import zipfile

directory = sys.argv[1]


def seed(target: str, name: str, data: bytes):
    os.makedirs(f"{directory}/{target}", exist_ok=True)
    with open(f"{directory}/{target}/{name}", "wb") as file:
        file.write(data)


def tar(form: int, *entries: dict) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for entry in entries:
            data = entry.pop("data", b"")
            info = tarfile.TarInfo()
            for key, value in entry.items():
                setattr(info, key, value)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    data = out.getvalue().rstrip(b"\0")
    return data + bytes(-len(data) % 512 + 1024)


def zstd(data: bytes) -> bytes:
    """One frame with raw blocks (RFC 8878, section 3.1.1)."""
    blocks = [data[at:at + 100000] for at in range(0, len(data), 100000)] or [b""]
    out = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data))
    for index, block in enumerate(blocks):
        out += struct.pack("<I", (len(block) << 3) | (index + 1 == len(blocks)))[:3] + block
    return out


class Pipe:
    """Cannot seek: sizes come behind the data."""

    def __init__(self, out: io.BytesIO):
        self.write, self.flush = out.write, out.flush


trees = {
    "file": [{"name": "a", "data": b"content"}],
    "tree": [{"name": "d", "type": tarfile.DIRTYPE, "mode": 0o755}, {"name": "d/a", "data": b"x" * 600},
             {"name": "d/l", "type": tarfile.SYMTYPE, "linkname": "a"},
             {"name": "d/h", "type": tarfile.LNKTYPE, "linkname": "d/a"}],
    "long": [{"name": "n" * 90 + "/" + "m" * 120, "data": b"x"},
             {"name": "l", "type": tarfile.SYMTYPE, "linkname": "t" * 150}],
    "odd": [{"name": "../up", "data": b"x"}, {"name": "/root", "data": b"x"},
            {"name": "dev", "type": tarfile.CHRTYPE}, {"name": "fifo", "type": tarfile.FIFOTYPE}],
    "unicode": [{"name": "ünï/cödé", "data": b"x", "mtime": 1.5, "mode": 0o6755}],
}
for name, entries in trees.items():
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        try:
            data = tar(form, *[dict(entry) for entry in entries])
        except ValueError:
            continue
        seed("tar", f"{name}-{form}", data)
        seed("gzip", f"{name}-{form}.gz", gzip.compress(data, 9))
        seed("gzip", f"{name}-{form}.zst", zstd(data))
        seed("gzip", f"{name}-{form}.two.gz", gzip.compress(data[:512]) + gzip.compress(data[512:]))
seed("tar", "sparse", tar(tarfile.PAX_FORMAT, {"name": "s", "data": b"x", "pax_headers": {"GNU.sparse.major": "1"}}))
seed("tar", "size", tar(tarfile.PAX_FORMAT, {"name": "s", "data": b"x", "pax_headers": {"size": "1024"}}))
seed("gzip", "text.gz", gzip.compress(b"text"))
seed("gzip", "skippable.zst", b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstd(b"text"))

for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
    for streamed in (False, True):
        out = io.BytesIO()
        with zipfile.ZipFile(Pipe(out) if streamed else out, "w", method) as archive:
            archive.writestr("d/", b"")
            archive.writestr("d/a", b"content" * 20)
            link = zipfile.ZipInfo("d/l")
            link.create_system, link.external_attr = 3, 0o120777 << 16
            archive.writestr(link, "a")
        seed("zip", f"{method}-{streamed}", out.getvalue())

for number, text in enumerate([
        '{"a": [1, 2.50, -3e+10, true, false, null], "b\\u00e9": "\\"\\\\\\/\\b\\f\\n\\r\\t\\ud83d\\ude00", "c": {}}',
        '[]', '1 2\n"x"', '[[[[{"a":[]}]]]]', '\ufeff{}', '"ü😀"', '', '{"a":1}{"b":2}', '0.0e-0', '[1,]', '01', '"\\u12"']):
    seed("json", str(number), text.encode())
seed("json", "deep", b"[" * 300 + b"]" * 300)
