"""`branchline policy`: what somebody at a terminal, or a program, reads about the rules."""

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from firmware.compliance.library import load_packs
from firmware.rules.policy_command import policy_app
from firmware.settings import load_settings
from firmware.store import policy_releases
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.store.policy_releases import StoredRelease
from firmware.sync.messages import encode
from firmware.sync.messages_policy import PolicyRelease
from firmware.sync.signing import save_public_key, sign
from tests.firmware.rules.test_policy_release import CLOSED, CN2

CN = "+8613800138000"
MONDAY = "2026-11-23T10:00:00+08:00"
BOX = """
[box]
id = "branch-7"
tenant = "bank"
time_zone = "Asia/Shanghai"
data_dir = "data"
[mqtt]
host = "localhost"
ca = "ca.pem"
certificate = "c.pem"
key = "k.pem"
[console]
keys = ["console.pem"]
recording_recipients = ["age1x"]
[compliance]
suppression_lease_h = 12
"""
OVERLAY = """
schema = 1
[pack]
id = "console"
version = 1
title = "short days before the new year"
layer = "overlay"
status = "published"
effective_from = 2026-11-01
review_by = 2027-01-31
[time]
windows = [{ days = ["mon", "tue"], start = "10:00", end = "12:00" }]
"""


def policy(*arguments: str) -> Result:
    return CliRunner().invoke(policy_app, list(arguments))


def decided(*arguments: str, number: str = CN, at: str = MONDAY) -> dict[str, Any]:
    done = policy("decide", "--number", number, "--at", at, "--json", *arguments)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def box_toml(tmp_path: Path) -> Path:
    made = tmp_path / "box.toml"
    made.write_text(BOX, encoding="utf-8")
    return made


@pytest.fixture
def history(tmp_path: Path) -> Any:
    def write(document: Any) -> str:
        file = tmp_path / "history.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        return str(file)

    return write


