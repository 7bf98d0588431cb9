"""Rules and audit heads over the broker: what the office sends takes effect, what the box signs is held against it."""

import asyncio
import base64
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select
from typer.testing import CliRunner

from console.audit_ledger import findings
from console.audit_tables import ANCHOR
from console.cli import app as console_app
from firmware.data_dir import database_path
from firmware.rules.audit_command import audit_app
from firmware.sync.messages import Ack, BoxEvent, encode
from firmware.sync.messages_audit import AuditHead
from firmware.sync.messages_keys import KeySet, SigningKey
from firmware.sync.messages_policy import ContactElsewhere, PeopleElsewhere, PersonElsewhere, PolicyRelease
from modem_drivers.simulator.people import Pause, Person, Say
from tests.firmware.rules.test_policy_release import CLOSED, CN2, OVERLAY
from tests.scenarios.test_audit_doors import settings_text, without_triggers
from tests.scenarios.town import BOX, Town, contact
from tests.scenarios.virtual_time import run_virtually

PEOPLE = [
    Person(number=f"+861312345670{place}", ring_s=1, steps=(Say(text="喂"), Pause(duration_s=30)))
    for place in (1, 2, 3)
]
TODAY = CLOSED.replace("2026-12-28", "2026-11-24")
WIDER = OVERLAY.replace("version = 3", "version = 4") + "[time]\nend_guard_s = 1\n"


def heads(town: Town) -> list[AuditHead]:
    return [message for message in town.seen if isinstance(message, AuditHead)]


def found(town: Town) -> list[str]:
    with town.ledger.reading() as rows:
        return [f"{each.severity}: {each.what}" for each in findings(rows, BOX)]


async def answer(town: Town, release: PolicyRelease) -> Ack:
    topic, payload = town.topics.down("policy"), encode(release)
    await town.sender.send(topic, payload, retain=True)
    await town.until(lambda: any(ack.about == release.id for ack in town.acks()))
    return next(ack for ack in town.acks() if ack.about == release.id)


def test_an_overlay_is_in_force_from_the_next_decision_and_after_the_office_renewed_its_key(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.console(), town.running_box():
            await town.renew_lease()
            ack = await answer(town, PolicyRelease(**town.head(), version=4, overlay=TODAY, packs=[CN2]))
            assert (ack.accepted, ack.detail) == (
                True,
                "waiting to be approved by name on the box: cn@2",
            )
            assert any(isinstance(m, BoxEvent) and m.event == "policy_waiting" for m in town.seen)
            await town.push([contact(1)])
            await town.until(lambda: town.refusals() == {"c01": "window"})
            older = PolicyRelease(**town.head(), version=3)
            assert (await answer(town, older)).reason == "policy_rollback"
            other = PolicyRelease(**town.head(), version=4)
            assert (await answer(town, other)).reason == "policy_rollback"
            wider = await answer(town, PolicyRelease(**town.head(), version=5, overlay=WIDER))
            assert (wider.accepted, wider.reason) == (False, "overlay_widens")
            assert wider.detail.startswith("$.overlay: time.end_guard_s ")
            renewed = Ed25519PrivateKey.generate()
            keys = KeySet(**town.head(), version=1, keys=[_listed(renewed, town.clock.now())])
            await town.send("keys", keys)
            await town.until(lambda: any(ack.about == keys.id for ack in town.acks()))
        # The office signs with another key now, and nobody pushes the release again.
        town.key = renewed
        async with town.console():
            async with town.running_box():
                await town.renew_lease()
                await town.push([contact(2)], campaign="december")
                await town.until(lambda: town.refusals().get("c02") == "window")
            kinds = await _kinds(town)
            assert kinds.count("policy_refused") == 3
            assert kinds.count("policy_release") == 1
            assert not any(isinstance(m, BoxEvent) and m.severity == "alarm" for m in town.seen)
            assert town.network.call_log.dialled(PEOPLE[0].number) == 0

    run_virtually(story())


def _listed(key: Ed25519PrivateKey, at: datetime) -> SigningKey:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return SigningKey(public_key=base64.b64encode(raw).decode(), valid_from=at)


async def _kinds(town: Town) -> list[str]:
    async with town.running_box() as box:
        rows = await box.database.read(lambda con: con.rows("SELECT body FROM audit ORDER BY seq"))
    return [json.loads(row["body"])["kind"] for row in rows]


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM policy_release",
        "UPDATE policy_release SET body = CAST(replace(CAST(body AS TEXT), '2026-11-24', '2026-11-25') AS BLOB)",
    ],
    ids=["forgotten", "loosened"],
)
def test_an_edited_release_stops_the_dialling(tmp_path: Path, edit: str) -> None:
    """The door of the database: rules of the office that were taken out of it, or changed in it."""

    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.console():
            async with town.running_box():
                await town.renew_lease()
                await answer(town, PolicyRelease(**town.head(), version=1, overlay=TODAY))
                await town.push([contact(1)])
                await town.until(lambda: "c01" in town.refusals())
            # The broker would bring the release back, as it is retained: this one has lost it too.
            await town.sender.send(town.topics.down("policy"), b"", retain=True)
            without_triggers(database_path(town.settings), edit)
            async with town.running_box():
                await town.renew_lease()
                await town.push([contact(2)], campaign="december")
                await asyncio.sleep(900)
                state = town.state()
                assert state is not None
                assert state.dialling.startswith(("audit", "pack-unapproved"))
                assert [m for m in town.seen if isinstance(m, BoxEvent) and m.severity == "alarm"]
            assert town.network.call_log.dialled(PEOPLE[1].number) == 0

    run_virtually(story())


