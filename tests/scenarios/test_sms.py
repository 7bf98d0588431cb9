"""A message after a call: ordered by the flow, judged, sent once, reported, answered; and what a crash makes of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from console.suppressions import all_suppressions
from firmware.calls.audit_check import replay
from firmware.sync.messages import Ack, ContactRow
from firmware.sync.messages_sms import SmsOrder, SmsOutcome, SmsReply, SmsTexts
from modem_drivers.simulator.people import Person, Press, Step, WaitForSilence
from tests.scenarios.town import FLOW, Town, contact
from tests.scenarios.virtual_time import run_virtually

HEARS = WaitForSilence(silence_s=1.2)
PROMISES: tuple[Step, ...] = (
    HEARS, Press(keys="1"), HEARS, Press(keys="4101"), HEARS, Press(keys="1"), HEARS, Press(keys="1"),
)  # fmt: skip
CALLEE = "+8613123456701"
PAY = "https://pay.example.com/k/7Qw2"
TEXTS = SmsTexts(
    sender="安心银行",
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

    def states(self) -> list[str]:
        return [m.state for m in self.town.seen if isinstance(m, SmsOutcome)]

    def last(self) -> SmsOutcome:
        return [m for m in self.town.seen if isinstance(m, SmsOutcome)][-1]

    def replies(self) -> list[SmsReply]:
        return [m for m in self.town.seen if isinstance(m, SmsReply)]

    def acks(self) -> list[Ack]:
        return [m for m in self.town.seen if isinstance(m, Ack) and m.kind == "sms"]


def test_from_a_promise_to_the_telephone_and_back(tmp_path: Path) -> None:
    """The flow orders it, the telephone gets it once and whole, the network says so, and the answer stops everything."""

    async def story() -> None:
        town = Town(tmp_path, [phone(answers_texts=("好的，谢谢", "TD"))], n_modems=2)
        letters = Letters(town)
        async with town.open():
            assert town.box is not None
            await town.push([callee()], flow=flow(), sms=TEXTS)
            await town.until(lambda: "delivered" in letters.states(), hours=0.2)
            assert town.outcomes() == {"c01": "promise_full"}
            assert letters.states() == ["sent", "delivered"]
            (arrived,) = town.network.messages.sent
            assert arrived.recipient == CALLEE
            assert arrived.n_parts == 2 == letters.last().n_parts
            assert arrived.text.startswith(
                "【安心银行】您好，感谢接听。您约定在2026年11月27日前支付1,234.50元，可在此办理：" + PAY
            )
            assert letters.last().attempt == town.ledger_outcomes()[0].attempt
            await town.until(lambda: len(letters.replies()) == 1, hours=0.2)
            (thanks,) = letters.replies()
            assert (thanks.text, thanks.people, thanks.is_opt_out) == ("好的，谢谢", ["p01"], False)
            # The office has one more sent, and orders it twice; the answer to that one is the last word.
            hours = order(town, "followup-1", "hours")
            await town.send("sms", hours)
            await town.send("sms", msgspec.structs.replace(hours, id=town.head()["id"]))
            await town.until(lambda: len(letters.replies()) == 2, hours=0.2)
            assert [ack.accepted for ack in letters.acks()] == [True, True]
            assert [text.text[:6] for text in town.network.messages.sent] == ["【安心银行】"] * 2
            stop = letters.replies()[1]
            assert (stop.text, stop.is_opt_out, stop.suppressed) == ("TD", True, "person")
            await town.send("sms", order(town, "followup-2", "hours"))
            await town.until(lambda: letters.last().state == "refused", hours=0.2)
            assert (letters.last().sms, letters.last().reason) == ("followup-2", "suppressed")
            assert len(town.network.messages.sent) == 2
            with town.ledger.reading() as connection:
                stops = {(each.scope, each.person or each.number) for each in all_suppressions(connection)}
            assert stops == {("person", "p01"), ("number", CALLEE)}
            key = (Path(town.settings.box.data_dir) / "audit.key").read_bytes()
            replayed = await town.box.database.read(lambda con: replay(con, key))
            assert (replayed.problems, replayed.agreed) == ([], replayed.decisions)

    run_virtually(story())
