"""Every transcript, replayed to the driver, gives the events it is annotated with."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from modem_drivers.events import CallProgress
from modem_drivers.modem import ModemCall

Run = Callable[..., Any]
REPLAYED = [
    ("a7680c_answered_remote_release.at", "a76xx"),
    ("a7680c_local_cancel.at", "a76xx"),
    ("sim7600_answered_index3.at", "sim7600"),
    ("sim7600_missed_then_no_carrier.at", "sim7600"),
    ("ec25_dsci_local_hang_up.at", "ec2x"),
    ("ec25_ccinfo_busy.at", "ec2x"),
    ("huawei_e1550_answered_cause_31.at", "huawei_stick"),
    ("huawei_k3715_local_hang_up.at", "huawei_stick"),
    ("wavecom_ok_on_answer.at", "wavecom"),
    ("zte_k3565_connect.at", "zte"),
    ("zte_k3565_rejected_by_ok.at", "zte"),
    ("zte_td_answered.at", "generic"),
    ("zte_td_no_answer.at", "generic"),
    ("zte_td_busy.at", "generic"),
    ("zte_td_switched_off.at", "generic"),
    ("zte_td_bad_number.at", "generic"),
    ("zte_td_flight_mode.at", "generic"),
]


def _matches(event: CallProgress, expected: str) -> bool:
    name, *claims = expected.split()
    if type(event).__name__ != name:
        return False
    return all(str(getattr(event, key)) == value for key, value in (claim.split("=") for claim in claims))


@pytest.mark.parametrize(("name", "dialect"), REPLAYED)
def test_replayed_transcript(
    run_virtual: Run, open_scripted: Run, call_events: Run, name: str, dialect: str
) -> None:
    async def replay() -> None:
        script, modem = await open_scripted(name)
        assert modem.identity.dialect == dialect

        async def act(call: ModemCall) -> None:
            while True:
                match await script.actions.get():
                    case "hang_up":
                        await call.hang_up()
                    case "open_audio":
                        await call.open_audio()
                    case other:
                        raise AssertionError(other)

        call = await modem.dial(script.number)
        acting = asyncio.create_task(act(call))
        events = await call_events(call)
        await modem.close()
        acting.cancel()
        assert len(events) == len(script.expected), events
        for event, expected in zip(events, script.expected, strict=True):
            assert _matches(event, expected), (event, expected)
        assert script.is_finished, "the driver never came to the transcript's end"
        assert script.number.removeprefix("+") not in repr(events), "numbers are masked"

    run_virtual(replay())


def test_no_transcript_is_forgotten(transcript_names: set[str]) -> None:
    assert transcript_names == {name for name, _ in REPLAYED}
