# Runs inside a booted tree: makes it the sample box, watches the daemon, tells what it saw, and powers off.
# Each line: what, good or bad, what was seen; separated by tabs. What ends early has told too little: who reads it asks for
# the lines by name.
here=/etc/branchline-look
branchline=/opt/branchline/current/bin/branchline
python=/opt/branchline/current/bin/python
tell() { printf '%s\t%s\t%s\n' "$1" "$2" "$(printf '%s' "$3" | tr '\t\n' '  ')"; }
check() { what=$1; shift; if [ "$1" "$2" "$3" ]; then tell "$what" good "$1"; else tell "$what" bad "$1, not $2 $3"; fi; }
show() { systemctl show branchline.service -P "$1"; }
until_true() { n=0; while [ $n -lt "$1" ] && ! eval "$2"; do sleep 0.25; n=$((n + 1)); done; }
on_page() { "$python" -c 'import sys, urllib.request as u; print(u.urlopen("http://127.0.0.1:8480" + sys.argv[1]).read().decode())' "$1" 2>&1; }
say_as_daemon() { setpriv --reuid=branchline --regid=branchline --clear-groups sh -c "$1"; }
drop_in() { printf '[Service]\nRestartSec=1\n%s\n' "$1" >/etc/systemd/system/branchline.service.d/look.conf; systemctl daemon-reload; }
# What the watchdog and the credential are seen by, and that it is those: asked a second time without them.
stopped_daemon_is_restarted() {
    before=$(show NRestarts)
    stopped=$(show MainPID)
    kill -STOP "$stopped"
    until_true "$1" '[ "$(show SubState)" != running ]'
    kill -CONT "$stopped" 2>/dev/null  # else it cannot take the signal that has it tell where it hung
    until_true 240 "[ \"\$(show SubState)\" = running ]"
    if [ "$(show NRestarts)" -gt "$before" ]; then echo yes; else echo no; fi
}
starts_serving() { systemctl start branchline.service 2>/dev/null && [ "$(show StatusText)" = serving ] && echo yes || echo no; }

# ---- a machine that is no box yet
check "no settings, no daemon" "$(show ActiveState) $(show ConditionResult)" = "inactive no"
until_true 240 '[ -s /run/issue.d/branchline.issue ]'
code=$("$branchline" claim --json | sed -n 's/.*"code": "\([0-9A-Z-]*\)".*/\1/p')
check "claim code" "${#code}" = 14
check "claim code on the consoles" "$(grep -c "$code" /run/issue.d/branchline.issue)" -ge 2
check "own key is sealed" "$(ls /etc/credstore.encrypted)" = mqtt-key
check "first boot" "$(systemctl show branchline-first-boot.service -P ActiveState)" = active
until_true 40 '[ "$(on_page /healthz | tail -n 1)" = ok ] || [ "$(on_page /healthz | head -n 1)" = ok ]'
check "claim page" "$(on_page / | grep -c "$code")" -ge 1
systemctl start branchline-sticks.service
check "sticks are looked for in their own sandbox" "$(systemctl show branchline-sticks.service -P Result)" = success

