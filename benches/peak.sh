#!/usr/bin/env bash
# Whether memory comes back after a peak of slow clients: RSS of a server before, at the peak, and for a minute behind it.
#
# peak.sh [CLIENTS [SYMBOLS_EACH]]; BINARY names the program, target/release/tickcast by default. Nine of ten clients read
# nothing, or 20 kB/s. Needs as many open files as clients (ulimit -Hn), and Linux.
set -euo pipefail
cd "$(dirname "$0")/.."
clients=${1:-10000} symbols=${2:-40}
binary=${BINARY:-target/release/tickcast}
ulimit -Sn "$(ulimit -Hn)"
scratch=$(mktemp -d)
"$binary" serve --listen 127.0.0.1:0 --feed 'sim?symbols=100&rate=1000' --set limits.ring_ticks=64 \
    --set limits.sessions="$clients" --set limits.progress_ms=600000 > "$scratch/out" 2> "$scratch/log" &
server=$!
trap 'kill $server 2> /dev/null || true; wait $server 2> /dev/null || true; rm -rf "$scratch"' EXIT
until grep -q 'listening on' "$scratch/out"; do sleep 0.1; done
address=$(sed -n 's,.*listening on http://,,p' "$scratch/out")

rss() { awk '/^VmRSS|^RssAnon/ { printf "%s %d KB  ", $1, $2 } END { print "" }' "/proc/$server/status"; }
load() { "$binary" load --url "ws://$address" "$@" > /dev/null 2>> "$scratch/load"; }

# What any load touches for the first time is no peak's.
load --clients 50 --symbols-per-client 20 --duration 3s
sleep 30
echo "before:     $(rss)"
load --clients "$clients" --symbols-per-client "$symbols" --stalled 50% --slow 40%:20000 --duration 15s &
peak=$!
most=0
while kill -0 $peak 2> /dev/null; do
    now=$(awk '/^VmRSS/ { print $2 }' "/proc/$server/status")
    if [ "$now" -gt "$most" ]; then most=$now; fi
    sleep 0.2
done
echo "peak:       VmRSS $most KB"
for seconds in 10 30 60; do
    sleep $((seconds == 10 ? 10 : seconds == 30 ? 20 : 30))
    echo "after $seconds s: $(rss)"
done
