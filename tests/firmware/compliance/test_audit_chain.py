"""The audit chain: nobody's name in it, and no change to it goes unseen."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.compliance.audit import GENESIS, AuditRow, entry_body, event_body, keyed_ref, link, verify
from firmware.compliance.canonical import canonical_json

KEY = b"k" * 32
NOW = datetime(2026, 11, 23, 2, 0, 0, 123456, tzinfo=UTC)


def chain(bodies: list[str], after: str = GENESIS, first_seq: int = 1) -> list[AuditRow]:
    rows = []
    for seq, body in enumerate(bodies, first_seq):
        rows.append(AuditRow(seq=seq, prev_hash=after, body=body, hash=link(after, body)))
        after = rows[-1].hash
    return rows


@pytest.fixture(scope="module")
def rows() -> list[AuditRow]:
    return chain([event_body("test", {"n": n}, now=NOW) for n in range(6)])


def test_an_untouched_chain_is_whole(rows: list[AuditRow]) -> None:
    assert verify([]) is None
    assert verify(rows) is None
    assert verify(rows, head=(rows[-1].seq, rows[-1].hash)) is None
    assert verify(rows[3:], after=rows[2].hash, first_seq=4) is None
    assert verify(rows[3:], after=rows[2].hash, first_seq=4, head=(3, rows[2].hash)) is None


@pytest.mark.parametrize("at", range(6))
class TestEveryKindOfTampering:
    """…at every place of the chain."""

    def test_a_changed_body(self, rows: list[AuditRow], at: int) -> None:
        bad = [
            replace(row, body=row.body.replace('"n":', '"m":')) if row.seq == at + 1 else row for row in rows
        ]
        assert verify(bad) == f"entry {at + 1} was changed after it was written"

    def test_a_changed_body_with_its_hash_made_to_fit(self, rows: list[AuditRow], at: int) -> None:
        body = event_body("test", {"n": 99}, now=NOW)
        forged = replace(rows[at], body=body, hash=link(rows[at].prev_hash, body))
        bad = [*rows[:at], forged, *rows[at + 1 :]]
        head = (rows[-1].seq, rows[-1].hash)
        assert verify(bad, head=head) is not None

    def test_a_removed_entry(self, rows: list[AuditRow], at: int) -> None:
        head = (rows[-1].seq, rows[-1].hash)
        assert verify([*rows[:at], *rows[at + 1 :]], head=head) is not None

    def test_a_tail_cut_off(self, rows: list[AuditRow], at: int) -> None:
        problem = verify(rows[:at], head=(rows[-1].seq, rows[-1].hash))
        assert problem == f"the chain ends at entry {at}, but entry 6 was published"

    def test_an_entry_written_twice(self, rows: list[AuditRow], at: int) -> None:
        assert verify([*rows[: at + 1], *rows[at:]]) is not None

    def test_the_rest_written_anew(self, rows: list[AuditRow], at: int) -> None:
        prev = rows[at].prev_hash
        forged = chain(
            [event_body("test", {"n": -n}, now=NOW) for n in range(6 - at)], after=prev, first_seq=at + 1
        )
        if at:  # an n of 0 at the very start is the original
            assert verify([*rows[:at], *forged]) is None, "whole by itself…"
        assert verify([*rows[:at], *forged], head=(rows[-1].seq, rows[-1].hash)) is not None, (
            "…but not as published"
        )


def test_what_is_no_entry_is_named() -> None:
    assert verify(chain(["{}"])) == "entry 1 is not an audit entry"
    assert verify(chain(["[" * 100_000])) == "entry 1 is not an audit entry"


def test_the_link_is_fixed_for_ever() -> None:
    body = '{"format":"branchline-audit-1"}'
    expected = hashlib.sha256(b"branchline-audit-1\0" + b"0" * 64 + b"\0" + body.encode()).hexdigest()
    assert link(GENESIS, body) == expected


def test_a_decision_is_told_in_full_and_without_names(scene: Any) -> None:
    known = replace(scene.order, person="zhang-wei", contact="row-77", debt="loan-88")
    decision = replace(scene, order=known).ask(at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    body = entry_body(decision, known, now=NOW, box=scene.box, key=KEY, facts={"attempt": "a-1"})
    entry = json.loads(body)
    fields = entry["fields"]
    for private in ("zhang-wei", "row-77", "loan-88", "13800138000", "13900139000"):
        assert private not in body
    assert entry["kind"] == "decision"
    assert entry["at"] == "2026-11-23T02:00:00.123456+00:00"
    assert (fields["outcome"], fields["rule"], fields["attempt"]) == ("defer", "window", "a-1")
    assert fields["until"] == "2026-11-24T01:00:00.000000+00:00"
    assert fields["policy"] == decision.policy_digest
    assert [tried[0] for tried in fields["tried"]] == [tried.rule for tried in decision.tried]
    assert body == entry_body(decision, known, now=NOW, box=scene.box, key=KEY, facts={"attempt": "a-1"})


def test_references_join_entries_only_under_one_key() -> None:
    assert keyed_ref(KEY, "person", "p") == keyed_ref(KEY, "person", "p")
    assert keyed_ref(KEY, "person", "p") != keyed_ref(KEY, "number", "p")
    assert keyed_ref(KEY, "person", "p") != keyed_ref(b"x" * 32, "person", "p")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(value=json_values)
def test_canonical_json_is_json_and_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    text = canonical_json(value)
    assert text.isascii()
    assert json.loads(text) == value
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == text


@pytest.mark.parametrize("value", [1.5, object(), b"bytes", {"a": 0.1}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)
