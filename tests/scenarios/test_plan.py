"""A plan of instalments from the list that the console sends to the sum in its report, by a call over a modem."""

from pathlib import Path

from console.reports import OutcomeLine, campaign_reports
from firmware.sync.messages import OutcomeMessage
from modem_drivers.simulator.people import Person, Press, Step, WaitForSilence
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

FLOW = Path(__file__).resolve().parents[2] / "examples/repayment-negotiation.yaml"
KEYS = ("1", "4101", "4", "2", "1", "1")
"""It is me; my digits; instalments; not the first offer; the second; yes, that is right."""


def test_a_plan_agreed_by_keys_is_in_the_consoles_report_with_all_its_instalments(tmp_path: Path) -> None:
    async def story() -> tuple[list[OutcomeMessage], list[OutcomeLine], dict[str, str]]:
        steps: list[Step] = []
        for keys in KEYS:
            steps += [WaitForSilence(silence_s=1.0), Press(keys=keys)]
        person = Person(number="+8613123456701", ring_s=1, steps=tuple(steps), noise_dbfs=-60.0)
        town = Town(tmp_path, [person], n_modems=1)
        debtor = contact(1)
        debtor.vars.update(
            complaint_line="4001234567",
            min_part={"minor": 20000, "currency": "CNY"},
            min_instalment={"minor": 10000, "currency": "CNY"},
            most_instalments=12,
        )
        async with town.open():
            await town.push([debtor], flow=FLOW.read_text(encoding="utf-8"))
            await town.until_settled([debtor], hours=0.2)
            with town.ledger.reading() as connection:
                [report] = campaign_reports(connection)
            outcomes = [message for message in town.seen if isinstance(message, OutcomeMessage)]
            return outcomes, town.ledger_outcomes(), report.promised

    [outcome], [line], promised = run_virtually(story())
    assert outcome.disposition == "promise_plan"
    assert outcome.promise is not None
    assert outcome.promise.amount is not None
    plan = outcome.promise.plan
    assert plan is not None
    assert (plan.instalments, plan.every) == (6, "month")
    assert outcome.promise.amount.minor == 20600
    assert [part.minor for part in plan.payments] == [20600] * 5 + [20450]
    assert {part.currency for part in plan.payments} == {"CNY"}
    assert plan.payments[0].due == outcome.promise.due
    assert len({(part.due.year, part.due.month) for part in plan.payments}) == 6, "one a month"
    assert "206.00 CNY, 6, one a month" in str(line)
    assert promised == {"CNY": "1234.50"}, "what is owed, not six times 206.00"
