"""The API's documents say what the message types say, in the official form, and what is sent conforms to them."""

import asyncio
import base64
import copy
import functools
import gzip
import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from firmware.sync import api_document, messages
from firmware.sync.api_channel import Channel
from firmware.sync.api_channels import CHANNELS
from firmware.sync.api_claims import CLAIM_CHANNELS
from firmware.sync.claiming import ClaimTopics
from firmware.sync.messages import (
    BoxConfig,
    Command,
    InboundOutcome,
    KeySet,
    Response,
    decode_contact,
    decode_downlink,
    decode_uplink,
    encode,
)
from firmware.sync.messages_audit import AuditRequest, AuditSegment
from firmware.sync.messages_config import ConfigSettings
from firmware.sync.messages_keys import SigningKey
from firmware.sync.messages_policy import PeopleElsewhere, PersonElsewhere, PolicyRelease
from firmware.sync.messages_sms import SmsOrder, SmsTexts
from firmware.sync.topics import split_down, split_up, topic_matches
from modem_drivers.simulator.people import Pause, Person, Press, Say
from tests.scenarios.test_inbound import OWN, SECTION
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

DOCS = Path(__file__).resolve().parents[3] / "docs"
# The AsyncAPI initiative's own schema, Apache-2.0 (npm @asyncapi/specs 6.11.1, schemas/3.0.0-without-$id.json), compacted.
OFFICIAL = Path(__file__).with_name("asyncapi-3.0.0.schema.json.gz")


@cache
def official() -> Any:
    schema = json.loads(gzip.decompress(OFFICIAL.read_bytes()))
    return jsonschema.validators.validator_for(schema)(schema)


@functools.cache
def the_document() -> dict[str, Any]:
    return api_document.asyncapi()


@functools.cache
def validator(name: str) -> Any:
    document = the_document()
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document["components"]},
        format_checker=jsonschema.FormatChecker(),
    )


@pytest.mark.parametrize("name", [api_document.ASYNCAPI, api_document.PAGE])
def test_the_documents_are_not_stale(name: str, tmp_path: Path) -> None:
    api_document.write(tmp_path)
    made = (tmp_path / name).read_text(encoding="utf-8")
    assert (DOCS / name).read_text(encoding="utf-8") == made, "run: python -m firmware.sync.api_document docs"


def test_the_document_is_asyncapi_3() -> None:
    assert [error.message for error in official().iter_errors(the_document())] == []


def test_the_official_schema_notices_a_wrong_document() -> None:
    document = copy.deepcopy(the_document())
    document["operations"]["up_outcome"]["action"] = "publish"  # the word of version 2
    assert list(official().iter_errors(document))


def test_every_message_has_its_channel() -> None:
    documented = {channel.message for channel in CHANNELS}
    assert documented == {*get_args(messages.Downlink), *get_args(messages.Uplink)}


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.message.__name__)
def test_every_example_is_a_message(channel: Channel) -> None:
    payload = encode(channel.example)
    decoded = (decode_downlink if channel.direction == "down" else decode_uplink)(payload)
    assert encode(decoded) == payload
    validator(channel.message.__name__).validate(json.loads(payload))
    if isinstance(decoded, messages.ContactBatch):
        assert [decode_contact(raw).person for raw in decoded.contacts] == ["p-17"]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("OutcomeMessage", "disposition", "perhaps"),
        ("OutcomeMessage", "reserved_at", "yesterday"),
        ("ContactRow", "numbers", []),
        ("Receipt", "up_to", -1),
    ],
)
def test_the_schemas_refuse_what_the_box_refuses(name: str, field: str, value: Any) -> None:
    examples = {channel.message.__name__: channel.example for channel in CHANNELS}
    batch = json.loads(encode(examples["ContactBatch"]))
    body = batch["contacts"][0] if name == "ContactRow" else json.loads(encode(examples[name]))
    validator(name).validate(body)
    with pytest.raises(jsonschema.ValidationError):
        validator(name).validate(body | {field: value})


