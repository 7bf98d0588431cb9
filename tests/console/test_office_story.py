"""An office from its first day on: made, a list of a thousand examined and pushed, calls made, and everything that follows."""

import asyncio
import csv
import json
import re
import wave
from collections import Counter
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from console.command_ingest import ingest_command
from console.ledger import Ledger
from console.office import load_office
from console.web.accounts import add_user
from console.web.application import make_app
from console.web.desk import Desk
from console.web.ordering import BrokerOrders
from console.web.roles import Role
from firmware.clock import SimulatedClock
from firmware.demo.processes import free_port
from firmware.lines.line import EndKind
from firmware.store.campaigns import StoredContact
from firmware.values import Disposition, Money
from tests.console.calling_box import CallingBox, Told
from tests.console.command_line import said
from tests.console.office_broker import Broker
from tests.console.web.web_world import PASSWORD, Visitor

ROOT = Path(__file__).parents[2]
NOW = datetime.fromisoformat("2026-11-24T10:00:00+08:00")
N_GOOD, N_DISPUTED = 1000, 10
BAD = {"invalid_number": 8, "missing": 6, "impossible_date": 4, "duplicate_person": 2}
FATES = (
    *(Told(ended=EndKind.NO_ANSWER),) * 10,
    *(Told(ended=EndKind.BUSY),) * 2,
    Told(ended=EndKind.POWERED_OFF),
    *(Told(ended=EndKind.RELEASED_BY_US, answered=True, decided=Disposition.PROMISE_FULL, promises=Money(10050, "CNY")),)
    * 2,
    Told(ended=EndKind.RELEASED_BY_CALLEE, answered=True),
    Told(ended=EndKind.RELEASED_BY_US, answered=True, decided=Disposition.THIRD_PARTY),
    Told(ended=EndKind.RELEASED_BY_US, answered=True, decided=Disposition.OPT_OUT, suppresses="person"),
    Told(ended=EndKind.RELEASED_BY_US, answered=True, decided=Disposition.COMPLAINT),
    Told(ended=EndKind.RELEASED_BY_US, answered=True, decided=Disposition.HARDSHIP),
)  # fmt: skip
"""What becomes of twenty calls; the thousand are as many times these."""
EXPECTED = {
    "no_answer": 500, "busy": 100, "powered_off": 50, "promise_full": 100, "hung_up_early": 50, "third_party": 50,
    "opt_out": 50, "complaint": 50, "hardship": 50,
}  # fmt: skip
RECORDED = "c0013"
STOPPED, RECALLED = "p0003", "p0004"
"""Two who did not answer, and would be called again."""


def place_of(contact: StoredContact) -> int:
    return int(contact.contact[1:])


def fate(contact: StoredContact) -> Told | None:
    place = place_of(contact)
    if contact.status != "open":
        return None
    told = FATES[place % len(FATES)]
    if contact.contact != RECORDED:
        return told
    return Told(
        ended=told.ended, answered=True, decided=told.decided, promises=told.promises, is_recorded=True
    )


def write_list(path: Path) -> None:
    """A thousand and ten good rows, and twenty that cannot be sent among them."""
    columns = (
        "contact", "person", "name", "number", "language", "region", "time_zone", "status", "debt", "creditor",
        "amount", "currency", "due_date", "last4", "consents",
    )  # fmt: skip

    def row(place: int, **changes: str) -> dict[str, str]:
        return {
            "contact": f"c{place:04d}", "person": f"p{place:04d}", "name": "王伟", "number": f"+86131{place:08d}",
            "language": "zh-CN", "region": "CN-GD", "time_zone": "Asia/Shanghai",
            "status": "open" if place < N_GOOD else "disputed", "debt": f"d{place:04d}", "creditor": "晨光银行",
            "amount": "100.50", "currency": "CNY", "due_date": "2026-11-10", "last4": f"{place:04d}",
            "consents": "call_reminders;sms",
        } | changes  # fmt: skip

    rows = [row(place) for place in range(N_GOOD + N_DISPUTED)]
    wrong = [{"number": "+86131234"}] * 8 + [{"amount": ""}] * 6 + [{"due_date": "2026-11-31"}] * 4
    bad = [row(5000 + place, **changes) for place, changes in enumerate(wrong)]
    bad += [row(6000 + place, person=f"p{place:04d}", number=f"+86131{place:08d}") for place in range(2)]
    for place, each in enumerate(bad):
        rows.insert(50 * (place + 1), each)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_texts(folder: Path) -> Path:
    path = folder / "texts.toml"
    path.write_text(
        'sender = "晨光银行"\n[text.agreed]\n'
        'zh-CN = "【{sender}】您约定{promise_date}前支付{promise_amount}。回复TD退订"\n'
        'en = "{sender}: {promise_amount} by {promise_date}. Reply STOP to end"\n',
        encoding="utf-8",
    )
    return path


