"""A GSM or LTE modem as a line: found, opened, watched and healed while idle, lent to one call at a time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog

from firmware.lines.bell import Bell
from firmware.lines.gsm_call import GsmCall
from firmware.lines.gsm_ports import GsmPorts
from firmware.lines.gsm_standing import standing_of
from firmware.lines.line import LineError, LineNotReadyError, LineReport, LineStatus
from firmware.lines.sim_pin import PinEntry
from firmware.lines.texting import TEXTS_AGAIN_S, TextEvent, send_over, texts_of
from firmware.values import E164, InvalidNumberError, LineId, parse_e164
from modem_drivers.errors import AudioPathError, ModemError
from modem_drivers.healer import Healer
from modem_drivers.healing import Ailment, HealingPlan, Rung
from modem_drivers.kept_modem import KeptModem
from modem_drivers.modem import Modem, ModemCall
from modem_drivers.sim import SimState
from modem_drivers.ussd import UssdAnswer

WorldT = TypeVar("WorldT")

REFRESH_S = 10.0
"""Between two looks at SIM, registration and signal of an idle line."""
UNSETTLED_S = 1.0
"""Between two looks at a line that is not ready."""
GOING_DOWN_S = 10.0
"""After a restart was ordered: what the modem says until then is of its old life."""
NETWORK_TIME_EVERY_S = 900.0
CARD_LOOK_S = 60.0
"""Between two looks for the sound card of an idle line; each costs up to a second of one core."""
CARD_MISSING_LOOK_S = 5.0
PICKED_UP_WITHIN_S = 15.0
"""From ATA until the modem shows the call answered."""
SILENT_CALLS = 2
"""One callee may have been silent behind a dead microphone; two in a row are our modem."""

_RESTARTS = frozenset({Rung.VENDOR_RESET, Rung.USB_REBIND, Rung.HUB_POWER, Rung.GPIO})

log = structlog.get_logger()


class GsmLine(Generic[WorldT]):
    """One modem's line. `serve` keeps it fit: a sick modem is treated by the healing ladder, never in a call."""

    answers_strangers = True

    def __init__(
        self,
        line_id: LineId,
        ports: GsmPorts[WorldT],
        *,
        number: E164 | None = None,
        pin: Callable[[], str] | None = None,
        power_hook: Callable[[], Awaitable[None]] | None = None,
        now_s: Callable[[], float],
        refresh_s: float = REFRESH_S,
        on_change: Callable[[LineReport], None] = lambda _report: None,
    ) -> None:
        self.line_id = line_id
        self._ports = ports
        self._number = number
        self._pin = PinEntry(pin, line=line_id)
        self._now_s = now_s
        self._refresh_s = refresh_s
        self.on_change = on_change
        self.on_network_time: Callable[[datetime], None] = lambda _at: None
        self.on_round: Callable[[], None] = lambda: None
        """Told each time `serve` goes round."""
        self.on_ringing: Callable[[], None] | None = None
        """Told once of who calls in while the line is ready; None: nobody answers here."""
        self._bell = Bell(line_id, modem=lambda: self._modem, on_quiet=self._free)
        self._time_due_s = 0.0
        self._kept = KeptModem(line_id, lambda: ports.open_modem(now_s), shout=ports.shout)
        self._healer = Healer(self._kept, HealingPlan(), now_s=now_s, usb=ports.power, gpio=power_hook)
        self._plan = HealingPlan()
        self._call: GsmCall | None = None
        self._stirred = asyncio.Event()
        self._n_silent_calls = 0
        self._audio_trouble = ""
        self._audio_is_proved = False
        self._audio_due_s = 0.0
        self._report = LineReport(line=line_id, status=LineStatus.ABSENT, number=number)

    @property
    def world(self) -> type[WorldT]:
        """Return the world whose telephones this line rings."""
        return self._ports.world

    @property
    def report(self) -> LineReport:
        """Return how the line stands."""
        return self._report

    def ports_changed(self) -> None:
        """Look at once: a modem was plugged in, or came back under other names."""
        self._audio_due_s = 0.0
        self._stirred.set()

    def offer_pin(self, pin: str) -> None:
        """Have the SIM card's PIN typed at the next look, which is now; it is known until the daemon ends."""
        self._pin.source = lambda: pin
        self._stirred.set()

    async def serve(self) -> None:
        """Keep the modem fit until cancelled, whatever becomes of it."""
        self._set(LineStatus.STARTING, "opening the AT port")
        try:
            while True:
                self._stirred.clear()
                self.on_round()
                await self._rest(await self._tend())
        finally:
            self._bell.close()
            await self._kept.close()

    async def dial(self, number: E164, *, ring_timeout_s: float) -> GsmCall:
        """Place a call. `ring_timeout_s` is how long it may ring before we give up (`Ended` no_answer)."""
        modem = self._ready_modem()
        return await self._take_up(modem, modem.dial(number), "dialing", ring_timeout_s)

    # ---- who calls in

    def expect_callers(self) -> None:
        """Do nothing: a modem rings whoever wants it."""

    @property
    def is_rung(self) -> bool:
        """Say whether somebody calls in whose call was neither answered nor turned away."""
        return self._bell.is_rung

    @property
    def caller(self) -> str:
        """Return the number that calls in, empty if it is withheld or not told yet."""
        return self._bell.caller

    async def answer(self) -> GsmCall:
        """Answer who calls in. Raises LineNotReadyError (nobody rings any more) or LineError."""
        modem = self._modem
        if not self._bell.take() or modem is None:
            raise LineNotReadyError(f"nobody calls in on line {self.line_id} any more")
        return await self._take_up(modem, modem.answer(), "answering", PICKED_UP_WITHIN_S)

    async def turn_away(self) -> None:
        """Refuse who calls in; the line is ready again then."""
        modem = self._modem
        if not self._bell.take() or modem is None:
            return
        try:
            is_gone = await modem.reject()
        except ModemError as error:
            log.info("call_not_turned_away", line=self.line_id, reason=str(error))
            is_gone = False
        self._free() if is_gone else self._look_again("a call that came in could not be turned away")

    def _rang(self) -> None:
        """Begin no call of ours until who calls in was answered or turned away, or has given up."""
        if self.on_ringing is None or self._report.status is not LineStatus.READY:
            return  # a call of ours is on: who calls in meanwhile hears what the network tells them
        self._set(LineStatus.IN_CALL, "somebody calls in")
        self._bell.rings()
        self.on_ringing()

    def _free(self) -> None:
        """Be ready again, unless somebody has begun to call in."""
        if self._modem is None:
            self._look_again("the modem was lost")
            return
        self._set(LineStatus.READY, "")
        self._stirred.set()
        if self._bell.is_sounding:
            self._rang()

    async def _take_up(
        self, modem: Modem, placing: Awaitable[ModemCall], doing: str, ring_timeout_s: float
    ) -> GsmCall:
        self._set(LineStatus.IN_CALL, doing)
        try:
            modem_call = await placing
        except ModemError as error:
            self._kept.audio_was_refused |= isinstance(error, AudioPathError)
            self._look_again("a call could not be placed")
            raise LineError(f"line {self.line_id} refused: {error}") from error
        except BaseException:
            self._look_again("a call was given up")
            raise
        self._call = GsmCall(
            modem_call,
            self._ports.make_audio(modem.audio_plan),
            ring_timeout_s=ring_timeout_s,
            on_over=self._call_over,
        )
        self._set(LineStatus.IN_CALL, doing)
        return self._call

    async def ask_operator(self, code: str) -> UssdAnswer:
        """Send a USSD code such as ``*100#`` and return the answer; no call is taken meanwhile.

        Raises LineNotReadyError, ModemError.
        """
        modem = self._ready_modem()
        self._set(LineStatus.IN_CALL, "asks the operator")
        try:
            return await modem.ussd.ask(code)
        finally:
            self._free()

    async def send_text(self, number: E164, text: str) -> tuple[int, ...]:
        """Send a text, no call meanwhile; return a reference for each part. Raises as `TextingLine` says."""
        modem = self._ready_modem()
        self._set(LineStatus.IN_CALL, "sends a message")
        try:
            return await send_over(modem, number, text)
        finally:
            self._free()

    async def texts(self) -> AsyncGenerator[TextEvent, None]:
        """Yield what comes in by SMS, for ever, whatever becomes of the modem; for one reader."""
        while True:
            if (modem := self._modem) is not None and self._report.status is LineStatus.READY:
                async for event in texts_of(modem):
                    yield event
            await asyncio.sleep(TEXTS_AGAIN_S)

    def _ready_modem(self) -> Modem:
        modem = self._modem
        if modem is None or self._report.status is not LineStatus.READY:
            raise LineNotReadyError(
                f"line {self.line_id} is {self._report.status}: {self._report.detail or 'not ready'}"
            )
        return modem

    # ---- between calls

    @property
    def _modem(self) -> Modem | None:
        modem = self._kept.modem
        return modem if modem is not None and modem.is_open else None

    @property
    def _is_in_call(self) -> bool:
        return self._call is not None or self._report.status is LineStatus.IN_CALL

    async def _tend(self) -> float:
        """See how the modem stands and do what its health asks for; return how long to rest then."""
        if self._is_in_call:
            return self._refresh_s
        ailments = await self._kept.examine()
        if self._is_in_call:  # a call began while we asked
            return self._refresh_s
        if (modem := self._modem) is not None:
            modem.on_ringing = self._rang
            self._plan = modem.dialect.healing
            if modem.sim is SimState.PIN_REQUIRED and await self._pin.enter(modem):
                ailments = await self._kept.examine()
            await self._look_at_audio()
            if self._is_in_call:
                return self._refresh_s
        self._healer.learn(self._plan, self._ports.power)
        # From here to the rung nothing is awaited: a line under treatment is not ready, and no call begins on it.
        self._healer.hear(ailments)
        self._describe(ailments)
        step = await self._healer.treat(is_idle=self._kept.is_idle)
        if not self._is_in_call:
            self._set(self._report.status, self._report.detail)  # what was done shows at once
        if step is not None and step.rung in _RESTARTS:
            return GOING_DOWN_S
        if self._report.status is LineStatus.READY and modem is not None:
            with suppress(ModemError):
                await self._ask_time(modem)
        is_settled = self._report.status in {LineStatus.READY, LineStatus.IN_CALL}
        return self._refresh_s if is_settled or self._healer.ladder.is_dead else UNSETTLED_S

    async def _rest(self, pause_s: float) -> None:
        """Wait, but not while a modem is lost, ports have changed or a call is over."""
        was_just_lost = self._kept.modem is not None and self._modem is None
        if was_just_lost and not self._is_in_call:
            return
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._stirred.wait(), name=f"stirred:{self.line_id}")
        ]
        if not self._is_in_call and (modem := self._modem) is not None:
            waits.append(asyncio.create_task(modem.wait_closed(), name=f"closed:{self.line_id}"))
        try:
            await asyncio.wait(waits, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _look_at_audio(self) -> None:
        """See now and then that the device of the call's sound is there; after it died, that it can be opened."""
        if self._now_s() < self._audio_due_s:
            return
        self._audio_trouble = await self._ports.audio_trouble(is_proved=self._audio_is_proved)
        self._audio_is_proved = not self._audio_trouble
        pause_s = CARD_LOOK_S if self._audio_is_proved else CARD_MISSING_LOOK_S
        self._audio_due_s = self._now_s() + pause_s

    async def _ask_time(self, modem: Modem) -> None:
        """Pass on what the network says the time is, now and then: one of the clock's witnesses."""
        if self._now_s() < self._time_due_s:
            return
        self._time_due_s = self._now_s() + NETWORK_TIME_EVERY_S
        told = await modem.network_time()
        if told is not None and told.is_from_network:
            self.on_network_time(told.at)

    # ---- after a call

    def _call_over(self, call: GsmCall) -> None:
        self._call = None
        kept = self._kept
        kept.audio_was_refused |= call.audio_was_refused
        if call.sound.was_heard:
            self._n_silent_calls = 0
        elif call.sound.was_silent and not call.modem_failed:
            # A path that had to be asked for again and again and is then silent has rotted (SIM7600).
            self._n_silent_calls += SILENT_CALLS if call.audio_tries > 1 else 1
            if self._n_silent_calls >= SILENT_CALLS:
                self._n_silent_calls = 0
                kept.audio_was_silent = True
        if call.sound.has_died:
            self._audio_is_proved, self._audio_due_s = False, 0.0
            self._look_again("the last call lost its sound")
        elif kept.audio_was_refused or kept.audio_was_silent or call.modem_failed or self._modem is None:
            self._look_again("the last call showed a fault")
        else:
            self._free()
        self._stirred.set()

    def _look_again(self, why: str) -> None:
        """Take no call until the modem has been looked at."""
        self._set(LineStatus.STARTING, f"{why}: looking at the modem")
        self._stirred.set()

    # ---- what others see

    def _describe(self, ailments: frozenset[Ailment]) -> None:
        status, detail = standing_of(
            self._modem,
            ailments,
            trouble=self._kept.trouble,
            pin_trouble=self._pin.trouble,
            audio_trouble=self._audio_trouble,
        )
        if ailments and self._healer.ladder.is_dead:
            detail = f"{detail}; all was tried in vain: call a technician"
        self._set(status, detail)
        if status is LineStatus.READY and self._bell.is_sounding:
            self._rang()

    def _set(self, status: LineStatus, detail: str) -> None:
        modem = self._modem
        number = self._number
        if number is None and modem is not None and modem.own_number:
            with suppress(InvalidNumberError):
                number = parse_e164(modem.own_number)
        ladder = self._healer.ladder
        report = LineReport(
            line=self.line_id,
            status=status,
            detail=detail,
            model=modem.identity.model if modem else self._report.model,
            operator=modem.operator if modem else "",
            rssi_dbm=modem.rssi_dbm if modem else None,
            number=number,
            asks_pin=modem is not None and modem.sim is SimState.PIN_REQUIRED,
            ailment=ladder.ailment.value if ladder.ailment else "",
            treatment=ladder.rung.value if ladder.rung else "",
            healed_by=tuple(sorted((rung.value, count) for rung, count in ladder.helped.items())),
        )
        if report != self._report:
            self._report = report
            self.on_change(report)
