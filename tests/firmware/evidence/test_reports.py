"""Figures over many calls, from the audit log and the calls' own logs."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from firmware.cli import app
from firmware.evidence.figures import Asked, middle_and_most, not_made, opt_outs, refusals
from firmware.store import contacts, outbox
from firmware.store.attempts import CallEvent
from firmware.store.connection import Connection
from firmware.sync.signing import key_id, save_private_key
from firmware.values import CampaignId, ContactId, PersonId
from tests.firmware.retention.kept_box import CALLED, DAY, WORDS, KeptBox

SECOND = timedelta(seconds=1)


def event(after_s: float, kind: str, **detail: object) -> CallEvent:
    return CallEvent(at=CALLED + after_s * SECOND, kind=kind, detail=json.dumps(detail))


OPT_OUT = [
    event(1, "say", prompt="remind", roles=["debt"]),
    event(1, "prompt_started", prompt="remind"),
    event(2, "digit", digit="9", ms=100),
    event(2.01, "suppress", scope="person", reason="opt_out"),
    event(2.2, "prompt_said", prompt="remind", ms=1200, interrupted=True),
    event(2.3, "say", prompt="opted_out", roles=[]),
    event(2.3, "prompt_started", prompt="opted_out"),
    event(4, "prompt_said", prompt="opted_out", ms=1700, interrupted=False),
]


@pytest.fixture
def box(tmp_path: Path) -> KeptBox:
    box = KeptBox(tmp_path)
    box.call_log = OPT_OUT
    box.person(1)
    box.opt_out(1)
    box.person(2, called=False)
    box.now += DAY
    box.person(3, called=False)
    return box


def test_how_fast_an_opt_out_took_effect(box: KeptBox) -> None:
    (line,) = box.database.run_now(lambda con: opt_outs(con, Asked()))
    assert (line.scope, line.stopped_ms, line.written_ms, line.received_ms) == ("person", 200, 10, None)
    body = json.dumps({"attempt": "attempt-1"}).encode()
    box.database.run_now(lambda con: outbox.append(con, "outcome", lambda _seq: body, CALLED))
    heads = box.database.run_now(outbox.heads)
    at = CALLED + 5 * SECOND
    box.database.run_now(lambda con: outbox.receipt(con, box.database.stream, heads[1], at=at))
    (line,) = box.database.run_now(lambda con: opt_outs(con, Asked(person="mensch-1")))
    assert line.received_ms == 3000
    assert box.database.run_now(lambda con: opt_outs(con, Asked(person="mensch-2"))) == []
    assert box.database.run_now(lambda con: opt_outs(con, Asked(since=CALLED + DAY))) == []


def test_a_debt_spoken_of_after_the_opt_out_counts_as_not_stopped(tmp_path: Path) -> None:
    box = KeptBox(tmp_path)
    box.call_log = [
        *OPT_OUT,
        event(5, "say", prompt="remind", roles=["debt"]),
        event(5, "prompt_started", prompt="remind"),
        event(9, "prompt_said", prompt="remind", ms=4000, interrupted=False),
    ]
    box.person(1)
    (line,) = box.database.run_now(lambda con: opt_outs(con, Asked()))
    assert line.stopped_ms == 7000


def test_refusals_by_rule_and_calls_not_made_with_the_reason_in_words(box: KeptBox) -> None:
    ref_of = box.judge.person_ref
    found = box.database.run_now(lambda con: refusals(con, Asked(), ref_of, language="en"))
    assert [(line.rule, line.n_decisions, line.n_people) for line in found] == [("suppression-lease", 3, 3)]
    later = Asked(since=CALLED + DAY)
    found = box.database.run_now(lambda con: refusals(con, later, ref_of, language="zh"))
    assert (found[0].n_people, "勿扰名单" in found[0].why) == (1, True)
    lines = box.database.run_now(lambda con: not_made(con, Asked(person="mensch-3"), ref_of, language="en"))
    assert [(line.campaign, line.person, line.number, line.n_decisions) for line in lines] == [
        ("c1", "mensch-3", "+86…03", 1)
    ]
    assert "do-not-call list" in lines[0].why
    assert box.database.run_now(lambda con: not_made(con, Asked(campaign="c9"), ref_of, language="en")) == []


def test_who_was_never_asked_about_is_named_too(box: KeptBox) -> None:
    def recall(con: Connection) -> None:
        contacts.recall(con, ContactId("k2"), CampaignId("c1"))

    box.database.run_now(recall)
    box.expire()
    lines = box.database.run_now(lambda con: not_made(con, Asked(), box.judge.person_ref, language="en"))
    assert {(line.person, line.rule) for line in lines if not line.outcome} == {
        (PersonId("mensch-2"), "recalled"),
        (PersonId("mensch-3"), "campaign_over"),
    }


def test_middle_and_most() -> None:
    assert middle_and_most([]) is None
    assert middle_and_most([5, 1, 9]) == (5, 9)


# ---- the commands -----------------------------------------------------------------------------------------


def run(folder: Path, *words: str, code: int = 0) -> str:
    config = folder / "box.toml"
    config.write_text(
        f"""
