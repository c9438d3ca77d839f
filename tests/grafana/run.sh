#!/usr/bin/env bash
# Boards and alerts against a real Prometheus that scrapes real servers, healthy and sick ones. Prints `N passed, M failed`.
#
# Usage: tests/grafana/run.sh [WORD…]     with words, only the checks whose name has one of them
# ACCEPT_BIN names the server (default: target/debug/tickcast). Debian's package `prometheus` is installed when there is
# none; Python's packages go below target/, their versions are pinned here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${ACCEPT_BIN:-$root/target/debug/tickcast}
[ -x "$bin" ] || { echo "no binary at $bin: cargo build, or name one in ACCEPT_BIN" >&2; exit 2; }

if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends prometheus
fi

venv=$root/target/grafana-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
cmp -s "$here/requirements.txt" "$venv/installed.txt" || {
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
}

# The harness of the acceptance suite starts servers and counts checks here too.
export ACCEPT_BIN="$bin" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/tests/accept"
exec "$venv/bin/python" "$here/main.py" "$@"
