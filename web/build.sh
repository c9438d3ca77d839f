#!/usr/bin/env bash
# Builds the dashboard from web/src into web/dist, which the server embeds. `--check` changes nothing: it checks types, runs
# the unit tests, builds, and compares with web/dist; prints `N passed, N failed`, and exits with 1 when any failed.
# `--bench` measures how long a frame takes to read.
#
# It needs Node 20 and npm. Whoever only runs the server needs none of it: web/dist is checked in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Packages and what is built stay out of the source tree.
work=target/web
mkdir -p "$work"
rm -rf "$work/src" "$work/test" "$work/dist" "$work/out" "$work/bench"
cp -r web/src web/test web/package.json web/package-lock.json web/tsconfig.json web/build.mjs "$work/"
if [ ! -e "$work/node_modules/.done" ] || ! cmp -s web/package-lock.json "$work/node_modules/.done"; then
  npm ci --prefix "$work" --silent --no-audit --no-fund --ignore-scripts
  cp web/package-lock.json "$work/node_modules/.done"
fi
cd "$work"

if [ "${1:-}" = --bench ]; then
  node build.mjs bench --bench
  exec node bench/binary.bench.mjs
fi
if [ "${1:-}" != --check ]; then
  node build.mjs dist
  rm -rf ../../web/dist
  cp -r dist ../../web/dist
  wc -c ../../web/dist/*
  exit
fi

passed=0
failed=0
# check NAME COMMAND...
check() {
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name"
  fi
}

check 'types' node_modules/.bin/tsc --noEmit
check 'build' node build.mjs dist
check 'web/dist is what web/src builds: web/build.sh otherwise' diff -rq dist ../../web/dist
own=$(wc -c <dist/app.js)
check "own script: $own bytes, at most 65536" test "$own" -le 65536
check 'tests build' node build.mjs out --tests
# Node's own summary is read, so that each test counts.
node --test --test-reporter=tap out/*.mjs >out/log 2>&1 || true
grep -E '^# (pass|fail) ' out/log >/dev/null || failed=$((failed + 1))
ok=$(awk '/^# pass /{print $3}' out/log)
bad=$(awk '/^# fail /{print $3}' out/log)
if [ "${bad:-1}" -ne 0 ] || [ "${ok:-0}" -eq 0 ]; then cat out/log; fi
passed=$((passed + ${ok:-0}))
failed=$((failed + ${bad:-0}))
if [ "${ok:-0}" -eq 0 ]; then failed=$((failed + 1)); fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
