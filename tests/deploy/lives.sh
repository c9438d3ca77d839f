# Run by boot.sh, below systemd: the unit is started, lives, and is stopped. In /payload lie the program, the unit, its user
# and its configuration.
set -euxo pipefail
install -m 755 /payload/tickcast /usr/bin/tickcast
install -D -m 644 /payload/tickcast.sysusers /usr/lib/sysusers.d/tickcast.conf
install -D -m 644 /payload/tickcast.toml /etc/tickcast/tickcast.toml
install -m 644 /payload/tickcast.service /etc/systemd/system/tickcast.service
systemd-sysusers
systemctl daemon-reload
systemctl start tickcast
for ((tries = 0; tries < 100; tries++)); do
  tickcast health --ready && break
  sleep 0.1
done
tickcast health --ready
pid=$(systemctl show -p MainPID --value tickcast)
[ "$(stat -c %U "/proc/$pid")" = tickcast ]
grep -Eq '^CapBnd:\s+0+$' "/proc/$pid/status"
grep -Eq '^NoNewPrivs:\s+1$' "/proc/$pid/status"
grep -Eq '^Seccomp:\s+2$' "/proc/$pid/status"
grep -Eq ' / / ro,' "/proc/$pid/mountinfo"
[ "$(readlink "/proc/$pid/cwd")" = /var/lib/tickcast ]
[ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]
tickcast load --url ws://127.0.0.1:8080/v1/stream --clients 10 --symbols-per-client 3 --duration 1s --exclusive
systemctl stop tickcast
[ "$(systemctl show -p Result --value tickcast)" = success ]
[ "$(systemctl show -p ExecMainStatus --value tickcast)" = 0 ]

# A faulty configuration ends it with 2, and systemd leaves it at that.
echo 'lisen = 1' >>/etc/tickcast/tickcast.toml
systemctl start tickcast || true
for ((tries = 0; tries < 100; tries++)); do
  [ "$(systemctl show -p ActiveState --value tickcast)" = failed ] && break
  sleep 0.1
done
[ "$(systemctl show -p ActiveState --value tickcast)" = failed ]
[ "$(systemctl show -p ExecMainStatus --value tickcast)" = 2 ]
[ "$(systemctl show -p NRestarts --value tickcast)" = 0 ]
