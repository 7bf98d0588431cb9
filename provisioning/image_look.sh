# Runs inside a booted tree: makes it the sample box, watches the daemon, tells what it saw, and powers off.
# Each line: what, good or bad, what was seen; separated by tabs.
tell() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }
check() { what=$1; shift; if [ "$1" "$2" "$3" ]; then tell "$what" good "$1"; else tell "$what" bad "$1, not $2 $3"; fi; }
show() { systemctl show branchline.service -P "$1"; }
until_true() { n=0; while [ $n -lt "$1" ] && ! eval "$2"; do sleep 0.5; n=$((n + 1)); done; }

systemctl is-active --quiet branchline.service && tell "no settings, no daemon" bad "it runs" ||
    tell "no settings, no daemon" good "$(show ConditionResult)"
# What a machine shows that is no box yet.
until_true 60 '[ -s /run/issue.d/branchline.issue ]'
code=$(/opt/branchline/current/bin/branchline claim --json | sed -n 's/.*"code": "\([0-9A-Z-]*\)".*/\1/p')
check "claim code" "${#code}" = 14
check "claim code on the consoles" "$(grep -c "$code" /run/issue.d/branchline.issue)" -ge 2
check "own key is sealed" "$(ls /etc/credstore.encrypted)" = mqtt-key
check "first boot" "$(systemctl show branchline-first-boot.service -P ActiveState)" = active
check "claim page" "$(/opt/branchline/current/bin/python -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:8480/healthz").read().decode().strip())' 2>&1 | tail -1)" = ok
systemctl start branchline-sticks.service
check "sticks are looked for in their own sandbox" "$(systemctl show branchline-sticks.service -P Result)" = success
# A watchdog that bites soon enough to be watched.
mkdir -p /etc/systemd/system/branchline.service.d
printf '[Service]\nWatchdogSec=8\n' >/etc/systemd/system/branchline.service.d/look.conf
/opt/branchline/current/bin/python - <<'P'
from pathlib import Path
from provisioning.box_folder import put_box
from provisioning.layout import Layout
print("key kept", "good" if "sealed" in (said := put_box(Path("/etc/branchline-sample-box"), Layout())) else "bad", said, sep="\t")
P
until_true 80 '[ "$(systemctl show branchline-first-boot.service -P ActiveState)" = inactive ]'
check "first boot ends with the box" "$(systemctl show branchline-first-boot.service -P Result)" = success
systemctl daemon-reload
systemd-tmpfiles --create branchline.conf
systemctl start branchline.service
check "ready by notify" "$(show ActiveState)/$(show SubState)" = active/running
check "ms until ready" $((($(show ActiveEnterTimestampMonotonic) - $(show InactiveExitTimestampMonotonic)) / 1000)) -le 15000
pid=$(show MainPID)
check "user" "$(ps -o user= -p "$pid" 2>/dev/null || stat -c %U /proc/"$pid")" = branchline
check "status line" "$(show StatusText)" = serving
check "no capabilities" "$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/"$pid"/status)" = 0000000000000000
check "system call filter" "$(sed -n 's/^Seccomp:[[:space:]]*//p' /proc/"$pid"/status)" = 2
check "system is read-only" "$(nsenter -t "$pid" -m sh -c 'touch /usr/x 2>/dev/null && echo written || echo refused')" = refused
check "data is private" "$(stat -c '%U %a' /var/lib/branchline)" = "branchline 700"
check "credential unsealed" "$(ls /run/credentials/branchline.service)" = mqtt-key
systemctl reload branchline.service || tell "reload is heard" bad "systemctl reload failed"
until_true 20 '[ "$(show StatusText)" != serving ]'
check "reload" "$(show StatusText)" = "serving; the settings are as they were"
check "same process after reload" "$(show MainPID)" = "$pid"
kill -STOP "$pid"
until_true 80 '[ "$(show NRestarts)" -ge 1 ] && [ "$(show SubState)" = running ]'
check "stuck daemon is restarted" "$(show NRestarts) $(show SubState)" = "1 running"
check "killed by the watchdog" "$(journalctl -u branchline.service -o cat | grep -c 'Watchdog timeout')" -ge 1
check "fields in the journal" "$(journalctl -o cat BRANCHLINE_EVENT=serving | wc -l)" -ge 2
# The daemon's user asks; root's services do.
say_as_daemon() { setpriv --reuid=branchline --regid=branchline --clear-groups sh -c "$1"; }
# Whole updates, where a repository was given: a release that is good, and one whose daemon ends at once.
if [ -e /etc/branchline/release-root.json ]; then
    update() { /opt/branchline/good/bin/branchline update status; }
    current() { basename "$(readlink /opt/branchline/$1)"; }
    ask() {
        say_as_daemon "printf '{\"id\":\"$1\",\"version\":\"$1\",\"until\":\"2099-01-01T00:00:00Z\",\"when\":\"now\"}' >/var/lib/branchline/update-wanted.json"
    }
    ends() { until_true 1200 "grep -qs '\"id\":\"$1\"' /var/lib/branchline-update/last.json"; }
    # Whether the machine's clock is trusted is the host's affair: a daemon that does not run says nothing against it.
    systemctl stop branchline.service
    ask 9.1
    ends 9.1
    check "update to a good release" "$(update)" = "9.1: good"
    check "the good release is current, and good" "$(current current) $(current good)" = "9.1 9.1"
    check "its daemon serves" "$(show ActiveState) $(tr "\0" " " </proc/"$(show MainPID)"/cmdline | grep -c releases/9.1/)" = "active 1"
    systemctl stop branchline.service
    ask 9.2
    until_true 600 '[ "$(current current)" = 9.2 ]'
    check "the bad release is tried" "$(current current) $(current good)" = "9.2 9.1"
    { echo 'warp = 9'; cat /etc/branchline/box.toml; } >/tmp/newer && cat /tmp/newer >/etc/branchline/box.toml
    ends 9.2
    check "three tries, and back" "$(update | cut -c1-24)" = "9.2: failed rolled_back "
    check "the release before is current" "$(current current) $(current good)" = "9.1 9.1"
    check "starts of the bad release" "$(journalctl -u branchline.service -o cat | grep -c 'broken, on purpose')" -ge 3
    check "its settings are put back" "$(head -n 1 /etc/branchline/box.toml.newer) $(grep -c warp /etc/branchline/box.toml)" = "warp = 9 0"
    until_true 60 '[ "$(show SubState)" = running ]'
    check "the release before serves" "$(show SubState)" = running
    check "its database is whole" "$(say_as_daemon '/opt/branchline/current/bin/branchline outcomes --json' 2>&1)" = "[]"
