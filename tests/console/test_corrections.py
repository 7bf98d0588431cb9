"""What supervisors heard stays beside the record, is counted, and is read by the evaluations that it is exported for."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from audio.events import RecordingChunk
from audio.recording import SealedRecording
from benchmarks.answer_report import recorded
from benchmarks.answer_set import CLASSES
from benchmarks.understanding_corpus import NOTHING as THEIR_NOTHING
from benchmarks.understanding_evaluation import read as read_phrases
from console.corrections import ANSWERS, NOTHING, Correction, Kind, keep, mistakes, standing, wilson
from console.errors import ConsoleError
from console.ledger import Arrival, Ledger
from console.office import Office
from console.opened_recording import digest_of
from console.reports import outcome_lines
from firmware.sync.messages import OutcomeMessage
from firmware.values import Disposition
from tests.console.command_line import said

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Outcome = Callable[..., OutcomeMessage]


def correction(n: int, **changes: object) -> Correction:
    fields: dict[str, object] = {
        "id": f"{n:04d}", "box": "b1", "attempt": "attempt-0001", "kind": Kind.DISPOSITION, "was": "no_answer",
        "right": "busy", "by": "Li", "at_ms": n,
    }  # fmt: skip
    return Correction(**(fields | changes))  # type: ignore[arg-type]


def test_our_words_are_those_of_the_evaluations() -> None:
    assert (ANSWERS, NOTHING) == (CLASSES, THEIR_NOTHING)


def test_corrections_export_as_what_the_evaluations_read(
    office: Office, outcome: Outcome, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recordings = tmp_path / "sealed"
    recordings.mkdir()
    sealed = SealedRecording(
        recordings / "call.rec",
        [office.recording_recipient.read_text().strip()],
        started_at="2026-11-02T02:00:00Z",
    )
    left = np.full((8000, 2), (500, 0), "<i2")
    sealed.append(RecordingChunk(index=0, pcm=left.tobytes(), first_at_ms=0, is_last=True))
    sealed.close()
    digest = digest_of(recordings / "call.rec")
    ledger = Ledger(office.ledger)
    calls = [
        outcome(
            1, disposition=Disposition.NO_DECISION, reached=True, recording="r1", recording_sha256=digest
        ),
        outcome(2, disposition=Disposition.MACHINE_NO_MESSAGE),
    ]
    ledger.record([Arrival(box="b1", message=each) for each in calls], seen_at=NOW)
    with ledger.reading() as rows:
        before = outcome_lines(rows)
    where = ("--by", "Li", "--office", office.folder, "--json")
    first = ("correct", "attempt-0001", *where)
    words = '他"说\\过\u007f下周'
    for arguments in (
        (*first, "--answer", "machine"),
        (*first, "--intent", "promise_to_pay", "--text", words, "--language", "zh"),
        (*first, "--intent", "none", "--text", "lovely weather", "--language", "en"),
        (*first, "--slot", "day=2026-11-27", "--text", "on the 27th", "--language", "en"),
        (*first, "--disposition", "dispute"),
        ("correct", "attempt-0002", *where, "--answer", "machine"),
    ):
        code, out, err = said(capsys, *arguments)
        assert code == 0, err
    assert json.loads(out)["is_mistake"] is False, "listened to, and right"
    target = tmp_path / "set"
    code, out, _ = said(
        capsys,
        "corrections",
        "export",
        target,
        "--recordings",
        recordings,
        "--office",
        office.folder,
        "--json",
    )
    assert json.loads(out) == {
        "phrases": 2, "slots": 1, "dispositions": 1, "answers": 1, "answers without a recording": 1,
    }  # fmt: skip
    assert [(each.text, each.right) for each in read_phrases(target / "phrases.toml", "zh")] == [
        (words, frozenset({"promise_to_pay"}))
    ]
    assert [each.right for each in read_phrases(target / "phrases.toml", "en")] == [frozenset()]
    [call] = recorded(target / "answers", None)
    assert (call.answer, len(call.pcm)) == ("machine", 8000)
    assert np.abs(call.pcm.astype(int) - 500).max() <= 1, "the person called alone"
    assert json.loads((target / "slots.jsonl").read_text())["value"] == "2026-11-27"
    assert all(path.stat().st_mode & 0o077 == 0 for path in target.rglob("*"))
    with ledger.reading() as rows:
        assert outcome_lines(rows) == before, "the record stays as it was"
    assert said(capsys, "corrections", "export", target, "--office", office.folder)[0] == 1
    plot = tmp_path / "plot.svg"
    shares = json.loads(
        said(capsys, "corrections", "mistakes", "--plot", plot, "--office", office.folder, "--json")[1]
    )
    assert [(each["kind"], each["judged"], each["wrong"]) for each in shares] == [
        ("answer", 2, 1), ("disposition", 1, 1),
    ]  # fmt: skip
    assert "<svg" in plot.read_text()
    assert "lovely" not in said(capsys, "corrections", "list", "--office", office.folder)[1]


def test_a_later_judgement_counts_instead(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    with ledger.transaction() as rows:
        keep(rows, correction(1))
        keep(rows, correction(2, right="no_answer"))
        keep(rows, correction(3, attempt="attempt-0002"))
        found = standing(rows)
    assert [(each.attempt, each.is_mistake) for each in found] == [
        ("attempt-0001", False),
        ("attempt-0002", True),
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"right": "maybe"}, "is no disposition"),
        ({"kind": Kind.ANSWER, "right": "robot"}, "is no answer"),
        ({"kind": Kind.INTENT, "right": "opt_out"}, "--text"),
        ({"kind": Kind.SLOT, "right": "tomorrow", "said": "x", "language": "en"}, "name=value"),
        ({"by": " "}, "--by"),
    ],
)
def test_a_judgement_that_cannot_be(tmp_path: Path, changes: dict[str, object], text: str) -> None:
    with Ledger(tmp_path / "ledger.db").transaction() as rows, pytest.raises(ConsoleError, match=text):
        keep(rows, correction(1, **changes))


@pytest.mark.parametrize(
    ("hits", "n", "least", "most"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)]
)
def test_an_interval_is_wilsons(hits: int, n: int, least: float, most: float) -> None:
    """The values of the tables: Newcombe 1998 for 81 of 263."""
    assert wilson(hits, n) == pytest.approx((least, most), abs=1e-4)


def test_mistakes_are_counted_by_month_among_what_was_judged() -> None:
    day = int(timedelta(days=1).total_seconds() * 1000)
    at = int(NOW.timestamp() * 1000)
    found = mistakes(
        [correction(n, at_ms=at + n * day, right="busy" if n % 2 else "no_answer") for n in range(40)]
        + [correction(99, was="", at_ms=at)]
    )
    assert [(each.month, each.judged, each.wrong) for each in found] == [
        ("2026-11", 29, 14),
        ("2026-12", 11, 6),
    ]