class TestDecide:
    """The gate's answer at a terminal."""

    def test_an_allowed_call_names_every_rule_that_was_tried(self) -> None:
        said = decided("--region", "CN-GD")
        assert (said["outcome"], said["rule"], said["until"]) == ("allow", "allowed", None)
        assert {"clock", "window", "hours-red-line", "CN-FRQ-1", "ALL-FRQ-1-person-day"} <= {
            tried["rule"] for tried in said["tried"]
        }
        assert all(tried["passed"] for tried in said["tried"])
        assert said["packs"] == ["cn@1", "floor@1"]
        assert said["approvals"] == "assumed"
        assert said["local"] == {"Asia/Shanghai": "Mon 2026-11-23T10:00:00+0800"}

    def test_a_deferred_call_says_until_when_in_utc_and_in_two_languages(self) -> None:
        said = decided(at="2026-11-23T20:00:00+08:00")
        assert (said["outcome"], said["rule"]) == ("defer", "window")
        assert said["until"] == "2026-11-24T01:00:00Z"
        assert "2026-11-24 09:00:00" in said["explanation"]["en"]
        assert "最早" in said["explanation"]["zh"]
        assert "CN-WIN-1" in {citation["rule"] for citation in said["citations"]}

    def test_calling_at_until_is_allowed_and_a_second_earlier_is_not(self, history: Any) -> None:
        file = history([{"at": "2026-11-23T09:00:17+08:00", "disposition": "no_answer"}])
        said = decided("--history", file)
        assert (said["outcome"], said["until"]) == ("defer", "2026-11-23T05:00:17Z")
        assert said["rule"].startswith("ALL-FRQ-1-")
        assert decided("--history", file, at="2026-11-23T05:00:17Z")["outcome"] == "allow"
        assert decided("--history", file, at="2026-11-23T05:00:16Z")["outcome"] == "defer"

    @pytest.mark.parametrize(
        ("arguments", "outcome", "rule"),
        [
            (("--status", "paid"), "refuse", "ALL-STS-1"),
            (("--region", "JP-13"), "refuse", "unknown-jurisdiction"),
            (("--time-zone", "America/New_York"), "refuse", "window"),
            (("--max-call-s", "80000"), "refuse", "hours-red-line"),
            (("--caller-number", "+8613900139000", "--point", "answer"), "allow", "allowed"),
            (("--caller-number", "+8613900139000"), "allow", "allowed"),
        ],
    )
    def test_what_the_options_say_counts(self, arguments: tuple[str, ...], outcome: str, rule: str) -> None:
        said = decided(*arguments)
        assert (said["outcome"], said["rule"]) == (outcome, rule)

    def test_consent_and_notice_are_asked_for_by_name(self) -> None:
        new_york = {"number": "+12125550123", "at": "2026-11-24T10:00:00-05:00"}
        assert decided(**new_york)["rule"] == "consent"
        assert decided("--consent", "prior_express_consent", **new_york)["outcome"] == "allow"
        assert decided(number="+493012345678", at="2026-11-24T10:00:00+01:00")["rule"] == "notice"

    def test_a_person_who_must_call_is_a_hold(self) -> None:
        said = decided(number="+390612345678", at="2026-11-24T10:00:00+01:00")
        assert (said["outcome"], said["rule"]) == ("hold", "person-must-call")

    def test_a_number_as_people_write_it_is_the_same_number(self) -> None:
        assert decided(number="0086 138-0013-8000")["number"] == CN

    def test_with_a_boxs_settings_only_its_approvals_count(self, box_toml: Path) -> None:
        said = decided("--config", str(box_toml))
        assert (said["outcome"], said["rule"], said["about_box"]) == ("refuse", "pack-unapproved", True)
        for pack in ("floor@1", "cn@1"):
            assert policy("approve", pack, "--by", "李娜", "--config", str(box_toml)).exit_code == 0
        assert decided("--config", str(box_toml))["outcome"] == "allow"

    def test_a_table_for_people(self) -> None:
        done = policy("decide", "--number", CN, "--at", "2026-11-29T10:00:00+08:00", "--language", "zh")
        assert done.exit_code == 0
        assert "DEFER: window" in done.output
        assert "当地不在拨打时段" in done.output

    @pytest.mark.parametrize(
        ("at", "told"),
        [("2026-11-23T10:00:00", "says no offset"), ("yesterday", "is no instant"), ("", "is no instant")],
    )
    def test_an_instant_nobody_can_read(self, at: str, told: str) -> None:
        done = policy("decide", "--number", CN, "--at", at)
        assert done.exit_code == 2
        assert told in done.stderr
        assert "Traceback" not in done.output

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            ({"suppresions": []}, "suppresions"),
            ({"attempts": [{"at": "2026-11-23T10:00:00"}]}, "$.attempts[0].at"),
            ({"attempts": [{}]}, "at"),
            ({"attempts": [{"at": MONDAY, "disposition": "went_well"}]}, "disposition"),
            ({"suppressions": [{"scope": "family"}]}, "scope"),
            (7, "HistoryFile"),
        ],
    )
    def test_a_history_that_is_wrong_is_refused_with_the_place(
        self, history: Any, document: Any, told: str
    ) -> None:
        done = policy("decide", "--number", CN, "--at", MONDAY, "--history", history(document))
        assert done.exit_code == 2
        assert told in done.stderr.replace("\n", "") or "object" in done.stderr

    def test_a_history_that_is_no_json_or_not_there(self, tmp_path: Path) -> None:
        file = tmp_path / "h.json"
        file.write_text("{", encoding="utf-8")
        assert (
            "cannot be read"
            in policy("decide", "--number", CN, "--at", MONDAY, "--history", str(file)).stderr
        )
        missing = policy("decide", "--number", CN, "--at", MONDAY, "--history", str(tmp_path / "none"))
        assert (missing.exit_code, "No such file" in missing.stderr) == (2, True)


