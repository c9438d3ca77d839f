#!/usr/bin/env bash
# Released clients of the venues, unchanged, against the dialects: each plays the bundled recording from a replay, and every
# trade and quote that it gives is compared with the recording; `faults_…` are about a market that fails. Prints
# `N passed, M failed`; exits with 1 when any failed.
#
# Usage: tests/clients/run.sh [WORD…]     with words, only the cases whose file has one of them
# CLIENTS_BIN names the binary (default: target/debug/tickcast).
# Needs Python 3.11 and Node.js 20. Their packages go below target/; versions are pinned here. Several sets for
# Python, because clients want different versions of one library, or have the same name for a module.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${CLIENTS_BIN:-$root/target/debug/tickcast}
[ -x "$bin" ] || { echo "no binary at $bin: cargo build, or name one in CLIENTS_BIN" >&2; exit 2; }

# The cases, and the packages that each needs: a new client is a file beside this one and a line here.
cases=(
  "main   binance_connector.py"
  "main   ccxt_binance.py"
  "main   ccxt_coinbase_exchange.py"
  "main   ccxt_coinbase_advanced.py"
  "main   coinbase_advanced.py"
  "main   ccxt_kraken.py"
  "kraken kraken_sdk.py"
  "massive massive_client.py"
  "main   alpaca_py.py"
  "main   ccxt_javascript.py"
  "bots   python_binance.py"
  "bots   unicorn_binance.py"
  "bots   binance_sdk.py"
  "bots   crypto_feed.py"
  "massive polygon_client.py"
  "main   javascript_clients.py"
  "main   nautilus_tardis.py"
  "main   faults_bytes.py"
  "main   faults_ccxt.py"
  "main   faults_ccxt_javascript.py"
  "main   faults_nautilus.py"
)

# python_of SET: the Python that has the packages of a set, installed when they have changed.
python_of() {
  local venv=$root/target/clients-venv-$1 wanted=$here/requirements-$1.txt
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv" >&2 || return
  cmp -s "$wanted" "$venv/installed.txt" || {
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2 || return
    cp "$wanted" "$venv/installed.txt"
  }
  echo "$venv/bin/python"
}

node=$root/target/clients-node
mkdir -p "$node"
cmp -s "$here/package-lock.json" "$node/installed.json" || {
  cp "$here/package.json" "$here/package-lock.json" "$node"
  # Its optional helpers would be compiled; they are not needed.
  (cd "$node" && npm ci --silent --no-audit --no-fund --ignore-scripts) || exit 1
  cp "$here/package-lock.json" "$node/installed.json"
}

export CLIENTS_BIN=$bin CLIENTS_NODE=$node PYTHONDONTWRITEBYTECODE=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for case in "${cases[@]}"; do
  read -r set file <<< "$case"
  chosen=$#
  for word in "$@"; do case $file in *"$word"*) chosen=0 ;; esac; done
  [ "$chosen" -eq 0 ] || continue
  python=$(python_of "$set") || { echo "FAIL  $file: its packages cannot be had"; failed=$((failed + 1)); continue; }
  "$python" "$here/$file" 2>&1 | tee "$log"
  read -r ok bad < <(awk '/^[0-9]+ passed, [0-9]+ failed$/ { p = $1; f = $3; seen = 1 } END { print p + 0, seen ? f + 0 : 1 }' "$log")
  passed=$((passed + ok)) failed=$((failed + bad))
done
# The last of these lines is what is counted.
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
