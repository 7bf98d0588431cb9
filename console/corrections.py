"""What supervisors heard: kept beside the record, counted as mistakes over time, exported as evaluation sets."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from console.errors import ConsoleError
from console.ledger_facts import insert_new
from console.ledger_tables import OUTCOME
from console.office_tables import CORRECTION
from console.opened_recording import callee_sound, digest_of
from console.private_files import write_private
from firmware.dialogue.intents import MEANINGS
from firmware.values import Disposition

ANSWERS = ("human", "machine", "carrier_announcement", "screening_assistant", "fax", "silence")
NOTHING = "none"
"""The meaning of chatter, as the evaluation of understanding writes it."""
Z_95 = 1.96
_ANSWER_OF = {
    Disposition.MACHINE_NO_MESSAGE: "machine",
    Disposition.MACHINE_LEFT_MESSAGE: "machine",
    Disposition.FAX: "fax",
    Disposition.SCREENING_ASSISTANT: "screening_assistant",
    Disposition.SILENCE: "silence",
}
"""What the box must have taken the answer for; for every outcome that reached somebody: human."""


class Kind(StrEnum):
    """What was judged."""

    ANSWER = "answer"
    INTENT = "intent"
    SLOT = "slot"
    DISPOSITION = "disposition"


class Correction(msgspec.Struct, kw_only=True, frozen=True):
    """One judgement; `was` equal to `right` says that the box was right, which counts too."""

    id: str
    box: str
    attempt: str
    kind: Kind
    said: str = ""
    """The words, for an intent or a slot."""
    language: str = ""
    was: str
    """What the box took it for; empty when nobody knows."""
    right: str
    by: str
    at_ms: int

    @property
    def is_mistake(self) -> bool:
        """Say whether the box was wrong."""
        return self.was != self.right


class Share(msgspec.Struct, kw_only=True, frozen=True):
    """Mistakes among what was listened to, with the interval that holds the true share 19 times of 20."""

    kind: Kind
    month: str
    judged: int
    wrong: int
    least: float
    most: float


def keep(connection: Connection, correction: Correction) -> None:
    """Keep a judgement. Raises ConsoleError for one that cannot be."""
    if problem := _problem(correction):
        raise ConsoleError(problem)
    row = msgspec.to_builtins(correction)
    row["at"] = row.pop("at_ms")
    insert_new(connection, CORRECTION, row)


def what_box_took(connection: Connection, attempt: str, kind: Kind) -> tuple[str, str]:
    """Return the box and what its record says of an attempt; empty where the record does not. Raises ConsoleError."""
    asked = select(OUTCOME.c.box, OUTCOME.c.disposition, OUTCOME.c.reached).where(
        OUTCOME.c.attempt == attempt
    )
    found = connection.execute(asked).first()
    if found is None:
        raise ConsoleError(f"no attempt {attempt!r} is known here; `outcomes --json` names them")
    if kind is Kind.DISPOSITION:
        return found.box, found.disposition
    if kind is Kind.ANSWER:
        known = _ANSWER_OF.get(found.disposition)
        return found.box, known or ("human" if found.reached else "")
    return found.box, ""


def standing(connection: Connection) -> list[Correction]:
    """Return what counts now: of two judgements about one thing the later one."""
    last: dict[tuple[str, str, str, str, str], Correction] = {}
    for each in _read(connection, select(CORRECTION)):
        slot = each.right.partition("=")[0] if each.kind is Kind.SLOT else ""
        last[each.box, each.attempt, each.kind, each.said, slot] = each
    return sorted(last.values(), key=lambda each: (each.at_ms, each.id))


def of_call(connection: Connection, box: str, attempt: str) -> list[Correction]:
    """Return every judgement of one call, the oldest first, also those that a later one took the place of."""
    here = (CORRECTION.c.box == box) & (CORRECTION.c.attempt == attempt)
    return _read(connection, select(CORRECTION).where(here))


def mistakes(corrections: Iterable[Correction]) -> list[Share]:
    """Return the share of mistakes by kind and month (UTC); what nobody listened to is not in it."""
    groups: dict[tuple[str, Kind], list[bool]] = defaultdict(list)
    for each in corrections:
        if each.was:
            month = f"{datetime.fromtimestamp(each.at_ms / 1000, UTC):%Y-%m}"
            groups[month, each.kind].append(each.is_mistake)
    found = []
    for (month, kind), judged in sorted(groups.items()):
        least, most = wilson(sum(judged), len(judged))
        found.append(
            Share(kind=kind, month=month, judged=len(judged), wrong=sum(judged), least=least, most=most)
        )
    return found


def wilson(n_hits: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's interval of a share, of 95 % unless another `z` is given; of nothing it is everything."""
    if not n:
        return 0.0, 1.0
    share, extra = n_hits / n, z**2 / n
    middle = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * math.sqrt(share * (1 - share) / n + extra / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def export(
    corrections: Sequence[Correction],
    target: Path,
    *,
    recordings: Path | None,
    sealed_as: Mapping[str, str],
    identity: Path,
) -> dict[str, int]:
    """Write evaluation sets into a new folder. Return how many of each kind. Raises ConsoleError.

    `phrases.toml` is what `benchmarks.understanding_evaluation` reads, `answers/CLASS-….wav` what
    `benchmarks.answer_report` reads; slots and dispositions are JSON, one a line. `sealed_as` is attempt to SHA-256 of
    the recording, looked for among the files of `recordings`.
    """
    try:
        target.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ConsoleError(f"{target}: {error.strerror}; name a new folder") from None
    counts = {"phrases": 0, "slots": 0, "dispositions": 0, "answers": 0, "answers without a recording": 0}
    phrases = [each for each in corrections if each.kind is Kind.INTENT]
    if phrases:
        write_private(target / "phrases.toml", _phrases(phrases).encode())
        counts["phrases"] = len(phrases)
    for kind, name in ((Kind.SLOT, "slots"), (Kind.DISPOSITION, "dispositions")):
        found = [each for each in corrections if each.kind is kind]
        if found:
            lines = "".join(json.dumps(_line(each), ensure_ascii=False) + "\n" for each in found)
            write_private(target / f"{name}.jsonl", lines.encode())
            counts[name] = len(found)
    answers = [each for each in corrections if each.kind is Kind.ANSWER]
    if answers:
        (target / "answers").mkdir(mode=0o700)
        files = (
            {digest_of(path): path for path in sorted(recordings.iterdir()) if path.is_file()}
            if recordings
            else {}
        )
        for each in answers:
            sealed = files.get(sealed_as.get(each.attempt, "none"))
            if sealed is None:
                counts["answers without a recording"] += 1
                continue
            # The attempt's own name may hold a dash; the class is what stands before the first one.
            write_private(target / "answers" / f"{each.right}-{each.id}.wav", callee_sound(sealed, identity))
            counts["answers"] += 1
    return counts


def _read(connection: Connection, asked: Select[Any]) -> list[Correction]:
    found = []
    for row in connection.execute(asked.order_by(CORRECTION.c.at, CORRECTION.c.id)):
        fields = dict(row._mapping)
        at_ms = fields.pop("at")
        found.append(Correction(**{**fields, "kind": Kind(row.kind), "at_ms": at_ms}))
    return found


def _problem(correction: Correction) -> str | None:
    match correction.kind:
        case Kind.ANSWER:
            allowed: Iterable[str] = ANSWERS
        case Kind.INTENT:
            allowed = (*sorted(MEANINGS), NOTHING)
        case Kind.DISPOSITION:
            allowed = [each.value for each in Disposition]
        case Kind.SLOT:
            name, equals, value = correction.right.partition("=")
            if not (name.isidentifier() and equals and value):
                return "write a slot as name=value, such as day=2026-11-27 or amount=200.00"
            allowed = (correction.right,)
    if correction.right not in allowed:
        return f"{correction.right!r} is no {correction.kind}; there are {', '.join(allowed)}"
    if correction.kind in {Kind.INTENT, Kind.SLOT} and not (
        correction.said and correction.language in {"zh", "en"}
    ):
        return "give what was said with --text, and --language zh or en"
    if not correction.by.strip():
        return "say who listened: --by NAME"
    return None


def _phrases(corrections: Sequence[Correction]) -> str:
    by_language: dict[str, dict[str, list[str]]] = {}
    for each in corrections:
        said = by_language.setdefault(each.language, {}).setdefault(each.right, [])
        if each.said not in said:
            said.append(each.said)
    parts = []
    for language, meanings in sorted(by_language.items()):
        parts.append(f"[{language}]")
        parts += [f"{name} = [{', '.join(map(_toml_text, said))}]" for name, said in sorted(meanings.items())]
        parts.append("")
    return "\n".join(parts)


def _toml_text(text: str) -> str:
    """Return a TOML string: a JSON string is one, but for DEL, which TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _line(correction: Correction) -> dict[str, str]:
    line = {"attempt": correction.attempt, "was": correction.was, "right": correction.right}
    if correction.kind is Kind.SLOT:
        name, _, value = correction.right.partition("=")
        return {"attempt": correction.attempt, "language": correction.language, "text": correction.said,
                "slot": name, "value": value}  # fmt: skip
    return line
