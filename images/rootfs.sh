#!/usr/bin/env bash
# Makes an image's root folder from packages installed on this Debian machine, without Docker and without a registry.
#
#   images/rootfs.sh OUT PACKAGE…
#
# Copies the packages' files and the libraries their programs need; busybox gives the shell and its tools.
set -euo pipefail

[ "$#" -ge 2 ] || { echo "usage: $0 OUT PACKAGE…" >&2; exit 2; }
out=$1
shift
mkdir -p "$out"/{bin,etc,lib64,proc,sys,dev,tmp,usr/bin,usr/lib,var,root,mnt}
chmod 1777 "$out/tmp"
[ -e "$out/lib" ] || ln -s usr/lib "$out/lib"

copy() { # an absolute path; links are kept, and what they point to comes along
  local path=$1
  [ -e "$out$path" ] && return
  mkdir -p "$out$(dirname "$path")"
  cp -a "$path" "$out$path"
  if [ -L "$path" ]; then copy "$(realpath "$path")"; fi
}

for package in "$@"; do
  dpkg-query -L "$package" | while read -r path; do
    case "$path" in /usr/share/doc/* | /usr/share/man/* | */__pycache__* | */test/*) continue ;; esac
    if [ -f "$path" ]; then copy "$(realpath -s "$path")"; fi
  done
done

# Libraries of every program and module copied so far, and the loader itself.
find "$out" -type f \( -perm -u+x -o -name '*.so*' \) -print0 \
  | { xargs -0 -n 64 ldd 2>/dev/null || true; } \
  | sed -nE 's/^\t(.* => )?(\/[^ ]+) \(.*/\2/p' | sort -u | while read -r library; do
    mkdir -p "$out$(dirname "$library")"
    [ -e "$out$library" ] || cp -L "$library" "$out$library"
  done

if [ -x "$out/bin/busybox" ]; then
  for applet in $("$out/bin/busybox" --list); do
    [ -e "$out/bin/$applet" ] || [ -e "$out/usr/bin/$applet" ] || ln -s /bin/busybox "$out/bin/$applet"
  done
fi
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' > "$out/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$out/etc/group"
