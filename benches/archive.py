#!/usr/bin/env python3
"""Measures packing and unpacking beside gzip, pigz, zstd and tar, and collecting; prints Markdown.

Usage: archive.py PROGRAM [NAME…]   PROGRAM is artifacts/examples/archive.rs built; names: text random zeros small collect
Sizes: LIGHTER_BENCH_MIB (256) of data, LIGHTER_BENCH_FILES (10000) files. Medians of LIGHTER_BENCH_RUNS (3) runs; data in the page cache.
"""
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

program, *names = sys.argv[1:]
program = os.path.abspath(program)
mib = int(os.environ.get("LIGHTER_BENCH_MIB", "256"))
files = int(os.environ.get("LIGHTER_BENCH_FILES", "10000"))
runs = int(os.environ.get("LIGHTER_BENCH_RUNS", "3"))


def spawn(command: list[str], out: str = os.devnull) -> tuple[float, float, float]:
    """Runs a command to success; gives its seconds, its seconds of processor time, and the peak MiB that ours tells."""
    with open(out, "wb") as file:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True)
        told = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
    assert status == 0, (command, told)
    return seconds, usage.ru_utime + usage.ru_stime, int(told.split()[0]) / 1024 if command[0] == program else 0


def measure(command: list[str], size: float, unit: str, out: str = os.devnull, again=lambda: None) -> str:
    measured = []
    for _ in range(runs):
        again()
        measured.append(spawn(command, out))
    seconds, processor, peak = (statistics.median(column) for column in zip(*measured))
    return f"{size / seconds:,.0f} {unit} | {seconds:.2f} s | {processor:.2f} s | {f'{peak:.1f} MiB' if peak else '–'}"


def data(folder: str, kind: str) -> str:
    """A file of so many MiB."""
    path = f"{folder}/{kind}"
    seeded = random.Random(1)
    with open(path, "wb") as file:
        for _ in range(mib):
            if kind == "random":
                block = seeded.randbytes(2**20)
            elif kind == "zeros":
                block = bytes(2**20)
            else:
                lines = (f'{{"id": {seeded.randrange(10**9)}, "name": "{seeded.choice(words)}", "ok": true, "of": "{seeded.choice(words)}"}}\n'
                         for _ in range(2**20 // 60))
                block = "".join(lines).encode()[:2**20].ljust(2**20, b"\n")
            file.write(block)
    return path


words = [random.Random(number).randbytes(number % 7 + 2).hex() for number in range(2000)]


def whole(kind: str):
    """One file, packed and unpacked."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        path = data(folder, kind)
        plain = [("ours, gzip 6", [program, "pack", "gzip", "6", path]), ("ours, gzip 1", [program, "pack", "gzip", "1", path]),
                 ("ours, gzip 0", [program, "pack", "gzip", "0", path]), ("ours, zstd 3", [program, "pack", "zstd", "3", path]),
                 ("gzip -6", ["gzip", "-6", "-c", path]), ("pigz -6", ["pigz", "-6", "-c", path]),
                 ("zstd -3", ["zstd", "-3", "-q", "-c", path])]
        for name, command in plain:
            if shutil.which(command[0]):
                packed = f"{folder}/packed"
                line = measure(command, mib, "MiB/s", packed)
                yield f"{kind}: {name}, to {os.path.getsize(packed) / 2**20:.0f} MiB", line
        if kind == "text":
            for name, form, level in (("gzip", "gzip", "6"), ("zstd", "zstd", "3")):
                spawn([program, "pack", form, level, path], f"{folder}/packed")
                gone = lambda: os.path.exists(f"{folder}/out") and os.remove(f"{folder}/out")
                yield f"{kind}: ours, unpack {name}", measure([program, "unpack", f"{folder}/packed", f"{folder}/out"], mib, "MiB/s", again=gone)
            spawn([program, "pack", "gzip", "6", path], f"{folder}/packed")
            yield f"{kind}: tar xzf", measure(["tar", "xzf", f"{folder}/packed", "-C", folder, "--transform", "s,^,by-tar-,"], mib, "MiB/s")


def small():
    """Many files of 10 KB in 100 directories."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        seeded = random.Random(1)
        for number in range(files):
            os.makedirs(f"{folder}/tree/{number % 100}", exist_ok=True)
            with open(f"{folder}/tree/{number % 100}/{number}", "wb") as file:
                file.write(seeded.randbytes(5000).hex().encode())
        gone = lambda: shutil.rmtree(f"{folder}/out", ignore_errors=True)
        made = lambda: (gone(), os.mkdir(f"{folder}/out"))
        yield f"{files} files: ours, pack gzip 6", measure([program, "pack", "gzip", "6", f"{folder}/tree"], files, "files/s", f"{folder}/ours.tgz")
        yield f"{files} files: ours, pack zip", measure([program, "pack", "zip", "6", f"{folder}/tree"], files, "files/s", f"{folder}/ours.zip")
        yield f"{files} files: tar czf", measure(["tar", "czf", f"{folder}/theirs.tgz", "-C", folder, "tree"], files, "files/s")
        yield f"{files} files: ours, unpack gzip", measure([program, "unpack", f"{folder}/ours.tgz", f"{folder}/out"], files, "files/s", again=gone)
        yield f"{files} files: ours, unpack zip", measure([program, "unpack", f"{folder}/ours.zip", f"{folder}/out"], files, "files/s", again=gone)
        yield f"{files} files: tar xzf", measure(["tar", "xzf", f"{folder}/ours.tgz", "-C", f"{folder}/out"], files, "files/s", again=made)


def collect():
    """Many parts of a folder store, brought together."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.mkdir(f"{folder}/store")
        for number in range(files):
            with open(f"{folder}/store/{number}", "w") as file:
                json.dump({"n": number, "text": "x" * 1000}, file)
        gone = lambda: shutil.rmtree(f"{folder}/out", ignore_errors=True) or (os.path.exists(f"{folder}/out") and os.remove(f"{folder}/out"))
        for form, jq in (("directory", ""), ("json", ""), ("ndjson", ""), ("concat", ""), ("json", "map(.n)|add"), ("ndjson", ".n")):
            command = [program, "collect", form, jq, f"{folder}/store", str(files), f"{folder}/out"]
            yield f"{files} parts: {form}{f', jq `{jq}`' if jq else ''}", measure(command, files, "parts/s", again=gone)


print(f"{os.cpu_count()} cores, {mib} MiB a file\n\n| what | rate | time | processor | peak memory |\n|---|---|---|---|---|")
benches = {"text": lambda: whole("text"), "random": lambda: whole("random"), "zeros": lambda: whole("zeros"), "small": small, "collect": collect}
for name, bench in benches.items():
    if not names or name in names:
        for what, measured in bench():
            print(f"| {what} | {measured} |", flush=True)
