#!/usr/bin/env bash
# Installs the servers that the bench compares with: nats-server and Node.js from Debian, Bun and `ws` from npm, in these
# versions, below target/.
#
# Usage: benches/install-peers.sh [bun|nats|ws…]     all of them, unless named
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

[ $# -gt 0 ] || set -- bun nats ws
for peer in "$@"; do
  case $peer in
    bun) npm_package bun "$BUN" ;;
    nats) debian nats-server nats-server ;;
    ws) npm_package ws "$WS" ;;
    *)
      echo "there is no peer $peer: bun, nats, ws" >&2
      exit 2
      ;;
  esac
  echo "$peer is there"
done
