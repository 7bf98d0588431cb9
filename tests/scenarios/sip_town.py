"""A town whose people can be called over SIP lines too: a trunk whose engine is in memory, so that time may be virtual.

Everything above the engine is real: trunk, line, call, how its end is read. The engine's two natives have tests of their own.
"""

import asyncio
import re
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from audio.ports.loopback import LoopbackPort
from audio.ports.port import ClockSource, PortClock
from firmware.clock import SimulatedWorld
from firmware.lines.gsm_line import GsmLine
from firmware.lines.sip_line import SipLine
from firmware.settings_sections import TrunkSection
from firmware.sip.engine_process import EngineCall, EngineProcess, EngineState
from firmware.sip.trunk import Trunk, TrunkPlan
from firmware.sip.wire import (
    FIRST_INCOMING,
    Account,
    Answer,
    Answered,
    EarlyMedia,
    HangUp,
    Incoming,
    Order,
    Over,
    Quality,
    Refer,
    Referred,
    Ringing,
)
from firmware.values import LineId
from modem_drivers.simulator.leg import Leg, LegState
from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.sip_exchange import STATUSES
from tests.scenarios.town import Town

RELEASE_S = 0.05
DOMAIN = "sip.town.example"
QUALITY = Quality(packets_in=900, packets_out=890, lost_in=3, jitter_in_ms=7.5, round_trip_ms=41.0)
"""What the network tells of every call that we end."""


