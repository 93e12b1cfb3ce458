#!/usr/bin/env bash
# Installs the servers that tests of stores talk to, once, into ~/.cache/lighter/servers/bin: all, or those named.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=$HOME/.cache/lighter/servers
# The newest Azurite that Debian's Node can run.
azurite=3.35.0
nginx=debian
declare -A modules=(
  [versitygw]=github.com/versity/versitygw/cmd/versitygw@v1.8.0
  [fake-gcs-server]=github.com/fsouza/fake-gcs-server@v1.56.1
)

install_module() {
  echo "==> building the server $1"
  local go
  go=$(scripts/go.sh)
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
