"""A GSM or LTE modem as a line."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from typing import Generic, Protocol, TypeVar, assert_never

from audio.ports.port import AudioPort
from audio.ports.serial_pcm import SerialPcmPort
from firmware.lines.line import (
    Active,
    Alerting,
    CallEvent,
    Dialing,
    Ended,
    EndKind,
    LineError,
    LineNotReadyError,
    LineReport,
    LineStatus,
)
from firmware.values import E164, InvalidNumberError, LineId, parse_e164
from modem_drivers import events as modem_events
from modem_drivers.at.byte_port import BytePort
from modem_drivers.dialect import AudioPlan
from modem_drivers.errors import ModemError, PortOpenError
from modem_drivers.events import ReleaseKind
from modem_drivers.modem import Modem, ModemCall
from modem_drivers.sim import SimState

WorldT = TypeVar("WorldT")
WorldT_co = TypeVar("WorldT_co", covariant=True)

REFRESH_S = 10.0
"""Between two looks at SIM, registration and signal of an idle line."""
NETWORK_TIME_EVERY_S = 900.0
HANG_UP_DEADLINE_S = 100.0
"""ATH and AT+CHUP may take 90 s (Quectel EC2x AT manual); past this the modem is lost."""

_END_KINDS = {
    ReleaseKind.ANSWERED_REMOTE: EndKind.RELEASED_BY_CALLEE,
    ReleaseKind.LOCAL: EndKind.RELEASED_BY_US,
    ReleaseKind.BUSY: EndKind.BUSY,
    ReleaseKind.NO_ANSWER: EndKind.NO_ANSWER,
    ReleaseKind.REJECTED: EndKind.REJECTED,
    ReleaseKind.POWERED_OFF: EndKind.POWERED_OFF,
    ReleaseKind.UNREACHABLE: EndKind.UNREACHABLE,
    ReleaseKind.INVALID_NUMBER: EndKind.VACANT_NUMBER,
    ReleaseKind.CONGESTION: EndKind.CONGESTION,
    ReleaseKind.BARRED: EndKind.CALL_RESTRICTED,
    ReleaseKind.NETWORK_FAULT: EndKind.NETWORK_FAULT,
    ReleaseKind.LOCAL_FAULT: EndKind.LOCAL_FAULT,
    ReleaseKind.UNKNOWN: EndKind.UNKNOWN,
}


class GsmPorts(Protocol[WorldT_co]):
    """Where a modem's two ports are; tagged with the world its calls reach."""

    @property
    def world(self) -> type[WorldT_co]:
        """Return the world behind the ports."""
        ...

    def open_at(self) -> BytePort:
        """Open the AT port. Raises PortOpenError."""
        ...

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        """Return the call-audio port, not yet started."""
        ...


class GsmLine(Generic[WorldT]):
    """One modem: opened, watched while idle, lent to one call at a time."""

    def __init__(
        self,
        line_id: LineId,
        ports: GsmPorts[WorldT],
        *,
        number: E164 | None = None,
        now_s: Callable[[], float],
        refresh_s: float = REFRESH_S,
        on_change: Callable[[LineReport], None] = lambda _report: None,
    ) -> None:
        self.line_id = line_id
        self._ports = ports
        self._number = number
        self._now_s = now_s
        self._refresh_s = refresh_s
        self.on_change = on_change
        self.on_network_time: Callable[[datetime], None] = lambda _at: None
        self._time_due_s = 0.0
        self._modem: Modem | None = None
        self._call: GsmCall | None = None
        self._report = LineReport(line=line_id, status=LineStatus.ABSENT, number=number)

    @property
    def world(self) -> type[WorldT]:
        """Return the world whose telephones this line rings."""
        return self._ports.world

    @property
    def report(self) -> LineReport:
        """Return how the line stands."""
        return self._report

    async def serve(self) -> None:
        """Open the modem and keep it fit; raises LineError when it is lost."""
        self._set(LineStatus.STARTING, "opening the AT port")
        try:
            port = self._ports.open_at()
        except PortOpenError as error:
            self._set(LineStatus.ABSENT, str(error))
            raise LineError(str(error)) from error
        try:
            async with await Modem.open(port, now_s=self._now_s) as modem:
                self._modem = modem
                await self._watch(modem)
        except (ModemError, LineError) as error:
            self._set(LineStatus.FAULTED, str(error))
            raise LineError(str(error)) from error
        finally:
            self._modem = None
            port.close()

    async def dial(self, number: E164, *, ring_timeout_s: float) -> "GsmCall":
        """Place a call. `ring_timeout_s` is how long it may ring before we give up (`Ended` no_answer)."""
        modem = self._modem
        if modem is None or self._report.status is not LineStatus.READY:
            raise LineNotReadyError(
                f"line {self.line_id} is {self._report.status}: {self._report.detail or 'not ready'}"
            )
        self._set(LineStatus.IN_CALL, "dialing")
        try:
            modem_call = await modem.dial(number)
        except ModemError as error:
            self._set(LineStatus.READY, "")
            raise LineError(f"line {self.line_id} refused to dial: {error}") from error
        except BaseException:
            self._set(LineStatus.READY, "")
            raise
        self._call = GsmCall(
            modem_call,
            self._ports.make_audio(modem.audio_plan),
            ring_timeout_s=ring_timeout_s,
            on_over=self._call_over,
        )
        return self._call

    def _call_over(self) -> None:
        self._call = None
        if self._modem is not None:
            self._set(LineStatus.READY, "")

    async def _watch(self, modem: Modem) -> None:
        while True:
            if self._call is None and self._report.status is not LineStatus.IN_CALL:
                await modem.refresh()
                self._describe(modem)
                await self._ask_time(modem)
            settled = self._report.status in {LineStatus.READY, LineStatus.IN_CALL}
            with suppress(TimeoutError):
                async with asyncio.timeout(self._refresh_s if settled else 1.0):
                    await modem.wait_closed()
                raise LineError(f"{modem.identity.model} is gone: unplugged or restarted")

    async def _ask_time(self, modem: Modem) -> None:
        """Pass on what the network says the time is, now and then: one of the clock's witnesses."""
        if self._report.status is not LineStatus.READY or self._now_s() < self._time_due_s:
            return
        self._time_due_s = self._now_s() + NETWORK_TIME_EVERY_S
        told = await modem.network_time()
        if told is not None and told.is_from_network:
            self.on_network_time(told.at)

    def _describe(self, modem: Modem) -> None:
        if self._report.status is LineStatus.IN_CALL:
            return  # a call began while we asked
        if modem.sim is SimState.BUSY:
            self._set(LineStatus.STARTING, "the SIM is starting")  # usual for 5-20 s after power-up
        elif modem.sim is not SimState.READY:
            self._set(
                LineStatus.FAULTED, f"SIM {modem.sim.replace('_', ' ')}: put in a SIM that is ready to use"
            )
        elif not modem.registration.is_registered:
            self._set(LineStatus.SEARCHING, f"network: {modem.registration.replace('_', ' ')}")
        elif modem.audio_plan.opens == "none":
            self._set(
                LineStatus.FAULTED, f"{modem.identity.model} has no call audio on a tty: use it for SMS only"
            )
        else:
            self._set(LineStatus.READY, "")

    def _set(self, status: LineStatus, detail: str) -> None:
        modem = self._modem
        number = self._number
        if number is None and modem is not None and modem.own_number:
            with suppress(InvalidNumberError):
                number = parse_e164(modem.own_number)
        report = LineReport(
            line=self.line_id,
            status=status,
            detail=detail,
            model=modem.identity.model if modem else self._report.model,
            operator=modem.operator if modem else "",
            rssi_dbm=modem.rssi_dbm if modem else None,
            number=number,
        )
        if report != self._report:
            self._report = report
            self.on_change(report)


