#!/usr/bin/env bash
# What clients that do harm do to the others: a server with very many topics on one core, and on another `tickcast load`,
# first by itself, then beside clients that send the dearest commands there are (src/cli/load/hostile.rs). Then a crowd of
# new symbols, while sessions hold globs.
#
#   benches/hostile.sh [--topics N] [--rate TICKS_A_SECOND] [--clients N] [--hostile N] [--duration TIME] [--server PROGRAM]
#
# `--server`: another tickcast to serve with, to compare; the load is this tree's. Needs a release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

topics=98000 rate=20000 clients=200 hostile=50 duration=20s
load=target/release/tickcast
server=$load
while [ $# -gt 0 ]; do
  case $1 in
    --topics) topics=${2:?} ;;
    --rate) rate=${2:?} ;;
    --clients) clients=${2:?} ;;
    --hostile) hostile=${2:?} ;;
    --duration) duration=${2:?} ;;
    --server) server=${2:?} ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done

last=$(($(nproc) - 1))
log=$(mktemp)
taskset -c 0 "$server" serve --listen 127.0.0.1:0 \
  --feed "sim?symbols=$topics&rate=$rate&zipf=0.5" 2>"$log" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; rm -f "$log"' EXIT
until address=$(grep -o 'http://[0-9.:]*' "$log" | head -n 1) && [ -n "$address" ]; do sleep 0.1; done
# The simulation names its symbols as it comes by them.
known=0
for _ in $(seq 120); do
  known=$(curl -s "$address/metrics" | awk '$1 == "tickcast_topics" { print $2 }')
  if [ "${known:-0}" -ge $((topics * 99 / 100)) ]; then break; fi
  sleep 0.5
done
echo "server $server, $known topics, $rate ticks/s; load average $(cut -d' ' -f1 /proc/loadavg)"

run() {
  taskset -c "$last" "$load" load --url "ws://${address#http://}/v1/stream" --clients "$clients" \
    --symbols-per-client 20 --choose zipf --duration "$duration" "$@" 2>/dev/null |
    grep -E '^(age, normal|hostile|ping|longest|own CPU|server CPU|disconnects|verdict)' || true
}
echo "--- by themselves"
run
echo "--- beside $hostile that do harm"
run --hostile "$hostile"

# 20 sessions with 64 globs each, of which one matches; then 2,000 new symbols in one body.
echo "--- 2,000 new symbols beside 20 sessions with 64 globs each"
readers=()
for session in $(seq 20); do
  globs="N$session*"
  for glob in $(seq 63); do globs+=",*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax$session.$glob*"; done
  curl -sN "$address/v1/sse?symbols=$globs" >/dev/null &
  readers+=($!)
done
trap 'kill "$pid" "${readers[@]}" 2>/dev/null || true; rm -f "$log"' EXIT
sleep 2
cpu() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
# What the market costs meanwhile is taken off.
before=$(cpu); sleep 2; idle=$(($(cpu) - before))
before=$(cpu)
for number in $(seq 2000); do
  printf '{"symbol":"N%d.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bid":"1"}\n' "$number"
done | curl -s -X POST "$address/v1/publish" --data-binary @- >/dev/null
sleep 2
echo "$((10 * ($(cpu) - before - idle))) ms of processor time"
