"""One concurrent call of a SIP trunk as a line: ready while the trunk's engine runs and the registrar knows us."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from audio.ports.frame_thread import FrameThread
from firmware.lines.line import LineError, LineNotReadyError, LineReport, LineStatus
from firmware.lines.sip_audio import SipAudioPort
from firmware.lines.sip_call import OpenSound, SipCall
from firmware.sip.engine_process import EngineCall, SipEngineError
from firmware.sip.trunk import Trunk
from firmware.values import E164, InvalidNumberError, LineId, parse_e164

WorldT = TypeVar("WorldT")
ROUND_S = 60.0
"""How often a served line says that it still goes round."""
PICKED_UP_WITHIN_S = 15.0
"""From our answer until the caller's side has acknowledged it."""


class SipLine(Generic[WorldT]):
    """One call at a time on a trunk that other lines may share."""

    answers_strangers = False
    """Who finds a server can have it bring any number: only those whom this box knows are talked to."""

    def __init__(
        self,
        line_id: LineId,
        trunk: Trunk,
        index: int,
        *,
        world: type[WorldT],
        now_s: Callable[[], float],
        frames: FrameThread | None = None,
        open_sound: OpenSound | None = None,
        on_change: Callable[[LineReport], None] = lambda _report: None,
    ) -> None:
        """Take the `index`-th slot of `trunk`; `frames` moves the sound of all lines that are given the same.

        `open_sound` stands in for the sound of a real engine.
        """
        self.line_id = line_id
        self.on_change = on_change
        self.on_round: Callable[[], None] = lambda: None
        self.on_network_time: Callable[[datetime], None] = lambda _at: None
        """Never called: a SIP server's Date is no witness of the time."""
        self.on_ringing: Callable[[], None] | None = None
        """Told once of who calls in while the line is ready; None: nobody answers here."""
        self._trunk = trunk
        self._index = index
        self._world = world
        self._now_s = now_s
        self._open_sound = open_sound or partial(SipAudioPort, frames=frames)
        self._call: SipCall | None = None
        self._rung: EngineCall | None = None
        self._caller = ""
        self._is_served = False
        number = trunk.number_of(index)
        self._number = parse_e164(number) if number else None
        self._report = LineReport(line=line_id, status=LineStatus.ABSENT, number=self._number)

    @property
    def world(self) -> type[WorldT]:
        """Return the world whose telephones this line rings."""
        return self._world

    @property
    def report(self) -> LineReport:
        """Return how the line stands."""
        return self._report

    def ports_changed(self) -> None:
        """Do nothing: a trunk is plugged in nowhere."""

    def expect_callers(self) -> None:
        """Have the trunk take calls from outside; to be said before the line is served."""
        self._trunk.takes_calls = True
        self._trunk.attend(self._index, self)

    async def serve(self) -> None:
        """Have the trunk's engine run and follow how it stands, until cancelled."""
        try:
            async with self._trunk.served(self._look):
                self._is_served = True
                self._look()
                while True:
                    self.on_round()
                    await asyncio.sleep(ROUND_S)
        finally:
            self._is_served = False

    # ---- who calls in

    @property
    def is_rung(self) -> bool:
        """Say whether somebody calls in whose call was neither answered nor turned away."""
        return self._rung is not None

    @property
    def caller(self) -> str:
        """Return the number that calls in, empty if it is withheld."""
        return self._caller if self._rung is not None else ""

    @property
    def can_be_rung(self) -> bool:
        """Say whether who calls in now is somebody's business."""
        return self.on_ringing is not None and self._standing()[0] is LineStatus.READY

    def ring(self, call: EngineCall, caller: str) -> None:
        """Take a call that came in; until it is answered, turned away or given up no other begins here."""
        self._rung, self._caller = call, caller
        self._look()
        if self.on_ringing is not None:
            self.on_ringing()

    async def answer(self) -> SipCall:
        """Answer who calls in. Raises LineNotReadyError: nobody rings any more."""
        call, self._rung = self._rung, None
        if call is None or call.is_over:
            self._look()
            raise LineNotReadyError(f"nobody calls in on line {self.line_id} any more")
        self._call = self._carried(call, PICKED_UP_WITHIN_S, is_incoming=True)
        call.answer()
        self._look()
        return self._call

    async def turn_away(self) -> None:
        """Refuse who calls in; the line is ready again when the server knows it."""
        call, self._rung = self._rung, None
        if call is not None:
            call.hang_up()
            self._look()

    # ---- whom we call

    async def dial(self, number: E164, *, ring_timeout_s: float) -> SipCall:
        """Place a call; the callee sees the trunk's own number, whoever asks.

        Raises LineNotReadyError, LineError. `ring_timeout_s` is how long it may ring before we give up.
        """
        return self._dial(lambda: self._trunk.dial(self._index, parse_e164(number)), ring_timeout_s)

    async def dial_address(self, address: str, *, ring_timeout_s: float) -> SipCall:
        """Call one of the office's own people at an extension or a SIP address.

        Raises LineNotReadyError, LineError.
        """
        return self._dial(lambda: self._trunk.dial_address(self._index, address), ring_timeout_s)

    def _dial(self, place: Callable[[], EngineCall], ring_timeout_s: float) -> SipCall:
        if self._report.status is not LineStatus.READY or self._call is not None or self._rung is not None:
            raise LineNotReadyError(
                f"line {self.line_id} is {self._report.status}: {self._report.detail or 'not ready'}"
            )
        try:
            call = place()
        except (SipEngineError, InvalidNumberError) as error:
            raise LineError(f"line {self.line_id} refused to dial: {error}") from None
        self._call = self._carried(call, ring_timeout_s)
        self._look()
        return self._call

    def _carried(self, call: EngineCall, ring_timeout_s: float, *, is_incoming: bool = False) -> SipCall:
        return SipCall(
            call,
            ring_timeout_s=ring_timeout_s,
            now_s=self._now_s,
            on_over=self._call_over,
            open_sound=self._open_sound,
            uri_of=self._trunk.uri_of,
            is_incoming=is_incoming,
        )

    def _call_over(self, call: SipCall) -> None:
        if call is self._call:
            self._call = None
        self._look()

    def _look(self) -> None:
        """Say how the line stands now."""
        if self._rung is not None and self._rung.is_over:  # the caller gave up, or the engine was lost
            self._rung = None
        status, detail = self._standing()
        state = self._trunk.state_of(self._index)
        report = LineReport(
            line=self.line_id,
            status=status,
            detail=detail,
            model=f"SIP, {state.engine}" if state.engine else self._report.model,
            operator=self._trunk.plan.account.domain,
            number=self._number,
        )
        if report != self._report:
            self._report = report
            with suppress(RuntimeError):  # the loop is closing
                self.on_change(report)

    def _standing(self) -> tuple[LineStatus, str]:
        state = self._trunk.state_of(self._index)
        if self._call is not None:
            return LineStatus.IN_CALL, "answering" if self._call.is_incoming else "dialing"
        if self._rung is not None:
            return LineStatus.IN_CALL, "somebody calls in"
        if not self._is_served:
            return LineStatus.ABSENT, ""
        if not state.is_up:
            starts = state.n_restarts == 0
            return (LineStatus.STARTING if starts else LineStatus.FAULTED), state.detail
        if not self._trunk.is_free(self._index):
            return LineStatus.STARTING, "the last call is being released"
        if self._trunk.plan.account.registers and not state.is_registered:
            if state.code in {401, 403, 404, 407}:
                return LineStatus.FAULTED, f"the SIP server refuses the account: {state.detail}"
            return LineStatus.SEARCHING, f"SIP registration: {state.detail}"
        return LineStatus.READY, ""