class TestApprove:
    """A version is approved by name, by a person, for what it says."""

    def test_it_is_written_into_the_settings_with_the_packs_digest(self, box_toml: Path) -> None:
        before = box_toml.read_text(encoding="utf-8")
        done = policy("approve", "ng@1", "--by", 'Ada "A" Obi', "--config", str(box_toml))
        assert done.exit_code == 0, done.output
        assert "fccpc_digital_lending" in done.output
        text = box_toml.read_text(encoding="utf-8")
        assert text.startswith(before.rstrip("\n"))
        (given,) = load_settings(box_toml).compliance.approval
        assert (given.pack, given.version, given.by) == ("ng", 1, 'Ada "A" Obi')
        assert given.digest == next(p.digest() for p in load_packs().packs if p.pack.id == "ng")
        assert datetime.fromisoformat(given.at).tzinfo is not None

    def test_an_approval_of_other_content_of_the_same_version_counts_for_nothing(
        self, box_toml: Path
    ) -> None:
        for pack in ("floor@1", "cn@1"):
            policy("approve", pack, "--by", "Li Na", "--config", str(box_toml))
        text = box_toml.read_text(encoding="utf-8")
        cn = next(p.digest() for p in load_packs().packs if p.pack.id == "cn")
        box_toml.write_text(text.replace(cn, "0" * 64), encoding="utf-8")
        assert decided("--config", str(box_toml))["rule"] == "pack-unapproved"

    @pytest.mark.parametrize(
        ("pack", "by", "told"),
        [
            ("cn", "Li Na", "name the version"),
            ("cn@2", "Li Na", "no such pack"),
            ("xx@1", "Li Na", "no such pack"),
            ("cn@1", "  ", "say who approves"),
            ("cn@1", "Li\nNa", "say who approves"),
        ],
    )
    def test_what_is_no_approval(self, box_toml: Path, pack: str, by: str, told: str) -> None:
        before = box_toml.read_bytes()
        done = policy("approve", pack, "--by", by, "--config", str(box_toml))
        assert (done.exit_code, told in done.stderr) == (1, True), done.output
        assert box_toml.read_bytes() == before

    def test_settings_that_would_not_take_it_are_left_alone(self, box_toml: Path) -> None:
        text = BOX + "approval = []\n"
        box_toml.write_text(text, encoding="utf-8")
        done = policy("approve", "cn@1", "--by", "Li Na", "--config", str(box_toml))
        assert (done.exit_code, "nothing was changed" in done.stderr.replace("\n", " ")) == (1, True)
        assert box_toml.read_text(encoding="utf-8") == text

    def test_no_settings_at_all(self, tmp_path: Path) -> None:
        done = policy("approve", "cn@1", "--by", "Li Na", "--config", str(tmp_path / "none.toml"))
        assert (done.exit_code, "--config" in done.stderr) == (1, True)


class TestReading:
    """list, show, effective, schema."""

    def test_list_says_who_approved_what(self, box_toml: Path) -> None:
        policy("approve", "cn@1", "--by", "Li Na", "--config", str(box_toml))
        rows = {
            row["pack"]: row for row in json.loads(policy("list", "--config", str(box_toml), "--json").stdout)
        }
        assert rows["cn@1"]["approved_by"] == "Li Na"
        assert rows["gb@1"]["approved_by"] == ""
        assert rows["us-ny-nyc@1"]["jurisdiction"] == ["US-NY", "US-NY-NYC", "US-NYC"]
        assert "nobody" in policy("list", "--config", str(box_toml)).output
        assert policy("list").exit_code == 0

    def test_show_gives_every_rule_its_source(self) -> None:
        for name in (pack.pack.name for pack in load_packs().packs):
            shown = policy("show", name)
            assert shown.exit_code == 0
            assert "[no source]" not in shown.output, name
            assert "not legal advice" in shown.output
        assert json.loads(policy("show", "us", "--json").stdout)["pack"]["id"] == "us"
        assert policy("show", "nowhere").exit_code == 1

    def test_effective_is_the_merge_for_that_number(self) -> None:
        values = json.loads(policy("effective", "+16175550123", "--region", "US-NY-NYC", "--json").stdout)
        assert set(values["policy"]["packs"]) == {
            "floor@1", "us@1", "us-ma@1", "us-ny-nyc@1", "us-all-party-recording@1",
        }  # fmt: skip
        assert {"US-MA-FRQ-1", "US-NYC-FRQ-1"} <= {limit["id"] for limit in values["policy"]["limits"]}
        assert "sun closed" in policy("effective", CN).output
        assert policy("effective", "+81312345678").exit_code == 1
        assert policy("effective", "110").exit_code == 1

    @pytest.mark.parametrize("what", ["pack", "history"])
    def test_the_schema_that_ships_is_the_schema_in_force(self, what: str) -> None:
        shipped = Path(__file__).resolve().parents[3] / "firmware/compliance/schemas" / f"{what}.schema.json"
        assert json.loads(policy("schema", what).stdout) == json.loads(shipped.read_text(encoding="utf-8")), (
            f"run `branchline policy schema {what} > {shipped}`"
        )
        assert policy("schema", "else").exit_code == 2


