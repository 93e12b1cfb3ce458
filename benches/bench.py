#!/usr/bin/env python3
"""Measures the executor and local runs; prints Markdown. Called by run.sh, in a mount namespace of its own.

Usage: bench.py LIGHTER ARGOEXEC STOCK-OR-EMPTY [NAME…]   names: size start memory step wide
"""
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

lighter, argoexec, stock, *names = sys.argv[1:]
lighter, argoexec = os.path.abspath(lighter), os.path.abspath(argoexec)
programs = [("argoexec", argoexec)] + ([("stock", stock)] if stock else [])


def spawn(command: list[str], **more) -> float:
    """Runs a command to success; gives its seconds."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    return time.perf_counter() - begin


def size():
    """Bytes of the programs."""
    for name, path in programs + [("lighter", lighter)]:
        yield f"size of `{name}`", f"{os.path.getsize(path) / 2**20:.1f} MiB"


def start():
    """Start to end of a process that does nothing else."""
    for name, path in [("/bin/true", "/bin/true")] + programs:
        command = [path] if name == "/bin/true" else [path, "version"]
        runs = sorted(spawn(command) for _ in range(50 if name == "stock" else 300))
        yield f"`{name}` from start to end", f"{statistics.median(runs) * 1000:.1f} ms (least {runs[0] * 1000:.1f} ms)"


def resident(child: subprocess.Popen) -> str:
    """Resident memory of a process that has had time to settle."""
    time.sleep(1.5)
    status = dict(line.split(":", 1) for line in open(f"/proc/{child.pid}/status"))
    rss, anonymous = (int(status[key].split()[0]) / 1024 for key in ("VmRSS", "RssAnon"))
    return f"{rss:.1f} MiB ({anonymous:.1f} anonymous)"


def memory():
    """Resident memory of idle executors, in a private /var/run/argo."""
    os.makedirs("/var/run/argo", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/run/argo"], check=True)
    with open("/var/run/argo/template", "w") as file:
        json.dump({"name": "main", "container": {"image": "x"}, "outputs": {"artifacts": [{"name": "o", "path": "/o"}]}}, file)
    env = {"PATH": "/usr/bin:/bin", "ARGO_CONTAINER_NAME": "main", "ARGO_DEADLINE": "0001-01-01T00:00:00Z"}
    # It reports to a file here, as in local runs: the stock one needs an API server.
    pod = {"ARGO_POD_NAME": "p", "ARGO_NODE_ID": "n", "LIGHTER_TASK_RESULT": "/var/run/argo/result.json"}
    child = subprocess.Popen([argoexec, "wait", "--loglevel", "error"], env=env | pod, stderr=subprocess.DEVNULL)
    yield "`argoexec wait`, resident while main runs", resident(child)
    child.terminate()
    child.wait()
    for name, path in programs:
        child = subprocess.Popen([path, "emissary", "--loglevel", "error", "--", "sleep", "3"], env=env)
        yield f"`{name} emissary`, resident while its command sleeps", resident(child)
        child.wait()


def workflow(body: str) -> str:
    return "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: bench-}\nspec:\n" + body


def run(file: str, *more: str, log: str = "") -> tuple[float, float, str]:
    """Runs a workflow to success; gives seconds, the peak MiB of `lighter`, and what the node `log` printed."""
    state = tempfile.mkdtemp(dir="/var/tmp", prefix="lighter-bench-")
    try:
        begin = time.perf_counter()
        child = subprocess.Popen(
            [lighter, "--state", state, "run", file, "--images", "host", "-o", "json", *more],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        assert status == 0, output[-2000:]
        assert json.loads(output)["status"]["phase"] == "Succeeded"
        printed = subprocess.check_output([lighter, "--state", state, "logs", "@latest", log], text=True) if log else ""
        return seconds, usage.ru_maxrss / 1024, printed
    finally:
        shutil.rmtree(state)


def step():
    """What a step costs beyond its process: steps in a row, and the same processes without a workflow."""
    count = 100
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir="/var/tmp") as file:
        steps = "".join(f"    - [{{name: s{number}, template: nothing}}]\n" for number in range(count))
        file.write(workflow("  entrypoint: main\n  templates:\n  - name: main\n    steps:\n" + steps +
                            "  - name: nothing\n    container: {image: x, command: [/bin/true]}\n"))
        file.flush()
        one = statistics.median(spawn(["/bin/true"]) for _ in range(100))
        runs = sorted(run(file.name)[0] / count - one for _ in range(5))
        yield f"one local step beyond its process ({count} in a row)", f"{statistics.median(runs) * 1000:.1f} ms (least {runs[0] * 1000:.1f} ms)"


def wide():
    """The fan-in of many items, as a directory and as JSON."""
    for items in (1000, 10000):
        seconds, peak, printed = run("tests/workflows/wide.yaml", "-p", f"items={items}", log="reduce")
        assert printed == f"{items}\n00000-part.json\n[{items},{items * (items - 1) // 2}]", printed
        yield f"fan-in of {items} items, directory and JSON", f"{seconds:.1f} s, {seconds / items * 1000:.1f} ms an item, `lighter` at most {peak:.0f} MiB"


cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
print(f"{os.cpu_count()} cores ({cpu}), Linux {platform.release()}\n\n| what | measured |\n|---|---|")
for name, bench in {"size": size, "start": start, "memory": memory, "step": step, "wide": wide}.items():
    if not names or name in names:
        for what, measured in bench():
            print(f"| {what} | {measured} |", flush=True)
