"""Bad input ends in a named refusal, and nothing of it is applied."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.signed_sender import SignedSender
from firmware.store.campaigns import get_campaigns
from firmware.sync.messages import Ack, CampaignManifest, encode
from modem_drivers.simulator.people import Person, Reaction
from tests.scenarios.town import FLOW, Town, contact
from tests.scenarios.virtual_time import run_virtually

GOOD = FLOW.read_text(encoding="utf-8")
REVEALS = GOOD.replace('  ask_person:\n    zh-CN: "', '  ask_person:\n    zh-CN: "您欠{amount_due}。')


def manifest(town: Town, flow: str) -> CampaignManifest:
    return CampaignManifest(
        **town.head(),
        campaign="bad",
        name="bad",
        flow=flow,
        flow_sha256=hashlib.sha256(flow.encode()).hexdigest(),
        contacts=1,
        batches=1,
        expires_at=town.clock.now() + timedelta(days=1),
    )


async def refusal_of(town: Town) -> Ack:
    """Return the refusing answer, after making sure that nothing of the campaign was kept."""
    await town.until(lambda: any(not ack.accepted for ack in town.acks()))
    assert town.box is not None
    assert await town.box.database.read(get_campaigns) == []
    return next(ack for ack in town.acks() if not ack.accepted)


def test_a_flow_that_reveals_the_debt(tmp_path: Path) -> None:
    assert REVEALS != GOOD

    async def story() -> None:
        town = Town(tmp_path, [], n_modems=1)
        async with town.open():
            await town.send(town.topics.campaign("bad"), manifest(town, REVEALS))
            ack = await refusal_of(town)
            assert ack.reason == "flow_refused"
            assert "check 1" in ack.detail
            assert "ask_person" in ack.detail

    run_virtually(story())


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("unsigned", "unsigned"),
        ("stranger", "unknown_key"),
        ("other_topic", "bad_signature"),
        ("changed", "bad_signature"),
    ],
)
def test_a_campaign_that_the_console_did_not_sign(tmp_path: Path, how: str, reason: str) -> None:
    async def story() -> None:
        town = Town(tmp_path, [], n_modems=1)
        async with town.open():
            topic = town.topics.campaign("bad")
            payload = encode(manifest(town, FLOW.read_text(encoding="utf-8")))
            forger = town.broker.connect("forger", [])
            async with forger:
                if how == "stranger":
                    await SignedSender(forger, Ed25519PrivateKey.generate()).send(topic, payload)
                else:
                    properties = await _signed(town, topic, payload)
                    if how == "unsigned":
                        properties = {}
                    elif how == "other_topic":
                        topic = town.topics.campaign("worse")
                    else:
                        payload = payload.replace(b'"batches":1', b'"batches":9')
                    await forger.publish(topic, payload, properties=properties)
                ack = await refusal_of(town)
            assert ack.reason == reason

    run_virtually(story())


def test_bad_rows_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A number that is none, a variable that is missing, and a good one: by row and reason."""

    async def story() -> None:
        town = Town(tmp_path, [Person(number="+8613123456703", reaction=Reaction.BUSY)], n_modems=1)
        good = contact(3)
        no_amount = {name: value for name, value in good.vars.items() if name != "amount_due"}
        rows = [contact(1, numbers=["911"]), contact(2, vars=no_amount), good]
        async with town.open():
            await town.push(rows)
            await town.until(lambda: town.outcomes() == {"c03": "busy"})
            rejected = [(row.row, row.reason) for ack in town.acks() for row in ack.rejected]
            assert rejected == [(0, "invalid_number"), (1, "missing_var")]

    run_virtually(story())


def test_a_torn_message_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [], n_modems=1)
        async with town.open():
            topic = town.topics.campaign("bad")
            whole = encode(manifest(town, FLOW.read_text(encoding="utf-8")))
            torn = whole[: len(whole) // 2]
            connection = town.broker.connect("console-2", [])
            async with connection:
                await connection.publish(topic, torn, properties=await _signed(town, topic, torn))
                ack = await refusal_of(town)
            assert ack.reason == "malformed"

    run_virtually(story())


async def _signed(town: Town, topic: str, payload: bytes) -> dict[str, str]:
    from firmware.sync.signing import signed_properties

    await asyncio.sleep(0)
    return signed_properties(town.key, topic, payload)


def test_the_same_campaign_twice_calls_nobody_twice(tmp_path: Path) -> None:
    """A console that sends everything again (new message ids, same campaign) starts nothing new."""

    async def story() -> None:
        town = Town(tmp_path, [Person(number="+8613123456703", reaction=Reaction.BUSY)], n_modems=1)
        async with town.open():
            await town.push([contact(3)])
            await town.until(lambda: town.outcomes() == {"c03": "busy"})
            await town.push([contact(3)])
            await asyncio.sleep(120)
        assert town.network.call_log.dialled("+8613123456703") == 1

    run_virtually(story())


def test_a_row_with_an_unknown_field_is_taken(tmp_path: Path) -> None:
    """A newer console may say more than this box knows."""

    async def story() -> None:
        town = Town(tmp_path, [Person(number="+8613123456703", reaction=Reaction.BUSY)], n_modems=1)
        async with town.open():
            newer: dict[str, Any] = msgspec.to_builtins(contact(3)) | {"shoe_size": 43}
            row = msgspec.json.encode(newer)
            await town.push([msgspec.Raw(row)])  # type: ignore[list-item]
            await town.until(lambda: town.outcomes() == {"c03": "busy"})

    run_virtually(story())


def test_a_gate_that_fails_its_self_check_dials_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The red line of the hours is opened in memory, as a bad build might: the box serves, says why, and is silent."""
    monkeypatch.setattr(
        "firmware.daemon.app.self_check", lambda _gate: ["CN: call at 03:00:00 was allowed at predial"]
    )

    async def story() -> None:
        town = Town(tmp_path, [Person(number="+8613123456701", reaction=Reaction.BUSY)], n_modems=1)
        async with town.open() as there:
            await there.push([contact(1)])
            await there.until(lambda: len(town.acks()) >= 2)
            await asyncio.sleep(600)
            state = there.state()
            assert state is not None
            assert "self-check" in state.dialling
        assert town.network.call_log.dialled("+8613123456701") == 0

    run_virtually(story())
