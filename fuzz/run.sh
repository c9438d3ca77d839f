#!/usr/bin/env bash
# Runs the fuzz targets one after another, each for some seconds, from the samples in tests/formats and what
# lies in fuzz/seeds/TARGET. All are decoders of recordings, but for `client_binary`, the client's decoder of
# frames, `token`, all that is read of tokens, keys and lists, `venues`, the conversations with live venues, and
# `scenario`, files of venue faults.
#
#   fuzz/run.sh [SECONDS [TARGET…]]     60 seconds and all targets, when nothing else is said
#
# It is the layout of cargo-fuzz, and `cargo +nightly fuzz run TARGET` works too. This script needs no cargo-fuzz and no
# nightly: RUSTC_BOOTSTRAP lets the stable compiler take the flags that put libFuzzer's coverage into the code.
# Corpora stay in fuzz/corpus, what made a target fail in fuzz/artifacts; neither is in version control.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds=${1:-60}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

# The samples that a target begins with.
seeds() {
  case $1 in
    own) echo own.ndjson ;;
    plain | columns) echo plain.csv ;;
    known_tables) echo polygon-quotes.csv ;;
    tardis) echo tardis-trades.csv tardis-quotes.csv tardis-derivative_ticker.csv ;;
    binance_trades) echo BTCUSDT-trades-2024-01-01.csv ;;
    binance_agg_trades) echo ETHUSDT-aggTrades-2024-01-01.csv ;;
    binance_book_ticker) echo BTCUSD_PERP-bookTicker-2024-01-01.csv ;;
    capture) echo capture.txt ;;
    streams | venues) echo streams.txt ;;
    lean_trade) echo 20131009_ibm_trade_tick.csv ;;
    lean_quote) echo 20131009_ibm_quote_tick.csv ;;
    lean_tick_trade) echo 20180816_btcusd_tick_trade.csv ;;
    lean_tick_quote) echo 20140501_eurusd_tick_quote.csv 20180816_btcusd_tick_quote.csv ;;
    itch) echo S100913-v50.txt ;;
    databento_csv) echo databento-mbp-1.csv databento-trades.csv ;;
    databento) echo mbp-1.dbn trades.dbn ;;
    scenario) (cd ../tests/formats && echo ../../examples/scenarios/*.toml) ;;
    client_binary | token) ;;
  esac
}

host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
 -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Cdebug-assertions -Ccodegen-units=1"
# With a target named, the flags are not for build scripts.
cargo build --release --target "$host" --bins

failed=0
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target" "artifacts/$target"
  # The first byte says how the input is cut; of frames, that it is one.
  for seed in $(seeds "$target"); do
    { printf '\007'; cat "../tests/formats/$seed"; } > "corpus/$target/seed-${seed##*/}"
  done
  # What no sample has, and is hard to come upon.
  for seed in seeds/"$target"/*; do
    name=${seed##*/} first=7
    # Of messages of venues it is the venue's number, which the name begins with.
    case $name in [0-9]-*) first=${name%%-*} ;; esac
    # shellcheck disable=SC2059 # The format is the byte.
    [ ! -e "$seed" ] || { printf "\\$(printf %03o "$first")"; cat "$seed"; } > "corpus/$target/seed-$name"
  done
  echo "== $target"
  "target/$host/release/$target" -max_total_time="$seconds" -max_len=8192 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="artifacts/$target/" "corpus/$target" 2>&1 | tail -12 || failed=1
done
exit "$failed"
