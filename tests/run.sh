#!/usr/bin/env bash
# Everything that must pass. Goes on behind a failure, prints `N passed, M failed` at the end, and exits with 1 when
# anything failed. N and M count tests; format, lints and documentation count as one test each.
#
#   tests/run.sh          everything, with foreign clients, a browser, Prometheus: installs what is missing
#   tests/run.sh quick    what to run after each change: format, lints, units, models, the simulator, pages; installs nothing
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Colours would hide the counts; a log is kept to be counted.
export CARGO_TERM_COLOR=never
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The same cases of the property tests each time, so that a failure is the change's. Others: set the seed, or
# PROPTEST_CASES for many (CONTRIBUTING.md).
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}

passed=0
failed=0
failures=()

# Who watches a terminal sees what hangs. Elsewhere a step that takes longer than any machine needs is ended, and its
# last lines say what it was at.
bounded=()
if ! [ -t 0 ]; then bounded=(timeout --verbose --kill-after=30 30m); fi

# check NAME COMMAND...: one check, passed or failed as the command ends.
check() {
  local name=$1
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  if "${bounded[@]}" "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    failures+=("$name")
  fi
}

# cargo_test NAME ARGUMENTS...: counts what each test binary reports. When cargo fails and no test did, something else
# went wrong, as a build does: that counts as one failure.
cargo_test() {
  local name=$1 status=0 ok=0 bad=0
  shift
  printf '\n== %s: cargo test --locked --no-fail-fast %s\n' "$name" "$*"
  "${bounded[@]}" cargo test --locked --no-fail-fast "$@" 2>&1 | tee "$log" || status=1
  read -r ok bad < <(awk '
    /^test result: / { for (i = 2; i <= NF; i++) { if ($i == "passed;") p += $(i - 1); if ($i == "failed;") f += $(i - 1) } }
    END { print p + 0, f + 0 }' "$log")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$bad" -ne 0 ]; then failures+=("$name"); fi
  passed=$((passed + ok))
  failed=$((failed + bad))
}

# counted NAME COMMAND...: a suite that prints `N passed, M failed` itself.
counted() {
  local name=$1 status=0 ok=0 bad=0
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  "${bounded[@]}" "$@" 2>&1 | tee "$log" || status=1
  read -r ok bad < <(awk '/^[0-9]+ passed, [0-9]+ failed/ { p = $1; f = $3 } END { print p + 0, f + 0 }' "$log")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$bad" -ne 0 ]; then failures+=("$name"); fi
  passed=$((passed + ok))
  failed=$((failed + bad))
}

# need COMMAND PACKAGE...: installs Debian's packages when the command is missing.
need() {
  local command=$1 as_root=()
  shift
  if eval "$command" >/dev/null 2>&1; then return; fi
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  "${as_root[@]}" apt-get update -q
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "$@"
}

# finish: says how it went, and ends.
finish() {
  echo
  for name in "${failures[@]}"; do echo "failed: $name"; done
  if [ "$passed" -eq 0 ]; then
    echo "no test ran"
    failed=$((failed + 1))
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}

case "$*" in
  '') ;;
  quick)
    # One set of features, so that what `cargo test` has built for a single test is used.
    check format cargo fmt --all --check
    check lints cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo_test tests --workspace --lib --bins --test tidy --test loom --test sim
    finish
    ;;
  *)
    echo "tests/run.sh takes nothing, or the word quick" >&2
    exit 2
    ;;
esac

check format cargo fmt --all --check
check lints cargo clippy --locked --workspace --all-targets -- -D warnings
check lints-of-features cargo clippy --locked --workspace --all-targets --features dbn,parquet,testing -- -D warnings
# Workspaces of their own, which nothing else builds. They take the library without the program, and share what they build
# with each other. libFuzzer itself, C++ that only linking needs, is left out.
check fuzz-targets env CUSTOM_LIBFUZZER_PATH=/nowhere/libfuzzer.a \
  cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir target
# What sends spans, which the standard build leaves out, with a small collector; and the program with it.
cargo_test spans-to-a-collector --manifest-path src/cli/otel/Cargo.toml --target-dir target
check program-with-spans cargo check --locked --features otel,dbn,parquet --bin tickcast
# Who needs the library alone builds it without the program and TLS.
check library-alone cargo check --locked --package tickcast --lib --no-default-features
check recordings-benchmark cargo check --locked --manifest-path benches/recordings/Cargo.toml --target-dir target
# With the features that the plain build leaves out; the lints have compiled it without them. The suites below run the program
# that this builds. The examples use the same libraries: other features would build all of them again.
cargo_test tests --workspace --all-targets --features dbn,parquet,testing
cargo_test examples-in-documentation --workspace --doc --features dbn,parquet,testing
counted instructions tests/instructions.sh
# The documentation is for those who work on the code: private items are in it, and may be linked to. The program first: it
# and the library are two crates of one name, and the second writes over the first.
export RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links"
check documentation-of-the-program cargo rustdoc --locked --bin tickcast -- --document-private-items
check documentation cargo doc --locked --workspace --no-deps --document-private-items
# Who needs the messages alone builds the client without a socket in it.
check client-without-connections cargo check --locked --package tickcast-client --no-default-features

# Clients that were not written here: Python's and Node's libraries, curl, a browser.
need 'command -v curl' curl ca-certificates
need 'python3 -c "import venv, ensurepip"' python3 python3-venv
need 'command -v npm' nodejs npm
counted acceptance tests/accept/run.sh
# Released clients of exchanges, each on a replay.
counted clients tests/clients/run.sh
counted dashboard web/build.sh --check
counted page tests/page/run.sh
# Boards and alerts, with a real Prometheus.
counted grafana tests/grafana/run.sh
# What deploy/ holds.
counted deploy tests/deploy/run.sh

finish