class GsmCall:
    """One call on a GSM line: its audio opened at answer, its ring time bounded."""

    def __init__(
        self, call: ModemCall, audio: AudioPort, *, ring_timeout_s: float, on_over: Callable[[], None]
    ) -> None:
        self.audio = audio
        self._call = call
        if isinstance(audio, SerialPcmPort):
            audio.obey(lambda: call.audio_is_paused)
        self._ring_timeout_s = ring_timeout_s
        self._on_over = on_over
        self._gave_up_ringing = False

    async def events(self) -> AsyncIterator[CallEvent]:
        """Return what happens, ending with `Ended`."""
        loop = asyncio.get_running_loop()
        ringing: asyncio.TimerHandle | None = loop.call_later(self._ring_timeout_s, self._stop_ringing)
        audio_failure = ""
        try:
            async for event in self._call.events():
                match event:
                    case modem_events.Dialing():
                        yield Dialing(at_s=event.at_s)
                    case modem_events.Alerting():
                        yield Alerting(at_s=event.at_s)
                    case modem_events.Active():
                        if ringing is not None:
                            ringing.cancel()
                            ringing = None
                        try:
                            await self._call.open_audio()
                        except ModemError as error:
                            # Red line 10: no silent call. Without sound the only decent thing is to hang up.
                            audio_failure = str(error)
                            self._hanging_up = asyncio.create_task(self.hang_up(), name="hang-up-soundless")
                            continue
                        yield Active(at_s=event.at_s)
                    case modem_events.Dtmf():
                        continue  # digits are taken from the audio itself; two sources would count twice
                    case modem_events.Released():
                        yield self._ended(event, audio_failure)
                        return
                    case _:
                        assert_never(event)
        finally:
            if ringing is not None:
                ringing.cancel()
            self._on_over()

    async def hang_up(self) -> None:
        """End the call; `Ended` follows."""
        with suppress(ModemError, TimeoutError):
            async with asyncio.timeout(HANG_UP_DEADLINE_S):
                await self._call.close_audio()
                await self._call.hang_up()

    def _stop_ringing(self) -> None:
        self._gave_up_ringing = True
        self._hanging_up = asyncio.create_task(self.hang_up(), name="hang-up-unanswered")

    def _ended(self, event: modem_events.Released, audio_failure: str) -> Ended:
        kind, q850 = _END_KINDS[event.kind], event.q850
        evidence = event.raw_lines
        if audio_failure:
            kind, evidence = EndKind.LOCAL_FAULT, (*evidence, f"call audio did not open: {audio_failure}")
        elif self._gave_up_ringing and kind is EndKind.RELEASED_BY_US and not event.saw_active:
            # We let it ring as long as the campaign says and nobody came. If it never even rang, that
            # is not a person who did not answer.
            kind = EndKind.NO_ANSWER if event.saw_alerting else EndKind.UNREACHABLE
            q850 = None  # "normal clearing" is our own hang-up, no word of the network
        return Ended(
            at_s=event.at_s,
            kind=kind,
            q850=q850,
            confidence=event.confidence,
            saw_alerting=event.saw_alerting,
            saw_active=event.saw_active,
            evidence=evidence,
        )