class TestCheck:
    """Is a file fit to be used?"""

    def test_what_ships_is_fit(self) -> None:
        done = policy("check", "--json")
        found = json.loads(done.stdout)
        assert (done.exit_code, found["good"]) == (0, True), done.output

    @pytest.mark.parametrize(
        ("rules", "told"),
        [
            ("", ""),
            ("[time]\nextra_closed_dates = [2026-12-24]", ""),
            ('[time]\nwindows = [{ days = ["mon"], start = "07:00", end = "23:00" }]', "widen week"),
            ('jurisdiction = ["JP"]', "no rule pack for JP"),
            ('[time]\nholiday_calendars = ["XX"]', "holiday calendar"),
            ('[[limit]]\nid = "n"\ncount = "attempt"\nper = "person"\nwindow = "calendar_days:1"\nmax = 9', "widen limit n"),
            ('[recording]\nmode = "sometimes"', "sometimes"),
        ],
    )  # fmt: skip
    def test_overlays(self, tmp_path: Path, rules: str, told: str) -> None:
        file = tmp_path / "overlay.toml"
        base = OVERLAY if not rules else OVERLAY[: OVERLAY.index("[time]")]
        file.write_text(base + rules, encoding="utf-8")
        done = policy("check", str(file))
        assert done.exit_code == bool(told), done.output
        assert told in done.output.replace("\n", " ")

    def test_a_pack_without_citation_or_with_an_old_version_is_refused(self, tmp_path: Path) -> None:
        shipped = Path(__file__).resolve().parents[3] / "firmware/compliance/packs/hk.toml"
        changed = shipped.read_text(encoding="utf-8").replace('start = "09:00"', 'start = "10:00"')
        file = tmp_path / "hk.toml"
        file.write_text(changed.replace("end_guard", "end_guard") + "", encoding="utf-8")
        assert "raise the version" in policy("check", str(file)).output
        file.write_text(changed.replace("version = 1", "version = 2"), encoding="utf-8")
        assert policy("check", str(file)).exit_code == 0
        file.write_text(
            changed.replace("version = 1", "version = 2").replace("[time]", "[time]\nend_guard_s = 9"),
            encoding="utf-8",
        )
        assert "nothing is cited for time.end_guard_s" in policy("check", str(file)).output

    def test_hours_that_a_clock_change_skips_are_noted(self, tmp_path: Path) -> None:
        file = tmp_path / "overlay.toml"
        file.write_text(OVERLAY.replace('"10:00"', '"02:30"'), encoding="utf-8")
        assert "widen" in policy("check", str(file)).output, "02:30 is the night"
        shipped = Path(__file__).resolve().parents[3] / "firmware/compliance/packs/ke.toml"
        night = (
            shipped.read_text(encoding="utf-8")
            .replace('"08:00"', '"02:30"')
            .replace("version = 1", "version = 2")
        )
        file.write_text(night, encoding="utf-8")
        assert "come twice" in policy("check", str(file)).output


class TestOverlayInForce:
    """What the settings name as an overlay."""

    def with_overlay(self, box_toml: Path, text: str) -> Path:
        box_toml.with_name("overlay.toml").write_text(text, encoding="utf-8")
        box_toml.write_text(BOX + 'overlay = "overlay.toml"\n', encoding="utf-8")
        for pack in ("floor@1", "cn@1"):
            assert policy("approve", pack, "--by", "Li Na", "--config", str(box_toml)).exit_code == 0
        return box_toml

    def test_it_tightens_without_an_approval_of_its_own(self, box_toml: Path) -> None:
        box = str(self.with_overlay(box_toml, OVERLAY))
        assert decided("--config", box)["outcome"] == "allow"
        said = decided("--config", box, at="2026-11-23T14:00:00+08:00")
        assert (said["outcome"], said["until"]) == ("defer", "2026-11-24T02:00:00Z")
        assert said["packs"] == ["cn@1", "console@1", "floor@1"]

    def test_one_that_widens_anything_is_left_out_whole_and_said_to_be(self, box_toml: Path) -> None:
        wide = OVERLAY.replace('end = "12:00"', 'end = "22:00"') + "end_guard_s = 3600\n"
        box = self.with_overlay(box_toml, wide)
        done = policy("decide", "--number", CN, "--at", MONDAY, "--config", str(box), "--json")
        assert "not in force" in done.stderr
        assert json.loads(done.stdout)["packs"] == ["cn@1", "floor@1"]

    def test_one_that_cannot_be_read_stops_everything(self, box_toml: Path) -> None:
        box = self.with_overlay(box_toml, OVERLAY)
        box.with_name("overlay.toml").unlink()
        done = policy("decide", "--number", CN, "--at", MONDAY, "--config", str(box))
        assert (done.exit_code, "cannot be read" in done.stderr) == (2, True)


