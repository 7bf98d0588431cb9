"""A message after a call: ordered by the flow, judged, sent once, reported, answered; and what a crash makes of it."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.short_messages import reply_lines, sms_lines
from console.suppressions import all_suppressions
from firmware.calls.audit_check import replay
from firmware.sms.desk import SmsDesk
from firmware.store import sms
from firmware.store.connection import Connection
from firmware.sync.messages import Ack, ContactRow
from firmware.sync.messages_sms import SmsOrder, SmsOutcome, SmsReply, SmsTexts
from modem_drivers.simulator.message_centre import SentText
from modem_drivers.simulator.people import Person, Press, Step, WaitForSilence
from tests.scenarios.town import FLOW, Town, contact
from tests.scenarios.virtual_time import run_virtually

HEARS = WaitForSilence(silence_s=1.2)
PROMISES: tuple[Step, ...] = (
    HEARS, Press(keys="1"), HEARS, Press(keys="4101"), HEARS, Press(keys="1"), HEARS, Press(keys="1"),
)  # fmt: skip
CALLEE, OTHER = "+8613123456701", "+8613123456702"
PAY = "https://pay.example.com/k/7Qw2"
TEXTS = SmsTexts(
    sender={"zh-CN": "安心银行", "en": "Anxin Bank"},
    per_person=3,
    texts={
        "agreed": {
            "zh-CN": "【{sender}】您好，感谢接听。您约定在{promise_date}前支付{promise_amount}，可在此办理：{link}。"
            "如有变化请致电95588。本短信由系统自动发送，如不想再收到我们的短信和来电，请回复TD退订。",
            "en": "{sender}: you agreed to pay {promise_amount} by {promise_date}: {link}. Reply STOP to end messages.",
        },
        "hours": {
            "zh-CN": "【{sender}】网点周一至周五营业。回复TD退订。",
            "en": "{sender}: open Mon-Fri. Reply STOP to end.",
        },
    },
)


def flow() -> str:
    """The example's flow, which confirms a promise by SMS."""
    text = FLOW.read_text(encoding="utf-8")
    text = text.replace(
        "  promised:       {say:", "  promised:       {sms: agreed, next: thanked}\n  thanked:        {say:"
    )
    return text.replace("  last4: ", "  link:        {type: text, debt: true}\n  last4: ")


def callee(*, consents: Any = ({"kind": "sms"},), **fields: Any) -> ContactRow:
    base = contact(1)
    return contact(1, consents=list(consents), vars=base.vars | {"link": PAY}, **fields)


def order(town: Town, sms: str, text: str, **fields: Any) -> SmsOrder:
    until = town.clock.now() + timedelta(hours=3)
    given = town.head() | {"campaign": "november", "contact": "c01", "expires_at": until}
    return SmsOrder(**(given | fields), sms=sms, text=text)


def phone(**fields: Any) -> Person:
    given: dict[str, Any] = {"number": CALLEE, "ring_s": 4, "steps": PROMISES}
    return Person(**(given | fields))


class Letters:
    """What the town's console has heard about short messages."""

    def __init__(self, town: Town) -> None:
        self.town = town

    def said(self, contact: str = "") -> list[SmsOutcome]:
        told = [m for m in self.town.seen if isinstance(m, SmsOutcome)]
        return [m for m in told if not contact or m.contact == contact]

    def states(self, contact: str = "") -> list[str]:
        return [m.state for m in self.said(contact)]

    def last(self, contact: str = "") -> SmsOutcome:
        return self.said(contact)[-1]

    def replies(self) -> list[SmsReply]:
        return [m for m in self.town.seen if isinstance(m, SmsReply)]

    def acks(self) -> list[Ack]:
        return [m for m in self.town.seen if isinstance(m, Ack) and m.kind == "sms"]


