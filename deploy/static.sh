#!/usr/bin/env bash
# Builds the one static binary that images, archives and packages hold. The same source gives the same bytes, whatever
# directory it lies in: see "What makes a release reproducible" in deploy/README.md.
#
# Usage: deploy/static.sh [--gnu] [--profile NAME] [--out FILE]
#   --gnu           link glibc into it (+crt-static); without it, musl, whose target has to be installed
#   --profile NAME  Cargo's profile (default: release)
#   --out FILE      where to put it (default: dist/tickcast)
# BUILD_COMMIT: what `tickcast --version` shall name, "HASH DATE". CARGO_TARGET_DIR is Cargo's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

libc=musl profile=release out=dist/tickcast
while [ $# -gt 0 ]; do
  case $1 in
    --gnu) libc=gnu ;;
    --profile) profile=$2; shift ;;
    --out) out=$2; shift ;;
    *) echo "static.sh: $1 is not an option; see its first lines" >&2; exit 2 ;;
  esac
  shift
done

target=$(uname -m)-unknown-linux-$libc
sysroot=$(rustc --print sysroot)
if [ ! -d "$sysroot/lib/rustlib/$target" ]; then
  echo "static.sh: Rust's target $target is not installed: rustup target add $target; or --gnu, to link glibc in" >&2
  exit 1
fi

# Where the source, the crates and the toolchain lie is written into panics and line tables, unless it is replaced.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
maps=("$PWD=/tickcast" "$cargo_home=/cargo" "$sysroot=/rust")
flags=(-C target-feature=+crt-static -C strip=debuginfo)
cflags=()
for map in "${maps[@]}"; do
  flags+=("--remap-path-prefix=$map")
  cflags+=("-ffile-prefix-map=$map")
done
# Flags with spaces in them survive only in this form.
printf -v CARGO_ENCODED_RUSTFLAGS '%s\x1f' "${flags[@]}"
export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\x1f'} CFLAGS="${cflags[*]}"
# A target, even this machine's own, keeps these flags away from procedural macros, which cannot be static.
# What a plain build leaves out because it is dear to compile is in what is handed out.
cargo build --locked --bin tickcast --features dbn,parquet --profile "$profile" --target "$target"

directory=${profile/#dev/debug}
mkdir -p "$(dirname "$out")"
install -m 755 "${CARGO_TARGET_DIR:-target}/$target/$directory/tickcast" "$out"

# What was asked for is looked at, not believed: no loader, no library.
if LC_ALL=C readelf -ld "$out" | grep -E 'INTERP|\(NEEDED\)'; then
  echo "static.sh: $out is not static" >&2
  exit 1
fi
echo "$out: $target, profile $profile, $(stat -c %s "$out") bytes, static"
