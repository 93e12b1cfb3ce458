#!/usr/bin/env python3
"""Prints what the executor's image is made of as a CycloneDX 1.5 document: its crates and Debian's data files.

    images/sbom.py PACKAGE…      the workspace's packages whose programs are in the image

The same from the same Cargo.lock: no serial number and no time.
"""
import json
import subprocess
import sys
import tomllib


def output(*command: str) -> str:
    return subprocess.check_output(command, text=True)


metadata = json.loads(output("cargo", "metadata", "--format-version", "1", "--locked",
                             "--filter-platform", "x86_64-unknown-linux-musl"))
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
checksums = {(package["name"], package["version"]): package.get("checksum")
             for package in tomllib.load(open("Cargo.lock", "rb"))["package"]}


def linked(roots: list[str]) -> set[str]:
    """The packages that end up in the program: no build scripts, no tests, no macros' own dependencies."""
    found, waiting = set(), list(roots)
    while waiting:
        package = waiting.pop()
        is_macro = any("proc-macro" in target["kind"] for target in packages[package]["targets"])
        if package in found or is_macro:
            continue
        found.add(package)
        waiting += [dep["pkg"] for dep in nodes[package]["deps"] if any(k["kind"] is None for k in dep["dep_kinds"])]
    return found


def crate(package: dict) -> dict:
    name, version = package["name"], package["version"]
    component = {"type": "library", "name": name, "version": version, "purl": f"pkg:cargo/{name}@{version}"}
    if package["license"]:
        component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum := checksums.get((name, version)):
        component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return component


def debian(name: str) -> dict:
    version = output("dpkg-query", "-W", "-f", "${Version}", name)
    return {"type": "data", "name": name, "version": version, "purl": f"pkg:deb/debian/{name}@{version}"}


roots = [id for id in metadata["workspace_members"] if packages[id]["name"] in sys.argv[1:]]
crates = sorted((crate(packages[id]) for id in linked(roots)), key=lambda found: (found["name"], found["version"]))
version = packages[roots[0]]["version"]
print(json.dumps({
    "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
    "metadata": {"component": {"type": "container", "name": "argoexec", "version": version}},
    "components": crates + [debian("ca-certificates"), debian("media-types")],
}, indent=1))
