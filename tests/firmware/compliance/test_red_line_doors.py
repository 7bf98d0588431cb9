"""Every door to the rules that there is on a box, tried: settings, environment, pack files, releases, clock, approvals.

The others are tried where they are: MQTT in test_refusals and test_campaign, an edited database in test_audit_doors, modem commands in
test_at_allow_list, the demo in test_worlds, the local doors in test_local_doors. test_red_line_matrix has every pair of line and door.
"""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.policy_releases import approval
from firmware.compliance import Gate, Outcome, PackError, PackLibrary, Point, load_packs, packs
from firmware.compliance import library as library_module
from firmware.compliance.pack import read_pack
from firmware.rules.in_force import everything_approved
from firmware.rules.policy_release import release_rules
from firmware.settings import SettingsError, load_settings
from firmware.settings_sections import ComplianceSection
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.signing import key_id

WIDE = """
[time]
windows = [{ days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], start = "00:00", end = "24:00" }]
end_guard_s = 0
[caller_id]
numbers_per_callee_30d = 9
[optout]
lease_s = 604800
[[citation]]
rule = "everything"
force = "product"
source = "a test"
checked = 2026-11-21
confidence = "product"
covers = ["time.windows", "time.end_guard_s", "caller_id.numbers_per_callee_30d", "optout.lease_s"]
"""
ROOT = Path(__file__).resolve().parents[3]
NIGHT = datetime.fromisoformat("2026-11-23T22:30:00+08:00")
BOX = """
[box]
id = "b"
tenant = "t"
time_zone = "Asia/Shanghai"
data_dir = "data"
[mqtt]
host = "h"
ca = "a"
certificate = "c"
key = "k"
[console]
keys = ["k"]
recording_recipients = ["age1"]
"""


@pytest.mark.parametrize(
    "line",
    [
        "[compliance]\nhours = '07:00-23:00'",
        "[compliance]\nskip_rules = true",
        "[compliance]\nsuppression_lease_h = 25",
        "[compliance]\nsuppression_lease_h = 0",
        "[dialling]\nmax_call_s = 3600",
        "[dialling]\ncaps = 100",
        "[debug]\nenabled = true",
        "[red_lines]\nnight = true",
    ],
)
def test_the_settings_have_no_word_for_less(tmp_path: Path, line: str) -> None:
    file = tmp_path / "box.toml"
    file.write_text(f"{BOX}\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        load_settings(file)
    file.write_text(BOX, encoding="utf-8")
    assert load_settings(file).compliance == ComplianceSection()


@pytest.mark.parametrize(
    "variables",
    [
        {"TZ": "Pacific/Honolulu"},
        {"BRANCHLINE_DEBUG": "1", "BRANCHLINE_SKIP_RULES": "1", "DEBUG": "1"},
        {"PYTHONTZPATH": "{forged}"},
        {"PYTHONOPTIMIZE": "2"},
        {"LANG": "C", "LC_ALL": "C"},
    ],
    ids=" ".join,
)
def test_no_environment_variable_opens_the_night(tmp_path: Path, variables: dict[str, str]) -> None:
    """Among them a folder of forged zones in which Shanghai keeps the time of London."""
    forged = tmp_path / "zones" / "Asia"
    forged.mkdir(parents=True)
    source = resources.files("tzdata") / "zoneinfo" / "Europe" / "London"
    (forged / "Shanghai").write_bytes(source.read_bytes())
    environment = {name: value.format(forged=tmp_path / "zones") for name, value in variables.items()}
    done = subprocess.run(
        [sys.executable, "-m", "firmware.cli", "policy", "decide", "--number", "+8613800138000", "--at", NIGHT.isoformat(), "--json"],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert (said["outcome"], said["until"]) == ("defer", "2026-11-24T01:00:00Z")


class TestReplacedPackFiles:
    """Whoever can write the pack files can still not make the box go by them."""

    def texts(self) -> dict[str, str]:
        return packs.pack_texts()

    def wider(self) -> dict[str, str]:
        changed = self.texts()
        changed["floor.toml"] = changed["floor.toml"].replace('start = "09:00"', 'start = "08:00"', 1)
        assert changed != self.texts()
        return changed

    def test_a_changed_file_is_refused_at_the_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(library_module, "pack_texts", self.wider)
        with pytest.raises(PackError, match=r"floor\.toml.*not the one that was released"):
            load_packs()

    def test_a_missing_or_an_added_file_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fewer = {name: text for name, text in self.texts().items() if name != "us-ma.toml"}
        monkeypatch.setattr(library_module, "pack_texts", lambda: fewer)
        with pytest.raises(PackError, match="missing"):
            load_packs()
        more = {**self.texts(), "zz.toml": self.texts()["cn.toml"].replace('"cn"', '"zz"')}
        monkeypatch.setattr(library_module, "pack_texts", lambda: more)
        with pytest.raises(PackError, match="not the one that was released"):
            load_packs()

    def test_a_file_that_was_sealed_anew_is_not_what_was_approved(
        self, scene: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        approvals = [
            replace(
                given, digest=next(p.digest() for p in scene.gate.library.packs if p.pack.id == given.pack)
            )
            for given in everything_approved(scene.gate.library)
        ]
        assert replace(scene, gate=Gate(load_packs(), approvals)).ask().is_allowed
        wider = self.wider()
        monkeypatch.setattr(library_module, "pack_texts", lambda: wider)
        monkeypatch.setattr(library_module, "seals", lambda: {n: packs.seal_of(t) for n, t in wider.items()})
        decision = replace(scene, gate=Gate(load_packs(), approvals)).ask()
        assert (decision.outcome, decision.rule) == (Outcome.REFUSE, "pack-unapproved")

    def test_the_seal_is_of_the_text_whatever_its_line_ends(self) -> None:
        text = self.texts()["cn.toml"]
        assert packs.seal_of(text.replace("\n", "\r\n")) == packs.seal_of(text)
        assert packs.seal_of(text) == hashlib.sha256(text.encode()).hexdigest()


def test_no_pack_allows_a_second_own_number(scene: Any, make_pack: Any, approve_all: Any) -> None:
    """Red line 3, with a floor that was written to allow five."""
    five = "[caller_id]\nnumbers_per_callee_30d = 5"
    loose = PackLibrary(
        [make_pack("floor", five, layer="floor"), make_pack("cn", five, layer="jurisdiction", places=("CN",))]
    )
    other = scene.attempt(timedelta(days=20), line_number="+8613700137000")
    decision = replace(scene, gate=approve_all(loose)).ask(attempts=(other,))
    assert (decision.outcome, decision.rule) == (Outcome.DEFER, "one-caller-number")


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1), timedelta(days=3650)])
def test_a_clock_set_back_regains_nothing(scene: Any, back: timedelta) -> None:
    """The caps were reached; the clock is then put back to before that."""
    reached = tuple(scene.attempt(timedelta(hours=hours)) for hours in (1, 20, 30))
    decision = scene.ask(attempts=reached, at=scene.now - back)
    assert not decision.is_allowed
    assert back == timedelta(hours=1) or (decision.outcome, decision.rule) == (Outcome.REFUSE, "clock")