def test_the_packs_are_what_their_schema_says() -> None:
    import jsonschema

    schema = json.loads(policy("schema", "pack").stdout)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    folder = Path(__file__).resolve().parents[3] / "firmware/compliance/packs"
    files = sorted(folder.glob("*.toml"))
    assert len(files) > 25
    for file in files:
        document = json.loads(json.dumps(tomllib.loads(file.read_text(encoding="utf-8")), default=str))
        assert list(validator.iter_errors(document)) == [], file.name
        assert list(validator.iter_errors(document | {"limits": []})) != []
        assert list(validator.iter_errors(document | {"schema": 2})) != []


class TestReleaseInTheDatabase:
    """What the office has sent is what the commands show, and what they approve."""

    @pytest.fixture
    def box(self, box_toml: Path) -> Path:
        key, data = Ed25519PrivateKey.generate(), box_toml.parent / "data"
        save_public_key(box_toml.parent / "console.pem", key.public_key())
        data.mkdir()
        release = PolicyRelease(
            id="r1",
            at=datetime(2026, 11, 24, tzinfo=UTC),
            version=7,
            packs=[CN2],
            overlay=CLOSED.replace("2026-12-28", "2026-12-01"),
        )
        body, topic = encode(release), "branchline/bank/box/branch-7/down/policy"
        kid, signature = sign(key, topic, body)
        kept = StoredRelease(version=7, topic=topic, kid=kid, signature=signature, body=body)
        database = Database.open(data / "box.db", executor=InlineExecutor())
        database.run_now(lambda con: policy_releases.keep(con, kept, release.at))
        database.close_now()
        for pack in ("floor@1", "cn@1"):
            assert policy("approve", pack, "--by", "Li Na", "--config", str(box_toml)).exit_code == 0
        return box_toml

    def rows(self, box: Path) -> dict[str, dict[str, Any]]:
        listed = json.loads(policy("list", "--config", str(box), "--json").stdout)
        return {row["pack"]: row for row in listed}

    def test_a_pack_that_waits_is_listed_read_and_approved(self, box: Path) -> None:
        rows = self.rows(box)
        assert (rows["cn@2"]["state"], rows["cn@2"]["from"], rows["cn@2"]["approved_by"]) == (
            "waits",
            "office",
            "",
        )
        assert (rows["cn@1"]["state"], rows["cn@1"]["from"], rows["cn@1"]["approved_by"]) == (
            "in force",
            "firmware",
            "Li Na",
        )
        assert (rows["office@3"]["state"], rows["office@3"]["from"]) == ("in force", "office")
        told = policy("list", "--config", str(box)).output
        assert "release 7 is in force" in told
        assert "policy approve cn@2" in told
        assert policy("show", "cn@2").exit_code == 1
        assert "cn@2: " in policy("show", "cn@2", "--config", str(box)).output
        assert "cn@2 waits" in policy("check", "--config", str(box)).output.replace("\n", " ")
        assert policy("approve", "cn@2", "--by", "Li Wei", "--config", str(box)).exit_code == 0
        rows = self.rows(box)
        assert "cn@1" not in rows
        assert (rows["cn@2"]["state"], rows["cn@2"]["approved_by"]) == ("in force", "Li Wei")

    def test_the_answers_go_by_the_offices_overlay(self, box: Path) -> None:
        closed = "2026-12-01T10:00:00+08:00"
        assert decided("--caller-number", "+8613900139000", at=closed)["outcome"] == "allow"
        said = decided("--caller-number", "+8613900139000", "--config", str(box), at=closed)
        assert "office@3" in said["packs"]
        assert (said["outcome"], said["until"][:10]) == ("defer", "2026-12-02")
        values = json.loads(policy("effective", CN, "--config", str(box), "--json").stdout)
        assert "office@3" in values["policy"]["packs"]

    def test_a_release_that_nobody_signed_is_said_and_nothing_counts_as_approved(self, box: Path) -> None:
        (box.parent / "console.pem").unlink()
        save_public_key(box.parent / "console.pem", Ed25519PrivateKey.generate().public_key())
        done = policy("list", "--config", str(box), "--json")
        assert "release 7 of rules cannot be used" in done.stderr.replace("\n", " ")
        assert {row["approved_by"] for row in json.loads(done.stdout)} == {""}
        assert policy("check", "--config", str(box)).exit_code == 1
