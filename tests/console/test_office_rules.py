"""`policy` and `audit` over a real broker: a release waits there for its box, entries are fetched and held against heads."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from console.audit_ledger import findings
from console.cli import app
from console.command_audit import fetch_entries
from console.errors import ConsoleError
from console.ledger import Arrival, Ledger
from console.office import Office
from firmware.clock import SimulatedClock
from firmware.compliance import audit
from firmware.sync.device_key import public_text, sign_head
from firmware.sync.messages import BoxEvent
from firmware.sync.messages_audit import AuditEntry, AuditHead, AuditRequest, AuditSegment
from firmware.sync.messages_policy import PolicyRelease

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
OVERLAY = """
schema = 1
[pack]
id = "office"
version = 1
title = "Closed"
layer = "overlay"
status = "published"
effective_from = 2026-11-24
review_by = 2027-06-30
[time]
extra_closed_dates = [2026-12-28]
"""


def chain(n_entries: int, *, word: str = "x") -> list[AuditEntry]:
    previous, entries = audit.GENESIS, []
    for number in range(1, n_entries + 1):
        body = audit.event_body(word, {"number": number}, now=AT)
        entries.append(
            AuditEntry(entry=number, previous=previous, body=body, hash=audit.link(previous, body))
        )
        previous = entries[-1].hash
    return entries


def head(
    entry: AuditEntry, seq: int, *, key: Ed25519PrivateKey = KEY, chain: str = "s1", box: str = "b1"
) -> AuditHead:
    signed = sign_head(key, box=box, chain=chain, entry=entry.entry, hash=entry.hash, signed_at=AT)
    return AuditHead(
        id=f"h{chain}{seq}{entry.hash[:8]}", at=AT, stream=chain, seq=seq, box=box, chain=chain, entry=entry.entry,
        hash=entry.hash, signed_at=AT, key=public_text(key.public_key()), signature=signed,
    )  # fmt: skip


def found_after(tmp_path: Path, *messages: Any) -> list[str]:
    ledger = Ledger(tmp_path / "ledger.db")
    for message in messages:
        ledger.record([Arrival(box="b1", message=message)], seen_at=AT)
    with ledger.reading() as rows:
        return [f"{each.severity} {each.what}" for each in findings(rows, "b1")]


class TestHeads:
    LOG, OTHER = chain(5), chain(5, word="y")

    def segment(self, *entries: AuditEntry) -> AuditSegment:
        return AuditSegment(
            id="seg", at=AT, stream="s1", seq=50, about="r", chain="s1", entries=list(entries), is_last=True
        )

    def test_a_log_that_grows_is_in_order(self, tmp_path: Path) -> None:
        heads = [head(self.LOG[2], 1), head(self.LOG[2], 2), head(self.LOG[4], 3)]
        assert found_after(tmp_path, *heads, self.segment(*self.LOG)) == []

    @pytest.mark.parametrize(
        ("messages", "what"),
        [
            pytest.param([head(LOG[4], 1), head(LOG[2], 2)], "cut short", id="shrunk"),
            pytest.param([head(LOG[2], 2), head(LOG[4], 1)], "cut short", id="shrunk, arriving in the other order"),
            pytest.param([head(LOG[4], 1), head(OTHER[4], 2)], "was rewritten", id="rewritten"),
            pytest.param([head(LOG[4], 1), head(LOG[4], 2, key=Ed25519PrivateKey.generate())], "not the box's", id="another key"),
            pytest.param([head(LOG[4], 1, box="b2")], "not signed by the box", id="another box's head"),
            pytest.param([head(LOG[4], 1), head(LOG[1], 1, chain="s2")], "no restoration", id="a new log out of nothing"),
        ],
    )  # fmt: skip
    def test_a_log_that_does_not_is_an_alarm(self, tmp_path: Path, messages: list[Any], what: str) -> None:
        (finding,) = found_after(tmp_path, *messages)
        assert finding.startswith("alarm ")
        assert what in finding

    def test_a_restored_database_that_says_so_is_told_apart(self, tmp_path: Path) -> None:
        told = BoxEvent(id="e", at=AT, stream="s2", seq=1, event="database_restored", severity="alarm")
        (finding,) = found_after(tmp_path, head(self.LOG[4], 1), told, head(self.LOG[1], 2, chain="s2"))
        assert finding.startswith("warning log s1 ended at entry 5")

    @pytest.mark.parametrize("place", range(5))
    def test_an_entry_that_was_changed_or_exchanged_is_found(self, tmp_path: Path, place: int) -> None:
        entries = [*self.LOG]
        entries[place] = self.OTHER[place]
        assert found_after(tmp_path, head(self.LOG[4], 1), self.segment(*entries))


def test_entries_are_fetched_and_a_log_shorter_than_its_head_is_refused(
    office: Office, broker: object, play: Callable[..., Any], clock: SimulatedClock
) -> None:
    log = chain(3)
    ledger = Ledger(office.ledger)
    ledger.record([Arrival(box="b1", message=head(log[2], 1))], seen_at=AT)

    async def story() -> int:
        async with play(office, "b1") as box:

            async def serve() -> None:
                while not any(isinstance(message, AuditRequest) for message in box.heard):  # noqa: ASYNC110 - as below
                    await asyncio.sleep(0.01)
                (asked,) = [message for message in box.heard if isinstance(message, AuditRequest)]
                for number, entry in enumerate(log):
                    segment = AuditSegment(
                        id=f"seg{number}", at=AT, stream="s1", seq=2 + number, about=asked.id, chain="s1",
                        entries=[entry], is_last=number == 2,
                    )  # fmt: skip
                    await box.say("audit", segment)

            serving = asyncio.create_task(serve())
            n_entries = await fetch_entries(office, "b1", patience_s=20, clock=clock)
            await serving
        return n_entries

    assert asyncio.run(story()) == 3
    done = CliRunner().invoke(app, ["--office", str(office.folder), "audit", "check", "b1"])
    assert (done.exit_code, "3 of 3 entries are here" in done.output) == (0, True)


def test_a_release_waits_at_the_broker_and_one_that_widens_never_leaves(
    office: Office, broker: object, play: Callable[..., Any], tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text(OVERLAY, encoding="utf-8")
    pushing = ["--office", str(office.folder), "policy", "push", "--overlay", str(overlay), "--wait", "0"]
    assert CliRunner().invoke(app, pushing).exit_code == 0

    async def story() -> PolicyRelease:
        async with play(office, "b1") as box, asyncio.timeout(10):
            while not box.heard:  # noqa: ASYNC110 - a played box has no event
                await asyncio.sleep(0.01)
        message = box.heard[0]
        assert isinstance(message, PolicyRelease)
        return message

    kept = asyncio.run(story())
    assert (kept.version, kept.overlay) == (1, OVERLAY)
    status = CliRunner().invoke(app, ["--office", str(office.folder), "policy", "status", "--json"])
    assert status.output.count("no answer yet") == 2
    overlay.write_text(OVERLAY + "end_guard_s = 1\n", encoding="utf-8")
    refused = CliRunner().invoke(app, pushing)
    assert isinstance(refused.exception, ConsoleError)
    assert "would widen end_guard_s" in str(refused.exception)