# ---- it becomes a box
mkdir -p /etc/systemd/system/branchline.service.d
drop_in WatchdogSec=8  # one that bites soon enough to be watched
"$python" - <<'P'
from pathlib import Path
from provisioning.box_folder import put_box
from provisioning.layout import Layout
print("key kept", "good" if "sealed" in (said := put_box(Path("/etc/branchline-look/box"), Layout())) else "bad", said, sep="\t")
P
systemctl restart branchline-first-boot.service  # it would look by itself a quarter of a minute later
until_true 240 '[ "$(systemctl show branchline-first-boot.service -P ActiveState)" = inactive ]'
check "first boot ends with the box" "$(systemctl show branchline-first-boot.service -P Result)" = success
systemd-tmpfiles --create branchline.conf
check "starts" "$(starts_serving)" = yes
check "ready by notify" "$(show Type) $(show ActiveState)/$(show SubState)" = "notify active/running"
check "ms until ready" $((($(show ActiveEnterTimestampMonotonic) - $(show InactiveExitTimestampMonotonic)) / 1000)) -le 30000
pid=$(show MainPID)
check "user" "$(stat -c %U /proc/"$pid")" = branchline
check "no capabilities" "$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/"$pid"/status)" = 0000000000000000
check "no new privileges" "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' /proc/"$pid"/status)" = 1
check "system call filter" "$(sed -n 's/^Seccomp:[[:space:]]*//p' /proc/"$pid"/status)" = 2
check "system is read-only" "$(nsenter -t "$pid" -m sh -c 'touch /usr/x 2>/dev/null && echo written || echo refused')" = refused
check "settings are read-only" "$(nsenter -t "$pid" -m sh -c 'touch /etc/branchline/x 2>/dev/null && echo written || echo refused')" = refused
check "data is private" "$(stat -c '%U %a' /var/lib/branchline)" = "branchline 700"
check "credential unsealed" "$(ls /run/credentials/branchline.service)" = mqtt-key
check "credential is for the daemon alone" "$(stat -c %U:%a /run/credentials/branchline.service/mqtt-key)" = branchline:400
check "status page" "$(on_page / | grep -c '</html>')" -ge 1
check "metrics" "$(on_page /metrics | grep -c '^branchline_')" -ge 5
check "self-check" "$("$branchline" selfcheck --json | grep -c '"code":')" -ge 25
systemctl reload branchline.service || tell "reload is heard" bad "systemctl reload failed"
until_true 120 '[ "$(show StatusText)" != serving ]'
check "reload" "$(show StatusText)" = "serving; the settings are as they were"
check "same process after reload" "$(show MainPID)" = "$pid"

# ---- an update that the daemon's user asks for: root's service answers, and the daemon hears it while we type
if ! [ -e /etc/branchline/release-root.json ]; then
    say_as_daemon 'printf "{\"id\":\"look\",\"version\":\"9.9\",\"until\":\"2099-01-01T00:00:00Z\",\"when\":\"now\"}" >/var/lib/branchline/update-wanted.json'
    until_true 400 '[ -s /var/lib/branchline-update/last.json ]'
    check "update is asked and answered" "$(/opt/branchline/good/bin/branchline update status | cut -d: -f1,2 | cut -c1-23)" = "9.9: failed not_set_up "
fi

# ---- the serial console: the technician's unit on the only line that a container has; who boots this one types there
"$branchline" technician set-pin <"$here/pin" >/dev/null
sed -e '/^BindsTo=/d' -e '/^After=dev/d' -e 's/%[iI]/console/g' /usr/local/lib/systemd/system/branchline-technician@.service \
    >/run/systemd/system/look-technician.service
systemctl daemon-reload
systemctl stop console-getty.service
systemctl start look-technician.service
until_true 240 '[ -e /observed/console ]'
check "technician's console" "$(systemctl show look-technician.service -P Result) $(ls /observed/console)" = "success /observed/console"
systemctl stop look-technician.service
until_true 200 '! [ -e /var/lib/branchline/update-outcome.json ]'
check "the daemon hears what came of it" "$(ls /var/lib/branchline | grep -c update-)" = 0

# ---- the watchdog
check "stuck daemon is restarted" "$(stopped_daemon_is_restarted 240)" = yes
check "killed by the watchdog" "$(journalctl -u branchline.service -o cat | grep -c 'Watchdog timeout')" -ge 1
check "it told where it hung" "$(journalctl -u branchline.service -o cat | grep -c 'Fatal Python error: Aborted')" -ge 1
check "fields in the journal" "$(journalctl -o cat BRANCHLINE_EVENT=serving | wc -l)" -ge 2
systemctl stop branchline.service
check "polite stop" "$(show Result) $(show ExecMainStatus)" = "success 0"
drop_in WatchdogSec=0
check "without a watchdog it starts too" "$(starts_serving)" = yes
check "without a watchdog nobody restarts it" "$(stopped_daemon_is_restarted 48)" = no
systemctl kill -s KILL branchline.service
systemctl stop branchline.service
drop_in WatchdogSec=60
mv /etc/credstore.encrypted/mqtt-key /etc/mqtt-key
check "without its credential it does not serve" "$(starts_serving)" = no
systemctl stop branchline.service
check "it says which credential" "$(journalctl -u branchline.service -o cat | grep -c 'not given the credential mqtt-key')" -ge 1
mv /etc/mqtt-key /etc/credstore.encrypted/mqtt-key
systemctl reset-failed branchline.service
check "with it, it serves again" "$(starts_serving)" = yes