else
    say_as_daemon 'printf "{\"id\":\"look\",\"version\":\"9.9\",\"until\":\"2099-01-01T00:00:00Z\",\"when\":\"now\"}" >/var/lib/branchline/update-wanted.json'
    until_true 400 '[ -s /var/lib/branchline-update/last.json ]'
    check "update is asked and answered" "$(/opt/branchline/good/bin/branchline update status | cut -d: -f1,2 | cut -c1-23)" = "9.9: failed not_set_up "
    until_true 100 '! [ -e /var/lib/branchline/update-outcome.json ]'
    check "the daemon hears what came of it" "$(ls /var/lib/branchline | grep -c update-)" = 0
fi
systemctl stop branchline.service
check "polite stop" "$(show Result) $(show ExecMainStatus)" = "success 0"
systemctl start branchline.service
# The technician's unit on the only line that a container has: who boots this one reads there what it shows.
sed -e '/^BindsTo=/d' -e '/^After=dev/d' -e 's/%[iI]/console/g' /usr/local/lib/systemd/system/branchline-technician@.service \
    >/run/systemd/system/look-technician.service
systemctl daemon-reload
systemctl stop console-getty.service
systemctl start look-technician.service
until_true 60 '[ -n "$(systemctl show look-technician.service -P ActiveEnterTimestamp)" ]'
sleep 15
check "technician's console" "$(systemctl show look-technician.service -P SubState)" = running
systemctl stop look-technician.service
say_as_daemon 'touch /var/lib/branchline/factory-reset-asked'
until_true 120 '[ "$(systemctl show branchline-first-boot.service -P ActiveState)" = active ] && [ -s /run/issue.d/branchline.issue ]'
check "factory reset" "$(ls /etc/branchline)" = box.toml.example
check "data is gone" "$(ls -A /var/lib/branchline | wc -l)" = 0
check "the daemon is stopped" "$(show ActiveState)" = inactive
fresh=$(/opt/branchline/current/bin/branchline claim --json | sed -n 's/.*"code": "\([0-9A-Z-]*\)".*/\1/p')
check "another claim code" "$fresh" != "$code"
rm -f /etc/systemd/system/default.target.wants/branchline-look.service
systemctl poweroff
