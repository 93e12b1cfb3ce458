#!/usr/bin/env bash
# The first process of a cluster's namespaces: starts Kubernetes' parts, starts them again when they end.
#
#   node.sh STATE      called by cluster.sh, which brings the network device eth0
#
# To keep a part down for a while: create STATE/held/PART, end the process STATE/run/PART.pid, remove the file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
state=$1
bin=$state/bin
export PATH=$bin:$PATH

fail() { echo "node.sh: $*" >&2; exit 1; }

await() { # what, command…
  local what=$1
  shift
  for ((i = 0; i < 600; i++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "$what did not come up"
}

# Keeps a part of Kubernetes running.
keep() { # part, command…
  local part=$1
  shift
  while :; do
    "$@" >>"$state/log/$part.log" 2>&1 &
    echo $! >"/run/$part.pid"
    wait $! || true
    sleep 0.2
    while [ -e "$state/held/$part" ]; do sleep 0.1; done
  done &
}

# --- a machine of its own -----------------------------------------------------------------------------------------
mount --make-rshared /
mkdir -p "$state/held"
mount --bind "$state/run" /run
mount --bind "$state/lib" /var/lib
mount --bind "$state/log" /var/log
mkdir -p /run/lock /var/lib/cni
await 'the network device' test -e "$state/network"
network=$(cat "$state/network")
address=10.200.$network.2
service=10.96.0.1 # where pods find the API server
ip link set lo up
ip addr add "$service/32" dev lo
ip addr add "$address/24" dev eth0
ip link set eth0 up
ip route add default via "10.200.$network.1"
echo 1 >/proc/sys/net/ipv4/ip_forward

# --- keys ---------------------------------------------------------------------------------------------------------
cd "$state/pki"
key() { openssl ecparam -genkey -name prime256v1 -noout -out "$1.key"; }
sign() { # file, name, group, alternative names
  key "$1"
  openssl req -new -key "$1.key" -subj "/O=$3/CN=$2" | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial \
    -days 30 -out "$1.crt" -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$4")
}
key ca
openssl req -x509 -key ca.key -out ca.crt -days 30 -subj /CN=ca
key accounts
openssl ec -in accounts.key -pubout -out accounts.pub
sign apiserver kube-apiserver kubernetes "IP:$service,IP:$address,DNS:kubernetes.default.svc"
sign admin admin system:masters DNS:admin
sign kubelet system:node:node1 system:nodes "DNS:node1,IP:$address"
config() { # file, key pair
  cat >"$1" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: lighter, cluster: {server: "https://$address:443", certificate-authority: "$state/pki/ca.crt"}}]
users: [{name: $2, user: {client-certificate: "$state/pki/$2.crt", client-key: "$state/pki/$2.key"}}]
contexts: [{name: lighter, context: {cluster: lighter, user: $2}}]
current-context: lighter
YAML
}
config "$state/admin.conf" admin
config "$state/kubelet.conf" kubelet

# --- the control plane --------------------------------------------------------------------------------------------
keep etcd etcd --data-dir /var/lib/etcd --unsafe-no-fsync
keep kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --service-cluster-ip-range 10.96.0.0/16 \
  --advertise-address "$service" --endpoint-reconciler-type none --secure-port 443 \
  --tls-cert-file apiserver.crt --tls-private-key-file apiserver.key --client-ca-file ca.crt \
  --service-account-key-file accounts.pub --service-account-signing-key-file accounts.key \
  --service-account-issuer https://kubernetes.default.svc --authorization-mode Node,RBAC --allow-privileged \
  --feature-gates ImageVolume=true --kubelet-preferred-address-types InternalIP \
  --kubelet-client-certificate admin.crt --kubelet-client-key admin.key
await kube-apiserver curl -sfk "https://$address/readyz"
keep kube-controller-manager kube-controller-manager --kubeconfig "$state/admin.conf" --leader-elect=false \
  --use-service-account-credentials --service-account-private-key-file accounts.key --root-ca-file ca.crt \
  --controllers '*,-nodeipam'
keep kube-scheduler kube-scheduler --kubeconfig "$state/admin.conf" --leader-elect=false

# --- the node -----------------------------------------------------------------------------------------------------
mkdir "$state/cni"
cat >"$state/cni/pods.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
 "hairpinMode": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.201.$network.0/24"}]],
 "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
cat >"$state/containerd.toml" <<TOML
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "registry.local/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "$state/cni"
TOML
cat >"$state/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$state/pki/ca.crt"}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
tlsCertFile: $state/pki/kubelet.crt
tlsPrivateKeyFile: $state/pki/kubelet.key
featureGates: {KubeletInUserNamespace: true, ImageVolume: true}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
resolvConf: ""
maxPods: 250
serializeImagePulls: false
registryPullQPS: 0
eventRecordQPS: 0
kubeAPIQPS: 200
kubeAPIBurst: 400
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
YAML
keep containerd containerd -c "$state/containerd.toml"
await containerd ctr version
keep kubelet kubelet --config "$state/kubelet.yaml" --kubeconfig "$state/kubelet.conf" --hostname-override node1 \
  --node-ip "$address"
mkdir -p /var/lib/s3
keep s3 env ROOT_ACCESS_KEY=admin ROOT_SECRET_KEY=password \
  "$HOME/.cache/lighter/servers/bin/versitygw" --port "$address:9000" posix /var/lib/s3
ctr -n k8s.io images import --local "$state/images/images.tar"

export KUBECONFIG=$state/admin.conf
ready() { kubectl get node node1 | grep -q ' Ready'; }
await 'the node' ready
await 'the default service account' kubectl get serviceaccount default
kubectl apply -f "$here/argo.yaml"
touch "$state/ready"
wait
