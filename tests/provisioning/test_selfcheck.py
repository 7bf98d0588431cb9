"""The self-check has a word on everything with what to do next; the diagnostics bundle names nobody and holds no key."""

import json
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from provisioning.check import TO_DO, Check, State
from provisioning.diagnostics import write_bundle
from provisioning.selfcheck import _read_only_disk, self_check
from provisioning.selfcheck_command import client_of
from tests.provisioning.conftest import PIN, ROOT, IssuedBox

NUMBERS = ("+8613123456701", "13800138000", "+15551230199")
NAME = "王伟"


def by_code(checks: list[Check]) -> dict[str, Check]:
    return {each.code: each for each in checks}


def test_a_fresh_box_without_a_daemon(box: IssuedBox) -> None:
    Database.open(box.data / "box.db", executor=InlineExecutor()).close_now()
    checks = self_check(box.config, client_of)
    found = by_code(checks)
    assert len(checks) >= 25
    assert len(found) == len(checks), "each code once"
    assert {each.code.split(":")[0] for each in checks} <= TO_DO.keys()
    good = {code for code, each in found.items() if each.state is State.GOOD}
    assert {
        "settings",
        "settings-private",
        "pin",
        "data-folder",
        "data-private",
        "database",
        "database-whole",
    } <= good
    assert {"console-keys", "recipients", "broker-ca", "certificate", "key-private", "key-matches"} <= good
    assert found["daemon"].state is found["broker"].state is State.BAD
    assert found["line"].state is found["dialling"].state is State.UNKNOWN
    assert found["lines-named"].state is State.BAD


def test_a_key_that_systemd_opens_for_a_service_is_not_called_bad_in_a_shell(
    box: IssuedBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = box.config.read_text(encoding="utf-8")
    key = Path(box.settings.mqtt.key)
    box.config.write_text(text.replace('key = "box.key"', 'key_credential = "mqtt-key"'), encoding="utf-8")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    states = {code: each.state for code, each in by_code(self_check(box.config, client_of)).items()}
    assert {states[code] for code in ("key-private", "key-matches", "broker")} == {State.UNKNOWN}
    # The console on the serial line is given it.
    (tmp_path / "mqtt-key").write_bytes(key.read_bytes())
    (tmp_path / "mqtt-key").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    states = {code: each.state for code, each in by_code(self_check(box.config, client_of)).items()}
    assert {states[code] for code in ("key-private", "key-matches")} == {State.GOOD}
    (tmp_path / "mqtt-key").unlink()
    found = by_code(self_check(box.config, client_of))
    assert found["key-private"].state is State.BAD


def test_a_sandbox_is_no_dying_disk(tmp_path: Path) -> None:
    """What systemd made read-only for a service, and what the kernel did after an error, differ in whose options say so."""
    mounts = tmp_path / "mountinfo"
    rows = (
        "22 1 254:0 / / ro,relatime shared:1 - ext4 /dev/mmcblk0p2 rw,errors=remount-ro",
        "30 22 254:1 / /var/lib rw,relatime - ext4 /dev/sda1 {}",
    )
    for options, said in (("rw", ""), ("ro,errors=remount-ro", "/var/lib")):
        mounts.write_text("\n".join(rows).format(options) + "\n", encoding="utf-8")
        assert _read_only_disk(Path("/var/lib/branchline"), mounts) == said
        assert _read_only_disk(Path("/var/library"), mounts) == ""


def test_what_is_wrong_is_found(box: IssuedBox) -> None:
    (box.data / "box.db").write_bytes(b"not a database" * 100)
    box.data.chmod(0o755)
    box.config.chmod(0o666)
    (box.data / "technician.pin").unlink()
    settings = box.settings
    Path(settings.mqtt.certificate).write_text("no certificate", encoding="utf-8")
    Path(settings.mqtt.key).chmod(0o644)
    found = by_code(self_check(box.config, client_of))
    for code in ("settings-private", "data-private", "pin", "database", "certificate", "key-private"):
        assert found[code].state is State.BAD, found[code]
    assert found["key-matches"].state is State.UNKNOWN


def test_settings_that_cannot_be_read_are_the_only_finding(tmp_path: Path) -> None:
    (only,) = self_check(tmp_path / "box.toml", client_of)
    assert (only.code, only.state) == ("settings", State.BAD)


def test_the_command_speaks_json(box: IssuedBox) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "firmware.cli", "selfcheck", "--json", "--language", "zh", "--config", str(box.config)],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert not said["passed"]
    bad = [each for each in said["checks"] if each["state"] == "bad"]
    assert bad
    assert all(each["to_do"] for each in bad)
    assert all(set(each) == {"code", "state", "detail", "what", "to_do"} for each in said["checks"])


def test_the_bundle_names_nobody_and_holds_no_key(box: IssuedBox) -> None:
    """Numbers, a name and keys are planted wherever the box keeps such things; none comes out again."""
    settings = box.settings
    pin = box.config.parent / "sim.pin"
    pin.write_text("5913\n", encoding="ascii")
    box.add(f'[[line]]\nid = "line-1"\nusb_path = "1-1.3"\nnumber = "{NUMBERS[0]}"\npin_file = "{pin}"')
    box.add(f'[[test_number]]\nnumber = "{NUMBERS[2]}"')
    box.add('[[line]]\nid = "line-2"\nimei = "356938035643809"')
    Database.open(box.data / "box.db", executor=InlineExecutor()).close_now()
    (box.data / "box.log").write_text(f'{{"event": "said {NAME} {NUMBERS[1]}"}}\n', encoding="utf-8")
    (box.data / "audit.key").write_bytes(b"secret-audit-key-bytes")
    checks = [
        *self_check(box.config, client_of),
        Check(code="line:line-1", state=State.BAD, detail=f"no answer from {NUMBERS[1]}"),
    ]
    path = write_bundle(box.data, box.settings, checks, client_of)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as bundle:
        names = {Path(each.name).name for each in bundle}
        text = "".join(
            body.read().decode()
            for each in bundle.getmembers()
            if (body := bundle.extractfile(each)) is not None
        )
    assert {"about.json", "self-check.json", "settings.json", "database.json", "daemon.json"} <= names
    key = Path(settings.mqtt.key).read_text(encoding="ascii").splitlines()[1]
    certificate = Path(settings.mqtt.certificate).read_text(encoding="ascii").splitlines()[1]
    digits = [number.lstrip("+") for number in NUMBERS]
    for secret in (
        *digits,
        NAME,
        "5913\n",
        PIN,
        "356938035643809",
        key,
        certificate,
        "secret-audit-key-bytes",
        "BEGIN",
    ):
        assert secret not in text, secret
    assert "line-1" in text
    again = path.name
    assert again.startswith("branchline-branch-7-")
    assert datetime.now(UTC).strftime("%Y") in again
