#!/usr/bin/env bash
# The page at `/` in real Chromium, against a real server. Prints `N passed, N failed`; exits with 1 when any failed.
#
# Usage: tests/page/run.sh [WORDS]     with words, only the checks whose name has them
# TICKCAST_BIN: the server (default target/debug/tickcast). CHROMIUM: the browser (default: what is installed; Debian's
# package is installed when there is none). PAGE_SHOTS: a directory for screenshots, light and dark (default: none).
# PAGE_FROZEN_S: for how many seconds a tab is frozen (default 20).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bin=$(realpath "${TICKCAST_BIN:-target/debug/tickcast}")
if [ ! -x "$bin" ]; then
  echo "there is no $bin: cargo build, or set TICKCAST_BIN" >&2
  exit 1
fi

chromium=${CHROMIUM:-$(command -v chromium || true)}
if [ -z "$chromium" ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
  chromium=$(command -v chromium)
fi

command -v openssl > /dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssl

# The driver stays out of the source tree.
work=target/page-test
mkdir -p "$work"
for file in package.json package-lock.json devtools.mjs trust.mjs page.mjs; do cp "tests/page/$file" "$work/"; done
npm ci --prefix "$work" --silent --no-audit --no-fund --ignore-scripts

TICKCAST_BIN=$bin CHROMIUM=$chromium exec node "$work/page.mjs" "$@"
