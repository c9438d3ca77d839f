#!/usr/bin/env bash
# Starts a real systemd as the first process of namespaces of its own, on a layer of memory over this machine's root, and
# runs a script below it; nothing of it is left. Prints what the script printed; exits as the script did.
#
# Usage: tests/deploy/boot.sh SCRIPT FILE...     the script finds the files, and this machine's, in /payload
# Needs root. The network is a loopback of its own, so ports are free.
set -euo pipefail

script=$(realpath "$1")
shift
layer=$(mktemp -d)
mount -t tmpfs tmpfs "$layer"
booted=
# By its id: the namespace's processes end with their first one.
trap '[ -z "$booted" ] || { kill -KILL "$booted"; wait "$booted" || true; } 2>/dev/null; umount -l "$layer"; rmdir "$layer"' EXIT
mkdir "$layer"/{upper,work,root,payload}
cp "$script" "$layer/payload/script"
for file in "$@"; do cp "$file" "$layer/payload/"; done
cat >"$layer/payload/try.service" <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c "cd /payload; bash script >said 2>&1; echo $$? >ended"
UNIT

# pivot_root and not chroot, below which no user namespace can be made (PrivateUsers=).
# shellcheck disable=SC2016  # its variables are the inner shell's
unshare --mount --pid --net --ipc --uts --cgroup --fork --kill-child bash -c '
  set -e
  cd "$1"
  mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
  mount --rbind /dev root/dev
  mount -t proc proc root/proc
  mount -t sysfs sysfs root/sys
  mkdir -p root/payload root/before root/sys/fs/cgroup
  for each in run tmp; do mount -t tmpfs tmpfs "root/$each"; done
  mount -t cgroup2 cgroup2 root/sys/fs/cgroup
  mount --bind payload root/payload
  cp payload/try.service root/etc/systemd/system/
  rm -f root/usr/sbin/policy-rc.d
  mount --make-rprivate /
  mount --rbind root root
  cd "$1/root"
  pivot_root . before
  umount -l /before
  cd /
  exec env container=docker /lib/systemd/systemd --system --unit=try.service --default-standard-output=null' - "$layer" \
  </dev/null >/dev/null 2>&1 &
booted=$!

# The deadline is for what never ends; what ends is seen at once.
for ((waited = 0; waited < 1200; waited++)); do
  [ -s "$layer/payload/ended" ] && break
  kill -0 "$booted" 2>/dev/null || break
  sleep 0.1
done
cat "$layer/payload/said" 2>/dev/null || true
[ -s "$layer/payload/ended" ] || { echo "boot.sh: the script did not end" >&2; exit 1; }
exit "$(cat "$layer/payload/ended")"