class Desktop:
    """Somebody at the office's command line."""

    def __init__(self, office: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.office = office
        self._capsys = capsys

    def says(self, *arguments: object, code: int = 0) -> str:
        """Type a command; return what it prints."""
        found, out, err = said(self._capsys, "--office", self.office, *arguments)
        assert found == code, err
        return out

    async def says_meanwhile(self, *arguments: object) -> str:
        """Type a command that waits for a box which runs beside it."""
        return await asyncio.to_thread(self.says, *arguments)

    def json(self, *arguments: object) -> Any:
        return json.loads(self.says(*arguments, "--json"))


@pytest.mark.timeout(120)
def test_the_office_from_its_first_day_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desktop(tmp_path / "office", capsys)
    port = free_port()
    desk.says("init", "--tenant", "bank", "--broker-host", "127.0.0.1", "--broker-port", port)
    desk.says("box", "add", "branch-7")
    office = load_office(desk.office)
    contacts, flow = tmp_path / "november.csv", ROOT / "examples" / "overdue-reminder.yaml"
    write_list(contacts)

    examined = desk.json("examine", contacts, "--flow", flow, "--now", NOW.isoformat())
    assert (examined["rows_read"], examined["rows_good"], examined["rows_bad"]) == (1030, 1010, 20)
    assert examined["reasons"]["bad"] == BAD

    clock = SimulatedClock(NOW)
    broker = Broker(office)
    broker.start()
    try:
        told = asyncio.run(asyncio.wait_for(calls(desk, contacts, flow, clock, tmp_path), 60))
    finally:
        broker.stop()
    assert told == {"calls": N_GOOD, "pushed": 1010, "fetched": True}

    outcomes = desk.json("outcomes")
    assert Counter(each["disposition"] for each in outcomes) == EXPECTED
    assert len({each["attempt"] for each in outcomes}) == N_GOOD
    [report] = desk.json("report")["campaigns"]
    assert (report["sent"], report["taken"], report["attempts"], report["promises"]) == (
        1010,
        1010,
        1000,
        100,
    )
    assert report["refusals"] == {"ALL-STS-1": N_DISPUTED}

    the_money_comes_in(desk, tmp_path)
    the_month_is_reported(desk, tmp_path)
    what_was_heard_is_exported(desk, tmp_path)


async def calls(
    desk: Desktop, contacts: Path, flow: Path, clock: SimulatedClock, folder: Path
) -> dict[str, object]:
    """Push to the box, let it call, and work in the browser while it is there."""
    office = load_office(desk.office)
    box = CallingBox(office, "branch-7", folder, clock)
    async with box.online():
        reading = asyncio.create_task(ingest_command(office, until_idle_s=None, clock=clock))
        pushed = await desk.says_meanwhile(
            "push", contacts, "--flow", flow, "--campaign", "November", "--box", "branch-7", "--json", "-",
            "--now", NOW.isoformat(), "--texts", write_texts(folder),
        )  # fmt: skip
        n_calls = await box.call_everybody(fate)
        await box.until_told()
        await texts_follow(desk, box)
        is_fetched = await asyncio.to_thread(the_day_in_the_browser, office, clock)
        waiting = await box.database.read(
            lambda con: con.rows(
                "SELECT person FROM contact WHERE state = 'waiting' AND person IN ('p0003', 'p0004')"
            )
        )
        told = await box.database.read(
            lambda con: con.rows("SELECT reason FROM suppression WHERE person = 'p0003'")
        )
        assert [row["person"] for row in waiting] == [STOPPED], "taken off, or kept and held back by the gate"
        assert [row["reason"] for row in told] == ["opt_out"]
        reading.cancel()
        await asyncio.wait([reading])
    return {"calls": n_calls, "pushed": json.loads(pushed)["taken"], "fetched": is_fetched}


async def texts_follow(desk: Desktop, box: CallingBox) -> None:
    """A rule has the box write to everybody who promised, each once however often it is run."""
    rule = '[[rule]]\nname = "thanks"\nafter = ["promise_full"]\nchannel = "sms"\ntext = "agreed"\n'
    (desk.office / "followups.toml").write_text(rule, encoding="utf-8")
    run = ("followups", "run", "--json", "--now", NOW.isoformat())
    ran = json.loads(await desk.says_meanwhile(*run))
    assert (ran["planned"], ran["sent"]) == (EXPECTED["promise_full"], EXPECTED["promise_full"])
    assert json.loads(await desk.says_meanwhile(*run))["sent"] == 0
    assert await box.send_texts(n_expected=ran["sent"]) == ran["sent"]
    await box.until_told()
    sent = json.loads(await desk.says_meanwhile("sms", "list", "--json"))
    assert Counter(each["state"] for each in sent) == {"sent": ran["sent"]}
    listed = json.loads(await desk.says_meanwhile("followups", "list", "--json"))
    assert {each["sms"] for each in listed} == {"sent"}


def the_day_in_the_browser(office: Any, clock: SimulatedClock) -> bool:
    """A supervisor works on a case, hears the recording that comes from the box, and corrects it."""
    ledger = Ledger(office.ledger)
    with ledger.transaction() as rows:
        add_user(rows, "li", Role.SUPERVISOR, PASSWORD, clock.now())
    orders = BrokerOrders(office, ledger, clock)
    app = make_app(Desk(ledger=ledger, office=office, clock=clock, orders=orders))
    visitor = Visitor(app)
    visitor.sign_in("li")

    def page(path: str) -> str:
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        return answer.get_data(as_text=True)

    cases = re.findall(r'href="(/cases/one\?[^"]+)"', page("/cases?kind=complaint"))
    assert len(set(cases)) == 50
    case = cases[0].replace("&amp;", "&")
    fields = dict(re.findall(r"(box|attempt)=([^&]+)", case)) | {
        "state": "done",
        "note": "rang back, settled",
    }
    assert visitor.post("/cases/note", fields, form_at=case).status_code == 302
    assert "rang back, settled" in page(case)

    assert "1,000" in page("/measures?days=7")
    with ledger.reading() as rows:
        attempt = rows.exec_driver_sql("SELECT attempt FROM outcome WHERE recording IS NOT NULL").scalar_one()
    here = f"/recordings/one?box=branch-7&attempt={attempt}"
    of_it = {"box": "branch-7", "attempt": attempt}
    assert visitor.post("/recordings/fetch", of_it, form_at=here).status_code == 302
    sound = visitor.get(f"/recordings/sound?box=branch-7&attempt={attempt}")
    with wave.open(BytesIO(sound.get_data())) as opened:
        assert (opened.getnchannels(), opened.getnframes()) == (2, 16_000)
    heard = {
        "kind": "intent",
        "said": "下周三我还",
        "language": "zh",
        "right": "promise_to_pay",
        "was": "chatter",
    }
    assert visitor.post("/recordings/correct", of_it | heard, form_at=here).status_code == 302
    who = {"kind": "answer", "right": "human"}
    assert visitor.post("/recordings/correct", of_it | who, form_at=here).status_code == 302
    stopped = {"person": STOPPED, "action": "suppress", "scope": "person", "reason": "opt_out"}
    visitor.post("/people/stop", stopped, form_at=f"/people/stop?person={STOPPED}&action=suppress")
    assert "every box is told" in page(f"/people/one?person={STOPPED}")
    recalled = {"person": RECALLED, "action": "recall"}
    visitor.post("/people/stop", recalled, form_at=f"/people/stop?person={RECALLED}&action=recall")
    assert "Taken off 1 of 1 lists." in page(f"/people/one?person={RECALLED}")
    ledger.close()
    return "下周三我还" in page(here)


def the_money_comes_in(desk: Desktop, folder: Path) -> None:
    """Half of those who promised pay in time."""
    paid = folder / "paid.csv"
    promised = [place for place in range(N_GOOD) if FATES[place % len(FATES)].promises]
    lines = [f"r{place},p{place:04d},100.50,CNY,2026-11-28" for place in promised[:50]]
    paid.write_text("payment,person,amount,currency,paid_on\n" + "\n".join(lines) + "\n", encoding="utf-8")
    imported = desk.json("payment", "import", paid, "--now", "2026-12-08T09:00:00+08:00")
    assert (imported["new"], imported["problems"]) == (50, [])


def the_month_is_reported(desk: Desktop, folder: Path) -> None:
    """The month's figures are those of the calls, and the page is written."""
    month = ("report", "--month", "2026-11", "--zone", "Asia/Shanghai", "--now", "2026-12-08T09:00:00+08:00")
    found = desk.json(*month)
    total = found["calendar"]["total"]
    assert (total["attempts"], total["answered"], total["right_party"]) == (1000, 350, 150)
    assert (total["promises"], total["kept"], total["broken"], total["opt_outs"]) == (100, 50, 50, 50)
    assert total["promised"] == {"CNY": 1_005_000}
    assert total["kept_money"] == {"CNY": 502_500}
    assert found["first_word"] == {"calls": 350, "median_ms": 650, "p95_ms": 650}
    assert [(each["rule"], each["contacts"]) for each in found["refusals"]] == [("ALL-STS-1", N_DISPUTED)]
    page = folder / "november.html"
    desk.says(*month, "--out", page, "--language", "zh")
    assert "35.0%" in page.read_text(encoding="utf-8")


def what_was_heard_is_exported(desk: Desktop, folder: Path) -> None:
    """What the supervisor heard is a set to train with, the sound beside it."""
    target = folder / "heard"
    made = desk.json("corrections", "export", target, "--recordings", desk.office / "recordings")
    assert (made["phrases"], made["answers"]) == (1, 1)
    assert "下周三我还" in (target / "phrases.toml").read_text(encoding="utf-8")
    [sound] = (target / "answers").iterdir()
    with wave.open(str(sound)) as opened:
        assert opened.getnframes() == 16_000
