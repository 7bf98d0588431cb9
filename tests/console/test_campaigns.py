"""A call list becomes a manifest and batches that every broker carries."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from console.arguments import parse_money
from console.campaigns import MAX_BATCH_BYTES, Terms, build_campaign, read_flow, slug
from console.contacts_file import FileRow
from console.errors import CampaignError
from console.ledger import Arrival, Ledger
from console.sent_campaigns import SentCampaign, begin_or_resume, unanswered
from firmware.sync.messages import (
    MAX_CONTACTS_A_BATCH,
    MAX_MESSAGE_BYTES,
    Ack,
    CampaignManifest,
    ContactBatch,
    ContactRow,
    Downlink,
    MoneyWire,
    decode_contact,
    decode_downlink,
)
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
TERMS = Terms(campaign="nov", name="November", expires_at=NOW + timedelta(days=7))


def rows(*sizes: int) -> list[FileRow]:
    return [
        FileRow(
            row=place + 2,
            contact=ContactRow(
                contact=f"c{place}",
                person=f"p{place}",
                numbers=["+8613123456701"],
                language="zh-CN",
                vars={"creditor": "晨" * size},
            ),
        )
        for place, size in enumerate(sizes)
    ]


def build(given_rows: list[FileRow], terms: Terms = TERMS, flow: str = "flow: x\n") -> SentCampaign:
    return build_campaign(
        given_rows, flow_text=flow, terms=terms, topics=BoxTopics("demo", "b1"), ids=UuidV7(), now=NOW
    )


@given(
    sizes=st.lists(st.integers(0, 60_000), min_size=1, max_size=30)
    | st.integers(499, 1502).map(lambda n: [1] * n)
)
@settings(max_examples=40, deadline=None)
def test_batches_hold_every_contact_once_and_none_is_too_large(sizes: list[int]) -> None:
    sent = build(rows(*sizes))
    decoded = [decode_downlink(message.payload) for message in sent.messages]
    manifest, batches = decoded[0], decoded[1:]
    assert isinstance(manifest, CampaignManifest)
    assert (manifest.contacts, manifest.batches) == (len(sizes), len(batches))
    places: list[str] = []
    for index, batch in enumerate(batches):
        assert isinstance(batch, ContactBatch)
        assert (batch.batch, batch.first_row) == (index, len(places))
        assert 1 <= len(batch.contacts) <= MAX_CONTACTS_A_BATCH
        places += [decode_contact(raw).contact for raw in batch.contacts]
    assert places == [f"c{place}" for place in range(len(sizes))]
    assert all(len(message.payload) <= MAX_MESSAGE_BYTES for message in sent.messages)
    assert all(len(message.payload) <= MAX_BATCH_BYTES + 1024 for message in sent.messages[1:])
    assert len({message.id for message in sent.messages}) == len(sent.messages)


@pytest.mark.parametrize("text", ["100", "100.005 CNY", "CNY", "0 CNY", "ten USD"])
def test_an_amount_that_is_none_is_told(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write an amount"):
        parse_money(text)


def test_the_manifest_carries_flow_and_terms() -> None:
    terms = Terms(
        campaign="nov", name="十一月", expires_at=NOW + timedelta(days=3), ring_timeout_s=45, promise_max_days=7,
        lines=("line-1",), starts_at=NOW + timedelta(hours=1), promise_min_part=parse_money("100.00 CNY"),
    )  # fmt: skip
    sent = build(rows(1), terms)
    manifest = decode_downlink(sent.messages[0].payload)
    assert isinstance(manifest, CampaignManifest)
    assert manifest.flow_sha256 == hashlib.sha256(manifest.flow.encode()).hexdigest()
    assert (manifest.name, manifest.ring_timeout_s, manifest.promise.max_days) == ("十一月", 45, 7)
    assert manifest.promise.min_part == MoneyWire(10000, "CNY")
    assert sent.digest != build(rows(1), replace(terms, promise_min_part=None)).digest
    assert (manifest.lines, manifest.starts_at) == (["line-1"], terms.starts_at)
    assert sent.messages[0].topic == "branchline/1/demo/b1/down/campaign/nov"
    assert sent.messages[1].topic == "branchline/1/demo/b1/down/contacts/nov"


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (replace(TERMS, campaign="a/b"), "name will not do"),
        (replace(TERMS, expires_at=NOW), "expired already"),
        (replace(TERMS, expires_at=NOW + timedelta(days=999)), "days at most"),
        (replace(TERMS, starts_at=NOW + timedelta(days=8)), "expire before it starts"),
        (replace(TERMS, ring_timeout_s=5), "--ring-timeout"),
        (replace(TERMS, promise_max_days=999), "--promise-days"),
    ],
)
def test_terms_that_no_box_would_take(terms: Terms, said: str) -> None:
    with pytest.raises(CampaignError, match=said):
        build(rows(1), terms)


def test_a_list_without_a_good_row_is_no_campaign() -> None:
    with pytest.raises(CampaignError, match="no good row"):
        build([])


def test_a_flow_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text("flow: x\nsurprise: 1\n")
    with pytest.raises(CampaignError, match="mend it") as caught:
        read_flow(flow)
    assert "\n" not in str(caught.value)
    assert caught.value.details
    assert all(line.startswith(f"{flow}:") for line in caught.value.details)
    with pytest.raises(CampaignError, match="existing flow"):
        read_flow(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("name", "made"), [("November list", "November-list"), (" a/b+c# ", "a-b-c"), ("x" * 99, "x" * 64)]
)
def test_a_name_becomes_an_id(name: str, made: str) -> None:
    assert slug(name) == made


def test_a_name_without_a_letter_needs_an_id() -> None:
    with pytest.raises(CampaignError, match="--id"):
        slug("十一月")


@pytest.fixture
def ledger(new_ledger: Callable[[], Ledger]) -> Ledger:
    return new_ledger()


def begin(ledger: Ledger, sent: SentCampaign) -> bool:
    with ledger.transaction() as connection:
        return begin_or_resume(connection, sent, pushed_at=NOW)


def left(ledger: Ledger) -> list[bytes]:
    with ledger.reading() as connection:
        return [message.payload for message in unanswered(connection, "b1", "nov")]


def answer(message: bytes, seq: int, *, accepted: bool = True) -> Arrival:
    decoded: Downlink = decode_downlink(message)
    ack = Ack(id=f"k{seq}", at=NOW, stream="s", seq=seq, about=decoded.id, kind="campaign", accepted=accepted)
    return Arrival(box="b1", message=ack)


def test_the_same_push_again_goes_on_where_it_broke(ledger: Ledger) -> None:
    """What was answered is not sent again; the rest is sent byte for byte as before, so ids are known to the box."""
    first = build(rows(*[1] * 1200))
    assert begin(ledger, first)
    ledger.record([answer(first.messages[place].payload, place + 1) for place in (0, 2)], seen_at=NOW)
    again = build(rows(*[1] * 1200), replace(TERMS, expires_at=TERMS.expires_at + timedelta(hours=1)))
    assert not begin(ledger, again)
    assert left(ledger) == [first.messages[place].payload for place in (1, 3)]


def test_personal_data_of_answered_messages_leaves_the_ledger(ledger: Ledger) -> None:
    sent = build(rows(7))
    begin(ledger, sent)
    assert left(ledger) == [message.payload for message in sent.messages]
    ledger.record([answer(message.payload, seq) for seq, message in enumerate(sent.messages, 1)], seen_at=NOW)
    assert left(ledger) == []
    with ledger.reading() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM batch WHERE payload IS NOT NULL").scalar_one()
    assert kept == 0


@pytest.mark.parametrize("change", [{"given_rows": rows(1, 2)}, {"flow": "flow: y\n"}])
def test_another_content_under_a_known_name_is_an_error(ledger: Ledger, change: dict[str, object]) -> None:
    content: Callable[..., SentCampaign] = lambda **other: build(**({"given_rows": rows(1)} | other))  # noqa: E731
    begin(ledger, content())
    with pytest.raises(CampaignError, match="another campaign nov"):
        begin(ledger, content(**change))


def test_a_refused_campaign_may_be_mended_and_pushed_again(ledger: Ledger) -> None:
    refused = build(rows(1), flow="flow: bad\n")
    begin(ledger, refused)
    ledger.record([answer(refused.messages[0].payload, 1, accepted=False)], seen_at=NOW)
    mended = build(rows(1), flow="flow: good\n")
    assert begin(ledger, mended)
    assert left(ledger) == [message.payload for message in mended.messages]
