#!/usr/bin/env bash
# What `deploy/` holds, checked as far as one machine can: see deploy/README.md, "What is checked, and what is not".
#
# Usage: tests/deploy/run.sh [WORD…]     with words, only the checks whose name has one of them
# ACCEPT_BIN: the binary (default: target/debug/tickcast). Needs root, or sudo that asks nothing: the image is built in a
# mount namespace. Debian's packages are installed when they are missing; Python's go below target/.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${ACCEPT_BIN:-$root/target/debug/tickcast}
[ -x "$bin" ] || { echo "no binary at $bin: cargo build, or name one in ACCEPT_BIN" >&2; exit 2; }

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
missing=()
# need COMMAND PACKAGE: notes Debian's package when the command is missing.
need() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || missing+=("$2"); }
need nginx nginx-light
need haproxy haproxy
need zsh zsh
need fish fish
need strace strace
need shellcheck shellcheck
need systemd-analyze systemd
need promtool prometheus
need openssl openssl
need man man-db
need sysctl procps
need unshare util-linux
[ -f /usr/share/bash-completion/bash_completion ] || missing+=(bash-completion)
if [ "${#missing[@]}" -gt 0 ]; then
  "${as_root[@]}" apt-get update -qq
  # No service is started by an installation: this is a test's machine, and ports are not ours to take.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
  fi
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
  if [ -n "$(trap -p EXIT)" ]; then "${as_root[@]}" rm -f "$policy"; trap - EXIT; fi
fi

venv=$root/target/deploy-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
cmp -s "$here/requirements.txt" "$venv/installed.txt" || {
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
}

cd "$root"
export ACCEPT_BIN="$bin" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/tests/accept" PATH="$venv/bin:$PATH:/usr/sbin"
exec "$venv/bin/python" "$here/main.py" "$@"
