#!/usr/bin/env bash
# The Debian package as a machine meets it: installed by dpkg, run as its user, removed, purged. Prints what it found and
# `N passed, M failed`; exits with 1 when anything failed.
#
# Usage: tests/deploy/package.sh PACKAGE.deb
# Not part of tests/run.sh, for building the package takes minutes: run it on what deploy/release.sh made. Needs root. All
# of it happens below a systemd of its own (boot.sh), on a layer of memory over this machine's root.
set -euo pipefail

if [ ! -d /payload ]; then
  exec "$(dirname "$0")/boot.sh" "$0" "$1"
fi

passed=0 failed=0
# check NAME COMMAND...
check() {
  local name=$1
  shift
  if "$@" >/tmp/said 2>&1; then
    passed=$((passed + 1)); echo "ok    $name"
  else
    failed=$((failed + 1)); echo "FAIL  $name"; cat /tmp/said
  fi
}
not() { ! "$@"; }
cd /
check "dpkg installs it" dpkg -i /payload/*.deb
check "its user is made" getent passwd tickcast
check "its unit is enabled" test -L /etc/systemd/system/multi-user.target.wants/tickcast.service
check "systemd takes the unit where it lies" systemd-analyze verify tickcast.service
check "its configuration is valid" tickcast check --config /etc/tickcast/tickcast.toml
check "its files are what was packed" dpkg --verify tickcast
check "it says its commit" grep -Eq '\([0-9a-f]{12} [0-9-]{10}\)' <(tickcast --version)
check "man finds its page" man -w tickcast-serve
check "bash finds its completions" bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader tickcast; complete -p tickcast'

# The installation started it.
running() { for ((tries = 0; tries < 100; tries++)); do tickcast health --ready && return; sleep 0.1; done; return 1; }
check "it was started, and serves" running
pid=$(systemctl show -p MainPID --value tickcast)
check "as its user" test "$(stat -c %U "/proc/$pid")" = tickcast
check "an installation over it lets it run" dpkg -i /payload/*.deb
check "as the same process" test "$(systemctl show -p MainPID --value tickcast)" = "$pid"
check "it stops" systemctl stop tickcast
check "with 0" test "$(systemctl show -p Result,ExecMainStatus --value tickcast | xargs)" = "success 0"
check "it is gone" not tickcast health

echo "# mine" >>/etc/tickcast/tickcast.toml
check "dpkg installs it again" dpkg -i /payload/*.deb
check "a changed configuration stays" grep -q '# mine' /etc/tickcast/tickcast.toml
check "dpkg removes it" dpkg -r tickcast
check "the program is gone, the configuration is not" test ! -e /usr/bin/tickcast -a -e /etc/tickcast/tickcast.toml
check "dpkg purges it" dpkg -P tickcast
check "nothing is left" not bash -c 'ls -d /etc/tickcast /etc/default/tickcast /usr/share/doc/tickcast /etc/systemd/system/*/tickcast.service'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
