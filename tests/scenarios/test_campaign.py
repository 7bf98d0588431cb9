"""Whole campaigns in virtual time: the daemon with its real parts, simulated modems, people, broker and clock."""

import asyncio
import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from audio.recording import open_recording
from firmware.calls.audit_check import replay
from firmware.compliance import audit
from firmware.data_dir import database_path
from firmware.store import audit_log, line_states
from firmware.store.connection import Connection
from firmware.store.outcomes import list_outcomes
from firmware.store.reading import read_only
from firmware.sync.envelope import Durable
from firmware.sync.messages import OutcomeMessage
from modem_drivers.simulator.people import Person, Press, Reaction, WaitForSilence
from modem_drivers.simulator.people_file import load_people
from tests.scenarios.sip_town import QUALITY, SipTown
from tests.scenarios.town import TUESDAY_10, Town, contact
from tests.scenarios.virtual_time import run_virtually

PEOPLE = Path(__file__).resolve().parents[2] / "examples" / "people.yaml"


@pytest.fixture
def people() -> list[Person]:
    """The demo's people."""
    return load_people(PEOPLE, today=date(2026, 11, 24))


@pytest.mark.parametrize("n_sip_lines", [pytest.param(4, id="SIP"), pytest.param(2, id="SIP and GSM")])
def test_the_main_job(tmp_path: Path, people: list[Person], n_sip_lines: int) -> None:
    """Twelve people, four lines of whatever kind: every behaviour ends in its disposition, and the console has what the box has.

    On modems alone it is what the demo shows.
    """

    async def story() -> None:
        town = SipTown(tmp_path, people, n_modems=4 - n_sip_lines, n_sip_lines=n_sip_lines)
        contacts = [contact(place) for place in range(1, 12)]
        contacts += [contact(12, status="disputed")]
        async with town.open():
            assert town.box is not None
            await town.push(contacts)
            await town.until_settled(contacts)
            assert town.outcomes() == {
                "c01": "promise_full",
                "c02": "busy",
                "c03": "no_answer",
                "c04": "powered_off",
                "c05": "wrong_number",
                "c06": "machine_no_message",
                "c07": "hung_up_early",
                "c08": "human_unavailable",
                "c09": "opt_out",
                "c10": "third_party",
                "c11": "silence",
            }
            assert town.refusals() == {"c12": "ALL-STS-1"}
            waited = {m.contact: m.first_word_ms for m in town.seen if isinstance(m, OutcomeMessage)}
            assert all(0 < (waited[contact] or 0) <= 2000 for contact in ("c01", "c05", "c07", "c09")), waited
            assert waited["c02"] is None, "nothing was said to a busy line"
            at_box = await town.box_outcomes()
            assert sorted(at_box) == sorted(line.attempt for line in town.ledger_outcomes())
            stood = await town.box.database.read(lambda con: line_states.latest(con, 100))
            assert len({each.line for each in stood}) == 4
            assert len(stood) <= 3 * 4, "eleven calls are no change of how a line stands"
            chain = await town.box.database.read(audit_log.rows)
            entries = [
                audit.AuditRow(seq=row.seq, prev_hash=row.previous, body=row.body, hash=row.hash)
                for row in chain
            ]
            assert audit.verify(entries) is None
            # The rules, one entry a reservation, one for who was refused, one for who was asked about at answer.
            assert len(entries) == 1 + 11 + 1 + 1
            key = (Path(town.settings.box.data_dir) / "audit.key").read_bytes()
            replayed = await town.box.database.read(lambda con: replay(con, key))
            assert (replayed.problems, replayed.agreed, replayed.decisions) == ([], 13, 13)
            assert "+8613123456701" not in "".join(row.body for row in chain)
            assert audit.verify(entries[:3] + entries[4:]) is not None
            own = {str(row["modem"]) for row in town.network.call_log.rows if row["event"] == "dialled"}
            assert sum(number.startswith("+8621345678") for number in own) == n_sip_lines
            assert len(own) == 4, "every line has called"
            told = await town.box.database.read(
                lambda con: con.rows("SELECT detail FROM call_event WHERE kind = 'sound_quality'")
            )
            assert told, "how the network treated the sound is in the calls' records"
            assert all(json.loads(row["detail"])["jitter_in_ms"] == QUALITY.jitter_in_ms for row in told)
            folder = Path(town.settings.box.data_dir) / "recordings"
            identity = town.office.recording_identity.read_text(encoding="utf-8").strip()
            opened = [open_recording(path, identity) for path in folder.iterdir()]
            assert len(opened) == 8, "of whoever heard the notice to its end, whatever the line"
            assert all(is_whole and len(sound) > 2 * 8000 for sound, _header, is_whole in opened)
        assert town.loop.time() < 600
        assert town.clock.now().date() == TUESDAY_10.date()

    run_virtually(story())


