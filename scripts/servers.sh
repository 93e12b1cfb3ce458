#!/usr/bin/env bash
# Installs the servers that tests of stores talk to, once, into ~/.cache/lighter/servers/bin: all, or those named.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=$HOME/.cache/lighter/servers
# The newest Azurite that Debian's Node can run.
azurite=3.35.0
nginx=debian
# Debian 12's Go cannot build today's modules; it can fetch one that does.
toolchain=golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64
declare -A modules=(
  [versitygw]=github.com/versity/versitygw/cmd/versitygw@v1.8.0
  [fake-gcs-server]=github.com/fsouza/fake-gcs-server@v1.56.1
)

# Prints a Go that is new enough (1.21 learnt to fetch what a module asks for).
find_go() {
  local candidate
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go; do
    if [ -x "$candidate" ] && (cd / && "$candidate" version | grep -Eq 'go1\.(2[1-9]|[3-9][0-9])'); then
      echo "$candidate"
      return
    fi
  done
  scripts/setup.sh golang-go >&2
  local root
  root=$(cd / && GOFLAGS=-modcacherw GOMODCACHE=$cache/go go mod download -json "$toolchain" |
    sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  # Modules keep no permissions.
  chmod -R a+x "$root/bin" "$root/pkg/tool"
  echo "$root/bin/go"
}

install_module() {
  echo "==> building the server $1"
  local go
  go=$(find_go)
  (cd / && CGO_ENABLED=0 GOTOOLCHAIN=auto GOBIN=$cache/bin "$go" install -ldflags='-s -w' "${modules[$1]}")
  echo "${modules[$1]}" >"$cache/bin/$1.version"
}

install_azurite() {
  echo "==> installing the server azurite"
  command -v npm >/dev/null || scripts/setup.sh nodejs npm
  npm install --silent --no-audit --no-fund --prefix "$cache/azurite" "azurite@$azurite"
  ln -sf "$cache/azurite/node_modules/.bin/azurite-blob" "$cache/bin/azurite-blob"
  echo "$azurite" >"$cache/bin/azurite.version"
}

# Debian's own, without its service.
install_nginx() {
  echo "==> unpacking the server nginx"
  local folder
  folder=$(mktemp -d)
  (
    cd "$folder"
    apt-get download -qq nginx 2>/dev/null || { apt-get update -qq && apt-get download -qq nginx; }
  )
  dpkg -x "$folder"/nginx_*.deb "$folder/root"
  install "$folder/root/usr/sbin/nginx" "$cache/bin/nginx"
  rm -rf "$folder"
  echo "$nginx" >"$cache/bin/nginx.version"
}

mkdir -p "$cache/bin"
exec 9>"$cache/lock"
flock 9
[ $# -gt 0 ] || set -- versitygw fake-gcs-server azurite nginx
for name in "$@"; do
  wanted=${modules[$name]:-${!name}}
  [ "$(cat "$cache/bin/$name.version" 2>/dev/null)" = "$wanted" ] && continue
  case $name in
    azurite | nginx) "install_$name" ;;
    *) install_module "$name" ;;
  esac
done
