"""Messages and USSD between the driver and every simulated modem: two codecs that share nothing."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.modem import Modem
from modem_drivers.pdu.status_report import DeliveryState
from modem_drivers.simulator import Network, Person, SimulatedModem
from modem_drivers.simulator.memory_host import join
from modem_drivers.simulator.personality import PERSONALITIES, Personality
from modem_drivers.sms_store import SmsEvent, SmsReceived, SmsReported
from modem_drivers.ussd import UssdState

Run = Callable[..., Any]
NUMBER = "+8613800000001"
OWN = "+8613912345678"
TEXTS = [
    pytest.param("Please call us back.", 1, id="7-bit"),
    pytest.param("{[€]} ~|^\\ Ä ö ñ Ω " * 8, 2, id="7-bit, extension, long"),
    pytest.param("尊敬的客户，您的话费余额为10.00元👍" * 8, 3, id="UCS-2, emoji, long"),
]
EVERY = pytest.mark.parametrize(
    "personality", PERSONALITIES.values(), ids=lambda personality: personality.name
)


async def opened(personality: Personality) -> tuple[Modem, Network]:
    loop = asyncio.get_running_loop()
    network = Network([Person(number=NUMBER)])
    simulated = SimulatedModem(
        personality,
        network,
        imei="861234567890123",
        number=OWN,
        schedule=loop.call_later,
        now_s=loop.time,
    )
    port = MemoryPort(personality.name)
    join(simulated, port)
    return await Modem.open(port, now_s=loop.time), network


@EVERY
@pytest.mark.parametrize(("text", "n_parts"), TEXTS)
def test_sent_received_and_reported(
    run_virtual: Run, personality: Personality, text: str, n_parts: int
) -> None:
    async def scenario() -> None:
        modem, network = await opened(personality)
        async with modem:
            found: list[SmsEvent] = []

            async def read() -> None:
                async for event in modem.sms.incoming():
                    found.append(event)

            reading = asyncio.create_task(read())
            sent = await modem.sms.send(NUMBER, text, wants_report=True)
            assert len(sent.references) == n_parts
            await asyncio.sleep(120)
            (arrived,) = network.messages.sent
            assert (arrived.recipient, arrived.text, arrived.n_parts) == (NUMBER, text, n_parts)
            reports = [event for event in found if isinstance(event, SmsReported)]
            assert {event.reference for event in reports} == set(sent.references)
            assert {event.state for event in reports} == {DeliveryState.DELIVERED}
            found.clear()
            network.messages.text_from(NUMBER, OWN, text, now_s=asyncio.get_running_loop().time)
            await asyncio.sleep(120)
            (received,) = found
            assert isinstance(received, SmsReceived)
            assert (received.sender, received.text, received.n_missing) == (NUMBER, text, 0)
            assert await modem.sms.read_all() == [], "and deleted"
            reading.cancel()

    run_virtual(scenario())


@EVERY
def test_the_balance_is_asked_for(run_virtual: Run, personality: Personality) -> None:
    async def scenario() -> None:
        modem, _ = await opened(personality)
        async with modem:
            assert (await modem.ussd.ask("*100#")).text.startswith("Your balance is 25.50 CNY")
            assert (await modem.ussd.ask("*101#")).text == "您的余额为25.50元，有效期至2027年1月31日。"
            menu = await modem.ussd.ask("*102#")
            assert menu.state is UssdState.REPLY_WANTED
            assert menu.text.split() == ["1", "Balance", "2", "Data", "left"]
            assert (await modem.ussd.reply("2")).text == "1.2 GB left."
            assert (await modem.ussd.ask("*999#")).state is UssdState.NOT_SUPPORTED

    run_virtual(scenario())
