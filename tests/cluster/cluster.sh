#!/usr/bin/env bash
# A real Kubernetes with one node on this machine, from plain processes, without a container engine.
#
#   cluster.sh up DIR      starts it and comes back when it is ready: DIR/admin.conf is the way in
#   cluster.sh run DIR     the same in the foreground: prints "ready", ends when told to or when its parent dies
#   cluster.sh down DIR    ends it and deletes DIR
#
# All of it lives in namespaces of processes, mounts and network. When their first process dies, everything is
# gone: pods, mounts, devices, addresses. So nothing can be left behind, and several clusters run side by side.
# Cluster N has the networks 10.200.N.0/24 (.1 this machine, .2 the node) and 10.201.N.0/24 (pods).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$HOME/.cache/lighter/cluster/bin

fail() { echo "cluster.sh: $*" >&2; exit 1; }

# The process id that DIR names, if it is still a process of that cluster.
owner() {
  local pid
  pid=$(cat "$state/pid" 2>/dev/null) || return 1
  grep -qzxF "$state" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

run() {
  owner >/dev/null && fail "$state is running already"
  [ "$(id -u)" = 0 ] || fail "needs root: it makes network devices and cgroups"
  [ -x "$bin/kubeup" ] || fail "not built: run make setup-cluster"
  rm -rf "$state"
  mkdir -p "$state"/{run,lib,log,pki}
  echo $$ >"$state/pid"
  ln -s "$bin" "$state/bin"
  "$here/images.sh" "$state/images" >&2
  # Each end takes the next with it: parent, this script, unshare, the namespaces' first process.
  setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --mount-proc \
    "$here/node.sh" "$state" 2>"$state/log/node.log" >&2 </dev/null &
  local unshare=$! network first
  # shellcheck disable=SC2064 # the process is known now
  trap "end $unshare" EXIT
  trap 'exit 0' TERM INT HUP
  for ((i = 0; i < 100; i++)); do
    first=$(cat "/proc/$unshare/task/$unshare/children" 2>/dev/null) && [ -n "$first" ] && break
    sleep 0.05
  done
  echo "${first% }" >"$state/first"
  network=$(connect "${first% }")
  echo "$network" >"$state/network"
  for ((i = 0; i < 1200; i++)); do
    [ -e "$state/ready" ] && break
    kill -0 "$unshare" 2>/dev/null || break
    sleep 0.1
  done
  [ -e "$state/ready" ] || { tail -n 20 "$state/log/node.log" >&2; keep=1; fail "did not come up; see $state/log"; }
  echo ready
  wait "$unshare" || { keep=1; fail "the node ended: see $state/log"; }
}

# Gives the namespaces a network device whose other end is ours, and prints the first network number that is free.
connect() {
  local number
  for number in $(seq 0 63); do
    ip link add "lighter$number" type veth peer name eth0 netns "$1" 2>/dev/null || continue
    ip addr add "10.200.$number.1/24" dev "lighter$number"
    ip link set "lighter$number" up
    ip route add "10.201.$number.0/24" via "10.200.$number.2"
    echo "$number"
    return
  done
  fail "could not make a network device lighter0 to lighter63"
}

end() {
  trap - EXIT
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
  sweep_cgroups
  if [ -z "${keep:-}" ]; then rm -rf "$state"; else rm -f "$state/pid"; fi
}

# Cgroups outlive their processes: removes those of the containers that are left.
sweep_cgroups() {
  local container folder
  for container in "$state"/run/containerd/io.containerd.runtime.v2.task/k8s.io/*; do
    for folder in /sys/fs/cgroup/{,*/}k8s.io/"${container##*/}"; do
      for ((i = 0; i < 50; i++)); do
        [ -d "$folder" ] || break
        find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
      done
    done
  done
  rmdir /sys/fs/cgroup/{,*/}k8s.io 2>/dev/null || true
}

up() {
  mkdir -p "$(dirname "$state")"
  local messages
  messages=$(mktemp)
  setsid "$here/cluster.sh" run "$state" >"$messages" 2>&1 </dev/null &
  local run=$!
  until grep -qx ready "$messages"; do
    kill -0 "$run" 2>/dev/null || { cat "$messages" >&2; rm "$messages"; exit 1; }
    sleep 0.1
  done
  rm "$messages"
  echo "export KUBECONFIG=$state/admin.conf"
}

down() {
  local pid
  if pid=$(owner); then
    kill -TERM "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  fi
  sweep_cgroups
  rm -rf "$state"
}

[ $# = 2 ] || { sed -n '2,/^# All/{/^# All/!p}' "$0" >&2; exit 2; }
state=$(realpath -m "$2")
case $1 in
  up | run | down) "$1" ;;
  *) fail "no command $1" ;;
esac