# ---- whole updates, where a repository was given: a release that is good, and one whose daemon ends at once.
if [ -e /etc/branchline/release-root.json ]; then
    update() { /opt/branchline/good/bin/branchline update status; }
    current() { basename "$(readlink /opt/branchline/$1)"; }
    ask() {
        say_as_daemon "printf '{\"id\":\"$1\",\"version\":\"$1\",\"until\":\"2099-01-01T00:00:00Z\",\"when\":\"now\"}' >/var/lib/branchline/update-wanted.json"
    }
    ends() { until_true 2400 "grep -qs '\"id\":\"$1\"' /var/lib/branchline-update/last.json"; }
    # Whether the machine's clock is trusted is the host's affair: a daemon that does not run says nothing against it.
    systemctl stop branchline.service
    ask 9.1
    ends 9.1
    check "update to a good release" "$(update)" = "9.1: good"
    check "the good release is current, and good" "$(current current) $(current good)" = "9.1 9.1"
    check "its daemon serves" "$(show ActiveState) $(tr "\0" " " </proc/"$(show MainPID)"/cmdline | grep -c releases/9.1/)" = "active 1"
    systemctl stop branchline.service
    ask 9.2
    until_true 1200 '[ "$(current current)" = 9.2 ]'
    check "the bad release is tried" "$(current current) $(current good)" = "9.2 9.1"
    { echo 'warp = 9'; cat /etc/branchline/box.toml; } >/tmp/newer && cat /tmp/newer >/etc/branchline/box.toml
    ends 9.2
    check "three tries, and back" "$(update | cut -c1-24)" = "9.2: failed rolled_back "
    check "the release before is current" "$(current current) $(current good)" = "9.1 9.1"
    check "starts of the bad release" "$(journalctl -u branchline.service -o cat | grep -c 'broken, on purpose')" -ge 3
    check "its settings are put back" "$(head -n 1 /etc/branchline/box.toml.newer) $(grep -c warp /etc/branchline/box.toml)" = "warp = 9 0"
    until_true 120 '[ "$(show SubState)" = running ]'
    check "the release before serves" "$(show SubState)" = running
    check "its database is whole" "$(say_as_daemon '/opt/branchline/current/bin/branchline outcomes --json' 2>&1)" = "[]"
fi
# ---- a factory reset
say_as_daemon 'touch /var/lib/branchline/factory-reset-asked'
until_true 240 '[ "$(systemctl show branchline-first-boot.service -P ActiveState)" = active ] && [ -s /run/issue.d/branchline.issue ]'
check "factory reset" "$(ls /etc/branchline)" = box.toml.example
check "data is gone" "$(ls -A /var/lib/branchline | wc -l)" = 0
check "the daemon is stopped" "$(show ActiveState)" = inactive
fresh=$("$branchline" claim --json | sed -n 's/.*"code": "\([0-9A-Z-]*\)".*/\1/p')
check "another claim code" "$fresh" != "$code"

# ---- the last: the daemon's user asks for a restart, which here is the end
ln -s /lib/systemd/system/poweroff.target /etc/systemd/system/reboot.target
systemctl daemon-reload
trap '' TERM
say_as_daemon '/usr/local/bin/branchline reboot'
until_true 240 '[ "$(systemctl is-system-running)" = stopping ]'
check "restart is asked for and done" "$(systemctl is-system-running) $(ls /var/lib/branchline)" = "stopping "
systemctl --no-block poweroff
