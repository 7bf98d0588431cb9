"""The evidence of one call shows what the box knows, holds together, and falls apart when somebody edits it."""

import json
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import msgspec
import pytest

from firmware.evidence.checking import NotEvidenceError, check_evidence, read_evidence
from firmware.evidence.collecting import NoSuchCallError, collect
from firmware.evidence.comparing import compare_with_log
from firmware.evidence.facts import Evidence, evidence_schema
from firmware.evidence.page import data_in, page_of
from firmware.evidence.wording import WORDS
from firmware.store.attempts import CallEvent
from tests.firmware.retention.kept_box import CALLED, DAY, KeptBox
from tests.firmware.retention.kept_box import WORDS as SPOKEN
from tests.scenarios.virtual_time import run_virtually

HOSTILE = "</script><script>alert(1)</script> <img src=x onerror=alert(1)> \"'&"
FLOW = Path(__file__).resolve().parents[3] / "examples" / "overdue-reminder.yaml"
SECOND = timedelta(seconds=1)


def event(after_s: float, kind: str, **detail: object) -> CallEvent:
    return CallEvent(at=CALLED + after_s * SECOND, kind=kind, detail=json.dumps(detail))


LOG = [
    event(3, "say", prompt="opening", roles=["automated", "identity"]),
    event(3.1, "prompt_started", prompt="opening"),
    event(5, "prompt_said", prompt="opening", ms=1900, interrupted=True),
    event(6, "digit", digit="•", ms=100),
    event(7, "digit", digit="1", ms=100),
]


@pytest.fixture
def box(tmp_path: Path) -> KeptBox:
    box = KeptBox(tmp_path)
    box.campaign_name, box.flow_text, box.call_log = HOSTILE, FLOW.read_text(encoding="utf-8"), LOG
    for place in (1, 2, 3):
        box.person(place)
    return box


def shown(box: KeptBox, attempt: str = "attempt-1", *, whole: bool = False, language: str = "en") -> Evidence:
    return box.database.run_now(
        lambda con: collect(
            con,
            attempt,
            box=HOSTILE,
            version="1",
            language=language,  # type: ignore[arg-type]
            at=CALLED,
            whole_chain=whole,
        )
    )


class Scripts(HTMLParser):
    """Collects what a browser would run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "link", "iframe") and given.get("type") != "application/json":
            self.found.append(tag)
        self.found += [name for name in given if name in ("src", "href") or name.startswith("on")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_was_said_heard_and_decided_is_shown(box: KeptBox) -> None:
    evidence = shown(box)
    (decision,) = evidence.decisions
    assert (decision.point, decision.clock) == ("predial", "trusted")
    assert len(decision.tried) > 20
    assert {pack.name for pack in evidence.packs} == {"cn@1", "floor@1"}
    assert all(len(pack.digest) == 64 and pack.approved_by == "assumed" for pack in evidence.packs)
    (said,) = evidence.said
    assert (said.prompt, said.heard_ms, said.interrupted) == ("opening", 1900, True)
    assert said.started_at == CALLED + 3.1 * SECOND
    assert "{creditor}" in " ".join(said.wording.values())
    assert [heard.what for heard in evidence.heard] == ["•", "1", f"{SPOKEN} 1"]
    assert evidence.recording is not None
    assert (evidence.recording.is_here, evidence.recording.is_unchanged) == (True, False), (
        "not what was sealed"
    )
    (message,) = evidence.messages or ()
    assert (message.text, message.state, message.n_parts, message.sent_at) == ("thanks", "sent", 1, CALLED)
    assert evidence.call.number == "+86…01"
    jsonschema.validate(json.loads(msgspec.json.encode(evidence)), evidence_schema())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_loads_and_runs_nothing_whatever_the_names(box: KeptBox, language: str) -> None:
    page = page_of(shown(box, language=language))
    seen = Scripts()
    seen.feed(page)
    assert (seen.found, seen.open) == ([], [])
    assert "alert(1)" in page
    assert "+8613123456701" not in page
    column = ["en", "zh"].index(language)
    for key in ("title", "decisions", "said", "heard", "recording", "messages", "chain"):
        assert WORDS[key][column] in page
    data = data_in(page)
    assert data is not None
    assert msgspec.json.decode(data, type=Evidence) == shown(box, language=language)


@pytest.mark.parametrize("whole", [False, True])
def test_it_holds_together_and_the_box_agrees(box: KeptBox, tmp_path: Path, *, whole: bool) -> None:
    evidence = shown(box, whole=whole)
    path = tmp_path / "evidence.html"
    path.write_text(page_of(evidence), encoding="utf-8")
    assert read_evidence(path) == (evidence, "")
    assert check_evidence(evidence) == ""
    assert box.database.run_now(lambda con: compare_with_log(con, evidence)) == ""
    assert [link.seq for link in evidence.chain] == [1, 2, 3, 4]
    assert sum(link.body is not None for link in evidence.chain) == (4 if whole else 2)


def test_whoever_edits_it_is_found_out(box: KeptBox, tmp_path: Path) -> None:
    evidence = shown(box)
    page = page_of(evidence)
    path = tmp_path / "evidence.html"
    path.write_text(page.replace("no_decision", "promise_full", 1), encoding="utf-8")
    assert "does not show" in read_evidence(path)[1]
    path.write_text("<!doctype html><p>", encoding="utf-8")
    with pytest.raises(NotEvidenceError):
        read_evidence(path)
    decision = evidence.decisions[0]
    edits = [
        msgspec.structs.replace(
            evidence, decisions=(msgspec.structs.replace(decision, outcome="hold", rule="other"),)
        ),
        msgspec.structs.replace(evidence, decisions=(msgspec.structs.replace(decision, tried=()),)),
        msgspec.structs.replace(evidence, chain=(evidence.chain[0], *evidence.chain[2:])),
        msgspec.structs.replace(evidence, chain=evidence.chain[:-1]),
        msgspec.structs.replace(evidence, chain=()),
        msgspec.structs.replace(
            evidence,
            chain=tuple(
                msgspec.structs.replace(link, body=link.body and link.body.replace("cn@1", "cn@2"))
                for link in evidence.chain
            ),
        ),
        msgspec.structs.replace(evidence, call=msgspec.structs.replace(evidence.call, attempt="attempt-2")),
    ]
    assert all(check_evidence(edited) for edited in edits)
    other = shown(box, "attempt-2")
    forged = msgspec.structs.replace(
        other, chain=(*other.chain[:-1], msgspec.structs.replace(other.chain[-1], hash="0" * 64))
    )
    assert "entry 4" in box.database.run_now(lambda con: compare_with_log(con, forged))


def test_what_is_not_there_is_said_so(box: KeptBox) -> None:
    with pytest.raises(NoSuchCallError, match="no call"):
        shown(box, "attempt-9")

    async def story() -> None:
        box.expire()
        await box.until(740 * DAY)
        evidence = shown(box)
        assert evidence.recording is not None
        assert evidence.recording.deleted_by is not None, "the proof of its deletion stands in its place"
        assert check_evidence(evidence) == ""
        await box.until(1120 * DAY)
        with pytest.raises(NoSuchCallError, match="deleted when its time had come"):
            shown(box)

    run_virtually(story())