def keys_on_record(con: Connection) -> list[str]:
    rows = con.rows("SELECT detail FROM call_event WHERE kind = 'digit' ORDER BY attempt, position")
    return [json.loads(row["detail"])["digit"] for row in rows]


def test_who_opts_out_is_reached_by_no_later_campaign(tmp_path: Path, people: list[Person]) -> None:
    """Key 9 in one call; a second campaign under another contact id, and a third to the same number, are refused."""

    async def story() -> None:
        town = Town(tmp_path, people)
        async with town.open():
            await town.push([contact(9)])
            await town.until_settled([contact(9)])
            assert town.outcomes() == {"c09": "opt_out"}
            later = [
                contact(9, contact="later"),
                contact(9, contact="same-number", person="somebody-else"),
            ]
            await town.push(later, campaign="december")
            await town.until_settled(later)
            assert town.refusals() == {"later": "suppressed", "same-number": "suppressed"}
        assert town.network.call_log.dialled("+8613123456709") == 1

    run_virtually(story())


def test_an_outage_of_the_broker(tmp_path: Path, people: list[Person]) -> None:
    """The broker goes away in the middle: calls go on, nothing is lost or doubled, and the backlog drains in order."""

    async def story() -> None:
        town = Town(tmp_path, people)
        contacts = [contact(place) for place in range(1, 12)]
        async with town.open():
            await town.push(contacts)
            await town.until(lambda: len(town.outcomes()) >= 2)
            town.broker.stop()
            known = len(town.outcomes())
            before = len(await town.box_outcomes())
            for _ in range(600):
                await asyncio.sleep(1)
                if len(await town.box_outcomes()) == len(contacts):
                    break
            assert len(await town.box_outcomes()) == len(contacts) > before
            assert len(town.outcomes()) == known
            town.broker.start()
            await town.until_settled(contacts)
        durable = [message.seq for message in town.seen if isinstance(message, Durable)]
        assert durable == list(range(1, len(durable) + 1))
        at_box = stopped_box(town)
        assert sorted(at_box) == sorted(line.attempt for line in town.ledger_outcomes())

    run_virtually(story())


def test_days_of_retries(tmp_path: Path) -> None:
    """Busy today, not at home tomorrow, then reached: waits follow retry table and gate, over days of virtual time."""
    persistent = Person(
        number="+8613123456701",
        reaction=Reaction.BUSY,
        later_reactions=(Reaction.NO_ANSWER, Reaction.ANSWER),
        steps=(WaitForSilence(silence_s=1.0), Press(keys="2")),
    )

    async def story() -> None:
        town = Town(tmp_path, [persistent], n_modems=2, refresh_s=600)
        async with town.open():
            await town.push([contact(1)])

            async def renew() -> None:
                while True:
                    await asyncio.sleep(3600)
                    await town.renew_lease()

            lease = asyncio.create_task(renew())
            await town.until(lambda: town.outcomes().get("c01") == "third_party", hours=24 * 8, step_s=30)
            lease.cancel()
        dialled = [
            TUESDAY_10 + timedelta(seconds=float(str(row["at_s"])))
            for row in town.network.call_log.rows
            if row["event"] == "dialled"
        ]
        assert len(dialled) == 3
        seen = {row["modem"] for row in town.network.call_log.rows if row["event"] == "dialled"}
        assert len(seen) == 1, "one person sees one number (red line 3)"
        assert dialled[1] - dialled[0] >= timedelta(hours=4)
        assert dialled[2] - dialled[1] >= timedelta(hours=4)
        assert all(9 <= at.hour < 19 for at in dialled)

    run_virtually(story())


def test_the_lease_ends_when_the_console_is_silent(tmp_path: Path, people: list[Person]) -> None:
    """A day without the console's word: the box keeps its list and does not dial; with the word it goes on."""

    async def story() -> None:
        town = Town(tmp_path, people, n_modems=1, refresh_s=600)
        async with town.open():
            await town.push([contact(2, not_before=TUESDAY_10 + timedelta(hours=25))])
            await asyncio.sleep(26 * 3600)
            state = town.state()
            assert state is not None
            assert "lease" in state.dialling
            assert town.network.call_log.rows == []
            await town.renew_lease()
            await town.until(lambda: town.outcomes() == {"c02": "busy"})

    run_virtually(story())


def stopped_box(town: Town) -> list[str]:
    """Return the attempts with an outcome in the database of a box that has stopped."""
    with read_only(database_path(town.settings)) as connection:
        return [outcome.attempt for outcome in list_outcomes(connection, limit=10_000)]
