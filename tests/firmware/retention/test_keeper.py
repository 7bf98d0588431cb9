"""What is past its time goes, whole and for good, and is proved gone; what must stay, stays."""

import asyncio
import os
import sqlite3
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from firmware.calls.audit_check import chain_problem, counters_problem, replay
from firmware.retention import hold_requests, recordings
from firmware.retention.hold_requests import HoldRequest
from firmware.retention.periods import Period
from firmware.store import audit_log, destroyed_keys, legal_holds, retention
from firmware.store.errors import StoreConflictError, StoreFailedError
from firmware.store.inline_executor import InlineExecutor
from firmware.store.restoring import open_or_restore
from firmware.store.snapshot import snapshots
from firmware.sync.reports import renumbered
from tests.firmware.retention.kept_box import CALLED, DAY, NAME, WORDS, Budget, KeptBox, number_of
from tests.scenarios.virtual_time import run_virtually

RECORDS = 1096 * DAY
"""China's least for the records of a call, and the default."""
RECORDINGS = 731 * DAY


@pytest.fixture
def box(tmp_path: Path) -> KeptBox:
    box = KeptBox(tmp_path)
    for place in (1, 2):
        box.person(place)
    return box


def run(work: Coroutine[Any, Any, None]) -> None:
    run_virtually(work)


def whole(box: KeptBox) -> str:
    return box.database.run_now(lambda con: chain_problem(con) or counters_problem(con))


def hold(box: KeptBox, scope: Any, subject: str) -> str:
    name = str(uuid.uuid4())
    request = HoldRequest(
        action="hold", hold=name, by="Li Wei", reason="case 7", at=CALLED, scope=scope, subject=subject
    )
    hold_requests.hand_over(box.folder, request, name)
    return name


def test_everything_of_a_person_goes_at_its_time_and_not_a_day_before(box: KeptBox) -> None:
    async def story() -> None:
        secret = box.database.run_now(lambda con: bytes(con.value("SELECT key FROM audit_secret LIMIT 1")))
        await box.database.snapshot(at=box.now)
        box.expire()
        await box.until(RECORDINGS - DAY)
        assert box.value("SELECT count(*) FROM recording") == 2
        await box.until(RECORDINGS + 6 * DAY)
        assert (box.value("SELECT count(*) FROM recording"), list((box.folder / "recordings").iterdir())) == (
            0,
            [],
        )
        await box.until(RECORDS + 4 * DAY)
        assert box.files_with(NAME), "the campaign was over five days after the call: not yet"
        await box.until(RECORDS + 12 * DAY)
        for text in (NAME, WORDS, number_of(1)[1:], "mensch-1", secret):
            assert box.files_with(text) == [], text
        assert whole(box) == ""
        found = box.database.run_now(lambda con: replay(con, box.key))
        assert (found.problems, found.erased) == ([], 2)
        proofs = box.entries("deletion")
        assert [(proof["what"], proof["rule"], proof["days"]) for proof in proofs] == [
            ("recording", "minimum", 731),
            ("recording", "minimum", 731),
            ("person", "default", 1096),
            ("person", "default", 1096),
        ]
        assert proofs[2]["attempts"] == ["attempt-1"]
        assert (proofs[2]["contacts"], proofs[2]["events"], proofs[2]["outcomes"]) == (1, 1, 1)
        assert box.value("SELECT count(*) FROM attempt WHERE disposition = 'no_decision'") == 2, (
            "they still count"
        )
        assert len(snapshots(box.database.path)) == 1
        before = len(proofs)
        await box.until(RECORDS + 20 * DAY)
        assert len(box.entries("deletion")) == before, "nothing is deleted twice"

    run(story())


