#!/usr/bin/env bash
# Makes everything that a release is, from a commit: the source, the static binary with its pages in an archive, a Debian
# package, and their sums. The same commit and the same toolchain give the same bytes: see deploy/README.md.
#
# Usage: deploy/release.sh [--gnu] [--commit COMMIT] [--out DIRECTORY]
#   --gnu              as static.sh has it: glibc in place of musl
#   --commit COMMIT    what to release (default: HEAD); what is not committed is not in it
#   --out DIRECTORY    where to put it (default: dist/)
# CARGO_DEB: the cargo-deb to use (default: what is installed, or version 3.8.0 from crates.io into target/tools, which
# takes some minutes once).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

libc=() out=$root/dist commit=HEAD
while [ $# -gt 0 ]; do
  case $1 in
    --gnu) libc=(--gnu) ;;
    --commit) commit=$2; shift ;;
    --out) out=$2; shift ;;
    *) echo "release.sh: $1 is not an option; see its first lines" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$out"
out=$(cd "$out" && pwd)

# Times, modes, names and the order of files: nothing of the machine goes into an archive.
umask 022
export LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct "$commit")
BUILD_COMMIT=$(git -C "$root" log -1 --format='%H %cs' "$commit")
export SOURCE_DATE_EPOCH BUILD_COMMIT
version=$(git -C "$root" show "$commit:Cargo.toml" | sed -n 's/^version = "\(.*\)"$/\1/p' | head -n 1)
# packed NAME: the directory NAME below $work as $out/NAME.tar.gz.
packed() {
  tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --format=ustar -cf - "$1" | gzip -9n >"$out/$1.tar.gz"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source=tickcast-$version
git -C "$root" archive --prefix="$source/" "$commit" | tar -xf - -C "$work"
packed "$source"

# The build has a directory of its own, so nothing is left over from another.
tree=$work/$source
unset CARGO_TARGET_DIR
(cd "$tree" && deploy/static.sh "${libc[@]}" --out target/release/tickcast)
binary=$tree/target/release/tickcast
artefacts=$tree/target/artefacts
mkdir -p "$artefacts/completions"
"$binary" man "$artefacts/man"
"$binary" completions bash >"$artefacts/completions/tickcast.bash"
"$binary" completions zsh >"$artefacts/completions/_tickcast"
"$binary" completions fish >"$artefacts/completions/tickcast.fish"

name=tickcast-$version-$(uname -m)-linux
mkdir "$work/$name"
cp -r "$binary" "$artefacts/man" "$artefacts/completions" "$tree/docs" "$tree/README.md" "$tree/CHANGELOG.md" \
  "$tree"/LICENSE-* "$tree/examples/tickcast.toml" "$work/$name/"
cp -r "$tree/deploy" "$work/$name/deploy"
packed "$name"

cargo_deb=${CARGO_DEB:-$(command -v cargo-deb || echo "$root/target/tools/bin/cargo-deb")}
if [ ! -x "$cargo_deb" ]; then
  cargo install --locked --root "$root/target/tools" cargo-deb@3.8.0
fi
# The binary is stripped of what it shall not have already, and `static.sh` has chosen how it is linked.
(cd "$tree" && "$cargo_deb" deb --no-build --no-strip --output "$out/")

(cd "$out" && sha256sum "$source.tar.gz" "$name.tar.gz" tickcast_"$version"*.deb >SHA256SUMS && cat SHA256SUMS)