[box]
id = "b"
tenant = "bank"
time_zone = "Asia/Shanghai"
data_dir = "{folder}"
[mqtt]
host = "localhost"
ca = "ca"
certificate = "c"
key = "k"
[console]
keys = ["k"]
recording_recipients = ["age1x"]
""",
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, [*words, "--config", str(config)])
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.stderr


def test_the_report_commands(box: KeptBox) -> None:
    found = json.loads(run(box.folder, "report", "opt-out-latency", "--json"))
    assert found["summary"]["stopped_ms"] == {"p50": 200, "max": 200}
    table = run(box.folder, "report", "not-made", "--csv", "--language", "zh").splitlines()
    assert table[0].startswith("任务,人员,号码,规则")
    assert len(table) == 4
    assert "'+86…03" in table[3], "no formula for a spreadsheet"
    assert "suppression-lease" in run(box.folder, "report", "refusals", "--since", "2026-03-04")
    assert run(box.folder, "report", "refusals", "--until", "2026-03-01").strip() == "none"
    assert "2026-11-24" in run(box.folder, "report", "refusals", "--since", "soon", code=2)


def test_the_evidence_command_and_its_verification(box: KeptBox) -> None:
    page, data = box.folder / "e.html", box.folder / "e.json"
    run(box.folder, "audit", "evidence", "attempt-1", "--out", str(page))
    assert page.stat().st_mode & 0o077 == 0
    assert not page.with_name("e.html.seal.json").exists(), "this box has no key yet"
    data.write_text(run(box.folder, "audit", "evidence", "attempt-1", "--json", "--whole"), encoding="utf-8")
    for file in (page, data):
        checked = json.loads(run(box.folder, "audit", "verify", str(file), "--json"))
        assert (checked["whole"], checked["compared_with_log"]) == (True, True)
    assert f"<td>{WORDS}</td>" not in page.read_text(encoding="utf-8")
    told = box.folder / "told.html"
    run(box.folder, "audit", "evidence", "attempt-1", "--texts", "--out", str(told))
    assert f"<td>{WORDS}</td>" in told.read_text(encoding="utf-8"), "what was sent, word for word"
    assert json.loads(run(box.folder, "audit", "verify", str(told), "--json"))["whole"]
    box.database.run_now(lambda con: con.execute("DELETE FROM audit_secret"))
    (message,) = json.loads(run(box.folder, "audit", "evidence", "attempt-1", "--texts", "--json"))[
        "messages"
    ]
    assert "said" not in message, "its person's key is destroyed"
    page.write_text(page.read_text(encoding="utf-8").replace("no_decision", "refuses", 1), encoding="utf-8")
    assert "does not show" in run(box.folder, "audit", "verify", str(page), code=1)
    assert "already" in run(box.folder, "audit", "evidence", "attempt-1", "--out", str(page), code=2)
    assert "no call" in run(box.folder, "audit", "evidence", "attempt-77", code=1)


def test_evidence_is_sealed_by_the_boxs_own_key(box: KeptBox) -> None:
    key = Ed25519PrivateKey.generate()
    save_private_key(box.folder / "device.key", key)
    kid, page = key_id(key.public_key()), box.folder / "e.html"
    seal = page.with_name("e.html.seal.json")
    run(box.folder, "audit", "evidence", "attempt-1", "--out", str(page))
    assert seal.stat().st_mode & 0o077 == 0
    listed = json.loads(seal.read_text(encoding="utf-8"))["files"]
    assert [(each["what"], each["name"]) for each in listed] == [
        ("evidence", "e.html"),
        ("recording", "attempt-1"),
    ]
    assert listed[0]["sha256"] == hashlib.sha256(page.read_bytes()).hexdigest()
    checked = json.loads(run(box.folder, "audit", "verify", str(page), "--sealed-by", kid, "--json"))
    assert (checked["whole"], checked["sealed_by"]) == (True, kid)
    assert "not by 00ff" in run(box.folder, "audit", "verify", str(page), "--sealed-by", "00ff", code=1)
    other = box.folder / "other.html"
    run(box.folder, "audit", "evidence", "attempt-1", "--language", "zh", "--out", str(other))
    good = seal.read_text(encoding="utf-8")
    seal.write_bytes(other.with_name("other.html.seal.json").read_bytes())
    assert "not the one that was sealed" in run(box.folder, "audit", "verify", str(page), code=1)
    seal.write_text(good.replace("attempt-1", "attempt-2"), encoding="utf-8")
    assert "somebody changed it" in run(box.folder, "audit", "verify", str(page), code=1)
    seal.write_text("{", encoding="utf-8")
    assert "cannot be read" in run(box.folder, "audit", "verify", str(page), code=1)
    seal.unlink()
    assert "no seal" in run(box.folder, "audit", "verify", str(page))
    assert "vouches for nothing" in run(box.folder, "audit", "verify", str(page), "--sealed-by", kid, code=1)
    forged = Ed25519PrivateKey.generate()
    (box.folder / "device.key").unlink()
    save_private_key(box.folder / "device.key", forged)
    seal.write_text(good, encoding="utf-8")
    assert f"sealed by {kid}" in run(box.folder, "audit", "verify", str(page), code=1), (
        "another box's, or an old key"
    )


def test_holds_asked_for_at_the_box_stand_before_the_daemon_has_taken_them(box: KeptBox) -> None:
    words = ("--by", "Li Wei", "--reason", "case 7")
    held = json.loads(run(box.folder, "retention", "hold", "--person", "mensch-1", *words, "--json"))["hold"]
    assert [one["hold"] for one in json.loads(run(box.folder, "retention", "list", "--json"))["waiting"]] == [
        held
    ]
    assert "case 7" in run(box.folder, "retention", "list")
    assert "one of" in run(box.folder, "retention", "hold", *words, code=2)
    assert "who" in run(
        box.folder, "retention", "hold", "--person", "p", "--by", " ", "--reason", "x", code=2
    )
    run(box.folder, "retention", "release", held, *words)
    assert "no legal hold" in run(box.folder, "retention", "release", "nonsense", *words, code=1)
    assert json.loads(run(box.folder, "retention", "deletions", "--json")) == []
