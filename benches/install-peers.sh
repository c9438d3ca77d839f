#!/usr/bin/env bash
# Installs the servers that the bench compares with: nats-server, nginx with nchan, and Node.js from Debian; Bun and `ws`
# from npm, in these versions; and, where there is Go, the current nats-server, the engine of Centrifugo, and Mercure, in
# the versions of benches/fanout/peers/go/go.mod. And the proxies that it puts in front of servers, nginx and HAProxy, from
# Debian. What is no package of Debian goes below target/.
#
# Usage: benches/install-peers.sh [bun|nats|nats-current|centrifuge|ws|nchan|mercure|node|nginx|haproxy…]
#                                                                                                   all, unless named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BUN=1.4.5
WS=8.23.0
peers=target/bench/peers

# debian COMMAND PACKAGE...: installs packages when the command is missing.
debian() {
  local command=$1 as_root=()
  shift
  if command -v "$command" >/dev/null; then return; fi
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  "${as_root[@]}" apt-get update -q
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "$@"
}

# npm_package PACKAGE VERSION: installs it below target/, unless that version is there.
npm_package() {
  local found
  debian npm nodejs npm
  found=$(node -p "require('./$peers/node_modules/$1/package.json').version" 2>/dev/null || true)
  if [ "$found" != "$2" ]; then
    mkdir -p "$peers"
    npm install --prefix "$peers" --save-exact --no-audit --no-fund "$1@$2"
  fi
}

# find_go: where Go is, or nothing.
find_go() {
  command -v go || command -v /usr/local/go/bin/go || true
}

# go_program NAME PACKAGE: builds it below target/. Without Go it says so, which is an error only for who named the peer.
go_program() {
  local go
  go=$(find_go)
  if [ -z "$go" ]; then
    echo "$peer needs Go, in PATH or in /usr/local/go: https://go.dev/doc/install" >&2
    if [ -n "$named" ]; then exit 1; fi
    return 0
  fi
  mkdir -p "$peers/go"
  "$go" -C benches/fanout/peers/go build -mod=readonly -o "$PWD/$peers/go/$1" "$2"
  echo "$peer is there"
}

named=$*
[ $# -gt 0 ] || set -- bun nats nats-current centrifuge ws nchan mercure node nginx haproxy
for peer in "$@"; do
  case $peer in
    bun) npm_package bun "$BUN" ;;
    nats) debian nats-server nats-server ;;
    ws) npm_package ws "$WS" ;;
    nchan) debian nginx nginx libnginx-mod-nchan ;;
    node) debian node nodejs ;;
    nginx | haproxy) debian "$peer" "$peer" ;;
    nats-current)
      go_program nats-server github.com/nats-io/nats-server/v2
      continue
      ;;
    centrifuge | mercure)
      go_program "$peer" "./$peer"
      continue
      ;;
    *)
      echo "there is no peer $peer: bun, nats, nats-current, centrifuge, ws, nchan, mercure, node, nginx, haproxy" >&2
      exit 2
      ;;
  esac
  echo "$peer is there"
done
