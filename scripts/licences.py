#!/usr/bin/env python3
"""Checks that every dependency has a licence that deny.toml allows and comes from crates.io.

The same rules as `cargo deny check licenses sources`, which reads the same file, without installing it.
"""
import json
import re
import subprocess
import sys
import tomllib

allowed = set(tomllib.load(open("deny.toml", "rb"))["licenses"]["allow"])
metadata = json.loads(subprocess.check_output(
    ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-musl"]))


def allows(expression: str) -> bool:
    """Whether an SPDX expression can be met by allowed licences: every AND part by some OR choice."""
    expression = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|[^\s()]+(?:\s+WITH\s+[^\s()]+)?", expression)
    python = " ".join({"AND": "and", "OR": "or"}.get(t, t if t in "()" else str(t in allowed)) for t in tokens)
    return eval(python, {"__builtins__": {}})  # only True, False, and, or and parentheses


bad = []
for package in metadata["packages"]:
    name = f"{package['name']} {package['version']}"
    if package["source"] is None:
        continue
    if not package["source"].startswith("registry+"):
        bad.append(f"{name}: comes from {package['source']}, not from the registry")
    if not allows(package["license"] or "none"):
        bad.append(f"{name}: licence {package['license']!r} is not allowed by deny.toml")
print("\n".join(bad) or f"licences: {len(metadata['packages'])} packages, all allowed")
sys.exit(bool(bad))
