#!/usr/bin/env bash
# Makes the executor's images, the same bytes from the same programs: NAME runs as root like Argo's own, NAME-nonroot as
# user 8737. Without Docker and from nothing: the program is static.
#
#   images/argoexec.sh OUT.tar NAME ARCHITECTURE=FOLDER…      FOLDER holds argoexec and, where built, argoexec-drivers
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$#" -ge 3 ] || { echo "usage: $0 OUT.tar NAME ARCHITECTURE=FOLDER…" >&2; exit 2; }
out=$1 name=$2
shift 2
# What a node unpacks of it: an executor that is pulled to every node is small.
limit=$((24 << 20))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_root() { # folder of programs, root
  local root=$2 size
  mkdir -p "$root"/{bin,etc/ssh,etc/ssl/certs,tmp}
  chmod 1777 "$root/tmp"
  # Commands say `argoexec`; an image volume at /argo-bin has it at /argo-bin/bin/argoexec.
  cp "$1/argoexec" "$root/bin/"
  if [ -e "$1/argoexec-drivers" ]; then cp "$1/argoexec-drivers" "$root/bin/"; fi
  # As Debian ships them: this machine's own additions stay out.
  (cd /usr/share/ca-certificates/mozilla && LC_ALL=C && cat -- *.crt) >"$root/etc/ssl/certs/ca-certificates.crt"
  cp /etc/mime.types "$root/etc/"
  cp images/known_hosts "$root/etc/ssh/ssh_known_hosts"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  printf 'root:x:0:0:root:/:/bin/false\nnonroot:x:8737:8737:nonroot:/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnonroot:x:8737:\n' >"$root/etc/group"
  size=$(find "$root" -type f -printf '%s\n' | awk '{sum += $1} END {print sum}')
  [ "$size" -le "$limit" ] || { echo "$root: $size bytes, more than $limit" >&2; exit 1; }
}

roots=()
for argument in "$@"; do
  architecture=${argument%%=*}
  make_root "${argument#*=}" "$work/$architecture"
  roots+=("\"$architecture\": \"$work/$architecture\"")
done
joined=$(IFS=,; echo "${roots[*]}")
config='"Entrypoint": ["argoexec"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  "WorkingDir": "/"'
cat >"$work/spec.json" <<JSON
[{"names": ["$name"], "roots": {$joined}, "config": {$config}},
 {"names": ["$name-nonroot"], "roots": {$joined}, "config": {"User": "8737", $config}}]
JSON
mkdir -p "$(dirname "$out")"
images/oci.py "$out" "$work/spec.json"