def test_what_nobody_ever_fetched_goes_at_its_term_after_a_warning_and_with_proof(box: KeptBox) -> None:
    async def story() -> None:
        box.person(3, uploaded=False)
        box.expire()
        await box.until(RECORDINGS - 40 * DAY)
        assert "recordings_never_fetched" not in box.events()
        await box.until(RECORDINGS - 29 * DAY)
        await box.until(RECORDINGS - 20 * DAY)
        assert box.events().count("recordings_never_fetched") == 1
        await box.until(RECORDINGS - DAY)
        assert box.entries("deletion") == []
        await box.until(RECORDINGS + DAY)
        assert box.value("SELECT count(*) FROM recording") == 0
        assert not list((box.folder / "recordings").iterdir())
        (proof,) = [each for each in box.entries("deletion") if each["attempt"] == "attempt-3"]
        assert (proof["rule"], proof["received_at"]) == ("minimum", None)
        assert datetime.fromisoformat(str(proof["warned_at"])) == CALLED + RECORDINGS - 29 * DAY
        assert box.events().count("recordings_never_fetched") == 1

    run(story())


def test_the_most_that_a_law_allows_is_not_stretched_by_a_late_warning(
    box: KeptBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        box.person(3, uploaded=False)
        box.expire()
        short = Period(days=2, rule="maximum", packs=("eu@1",))
        monkeypatch.setattr(recordings, "recording_period", lambda *_: short)
        await box.until(2 * DAY)
        assert box.value("SELECT count(*) FROM recording WHERE recording = 'attempt-3'") == 1, (
            "warned of first"
        )
        assert box.events().count("recordings_never_fetched") == 1
        await box.until(3 * DAY)
        assert box.value("SELECT count(*) FROM recording") == 0

    run(story())


def test_a_box_that_was_off_at_its_term_warns_first_and_a_hold_outlasts_the_warning(box: KeptBox) -> None:
    async def story() -> None:
        box.person(3, uploaded=False)
        box.person(4, uploaded=False)
        box.expire()
        hold(box, "recording", "attempt-4")
        await box.keeper.holds.take_requests()
        await box.until(RECORDINGS + 40 * DAY)
        assert box.events()[-2:] == ["recordings_never_fetched", "retention_waits"]
        await box.until(RECORDINGS + 46 * DAY)
        assert box.value("SELECT count(*) FROM recording") == 2, "warned of for less than a week"
        await box.until(RECORDINGS + 48 * DAY)
        assert box.value("SELECT recording FROM recording") == "attempt-4"
        assert box.value("SELECT alarmed_at FROM recording") is None, "held: nobody loses it"

    run(story())


def test_an_unreceived_outcome_keeps_its_person(box: KeptBox) -> None:
    async def story() -> None:
        from firmware.store import outbox

        box.database.run_now(lambda con: outbox.append(con, "outcome", lambda _seq: b"{}", CALLED))
        box.expire()
        await box.until(RECORDS + 12 * DAY)
        assert box.value("SELECT count(*) FROM contact WHERE person <> ''") == 2
        box.received()
        await box.until(RECORDS + 14 * DAY)
        assert box.value("SELECT count(*) FROM contact WHERE person <> ''") == 0

    run(story())


def test_rendered_prompts_go_when_they_are_old(box: KeptBox) -> None:
    async def story() -> None:
        folder = box.folder / "prompts" / "zh"
        folder.mkdir(parents=True)
        for name, age in (("old", 100), ("new", 10)):
            path = folder / name
            path.write_bytes(b"sound")
            made_s = (CALLED - age * DAY).timestamp()
            os.utime(path, (made_s, made_s))
        await box.keeper.run_pass()
        assert [path.name for path in folder.iterdir()] == ["new"]
        assert box.entries("deletion") == [
            {"box": "b", "boot": "1", "what": "prompts", "files": 1, "days": 90}
        ]

    run(story())


def test_opt_outs_survive_for_ever(box: KeptBox) -> None:
    async def story() -> None:
        box.opt_out(1)
        box.expire()
        await box.until(RECORDS + 12 * DAY)
        assert box.value("SELECT person FROM suppression") == "mensch-1"

    run(story())


def test_somebody_never_called_goes_soon_and_the_key_to_why_not_stays_as_long_as_the_log_must(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        box = KeptBox(tmp_path)
        box.person(1, called=False)
        box.expire()
        await box.until(89 * DAY)
        assert box.files_with(NAME)
        await box.until(104 * DAY)
        assert box.files_with(NAME) == []
        assert box.value("SELECT count(*) FROM contact") == 0
        assert box.value("SELECT count(*) FROM audit_secret") == 1
        await box.until(RECORDS + 12 * DAY)
        assert box.value("SELECT count(*) FROM audit_secret") == 0
        assert [proof["what"] for proof in box.entries("deletion")] == ["person", "key"]

    run(story())


def test_a_running_campaign_keeps_its_people(box: KeptBox) -> None:
    async def story() -> None:
        await box.until(RECORDS + 40 * DAY)
        assert box.value("SELECT count(*) FROM contact WHERE person <> ''") == 2

    run(story())


@pytest.mark.parametrize(
    ("scope", "subject", "kept"),
    [("person", "mensch-1", {"k1"}), ("campaign", "c1", {"k1", "k2"}), ("recording", "attempt-2", {"k2"})],
)
def test_a_legal_hold_stops_deletion_until_it_is_released(
    box: KeptBox, scope: str, subject: str, kept: set[str]
) -> None:
    async def story() -> None:
        name = hold(box, scope, subject)
        assert await box.keeper.holds.take_requests() == ""
        await box.keeper.holds.tell_holds()
        box.expire()
        await box.until(RECORDS + 30 * DAY)
        rows = box.database.run_now(lambda con: con.rows("SELECT contact FROM contact WHERE person <> ''"))
        assert {row["contact"] for row in rows} == kept
        assert len(list((box.folder / "recordings").iterdir())) == len(kept)
        (entry,) = box.entries("legal_hold")
        assert (entry["action"], entry["by"], entry["reason"]) == ("set", "Li Wei", "case 7")
        assert entry["subject"] != "mensch-1", "a person stands in the log only as a keyed hash"
        release = HoldRequest(action="release", hold=name, by="Chen Jing", reason="settled", at=CALLED)
        hold_requests.hand_over(box.folder, release, f"~{name}")
        await box.keeper.holds.take_requests()
        await box.keeper.holds.tell_holds()
        assert [entry["action"] for entry in box.entries("legal_hold")] == ["set", "released"]
        await box.until(RECORDS + 40 * DAY)
        assert box.value("SELECT count(*) FROM contact WHERE person <> ''") == 0
        assert whole(box) == ""

    run(story())


def test_a_hold_that_cannot_be_read_stops_every_deletion_and_one_that_vanished_stops_the_dialling(
    box: KeptBox,
) -> None:
    async def story() -> None:
        hold(box, "person", "mensch-1")
        (hold_requests.folder_of(box.folder) / "broken.json").write_text("{", encoding="utf-8")
        assert "broken.json" in await box.keeper.holds.take_requests()
        await box.keeper.holds.tell_holds()
        with pytest.raises(StoreConflictError):
            box.database.run_now(lambda con: con.execute("DELETE FROM legal_hold"))
        box.database.run_now(lambda con: con.execute("DROP TRIGGER legal_hold_stays"))
        box.database.run_now(lambda con: con.execute("DELETE FROM legal_hold"))
        assert "legal hold" in whole(box)
        box.database.run_now(box.judge.check_audit)
        assert (await box.keeper.run_pass()).refused

    run(story())


def test_a_clock_of_2099_deletes_nothing_at_once(box: KeptBox) -> None:
    async def story() -> None:
        box.expire()
        box.is_trusted = False
        box.now = datetime(2099, 1, 1, tzinfo=UTC)
        assert (await box.keeper.run_pass()).refused == "waiting for the time"
        box.is_trusted = True
        assert (await box.keeper.run_pass()).recordings == 0
        for _again in range(30):
            assert (await box.keeper.run_pass()).recordings == 0
        box.monotonic_s += 10 * 86400
        assert (await box.keeper.run_pass()).recordings == 0
        assert box.value("SELECT count(*) FROM contact WHERE person <> ''") == 2

    run(story())


def test_an_attempt_emptied_by_hand_is_noticed(box: KeptBox) -> None:
    box.database.run_now(lambda con: con.execute("DELETE FROM call_event"))
    erased = "UPDATE attempt SET person = '', number = '', debt = NULL, line_number = NULL"
    with pytest.raises(StoreConflictError, match="has ended"):
        box.database.run_now(lambda con: con.execute(f"{erased}, reserved_at = 0"))
    box.database.run_now(lambda con: con.execute(erased))
    assert "no deletion accounts" in whole(box)


def test_a_destroyed_key_does_not_come_back_with_a_snapshot(box: KeptBox) -> None:
    """The snapshot is from before, the damaged database gives nothing back, and the person's content stays unreadable."""

    async def story() -> None:
        old = await box.database.snapshot(at=box.now)
        kept = old.read_bytes()
        ref = box.judge.person_ref("mensch-1")
        key = box.database.run_now(lambda con: audit_log.secret(con, ref))
        assert key is not None
        box.expire()
        await box.until(RECORDS + 12 * DAY)
        assert not old.exists(), "the copies were made again"
        await box.database.close()
        for path in snapshots(box.database.path):
            path.unlink()
        old.write_bytes(kept)
        box.database.path.write_bytes(b"no database at all" * 500)
        restored = open_or_restore(
            box.database.path, at=box.now, renumber=renumbered, executor=InlineExecutor()
        )
        assert restored.run_now(lambda con: con.value("SELECT count(*) FROM contact WHERE person <> ''")) == 2
        assert restored.run_now(lambda con: audit_log.secret(con, ref)) is None
        assert restored.run_now(retention.has_traces), (
            "the snapshot that holds it is replaced at the next pass"
        )
        box.open(database=restored)
        box.expire()
        await box.until(RECORDS + 30 * DAY)
        quarantined = [hit for hit in box.files_with(key) if not hit.startswith("quarantine")]
        assert quarantined == []

    run(story())


CRASHES = ["announce", "transact", "leave_no_trace", "unlink"]


@pytest.mark.parametrize("where", CRASHES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_loses_nothing_and_repeats_nothing(
    box: KeptBox, monkeypatch: pytest.MonkeyPatch, where: str, *, after: bool
) -> None:
    """The process dies before or after each step that reaches the disk; the next one finishes, once."""

    async def story() -> None:
        box.expire()
        await box.until(RECORDINGS - 3 * DAY)
        box.wait(6 * DAY)
        for n_crash in range(8):
            with monkeypatch.context() as patch:
                crash_at(patch, box, where, after=after, nth=n_crash)
                try:
                    box.wait(6 * DAY if box.now < CALLED + RECORDS + 20 * DAY else DAY)
                    await box.keeper.run_pass()
                except _Power:
                    pass
            box.database.close_now()
            box.open()
        while box.now < CALLED + RECORDS + 20 * DAY:
            box.wait(6 * DAY)
            await box.keeper.run_pass()
        assert box.files_with(NAME) == []
        assert whole(box) == ""
        proofs = [
            (proof["what"], proof.get("recording") or proof["person_ref"])
            for proof in box.entries("deletion")
        ]
        assert len(proofs) == len(set(proofs)) == 4

    run(story())


class _Power(BaseException):
    """It is gone."""


def crash_at(patch: pytest.MonkeyPatch, box: KeptBox, where: str, *, after: bool, nth: int) -> None:
    count = iter(range(1000))
    owner, name = {
        "announce": (destroyed_keys, "announce"),
        "transact": (box.database, "transact"),
        "leave_no_trace": (box.database, "leave_no_trace"),
        "unlink": (box.keeper.recordings, "_unlink"),
    }[where]
    real = getattr(owner, name)

    def step(*args: Any, **kwargs: Any) -> Any:
        is_now = next(count) == nth
        if is_now and not after:
            raise _Power
        if asyncio.iscoroutinefunction(real):
            return awaited(real(*args, **kwargs), is_now)
        result = real(*args, **kwargs)
        if is_now:
            raise _Power
        return result

    async def awaited(work: Any, is_now: bool) -> Any:
        result = await work
        if is_now:
            raise _Power
        return result

    patch.setattr(owner, name, step)


def test_a_hold_that_comes_between_keeps_the_key_off_the_list(box: KeptBox) -> None:
    async def story() -> None:
        box.expire()
        await box.until(RECORDS + 2 * DAY)
        ref = box.judge.person_ref("mensch-1")
        key = box.database.run_now(lambda con: audit_log.secret(con, ref))
        assert key is not None
        destroyed_keys.announce(box.database.path, [retention.key_digest(key)])
        hold(box, "person", "mensch-1")
        await box.keeper.holds.take_requests()
        box.open(database=box.database)
        await box.until(RECORDS + 20 * DAY)
        assert retention.key_digest(key) not in destroyed_keys.destroyed(box.database.path)
        assert box.database.run_now(lambda con: audit_log.secret(con, ref)) == key

    run(story())


def test_a_short_disk_takes_recordings_past_their_least_time_and_nothing_else(
    box: KeptBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        box.person(3, uploaded=False)
        box.expire()
        await box.until(RECORDINGS - 3 * DAY)
        assert box.keeper.disk.why_no_room() == ""
        monkeypatch.setattr(Budget, "free", 900)
        await box.keeper.disk.look(0.0)
        assert box.value("SELECT count(*) FROM recording") == 3
        assert "nearly full" in box.keeper.disk.why_no_room()
        assert box.events()[-1] == "disk_scarce"
        hold(box, "recording", "attempt-2")
        await box.keeper.holds.take_requests()
        box.wait(7 * DAY)
        await box.keeper.disk.look(86400.0)
        rows = box.database.run_now(
            lambda con: con.rows("SELECT recording FROM recording ORDER BY recording")
        )
        assert [row["recording"] for row in rows] == ["attempt-2", "attempt-3"], "held; not received"
        assert [proof["rule"] for proof in box.entries("deletion")] == ["disk-space"]
        monkeypatch.setattr(Budget, "free", 10**9)
        await box.keeper.disk.look(86401.0)
        assert box.events()[-1] == "disk_enough"

    run(story())


def test_the_loop_goes_on_when_the_disk_fails(box: KeptBox, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        calls = 0

        async def fails() -> Any:
            nonlocal calls
            calls += 1
            raise StoreFailedError("the disk is full")

        monkeypatch.setattr(box.keeper, "run_pass", fails)
        loop = asyncio.get_running_loop()
        box.keeper._monotonic_s = loop.time
        task = asyncio.create_task(box.keeper.run())
        await asyncio.sleep(3 * 3600)
        task.cancel()
        assert calls == 3

    run(story())


def test_a_torn_last_line_of_the_list_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "box.db"
    first, second = "a" * 64, "b" * 64
    destroyed_keys.announce(path, [first])
    with destroyed_keys.list_of(path).open("ab") as file:
        file.write(b"+bbbb")
    destroyed_keys.announce(path, [second])
    assert destroyed_keys.destroyed(path) == {first, second}
    destroyed_keys.announce(path, [second], stays=True)
    assert destroyed_keys.destroyed(path) == {first}


def test_deleted_rows_leave_nothing_behind_in_pages_that_were_split_and_joined(tmp_path: Path) -> None:
    """Many people, so that pages fill, split and empty: no byte of a name, in file, log or copy."""

    async def story() -> None:
        box = KeptBox(tmp_path)
        for place in range(40):
            box.person(place)
        box.expire()
        await box.until(RECORDS + 12 * DAY)
        assert box.files_with("Fundort") == []
        assert box.files_with("ganz bestimmt") == []
        with sqlite3.connect(box.database.path) as con:
            assert con.execute("SELECT count(*) FROM attempt").fetchone() == (40,)
        con.close()

    run(story())


def test_holds_in_the_store_name_who_and_why(box: KeptBox) -> None:
    def nameless(con: Any) -> None:
        legal_holds.set_hold(
            con,
            legal_holds.LegalHold(
                hold="h", scope="person", subject="p", by=" ", reason="r", source="local", set_at=CALLED
            ),
        )

    with pytest.raises(StoreConflictError):
        box.database.run_now(nameless)