def test_from_a_promise_to_the_telephone_and_back(tmp_path: Path) -> None:
    """The flow orders it, the telephone gets it once and whole, the network says so, and the answer stops everything."""

    async def story() -> None:
        people = [phone(answers_texts=("好的，谢谢", "TD")), phone(number=OTHER)]
        town = Town(tmp_path, people, n_modems=1)
        letters = Letters(town)
        async with town.open():
            assert town.box is not None
            later = town.clock.now() + timedelta(days=3)
            other = contact(2, consents=[{"kind": "sms"}], not_before=later)
            other = msgspec.structs.replace(other, vars=other.vars | {"link": PAY})
            await town.push([callee(), other], flow=flow(), sms=TEXTS)
            await town.until(lambda: town.box.scheduler.active, hours=0.1)
            await town.send("sms", order(town, "meanwhile", "hours", contact="c02"))
            await asyncio.sleep(1)
            assert town.box.scheduler.active, "a call is on"
            assert not town.network.messages.sent, "and the line sends nothing meanwhile"
            await town.until(lambda: letters.states().count("delivered") == 2, hours=0.2)
            assert town.outcomes() == {"c01": "promise_full"}
            assert letters.states("c01") == letters.states("c02") == ["sent", "delivered"]
            arrived, _ = sorted(town.network.messages.sent, key=lambda text: text.recipient)
            assert arrived.recipient == CALLEE
            of_call = letters.last("c01")
            assert arrived.n_parts == 2 == of_call.n_parts
            assert arrived.text.startswith(
                "【安心银行】您好，感谢接听。您约定在2026年11月27日前支付1,234.50元，可在此办理：" + PAY
            )
            assert of_call.attempt == town.ledger_outcomes()[0].attempt
            await town.until(lambda: len(letters.replies()) == 1, hours=0.2)
            (thanks,) = letters.replies()
            assert (thanks.text, thanks.people, thanks.is_opt_out) == ("好的，谢谢", ["p01"], False)
            # The office has one more sent, and orders it twice; the answer to that one is the last word.
            hours = order(town, "followup-1", "hours")
            await town.send("sms", hours)
            await town.send("sms", msgspec.structs.replace(hours, id=town.head()["id"]))
            await town.until(lambda: len(letters.replies()) == 2, hours=0.2)
            assert [ack.accepted for ack in letters.acks()] == [True, True, True]
            assert [text.recipient for text in town.network.messages.sent].count(CALLEE) == 2
            stop = letters.replies()[1]
            assert (stop.text, stop.is_opt_out, stop.suppressed) == ("TD", True, "person")
            await town.send("sms", order(town, "followup-2", "hours"))
            await town.until(lambda: letters.last().state == "refused", hours=0.2)
            assert (letters.last().sms, letters.last().reason) == ("followup-2", "suppressed")
            assert len(town.network.messages.sent) == 3
            with town.ledger.reading() as connection:
                shown = {(each.sms, each.state) for each in sms_lines(connection, person="p01")}
                assert {state for _, state in shown} == {"delivered", "refused"}
                assert [each.text for each in reply_lines(connection, person="p01")] == ["好的，谢谢", "TD"]
                stops = {(each.scope, each.person or each.number) for each in all_suppressions(connection)}
            assert stops == {("person", "p01"), ("number", CALLEE)}
            key = (Path(town.settings.box.data_dir) / "audit.key").read_bytes()
            replayed = await town.box.database.read(lambda con: replay(con, key))
            assert (replayed.problems, replayed.agreed) == ([], replayed.decisions)

    run_virtually(story())


@pytest.mark.parametrize(
    "is_careful", [pytest.param(True, id="as it is"), pytest.param(False, id="careless")]
)
def test_what_a_crash_leaves_with_the_modem_is_never_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_careful: bool
) -> None:
    """The network has it and the box does not know; one that let it wait again (the negative control) writes twice."""

    async def send_again(self: SmsDesk) -> int:
        def work(con: Connection) -> int:
            cut = sms.sending(con)
            for message in cut:
                sms.put_off(con, message.sms, self._now(), "")
            return len(cut)

        return await self._database.transact(work)

    async def story() -> None:
        town = Town(tmp_path, [phone()], n_modems=1)
        letters = Letters(town)
        async with town.console():
            async with town.dropped_box() as box:
                gone = asyncio.Event()

                def power_fails(_text: SentText) -> None:
                    box.database.close_now()
                    gone.set()

                town.network.messages.on_sent = power_fails
                await town.renew_lease()
                later = town.clock.now() + timedelta(days=3)
                await town.push([callee(not_before=later)], flow=flow(), sms=TEXTS)
                await town.send("sms", order(town, "thanks", "hours"))
                async with asyncio.timeout(600):
                    await gone.wait()
            town.network.messages.on_sent = lambda _text: None
            if not is_careful:
                monkeypatch.setattr(SmsDesk, "close_cut_short", send_again)
            async with town.running_box():
                await town.until(letters.states, hours=0.2)
                await asyncio.sleep(180)
        n_sent = len(town.network.messages.sent)
        if is_careful:
            assert (n_sent, letters.states()) == (1, ["uncertain"])
            assert letters.last().reason == "cut_short"
        else:
            assert n_sent == 2, "the negative control writes twice"

    run_virtually(story())


def test_what_the_rules_forbid_is_not_sent(tmp_path: Path) -> None:
    """Outside the hours, without consent, about a debt nobody was verified for, to somebody else's campaign."""

    async def story() -> None:
        town = Town(tmp_path, [], n_modems=1, starts_at=datetime.fromisoformat("2026-11-24T19:30:00+08:00"))
        letters = Letters(town)
        plain = msgspec.structs.replace(contact(2), vars=contact(2).vars | {"link": PAY})
        async with town.open():
            await town.push([callee(), plain], flow=flow(), sms=TEXTS)
            for name, text, who in (
                ("late", "hours", "c01"),
                ("early", "agreed", "c01"),
                ("unasked", "hours", "c02"),
                ("nothing", "no_such_text", "c01"),
                ("nobody", "hours", "c09"),
            ):
                await town.send("sms", order(town, name, text, contact=who))
            await town.until(lambda: len(letters.said()) == 3 and len(letters.acks()) == 5, hours=0.2)
        assert {m.sms: (m.state, m.reason) for m in letters.said()} == {
            "late": ("expired", "window"),
            "early": ("refused", "unverified"),
            "unasked": ("refused", "sms-consent"),
        }
        assert [ack.reason for ack in letters.acks()] == ["", "", "", "unknown_text", "unknown_contact"]
        assert not town.network.messages.sent

    run_virtually(story())
