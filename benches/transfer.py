#!/usr/bin/env python3
"""Saves and loads artifacts with `argoexec` as in a pod, beside other tools on the same S3 server; prints Markdown.

Usage: transfer.py ARGOEXEC [NAME…]   in a mount namespace of its own; names: random text small middle
GIB=2 is the size of the large files, RUNS=3 how often each row is measured. Memory below 16 MiB is not told apart.
"""
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

argoexec, *names = sys.argv[1:]
argoexec = os.path.abspath(argoexec)
GIB, RUNS = float(os.environ.get("GIB", "2")), int(os.environ.get("RUNS", "3"))
ACCESS, SECRET, REGION, BUCKET = "bench-access", "bench-secret", "us-east-1", "bench"
work = tempfile.mkdtemp(dir="/var/tmp", prefix="lighter-transfer-")
data, back = f"{work}/data", f"{work}/back"


def serve() -> subprocess.Popen:
    """Starts versitygw; it ends with this process."""
    global port
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for folder in ("objects/" + BUCKET, "metadata"):
        os.makedirs(f"{work}/{folder}")
    server = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", os.path.expanduser("~/.cache/lighter/servers/bin/versitygw"), "--quiet",
         "--port", f"127.0.0.1:{port}", "--region", REGION, "posix", "--sidecar", f"{work}/metadata", f"{work}/objects"],
        env={"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        assert server.poll() is None, "versitygw ended"
        time.sleep(0.02)


def pod():
    """The folders that `argoexec` finds in a pod."""
    for path in ("/argo", "/mainctrfs", "/var/run/argo"):
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
    for path, folder in {"/mainctrfs/data": data, "/argo/inputs/artifacts": back}.items():
        os.makedirs(path)
        subprocess.run(["mount", "--bind", folder, path], check=True)
    os.makedirs("/argo/secret/s3")
    for key, value in {"access": ACCESS, "secret": SECRET}.items():
        with open(f"/argo/secret/s3/{key}", "w") as file:
            file.write(value)
    os.makedirs("/var/run/argo/ctr/main")
    with open("/var/run/argo/ctr/main/exitcode", "w") as file:
        file.write("0")


def make(name: str):
    """One data set."""
    large = int(GIB * 2**30)
    if name == "random":
        subprocess.run(f"head -c {large} /dev/urandom >{data}/random", shell=True, check=True)
    elif name == "text":
        # Not in this process: its size would count as that of every program it starts.
        subprocess.run(["awk", f"""BEGIN {{ while (size < {large}) {{
            line = sprintf("%08x %d step %d of the run ended, exit code %d", (n * 2654435761) % 2147483648, n, n % 97, n % 7)
            print line; size += length(line) + 1; n++ }} }}"""], check=True, stdout=open(f"{data}/text", "w"))
    else:
        count, size = {"small": (10_000, 10_000), "middle": (200, 10_000_000)}[name]
        os.mkdir(f"{data}/{name}")
        for number in range(count):
            with open(f"{data}/{name}/{number:05}", "wb") as file:
                file.write(os.urandom(size))


def artifact(name: str, archive: str) -> dict:
    secret = {key: {"name": "s3", "key": key} for key in ("access", "secret")}
    strategy = {"none": {"none": {}}, "tar": {"tar": {}}}[archive]
    return {"name": name, "path": f"/data/{name}", "archive": strategy, "s3": {
        "endpoint": f"127.0.0.1:{port}", "insecure": True, "region": REGION, "bucket": BUCKET, "key": f"ours/{name}.{archive}",
        "accessKeySecret": secret["access"], "secretKeySecret": secret["secret"]}}


def ours(role: str, name: str, archive: str) -> list[str]:
    """The command that saves (`wait`) or loads (`init`); its template is made ready."""
    ports = {"wait": "outputs", "init": "inputs"}
    entry = artifact(name, archive)
    if role == "init":
        entry["path"] = f"/in/{name}"
    template = {"name": "main", "container": {"image": "x", "volumeMounts": [{"name": "d", "mountPath": "/data"}]},
                ports[role]: {"artifacts": [entry]}}
    path = "/var/run/argo/template"
    if os.path.exists(path):
        os.remove(path)
    with open(path, "w") as file:
        json.dump(template, file)
    os.environ["ARGO_TEMPLATE"] = json.dumps(template)
    return [argoexec, role, "--loglevel", "error"]


def rclone(*words: str) -> str:
    return " ".join(("rclone", "--config", "/dev/null", *words))


REMOTE = f":s3:{BUCKET}/rclone"
FAST = "--transfers 16 --checkers 16 --s3-upload-concurrency 4 --s3-no-check-bucket --expect-continue-timeout 0"


def measure(command, before=lambda: None) -> tuple[float, float, float]:
    """Median seconds, processor seconds and the peak MiB of the largest process."""
    runs = []
    for _ in range(RUNS):
        before()
        shell = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
        os.sync()
        begin = time.perf_counter()
        child = subprocess.Popen(shell, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        assert status == 0, command
        runs.append((seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return tuple(statistics.median(column) for column in zip(*runs))


def clear():
    for entry in os.listdir(back):
        path = f"{back}/{entry}"
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def row(what: str, size: int, files: int, command, before=lambda: None):
    seconds, processor, peak = measure(command, before)
    rate = f"{files / seconds:,.0f} files/s" if files > 1000 else f"{size / 2**20 / seconds:,.0f} MiB/s"
    print(f"| {what} | {seconds:.2f} s | {rate} | {processor:.2f} s | {peak:.0f} MiB |", flush=True)


def bench(name: str):
    path = f"{data}/{name}"
    listed = [path] if os.path.isfile(path) else [f"{path}/{entry}" for entry in os.listdir(path)]
    size, files = sum(map(os.path.getsize, listed)), len(listed)

    def say(what, command, before=lambda: None):
        row(f"{name}: {what}", size, files, command, before)

    for archive in ("none", "tar"):
        packed = "" if archive == "none" else ", `tar.gz`"
        say(f"**ours**, save{packed}", ours("wait", name, archive))
        say(f"**ours**, load{packed}", ours("init", name, archive), clear)
        same = subprocess.run(["diff", "-r", path, f"{back}/{name}"], check=False).returncode
        assert same == 0, f"{name} came back otherwise"
        clear()
    target = f"{REMOTE}/{name}"
    copy = "copyto" if files == 1 else "copy"
    say("rclone, save", rclone(copy, path, target, FAST))
    say("rclone, load", rclone(copy, target, f"{back}/{name}", FAST), clear)
    say("`tar | pigz | rclone rcat`", f"tar -C {data} -c {name} | pigz | {rclone('rcat', target + '.tgz', FAST)}")
    say("`rclone cat | pigz -d | tar x`", f"{rclone('cat', target + '.tgz')} | pigz -d | tar -C {back} -x", clear)
    if files == 1:
        url = f"http://127.0.0.1:{port}/{BUCKET}/curl"
        curl = f"curl -sf --aws-sigv4 aws:amz:{REGION}:s3 -u {ACCESS}:{SECRET} -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'"
        say("limit: one unsigned PUT by curl", f"{curl} -T {path} {url}")
        say("limit: one GET by curl, thrown away", f"{curl} -o /dev/null {url}")
    say("limit: `cp -r` on this disk", f"cp -r {path} {back}/", clear)
    clear()


def main():
    os.makedirs(data)
    os.makedirs(back)
    server = None
    try:
        server = serve()
        pod()
        for name in [name for name in os.environ if name.startswith(("AWS_", "RCLONE_"))]:
            del os.environ[name]
        os.environ.update({
            "PATH": os.path.dirname(argoexec) + ":" + os.environ["PATH"], "ARGO_POD_NAME": "bench", "ARGO_NODE_ID": "bench",
            "ARGO_CONTAINER_NAME": "wait", "ARGO_DEADLINE": "0001-01-01T00:00:00Z", "LIGHTER_TASK_RESULT": f"{work}/result",
            "RCLONE_S3_PROVIDER": "Other", "RCLONE_S3_ENDPOINT": f"http://127.0.0.1:{port}", "RCLONE_S3_REGION": REGION,
            "RCLONE_S3_ACCESS_KEY_ID": ACCESS, "RCLONE_S3_SECRET_ACCESS_KEY": SECRET})
        print("| what | time | rate | processor | peak memory |\n|---|---|---|---|---|")
        for name in names or ("random", "text", "small", "middle"):
            make(name)
            bench(name)
            shutil.rmtree(f"{data}/{name}", ignore_errors=True)
            if os.path.exists(f"{data}/{name}"):
                os.remove(f"{data}/{name}")
    finally:
        if server:
            server.terminate()
            server.wait()
        for path in ("/argo/inputs/artifacts", "/mainctrfs/data"):
            subprocess.run(["umount", path], check=False, stderr=subprocess.DEVNULL)
        for path in ("/argo", "/mainctrfs", "/var/run/argo"):
            subprocess.run(["umount", path], check=False, stderr=subprocess.DEVNULL)
            if not os.listdir(path):
                os.rmdir(path)
        shutil.rmtree(work)


main()
