#!/usr/bin/env bash
# Makes FOLDER/images.tar, the images that every test has: busybox, and what keeps a pod's namespaces.
#
#   images.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1

"$here/../../images/rootfs.sh" "$folder/busybox" busybox-static
cat >"$folder/spec.json" <<JSON
[{"names": ["docker.io/library/busybox:latest"], "roots": {"amd64": "$folder/busybox"},
  "config": {"Cmd": ["sh"], "Env": ["PATH=/usr/bin:/bin"]}},
 {"names": ["registry.local/pause:1"], "roots": {"amd64": "$folder/busybox"},
  "config": {"Entrypoint": ["/bin/busybox", "sleep", "inf"]}}]
JSON
"$here/../../images/oci.py" "$folder/images.tar" "$folder/spec.json"