class MemoryEngine(EngineProcess):
    """An engine that is up, registered, and calls the network's people by function calls."""

    def __init__(self, network: Network, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.legs: dict[int, Leg] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        """What was dialled, with its headers."""
        self.referred: list[str] = []
        self.ends_what_it_puts_through = True
        self._next_incoming = FIRST_INCOMING
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._no_sound, self._other_end = socket.socketpair()
        self._no_sound.setblocking(False)
        self._sounds = [self._no_sound] * self._n_slots

    async def serve(self) -> None:
        self.state = EngineState(is_up=True, engine="memory", is_registered=True, detail="")
        self._on_change()
        try:
            await asyncio.Event().wait()
        finally:
            self._no_sound.close()
            self._other_end.close()

    def dial(self, slot: int, uri: str, headers: dict[str, str]) -> EngineCall:
        number, self._next_call = self._next_call, self._next_call + 1
        call = self._calls[number] = EngineCall(self, number, slot, self._no_sound)
        self.asked.append((uri, headers))
        own = re.search(r"sip:(\+[0-9]+)@", headers.get("P-Preferred-Identity", ""))
        dialled = re.match(r"sip:([^@]+)@", uri)
        assert dialled is not None
        leg = self.legs[number] = self._network.place_call(
            caller=own.group(1) if own else "",
            dialled=dialled.group(1),
            party=_Party(self, number),
            schedule=self._loop.call_later,
            now_s=self._loop.time,
        )
        if leg.announces:
            self._loop.call_later(RELEASE_S, self._heed_call, EarlyMedia(call=number))
        return call

    def send(self, order: Order) -> None:
        if isinstance(order, Answer):
            self.legs[order.call].answer()
        if isinstance(order, HangUp) and self.legs[order.call].state is not LegState.OVER:
            self.legs[order.call].release()
            self._loop.call_later(
                RELEASE_S, self._heed_call, Over(call=order.call, is_ours=True, quality=QUALITY)
            )

        if isinstance(order, Refer):
            self.referred.append(order.uri)
            self._loop.call_later(3.0, self._put_through, order.call)

    def bring(self, leg: Leg, caller: str) -> int | None:
        """Have the trunk's server bring a call; return its number, None when it was refused."""
        number, self._next_incoming = self._next_incoming, self._next_incoming + 1
        self.legs[number] = leg
        if self._on_incoming(Incoming(call=number, caller=caller, is_trunks=True)):
            return number
        del self.legs[number]
        return None

    def _put_through(self, number: int) -> None:
        """Tell that whoever the callee was put through to has answered; some trunks end our part of the call at once."""
        self._heed_call(Referred(call=number, code=200))
        if not self.ends_what_it_puts_through:
            return
        self.legs[number].release()
        self._heed_call(Over(call=number, reason="Q.850;cause=16"))

    def exchange(self, number: int, said: bytes) -> bytes:
        """Carry one frame each way."""
        pcm = np.frombuffer(said or bytes(320), dtype="<i2").astype(np.int16)
        leg = self.legs[number]
        return b"" if leg.state is LegState.OVER else leg.exchange(pcm).astype("<i2").tobytes()


class _Party:
    """What the network tells of one call."""

    def __init__(self, engine: MemoryEngine, number: int) -> None:
        self._engine, self._number = engine, number
        self._was_answered = False

    def call_alerting(self) -> None:
        self._engine._heed_call(Ringing(call=self._number))

    def call_connected(self) -> None:
        self._was_answered = True
        self._engine._heed_call(Answered(call=self._number))

    def call_released(self, cause: int) -> None:
        status = STATUSES.get(cause, "500 Server Internal Error")
        code = 0 if self._was_answered else int(status[:3])
        reason = f"Q.850;cause={cause}" if self._was_answered else f"{status},Q.850;cause={cause}"
        self._engine._heed_call(Over(call=self._number, code=code, reason=reason))

    def key_heard(self, key: str) -> None:
        """Its tones are in the sound."""


class TrunkNumber:
    """One of the trunk's own numbers, as the network knows who has it."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self._party: _Party | None = None

    def call_offered(self, leg: Leg, caller: str) -> bool:
        number = self._engine.bring(leg, caller)
        self._party = None if number is None else _Party(self._engine, number)
        return number is not None

    def call_alerting(self) -> None:
        """It is we who ring."""

    def call_connected(self) -> None:
        if self._party is not None:
            self._party.call_connected()

    def call_released(self, cause: int) -> None:
        if self._party is not None:
            self._party.call_released(cause)

    def key_heard(self, key: str) -> None:
        """Its tones are in the sound."""

    def text_offered(self, octets: bytes) -> bool:
        del octets
        return False


class MemorySound(LoopbackPort):
    """The sound of one such call, whose clock is its own and `ppm` fast."""

    def __init__(self, engine: MemoryEngine, call: EngineCall, ppm: float) -> None:
        super().__init__(partial(engine.exchange, call.number))
        self.clock = PortClock(source=ClockSource.DEVICE, name=f"sip:{call.number}")
        self._ptime_s /= 1 + ppm * 1e-6

    def key_heard(self, key: str, duration_ms: int) -> None:
        raise AssertionError("no engine of this town tells keys")


class SipTown(Town):
    """A town with so many SIP lines beside its modems."""

    def __init__(self, *given: Any, n_sip_lines: int, ppm: float = 0.0, **named: Any) -> None:
        """`ppm`: how much faster the clock of a SIP call's sound runs than a modem's."""
        super().__init__(*given, **named)
        self._n_sip_lines, self._ppm = n_sip_lines, ppm
        trunk = TrunkSection(id="trunk", server=DOMAIN, user="branch", lines=n_sip_lines)
        self.settings = msgspec.structs.replace(self.settings, trunk=[trunk])
        self.engine: MemoryEngine | None = None

    def _lines(
        self, modems: list[SimulatedModem]
    ) -> Sequence[GsmLine[SimulatedWorld] | SipLine[SimulatedWorld]]:
        own = tuple(f"+86213456780{index}" for index in range(self._n_sip_lines))
        plan = TrunkPlan(
            name="trunk",
            engine="baresip",
            account=Account(user="branch", domain=DOMAIN),
            n_lines=self._n_sip_lines,
            numbers=own,
            number_format="00",
        )
        trunk = Trunk(plan, make_process=partial(MemoryEngine, self.network))
        (engine,) = trunk.processes
        assert isinstance(engine, MemoryEngine)
        self.engine = engine
        for number in own:
            self.network.attach(number, TrunkNumber(engine))

        def open_sound(call: EngineCall, *, speaks: bool) -> MemorySound:
            del speaks
            return MemorySound(engine, call, self._ppm)

        sip = [
            SipLine(
                LineId(f"trunk-{index + 1}"), trunk, index,
                world=SimulatedWorld, now_s=self.loop.time, open_sound=open_sound,
            )
            for index in range(self._n_sip_lines)
        ]  # fmt: skip
        return [*super()._lines(modems), *sip]
