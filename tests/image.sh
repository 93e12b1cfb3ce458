#!/usr/bin/env bash
# Makes the tests' image: OUT is its root folder, OUT.tar the archive of it; STAND_INS holds programs to put in.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1 stand_ins=$2

python=$(readlink /usr/bin/python3)
images/rootfs.sh "$out" busybox-static jq "$python-minimal" "lib$python-minimal" "lib$python-stdlib"
ln -s "$python" "$out/usr/bin/python3"
cp "$stand_ins"/{cowsay,blender,python} "$out/usr/bin/"
cp "$stand_ins/print-pet.sh" "$out/tmp/"
printf '%s\n' cat dog parrot hamster goldfish > "$out/tmp/pets.input"
tar -C "$out" -cf "$out.tar" .
