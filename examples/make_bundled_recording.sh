#!/bin/sh
# Makes src/feed/bundled/binance-spot-2025-03-25.ndjson.zst again, byte for byte.
#
# Cargo fetches the crate whose examples carry the market data; its cache is a directory that is removed afterwards.
set -eu

cd "$(dirname "$0")/.."
output=${1:-src/feed/bundled/binance-spot-2025-03-25.ndjson.zst}
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

# The answer about the crate is of no interest; that it is unpacked into the cache is.
(cd "$cache" && CARGO_HOME="$cache" cargo info --quiet barter@0.14.0 >/dev/null)

data=$(find "$cache/registry/src" -path '*/barter-0.14.0/examples/data/binance_spot_trades_l1_btcusdt_ethusdt_solusdt.json')
echo "1bca6063896f44596ccfc93a2951073267f904643bf70921fb3db939cd15c417  $data" | sha256sum --check --quiet

cargo run --quiet --example make_bundled_recording -- "$data" "$output"
sha256sum "$output"
