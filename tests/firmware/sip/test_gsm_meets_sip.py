"""A modem's call and a SIP call joined in real time: a PTY and a SIP engine, each with its own clock, people at both ends."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np

from audio.ports.bridge import Bridge
from firmware.clock import SimulatedWorld
from firmware.daemon.simulated_box import SimulatedPorts
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line import Active, LineCall, LineStatus
from firmware.lines.sip_line import SipLine
from firmware.sip.trunk import Trunk, TrunkPlan
from firmware.sip.wire import Account
from firmware.values import E164, LineId
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import Beep, Person
from modem_drivers.simulator.running import build_modem, plug_in, tick_for_ever
from modem_drivers.simulator.simulation import ModemSpec
from modem_drivers.simulator.sip_exchange import open_exchange
from tests.firmware.sip.sip_far_end import until
from tests.firmware.sip.test_sip_line import on_a_loop

CALLEE, AGENT = E164("+8613123456701"), E164("+8613900000001")
CALLEE_HZ, AGENT_HZ = 700.0, 1100.0
TALK_S = 2.5


def heard_s(heard: bytes, frequency_hz: float) -> float:
    """Return for how long a tone is heard, in parts of 100 ms."""
    parts = np.frombuffer(heard, "<i2").astype(float)
    parts = parts[: len(parts) // 800 * 800].reshape(-1, 800)
    level = 2 * np.abs(parts @ np.exp(-2j * np.pi * frequency_hz * np.arange(800) / 8000)) / 800
    return float((level > 500).sum() / 10)


async def active(call: LineCall, is_up: asyncio.Event) -> None:
    async for event in call.events():
        if isinstance(event, Active):
            is_up.set()


@on_a_loop
async def test_two_people_hear_each_other_through_a_modem_and_a_sip_engine() -> None:
    loop = asyncio.get_running_loop()
    network = Network(
        [
            Person(number=CALLEE, ring_s=0.1, steps=(Beep(frequency_hz=CALLEE_HZ, duration_s=20),)),
            Person(number=AGENT, ring_s=0.1, steps=(Beep(frequency_hz=AGENT_HZ, duration_s=20),)),
        ],
        setup_s=0.05,
    )
    spec = ModemSpec(personality="ec25", imei="356938035643800", number="+8613123456600")
    modem = plug_in(spec, build_modem(spec, network, loop), loop)
    exchange = await open_exchange(network)
    simulated: Any = SimpleNamespace(ports=[modem.ports])
    account = Account(user="box", domain=f"127.0.0.1:{exchange.port}", registers=False, interface="127.0.0.1")
    trunk = Trunk(TrunkPlan(name="t", engine="baresip", account=account, n_lines=1))
    gsm = GsmLine(LineId("line-1"), SimulatedPorts(simulated, 0), now_s=loop.time)
    sip = SipLine(LineId("t-1"), trunk, 0, world=SimulatedWorld, now_s=loop.time)
    tasks = [
        asyncio.create_task(work) for work in (tick_for_ever([modem, exchange]), gsm.serve(), sip.serve())
    ]
    try:
        await until(lambda: {gsm.report.status, sip.report.status} == {LineStatus.READY})
        calls: list[LineCall] = [
            await gsm.dial(CALLEE, ring_timeout_s=10),
            await sip.dial(AGENT, ring_timeout_s=10),
        ]
        up = [asyncio.Event(), asyncio.Event()]
        pumps = [asyncio.create_task(active(call, is_up)) for call, is_up in zip(calls, up, strict=True)]
        async with asyncio.timeout(20):
            for is_up in up:
                await is_up.wait()
        assert calls[0].audio.clock != calls[1].audio.clock
        async with Bridge(calls[0].audio, calls[1].audio) as bridge:
            await asyncio.sleep(TALK_S)  # real media: the bridge lasts as long as what passes
            statistics = await bridge.stop()
        for call in calls:
            await call.hang_up()
        async with asyncio.timeout(20):
            await asyncio.gather(*pumps)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        modem.unplug()
        exchange.unplug()
    assert statistics.dry + statistics.cut <= 5, "a busy machine makes a gap now and then, and not more"
    of = {conversation.person.number: bytes(conversation.heard) for conversation in network.conversations}
    assert heard_s(of[CALLEE], AGENT_HZ) > 0.7 * TALK_S
    assert heard_s(of[AGENT], CALLEE_HZ) > 0.7 * TALK_S
    assert heard_s(of[CALLEE], CALLEE_HZ) == heard_s(of[AGENT], AGENT_HZ) == 0, "nobody hears themselves"
