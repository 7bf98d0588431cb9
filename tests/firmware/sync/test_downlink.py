"""Each message of the console is applied once, answered once, and acknowledged only when it is on the disk."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.store import campaigns, outbox, suppressions
from firmware.store.campaigns import CampaignState, ContactState, StoredCampaign
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreFailedError
from firmware.sync.applying import apply_manifest
from firmware.sync.connection import Received
from firmware.sync.downlink import REFUSALS_PER_MINUTE
from firmware.sync.messages import Ack, MoneyWire, PromiseLimits, SuppressionWire, encode
from firmware.sync.signing import signed_properties
from firmware.sync.topics import all_boxes_down
from firmware.values import CampaignId, ContactId, Money
from tests.firmware.sync.sync_world import FLOW, NOW, TOPICS, BoxSide, Console, row, topic_of

C1 = CampaignId("c1")


def run(story: Callable[[], Any]) -> Any:
    return asyncio.run(story())


async def campaign_of(box: BoxSide) -> StoredCampaign | None:
    return await box.database.read(lambda con: campaigns.get_campaign(con, C1))


def test_what_a_newer_console_says_besides_is_ignored(box: BoxSide, console: Console) -> None:
    """Unknown fields at every depth: the message is applied by what is known of it."""

    async def story() -> None:
        for message in (console.manifest(), console.batch([row("k1", mood="good")])):
            body = msgspec.json.decode(encode(message)) | {"colour": {"deep": [1, 2]}}
            topic, payload = topic_of(message), msgspec.json.encode(body)
            received = Received(
                topic=topic, payload=payload, properties=signed_properties(console.key, topic, payload)
            )
            await box.downlink.handle(received)
        acks = await box.acks()
        assert [(ack.kind, ack.accepted, ack.taken) for ack in acks] == [
            ("campaign", True, 0), ("contacts", True, 1),
        ]  # fmt: skip

    run(story)


def test_a_campaign_and_its_batches_become_callable(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        manifest = console.manifest()
        assert await box.tell(manifest) == ["ack"]
        assert await box.tell(console.batch([row("k1"), row("k2")])) == ["ack"]
        stored = await campaign_of(box)
        assert stored is not None
        assert stored.state is CampaignState.RECEIVING
        assert await box.tell(console.batch([row("k3")], batch=1, first_row=2)) == ["ack"]
        due = await box.database.read(lambda con: campaigns.due_contacts(con, NOW, 10))
        assert [contact.contact for contact in due] == ["k1", "k2", "k3"]
        assert due[0].vars == {"callee_name": "王小明"}
        acks = await box.acks()
        assert [(ack.seq, ack.kind, ack.accepted, ack.taken, ack.batch) for ack in acks] == [
            (1, "campaign", True, 0, None),
            (2, "contacts", True, 2, 0),
            (3, "contacts", True, 1, 1),
        ]
        assert acks[0].about == manifest.id
        assert {ack.stream for ack in acks} == {box.database.stream}
        assert box.n_changes == 3

    run(story)


def test_bad_rows_go_back_by_row_and_reason_and_the_rest_goes_on(box: BoxSide, console: Console) -> None:
    bad = [
        (row("ok"), None),
        (row("b1", numbers=["13123456789"]), "invalid_number"),
        (row("b2", numbers=[13123456789]), "ill_typed"),
        ({"contact": "b3"}, "ill_typed"),
        (row("b4", time_zone="Mars/Olympus"), "invalid_time_zone"),
        (row("b5", vars={}), "missing_var"),
        (row("ok"), "duplicate_contact"),
        (row("b6", expires_at="2026-03-04T01:00:00Z"), "expired"),
        (row("b7", not_before="2026-03-05T01:00:00"), "ill_typed"),
    ]

    async def story() -> None:
        await box.tell(console.manifest(contacts=209, batches=1))
        await box.tell(console.batch([each for each, _ in bad], first_row=200))
        ack = (await box.acks())[-1]
        assert (ack.accepted, ack.taken) == (True, 1)
        assert [(rejected.row, rejected.reason) for rejected in ack.rejected] == [
            (200 + index, reason) for index, (_, reason) in enumerate(bad) if reason
        ]
        assert ack.rejected[0].contact == "b1"
        assert ack.rejected[4].detail == "callee_name: is missing"
        assert "3123456789" not in str(ack), "an answer must not repeat a number"
        stored = await campaign_of(box)
        assert stored is not None
        assert stored.state is CampaignState.READY

    run(story)


def test_a_contact_of_an_earlier_batch_is_a_duplicate(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        await box.tell(console.batch([row("k1")]))
        await box.tell(console.batch([row("k2"), row("k1", priority=9)], batch=1, first_row=1))
        ack = (await box.acks())[-1]
        assert [(r.row, r.reason, r.contact) for r in ack.rejected] == [(2, "duplicate_contact", "k1")]
        stored = await box.database.read(lambda con: campaigns.get_contact(con, C1, ContactId("k1")))
        assert stored is not None
        assert stored.priority == 0

    run(story)


def test_a_redelivered_message_changes_nothing_and_is_acknowledged_again(
    box: BoxSide, console: Console
) -> None:
    async def story() -> None:
        messages = [console.manifest(), console.batch([row("k1")]), console.control("pause", campaign="c1")]
        for message in messages:
            await box.tell(message)
        await box.tell(console.control("resume", campaign="c1"))
        changes = box.n_changes
        for message in messages:
            assert await box.tell(message) == ["ack"]
        assert box.n_changes == changes
        stored = await campaign_of(box)
        assert stored is not None
        assert stored.state is CampaignState.RECEIVING, "an old pause must not act twice"
        assert [ack.seq for ack in await box.acks()] == [1, 2, 3, 4], "the first answers still wait"

    run(story)


def test_a_console_that_asks_again_after_its_receipt_is_answered_again(
    box: BoxSide, console: Console
) -> None:
    async def story() -> None:
        manifest = console.manifest()
        await box.tell(manifest)
        (first,) = await box.acks()
        await box.tell(console.receipt(box.database.stream, 1))
        assert await box.acks() == []
        await box.tell(manifest)
        (second,) = await box.acks()
        assert second.seq == 2
        assert second.id != first.id
        assert msgspec.structs.replace(second, seq=1, id=first.id, at=first.at) == first
        await box.tell(manifest)
        assert len(await box.acks()) == 1, "that answer waits already"

    run(story)


def test_what_the_box_may_agree_to_is_kept_with_the_campaign(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        limits = PromiseLimits(max_days=5, min_part=MoneyWire(10000, "CNY"))
        await box.tell(console.manifest(promise=limits))
        kept = await campaign_of(box)
        assert kept is not None
        assert (kept.promise_max_days, kept.promise_min_part) == (5, Money(10000, "CNY"))
        await box.tell(console.manifest(promise=PromiseLimits(max_days=5)))
        first, other = await box.acks()
        assert (first.accepted, other.accepted, other.reason) == (True, False, "campaign_exists")

    run(story)


def test_a_batch_under_a_new_id_is_taken_once(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        await box.tell(console.batch([row("k1")]))
        await box.tell(console.batch([row("k1"), row("k9")]))
        ack = (await box.acks())[-1]
        assert (ack.accepted, ack.taken, ack.rejected) == (True, 0, [])
        assert await box.database.read(lambda con: campaigns.get_contact(con, C1, ContactId("k9"))) is None

    run(story)


def test_the_same_campaign_again_is_no_change_and_another_under_its_id_is_refused(
    box: BoxSide, console: Console
) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        await box.tell(console.manifest())
        await box.tell(console.manifest(contacts=7))
        assert [(ack.accepted, ack.reason) for ack in await box.acks()] == [
            (True, ""),
            (True, ""),
            (False, "campaign_exists"),
        ]

    run(story)


def test_a_newer_manifest_changes_a_campaign_that_runs(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        later = NOW + timedelta(days=20)
        await box.tell(console.manifest(contacts=1, batches=1))
        await box.tell(console.batch([row("k1")]))
        await box.tell(console.manifest(contacts=1, batches=1, version=3, expires_at=later, lines=["line-2"]))
        stored = await campaign_of(box)
        assert stored is not None
        assert (stored.version, stored.expires_at, stored.lines) == (3, later, ("line-2",))
        assert stored.state is CampaignState.READY, "it goes on at once"
        await box.tell(console.manifest(contacts=2, batches=2, version=4, expires_at=later))
        stored = await campaign_of(box)
        assert stored is not None
        assert stored.state is CampaignState.RECEIVING, "a list is called when it is whole"
        await box.tell(console.batch([row("k2")], batch=1, first_row=1))
        stored = await campaign_of(box)
        assert stored is not None
        assert stored.state is CampaignState.READY
        await box.tell(console.control("pause", campaign="c1"))
        await box.tell(console.manifest(contacts=2, batches=2, version=5))
        stored = await campaign_of(box)
        assert stored is not None
        assert (stored.version, stored.state) == (5, CampaignState.PAUSED), "a pause is not lifted by it"
        assert [ack.reason for ack in await box.acks() if not ack.accepted] == []

    run(story)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 1}, "old_version"),
        ({"version": 2, "name": "the same number", "ring_timeout_s": 60}, "campaign_exists"),
        ({"version": 3, "contacts": 5}, "fewer_contacts"),
        ({"version": 3, "batches": 1}, "fewer_contacts"),
    ],
)
def test_a_manifest_that_cannot_follow_is_refused(
    box: BoxSide, console: Console, changes: dict[str, Any], reason: str
) -> None:
    async def story() -> None:
        await box.tell(console.manifest(version=2))
        before = await campaign_of(box)
        await box.tell(console.manifest(**changes))
        assert (await box.acks())[-1].reason == reason
        assert await campaign_of(box) == before

    run(story)


def test_another_conversation_is_another_campaign(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        other = console.manifest(version=2, flow="flow: better")
        answer = await box.database.transact(lambda con: apply_manifest(con, other, raw=b"", now=NOW))
        assert (answer.accepted, answer.reason) == (False, "flow_changed")

    run(story)


def test_a_cancelled_campaign_stays_cancelled_whatever_its_number(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        await box.tell(console.control("cancel", campaign="c1"))
        await box.tell(console.manifest(version=9))
        assert (await box.acks())[-1].reason == "campaign_over"

    run(story)


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        pytest.param({"flow": "flow: bad"}, "flow_refused", "flow.yaml:1:1", id="flow"),
        pytest.param({"flow_sha256": "0" * 64}, "malformed", "$.flow_sha256", id="digest"),
        pytest.param({"expires_at": NOW}, "expired", "$.expires_at", id="expired"),
        pytest.param(
            {"starts_at": NOW + timedelta(days=8)}, "expired", "$.expires_at", id="ends before it begins"
        ),
    ],
)
def test_a_manifest_that_cannot_be_kept_says_why(
    box: BoxSide, console: Console, changes: dict[str, Any], reason: str, detail: str
) -> None:
    async def story() -> None:
        assert await box.tell(console.manifest(**changes)) == ["ack"]
        (ack,) = await box.acks()
        assert (ack.accepted, ack.reason, ack.campaign) == (False, reason, "c1")
        assert detail in ack.detail
        assert await campaign_of(box) is None

    run(story)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"campaign": "other"}, "unknown_campaign", id="unknown campaign"),
        pytest.param({"batch": 2}, "bad_batch", id="batch beyond the manifest"),
        pytest.param({"first_row": 6}, "bad_batch", id="rows beyond the manifest"),
    ],
)
def test_a_batch_that_belongs_nowhere_is_refused(
    box: BoxSide, console: Console, changes: dict[str, Any], reason: str
) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        await box.tell(console.batch([row()], **changes))
        ack = (await box.acks())[-1]
        assert (ack.accepted, ack.reason) == (False, reason)

    run(story)


def test_a_batch_that_overtook_its_manifest_is_taken_when_it_comes_again(
    box: BoxSide, console: Console
) -> None:
    """Refused, but not remembered: the console sends the same message again."""

    async def story() -> None:
        batch = console.batch([row()])
        await box.tell(batch)
        assert (await box.acks())[-1].is_too_early
        await box.tell(console.manifest(batches=1))
        await box.tell(batch)
        last = (await box.acks())[-1]
        assert (last.accepted, last.taken, last.is_too_early) == (True, 1, False)

    run(story)


@pytest.mark.parametrize("order", ["pause", "cancel", "recall"])
def test_what_was_held_back_does_not_undo_a_later_order(box: BoxSide, console: Console, order: str) -> None:
    """Manifest and batch come only after the order that the console gave later; so does an old resume."""

    async def story() -> None:
        later = NOW + timedelta(minutes=5)
        fields = {"contact": "k1"} if order == "recall" else {"campaign": "c1"}
        await box.tell(msgspec.structs.replace(console.control(order, **fields), at=later))
        await box.tell(console.manifest(contacts=1, batches=1))
        await box.tell(console.batch([row("k1")]))
        old = console.control("resume", campaign="c1")
        await box.tell(msgspec.structs.replace(old, at=later - timedelta(minutes=1)))
        assert (await box.acks())[-1].reason == {"pause": "outdated", "cancel": "unknown_campaign"}.get(
            order, ""
        )
        assert await box.database.read(lambda con: campaigns.due_contacts(con, NOW, 9)) == []
        await box.tell(msgspec.structs.replace(console.control("resume", campaign="c1"), at=later))
        due = await box.database.read(lambda con: campaigns.due_contacts(con, NOW, 9))
        assert [each.contact for each in due] == (["k1"] if order == "pause" else [])

    run(story)


def test_a_permission_that_was_held_back_does_not_undo_a_later_stop(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        later = NOW + timedelta(seconds=1)
        await box.tell(msgspec.structs.replace(console.control("stop_all"), at=later))
        await box.tell(console.control("resume_all"))
        assert (await box.acks())[-1].reason == "outdated"
        assert await box.database.read(campaigns.is_stopped)
        await box.tell(msgspec.structs.replace(console.control("resume_all"), at=later))
        assert not await box.database.read(campaigns.is_stopped)

    run(story)


def test_a_batch_for_a_cancelled_campaign_is_refused(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        await box.tell(console.control("cancel", campaign="c1"))
        await box.tell(console.batch([row()]))
        await box.tell(console.control("resume", campaign="c1"))
        assert [ack.reason for ack in await box.acks()] == ["", "", "campaign_over", "campaign_over"]

    run(story)


def test_control_pauses_resumes_recalls_and_stops_everything(box: BoxSide, console: Console) -> None:
    async def due() -> list[str]:
        found = await box.database.read(lambda con: campaigns.due_contacts(con, NOW, 10))
        return [contact.contact for contact in found]

    async def story() -> None:
        await box.tell(console.manifest(batches=1))
        await box.tell(console.batch([row("k1"), row("k2")]))
        await box.tell(console.control("pause", campaign="c1"))
        assert await due() == []
        await box.tell(console.control("resume", campaign="c1"))
        assert await due() == ["k1", "k2"]
        await box.tell(console.control("stop_all"))
        assert await due() == []
        await box.tell(console.control("resume_all"))
        await box.tell(console.control("recall", contact="k1"))
        assert await due() == ["k2"]
        await box.tell(console.control("recall", contact="nobody"))
        await box.tell(console.control("recall"))
        await box.tell(console.control("pause"))
        await box.tell(console.control("pause", campaign="other"))
        assert [ack.reason for ack in (await box.acks())[-4:]] == [
            "unknown_contact",
            "malformed",
            "malformed",
            "unknown_campaign",
        ]
        contact = await box.database.read(lambda con: campaigns.get_contact(con, C1, ContactId("k1")))
        assert contact is not None
        assert contact.state is ContactState.RECALLED

    run(story)


def test_suppressions_are_added_and_renew_the_lease_as_of_the_consoles_instant(
    box: BoxSide, console: Console
) -> None:
    async def lease() -> Any:
        return await box.database.read(suppressions.confirmed_at)

    async def story() -> None:
        await box.tell(
            console.suppress(
                SuppressionWire(person="p1", reason="opt_out"),
                SuppressionWire(number="+8613123456789", scope="number", reason="wrong_number"),
                at=NOW - timedelta(hours=3),
            )
        )
        assert await lease() == NOW - timedelta(hours=3)
        await box.tell(console.suppress(at=NOW - timedelta(hours=5)))
        assert await lease() == NOW - timedelta(hours=3), "an older word does not shorten it"
        await box.tell(console.suppress(at=NOW + timedelta(days=300)))
        assert await lease() == NOW, "a console whose clock runs ahead does not lengthen it"
        found = await box.database.read(suppressions.all_suppressions)
        assert [(s.scope, s.person, s.number, s.source) for s in found] == [
            ("person", "p1", None, "console"),
            ("number", None, "+8613123456789", "console"),
        ]

    run(story)


def test_a_suppression_list_that_cannot_be_read_whole_does_not_renew_the_lease(
    box: BoxSide, console: Console
) -> None:
    async def story() -> None:
        await box.tell(
            console.suppress(
                SuppressionWire(person="p1", reason="opt_out"),
                SuppressionWire(number="123", scope="number", reason="x"),
                SuppressionWire(person="p1", scope="debt", reason="x"),
            )
        )
        (ack,) = await box.acks()
        assert (ack.accepted, ack.taken, [r.row for r in ack.rejected]) == (False, 1, [1, 2])
        assert await box.database.read(suppressions.confirmed_at) is None
        assert len(await box.database.read(suppressions.all_suppressions)) == 1

    run(story)


def test_a_message_to_all_boxes_is_heard(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.suppress(), all_boxes_down("acme", "suppress"))
        assert await box.database.read(suppressions.confirmed_at) == NOW

    run(story)


def test_a_receipt_deletes_what_it_covers_and_is_not_answered(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        for _ in range(3):
            await box.tell(console.suppress())
        assert await box.tell(console.receipt(box.database.stream, 2)) == ["ack"]
        assert [ack.seq for ack in await box.acks()] == [3]

    run(story)


def test_a_receipt_that_speaks_of_something_else_deletes_nothing(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.suppress())
        assert await box.tell(console.receipt("another stream", 1)) == ["ack"]
        assert await box.tell(console.receipt(box.database.stream, 99)) == ["ack"]
        assert [(ack.accepted, ack.reason) for ack in await box.acks()] == [
            (True, ""),
            (False, "conflict"),
            (False, "conflict"),
        ]

    run(story)


def hostile(console: Console) -> dict[str, tuple[Received, str, str]]:
    """Return messages that must not have any effect, each with the reason and the id it is answered with."""
    stop = encode(console.control("cancel", campaign="c1"))
    topic = TOPICS.down("control")
    stranger = Ed25519PrivateKey.generate()
    signed = console.received

    def other(topic: str, payload: bytes, properties: dict[str, str]) -> Received:
        return Received(topic=topic, payload=payload, properties=properties)

    good = signed_properties(console.key, topic, stop)
    about = msgspec.json.decode(stop)["id"]
    receipt = encode(console.receipt("s", 1))
    return {
        "unsigned": (other(topic, stop, {}), "unsigned", about),
        "a stranger's": (other(topic, stop, signed_properties(stranger, topic, stop)), "unknown_key", about),
        "changed": (other(topic, stop.replace(b"c1", b"c2"), good), "bad_signature", about),
        "replayed on another topic": (other(TOPICS.down("config"), stop, good), "bad_signature", about),
        "an unsigned receipt": (other(TOPICS.down("receipt"), receipt, {}), "unsigned", "*"),
        "not JSON": (signed(topic, b"{"), "malformed", ""),
        "not UTF-8": (signed(topic, b'{"id":"\xff"}'), "malformed", ""),
        "a list": (signed(topic, b"[]"), "malformed", ""),
        "deep": (signed(topic, b"[" * 200_000), "malformed", ""),
        "too large": (signed(topic, b" " * 300_000 + stop), "malformed", about),
        "no offset": (
            signed(topic, b'{"type":"control","id":"x","at":"2026-03-04T00:00:00","action":"stop_all"}'),
            "malformed",
            "x",
        ),
        "unknown type": (
            signed(topic, b'{"type":"reboot","id":"y","at":"2026-03-04T00:00:00Z"}'),
            "malformed",
            "y",
        ),
        "on the wrong topic": (signed(TOPICS.down("suppress"), stop), "malformed", about),
        "under another campaign's topic": (
            signed(TOPICS.campaign("c9"), encode(console.manifest("c8"))),
            "malformed",
            "*",
        ),
        "for another box": (signed("branchline/1/acme/box-2/down/control", stop), "malformed", about),
        "for another tenant": (signed("branchline/1/evil/box-1/down/control", stop), "malformed", about),
        "on no topic of ours": (signed("elsewhere", stop), "malformed", about),
    }


@pytest.mark.parametrize("name", list(hostile(Console())))
def test_a_message_that_is_not_the_consoles_has_no_effect_but_an_answer(
    box: BoxSide, console: Console, name: str
) -> None:
    received, reason, about = hostile(console)[name]

    async def story() -> None:
        await box.tell(console.manifest())
        await box.downlink.handle(received)
        _, ack = await box.acks()
        assert (ack.accepted, ack.reason) == (False, reason)
        assert about in {"*", ack.about}
        stored = await campaign_of(box)
        assert stored is not None
        assert stored.state is CampaignState.RECEIVING
        assert box.n_changes == 1

    run(story)


def test_a_flood_of_strangers_does_not_fill_the_outbox(tmp_path: Any, console: Console) -> None:
    seconds = 0.0
    box = BoxSide(tmp_path, console, monotonic_s=lambda: seconds)

    async def story() -> None:
        nonlocal seconds
        done: list[str] = []
        for _ in range(REFUSALS_PER_MINUTE + 30):
            received = Received(
                topic=TOPICS.down("control"),
                payload=b"{}",
                properties={},
                acknowledge=lambda: done.append("ack"),
            )
            await box.downlink.handle(received)
        assert len(done) == REFUSALS_PER_MINUTE + 30
        assert len(await box.acks()) == REFUSALS_PER_MINUTE
        assert box.downlink.n_unanswered == 30
        await box.tell(console.manifest())
        assert (await box.acks())[-1].accepted, "the console is heard all the same"
        seconds = 60.0
        await box.downlink.handle(Received(topic="x", payload=b"", properties={}))
        assert len(await box.acks()) == REFUSALS_PER_MINUTE + 2

    run(story)
    box.database.close_now()


def test_nothing_is_acknowledged_before_the_commit(tmp_path: Any, console: Console) -> None:
    """With a real store thread, held up: the broker hears nothing while the transaction waits."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    gate = threading.Event()

    async def story() -> None:
        box = BoxSide(tmp_path, console)
        box.database.close_now()
        executor = ThreadPoolExecutor(1)
        database = Database.open(tmp_path / "box.db", executor=executor)
        box.downlink._database = database
        held = asyncio.get_running_loop().run_in_executor(executor, gate.wait)
        telling = asyncio.create_task(box.tell(console.suppress()))
        done, _ = await asyncio.wait([telling], timeout=0.05)
        assert not done
        gate.set()
        await held
        assert await telling == ["ack"]
        assert await database.read(suppressions.confirmed_at) == NOW
        await database.close()
        executor.shutdown()

    run(story)