def test_what_others_did_counts_here_and_a_withdrawn_status_too(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.open():
            at = town.clock.now() - timedelta(hours=1)
            talk = ContactElsewhere(
                contact="agent-1", person="p01", number=PEOPLE[0].number, channel="agent", at=at, connected=True,
                conversation=True,
            )  # fmt: skip
            paid = PersonElsewhere(person="p02", status="paid")
            await town.send("ledger", PeopleElsewhere(**town.head(), contacts=[talk], people=[paid]))
            await town.push([contact(1), contact(2), contact(3)])
            await town.until_settled([contact(1), contact(2), contact(3)])
            assert town.refusals() == {"c01": "ALL-FRQ-2-conversation", "c02": "ALL-STS-1"}
            assert set(town.outcomes()) == {"c03"}
            assert town.box is not None
            rows = await town.box.database.read(lambda con: con.rows("SELECT body FROM audit ORDER BY seq"))
            fields = [json.loads(row["body"])["fields"] for row in rows if '"kind":"decision"' in row["body"]]
            points = {(each["point"], each["outcome"]) for each in fields}
            assert {("enqueue", "defer"), ("enqueue", "refuse"), ("predial", "allow")} <= points

    run_virtually(story())


def test_heads_are_signed_kept_and_hourly_and_a_log_cut_short_is_found(tmp_path: Path) -> None:
    async def story() -> Town:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.console():
            async with town.running_box():
                await town.renew_lease()
                await town.push([contact(1)])
                await town.until_settled([contact(1)])
                await asyncio.sleep(3700)
                assert len(heads(town)) == 1, "once an hour, and the log was empty at the start"
                await town.push([contact(2)], campaign="december")
                await town.until_settled([contact(2)])
            await town.until(lambda: len(heads(town)) == 2)  # at the stop
            assert (
                town.settings.box.data_dir,
                oct((Path(town.settings.box.data_dir) / "device.key").stat().st_mode),
            ) == (
                town.settings.box.data_dir,
                "0o100600",
            )
            assert found(town) == []
            without_triggers(database_path(town.settings), "DELETE FROM audit WHERE seq > 1")
            async with town.running_box():
                await town.until(lambda: len(heads(town)) == 3)
        return town

    town = run_virtually(story())
    (alarm,) = found(town)
    assert alarm.startswith("alarm: log ")
    assert "was cut short" in alarm


def test_the_anchors_file_shows_what_the_bare_chain_cannot(tmp_path: Path) -> None:
    async def story() -> Town:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.console():
            async with town.running_box():
                await town.renew_lease()
                await town.push([contact(1), contact(2)])
                await town.until_settled([contact(1), contact(2)])
            await town.until(lambda: len(heads(town)) >= 1)
        return town

    town = run_virtually(story())
    town.ledger.close()
    (tmp_path / "ledger.db").rename(Path(town.office.ledger))
    anchors = tmp_path / "anchors.json"
    office = str(town.office.folder)
    made = CliRunner().invoke(
        console_app, ["--office", office, "audit", "anchors", BOX, "--to", str(anchors)]
    )
    assert made.exit_code == 0, made.output
    box = tmp_path / "box.toml"
    database = database_path(town.settings)
    box.write_text(settings_text(database.parent), encoding="utf-8")

    def verified(*more: str) -> tuple[int, str]:
        done = CliRunner().invoke(audit_app, ["verify", "--config", str(box), *more])
        return done.exit_code, done.stderr

    assert verified("--anchors", str(anchors)) == (0, "")
    kid = CliRunner().invoke(audit_app, ["key", "--config", str(box)]).stdout.strip()
    assert kid in CliRunner().invoke(console_app, ["--office", office, "audit", "status", "--json"]).stdout
    without_triggers(database, "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    assert "cut short" in verified("--anchors", str(anchors))[1]
    forged = tmp_path / "forged.json"
    forged.write_text(
        anchors.read_text(encoding="utf-8").replace('"entry": ', '"entry": 1'), encoding="utf-8"
    )
    assert "not signed by the key" in verified("--anchors", str(forged))[1]


def test_a_head_is_kept_once_and_by_its_signature(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.open():
            await town.push([contact(1)])
            await town.until_settled([contact(1)])
            await asyncio.sleep(3700)
        with town.ledger.reading() as rows:
            kept = list(rows.execute(select(ANCHOR)))
        assert len(kept) == len(heads(town))
        assert all(row.kid for row in kept)

    run_virtually(story())
