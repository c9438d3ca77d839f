#!/bin/sh
# Runs the Autobahn WebSocket test suite against the production binary, or against an echo that is made of its parts.
#
# Usage: tests/autobahn.sh WSTEST_PATH             the cases of tests/autobahn-cases.json, against the binary
#        tests/autobahn.sh WSTEST_PATH CASE…       those cases, against the echo: '*' for all, '12.*', 13.1.17
# WSTEST_PATH is the `wstest` of crossbario/autobahn-testsuite (it needs Python 2). ACCEPT_BIN names the binary
# (default: target/debug/tickcast), ECHO_BIN the echo (default: target/debug/examples/autobahn-echo). The server echoes
# nothing, so only the cases of the list mean something to it. Each case must end as expected, and its connection must be
# closed as it should be. The 216 cases of compression take three hours of one core, nearly all in the suite itself.
#
# The suite was made for servers that speak only when spoken to, and calls a `welcome` an unexpected event. So its
# verdict is found again here, from the events that it recorded and those that it expected, without the service's own
# messages; how connections were closed is taken as the suite judged it.
set -eu
[ $# -ge 1 ] || { sed -n '4,9p' "$0" >&2; exit 2; }
wstest=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
bin=${ACCEPT_BIN:-$root/target/debug/tickcast}
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT INT TERM

# The suite sends more frames than a session may; that limit is not what it judges.
if [ $# -eq 0 ]; then
    "$bin" serve --listen 127.0.0.1:0 --feed push \
        --set limits.frames_per_second=1000000 --set limits.frames_burst=1000000 >"$work/out" 2>"$work/log" &
else
    "${ECHO_BIN:-$root/target/debug/examples/autobahn-echo}" 127.0.0.1:0 >"$work/out" 2>"$work/log" &
fi
pid=$!
tries=0
until port=$(sed -n '1s|.*listening on http://127\.0\.0\.1:\([0-9]*\).*|\1|p' "$work/out") && [ -n "$port" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || { echo "the server did not announce itself" >&2; cat "$work/log" >&2; exit 1; }
    sleep 0.1
done

python3 - "$root/tests/autobahn-cases.json" "$port" "$work" "$@" >"$work/spec.json" <<'PYTHON'
import json, sys
port, work = sys.argv[2:4]
cases = sys.argv[4:] or json.load(open(sys.argv[1]))
server = {"agent": "tickcast", "url": f"ws://127.0.0.1:{port}/v1/stream"}
print(json.dumps({"outdir": work + "/reports", "servers": [server], "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}))
PYTHON
"$wstest" -m fuzzingclient -s "$work/spec.json" >"$work/wstest" 2>&1 || { tail -20 "$work/wstest" >&2; exit 1; }

python3 - "$root/tests/autobahn-cases.json" "$work/reports" "$#" <<'PYTHON'
import collections, json, os, sys

reports, is_echo = sys.argv[2], sys.argv[3] != "0"
index = json.load(open(os.path.join(reports, "index.json")))["tickcast"]
cases = list(index) if is_echo else json.load(open(sys.argv[1]))
behaviours, closings, faults = collections.Counter(), collections.Counter(), []
for case in cases:
    report = json.load(open(os.path.join(reports, index[case]["reportfile"])))
    events = [event for event in report["received"] if not (event[0] == "message" and event[1].startswith('[{"type":'))]
    kinds = [kind for kind in ("OK", "NON-STRICT") if report["expected"].get(kind) == events]
    # Some cases only inform: the suite compares no events there.
    behaviour = kinds[0] if kinds else ("INFORMATIONAL" if report["behavior"] == "INFORMATIONAL" else "FAILED")
    # The echo speaks only when spoken to, as the suite expects of a server.
    behaviour = report["behavior"] if is_echo else behaviour
    behaviours[behaviour] += 1
    closings[report["behaviorClose"]] += 1
    if behaviour not in ("OK", "NON-STRICT", "INFORMATIONAL") or report["behaviorClose"] not in ("OK", "INFORMATIONAL"):
        faults.append(case)
        print("FAILED", case, "expected", report["expected"], "received", events, "closing", report["resultClose"])
print("behaviour:", dict(behaviours))
print("closing:  ", dict(closings))
print(f"{len(cases) - len(faults)} passed, {len(faults)} failed")
sys.exit(1 if faults or len(cases) < (1 if is_echo else 100) else 0)
PYTHON