@pytest.mark.parametrize(
    "changes",
    [
        {"consents": ("urgent", "admin", "red_line_6", "any")},
        {"status": "open", "language": "zz", "campaign": "test"},
        {"region": "CN", "time_zone": "Asia/Shanghai"},
        {"max_call_s": 1},
        {"stated_hours": (((0, 1440),),) * 7},
    ],
)
def test_nothing_that_a_call_list_can_say_opens_the_night(scene: Any, changes: dict[str, Any]) -> None:
    decision = scene.ask(at=NIGHT.astimezone(UTC), **changes)
    assert decision.outcome is Outcome.DEFER
    assert decision.until == datetime.fromisoformat("2026-11-24T09:00:00+08:00")


def widest_gate() -> Gate:
    """Return the gate under a release that allows everything that packs can, approved by a key that the box trusts."""
    texts = []
    for name in ("floor.toml", "cn.toml"):
        text = packs.pack_texts()[name].replace("version = 1", "version = 2", 1)
        head = text[: text.index("[time]")]
        texts.append(head + WIDE)
    key = Ed25519PrivateKey.generate()
    approvals = [approval(key, read_pack(text, source="wide"), "Wang Fang") for text in texts]
    release = PolicyRelease(id="r", at=NIGHT, version=1, packs=texts, approvals=approvals)
    approvers = {key_id(key.public_key()): key.public_key()}
    rules = release_rules(load_packs(), None, [], release, approvers=approvers)
    assert rules.waiting == ()
    return rules.gate


@pytest.fixture(scope="module")
def gate() -> Gate:
    return widest_gate()


class TestReleases:
    """The office's own door, opened as far as it goes: a release that allows everything, approved by a key the box trusts."""

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            pytest.param({"attempts": "another own number"}, "one-caller-number", id="red line 3"),
            pytest.param({"at": NIGHT.astimezone(UTC)}, "hours-red-line", id="red line 6"),
            pytest.param({"box": {"clock_trusted": False}}, "clock", id="red line 7, clock"),
            pytest.param({"box": {"audit_healthy": False}}, "audit", id="red line 7, audit"),
            pytest.param(
                {"box": {"suppressions_confirmed_at": None}}, "suppression-lease", id="red line 7, lease"
            ),
            pytest.param({"box": {"audio_ready": False}}, "audio", id="red line 10"),
            pytest.param({"number": "+86110"}, "number", id="red line 11, emergency"),
            pytest.param({"number": "+449098790000"}, "number", id="red line 11, premium"),
            pytest.param({"status": "wrong_number"}, "ALL-STS-1", id="red line 12"),
        ],
    )
    def test_no_release_crosses_a_red_line(
        self, scene: Any, gate: Gate, changes: dict[str, Any], rule: str
    ) -> None:
        given = dict(changes)
        wide = replace(scene, gate=gate)
        assert wide.ask().is_allowed, "it is as loose as that"
        if "box" in given:
            fit = {"suppressions_confirmed_at": scene.now}
            given["box"] = replace(scene.box, **(fit | given["box"]))
        if given.get("attempts"):
            given["attempts"] = (scene.attempt(timedelta(days=20), line_number="+8613700137000"),)
        decision = wide.ask(point=Point.PREDIAL, **given)
        assert not decision.is_allowed
        assert decision.rule == rule