def test_what_a_story_sends_is_what_the_document_says(tmp_path: Path) -> None:
    """Both ways: a call with a key pressed, a row refused, a recall, receipts, states, rules and the audit log."""
    listens = Person(
        number="+8613123456701",
        ring_s=1,
        steps=(Say(text="喂"), Pause(duration_s=6), Press(keys="9"), Pause(duration_s=9)),
    )

    async def story() -> list[tuple[str, bytes]]:
        town = Town(tmp_path, [listens], n_modems=1)
        town.settings = msgspec.structs.replace(town.settings, inbound=SECTION)
        async with town.open():
            texts = SmsTexts(
                sender={"zh-CN": "ACME", "en": "ACME"},
                texts={"hours": {"zh-CN": "{sender}：回复TD退订。", "en": "{sender}: reply STOP."}},
            )
            contacts = [contact(1), contact(2, numbers=["12345"]), contact(3, status="disputed")]
            await town.push(contacts, sms=texts)
            await town.until(lambda: "c01" in town.outcomes())
            loop = town.loop
            assert town.network.ring(OWN, listens.number, schedule=loop.call_later, now_s=loop.time)
            await town.until(lambda: any(isinstance(message, InboundOutcome) for message in town.seen))
            town.network.messages.text_from(listens.number, OWN, "谢谢", now_s=loop.time)
            later = town.clock.now() + timedelta(hours=1)
            head = town.head() | {"campaign": "november", "expires_at": later}
            await town.send("sms", SmsOrder(**head, sms="s1", contact="c01", text="hours"))
            await town.control("recall", contact="c03")
            await town.send(
                "config", BoxConfig(**town.head(), version=1, settings=ConfigSettings(log_level="warning"))
            )
            await town.until(lambda: any(ack.reason == "in_force" for ack in town.acks()))
            expires_at = town.clock.now() + timedelta(minutes=1)
            await town.send("command", Command(**town.head(), name="make-coffee", expires_at=expires_at))
            await town.until(lambda: any(isinstance(message, Response) for message in town.seen))
            for leaf, message in (
                ("policy", PolicyRelease(**town.head(), version=1)),
                (
                    "ledger",
                    PeopleElsewhere(**town.head(), people=[PersonElsewhere(person="p09", status="paid")]),
                ),
                ("audit", AuditRequest(**town.head(), first=1, last=3)),
            ):
                await town.send(leaf, message)
            await town.until(lambda: any(isinstance(message, AuditSegment) for message in town.seen))
            raw = town.key.public_key().public_bytes_raw()
            own = SigningKey(public_key=base64.b64encode(raw).decode(), valid_from=town.clock.now())
            await town.send("keys", KeySet(**town.head(), version=1, keys=[own]))
            await asyncio.sleep(61)
        return town.broker.log

    document = the_document()
    seen: set[str] = set()
    for topic, payload in run_virtually(story()):
        direction = "down" if split_down(topic) else "up"
        leaf = (split_down(topic) or split_up(topic) or ("", "", ""))[2]
        (channel,) = (
            found
            for found in document["channels"].values()
            if topic_matches(
                "/".join("+" if level[0] == "{" else level for level in found["address"].split("/")), topic
            )
        )
        body = json.loads(payload)
        fits = [name for name in channel["messages"] if validator(name).is_valid(body)]
        assert len(fits) == 1, (direction, leaf, body)
        seen |= set(fits)
    # Nothing is missing in this story, so nothing is asked for; recordings and certificates have stories of their own.
    names = {channel.message.__name__ for channel in CHANNELS}
    others = ("Request", "Recording", "Certificate")
    assert seen == {name for name in names if not name.startswith(others)}


@pytest.mark.parametrize("channel", CLAIM_CHANNELS, ids=lambda channel: channel.message.__name__)
def test_what_a_machine_that_is_no_box_says_is_documented(channel: Channel) -> None:
    """Under the topics that `claiming` makes, and its example is what the type says."""
    addresses = {each["address"] for each in the_document()["channels"].values()}
    real = ClaimTopics("t", "f", "s")
    made = channel.leaf.replace("{file}", "f").replace("{session}", "s")
    assert f"branchline/1/t/{made}" in {real.request, real.answer}
    assert f"branchline/1/{{tenant}}/{channel.leaf}" in addresses
    name = channel.message.__name__
    validator(name).validate(json.loads(encode(channel.example)))
    assert msgspec.json.decode(encode(channel.example), type=channel.message) == channel.example
