#!/bin/sh
# The acceptance suite: clients that were not written here, against the binary, over the public contract alone.
#
# Usage: tests/accept/run.sh [WORD…]     with words, only the checks whose name has one of them
# ACCEPT_BIN names the binary (default: target/debug/tickcast). Figures of time mean something with a release binary.
# Needs Python 3.11, Node.js 20 and curl; Python's and Node's packages go below target/, their versions are pinned here.
# Debian's nginx and HAProxy are installed when they are missing, as root or by a sudo that asks nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${ACCEPT_BIN:-$root/target/debug/tickcast}
[ -x "$bin" ] || { echo "no binary at $bin: cargo build, or name one in ACCEPT_BIN" >&2; exit 2; }

# No service is started by an installation: ports are not ours to take.
PATH=$PATH:/usr/sbin
missing=
command -v nginx >/dev/null || missing="$missing nginx-light"
command -v haproxy >/dev/null || missing="$missing haproxy"
if [ -n "$missing" ]; then
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
    policy=/usr/sbin/policy-rc.d
    $as_root apt-get update -qq
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod 755 "$policy"
        trap '$as_root rm -f "$policy"' EXIT
    fi
    # shellcheck disable=SC2086 # several packages
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing
    if [ -n "$(trap)" ]; then $as_root rm -f "$policy"; trap - EXIT; fi
fi

venv=$root/target/accept-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
cmp -s "$here/requirements.txt" "$venv/installed.txt" || {
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
}

node=$root/target/accept-node
mkdir -p "$node"
cmp -s "$here/package-lock.json" "$node/installed.json" || {
    cp "$here/package.json" "$here/package-lock.json" "$node"
    (cd "$node" && npm ci --silent --no-audit --no-fund)
    cp "$here/package-lock.json" "$node/installed.json"
}

# Ten thousand sessions need a descriptor each, here and in the server.
ulimit -n "$(ulimit -Hn)"
export ACCEPT_BIN="$bin" ACCEPT_NODE="$node" PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$here/main.py" "$@"
