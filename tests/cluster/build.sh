#!/usr/bin/env bash
# Builds what a cluster is made of, once, into ~/.cache/lighter/cluster/bin: about 12 minutes on two cores.
# Kubernetes, etcd and kubectl are one program (kubeup/); versions are in the two go.mod.
set -euo pipefail
cd "$(dirname "$0")"

cache=$HOME/.cache/lighter/cluster
stamp=$(sha256sum build.sh kubeup/* containerd/* | sha256sum)
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ "$(cat "$cache/bin/stamp" 2>/dev/null)" = "$stamp" ] && exit

go=$(../../scripts/go.sh)
export GOTOOLCHAIN=auto GOFLAGS=-trimpath
version=$(sed -n 's|.*k8s.io/kubernetes v||p' kubeup/go.mod)
set_version="-X k8s.io/component-base/version.gitVersion=v$version"
set_version+=" -X k8s.io/component-base/version.gitMajor=1"
set_version+=" -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$version")"
mkdir -p "$cache/bin"
echo "==> building containerd"
(cd containerd && "$go" build -o "$cache/bin/" -ldflags "-s -w" tool)
echo "==> building Kubernetes $version (about 8 minutes)"
(cd kubeup && "$go" build -o "$cache/bin/kubeup" -ldflags "-s -w $set_version" .)
for program in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do
  ln -sf kubeup "$cache/bin/$program"
done
echo "$stamp" >"$cache/bin/stamp"