def test_what_cannot_be_kept_is_given_back(
    box: BoxSide, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Callable[[Connection], Any]) -> Any:
        raise StoreFailedError("database or disk is full")

    async def story() -> None:
        manifest = console.manifest()
        with monkeypatch.context() as patch:
            patch.setattr(box.database, "transact", full)
            assert await box.tell(manifest) == ["given back"]
            unsigned: list[str] = []
            received = Received(
                topic="x", payload=b"", properties={}, return_it=lambda: unsigned.append("given back")
            )
            await box.downlink.handle(received)
            assert unsigned == ["given back"]
        assert await box.tell(manifest) == ["ack"]
        assert (await box.acks())[0].accepted

    run(story)


def test_a_fault_of_ours_does_not_block_what_comes_behind_it(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.manifest())
        assert await box.tell(console.batch([row("k1", vars={"callee_name": "bug"})])) == ["ack"]
        ack = (await box.acks())[-1]
        assert (ack.accepted, ack.reason, ack.kind) == (False, "internal_error", "contacts")
        await box.tell(console.batch([row("k1")]))
        assert (await box.acks())[-1].taken == 1

    run(story)


def test_a_full_batch_of_rejected_rows_fits_into_one_message(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        await box.tell(console.manifest(contacts=500, batches=1))
        rows = [row("k" * 60 + str(n), numbers=["1" * 60], status="x" * 50) for n in range(500)]
        await box.tell(console.batch(rows))
        (stored,) = await box.database.read(lambda con: outbox.pending(con, 1, 1))
        assert len(stored.body) < 250_000
        ack = msgspec.json.decode(stored.body, type=Ack)
        assert len(ack.rejected) == 500

    run(story)


def test_the_signed_bytes_of_a_campaign_are_kept(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        manifest = console.manifest(flow=FLOW)
        await box.tell(manifest)
        raw = await box.database.read(lambda con: con.value("SELECT raw FROM campaign"))
        assert raw == encode(manifest)
        assert topic_of(manifest) == "branchline/1/acme/box-1/down/campaign/c1"

    run(story)
