"""ATD and its result, which some families give at once and others only when the call is answered or over."""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import assert_never

from modem_drivers.at.channel import AtChannel
from modem_drivers.at.exchange import Reply
from modem_drivers.at.tokenizer import Final
from modem_drivers.at.urcs import CALL_RESULTS
from modem_drivers.dialect import Dialect, DialOk
from modem_drivers.errors import CommandError, CommandTimeoutError, RemoteProtocolError

# Ends ATD or ATA without being an OK; CONNECT is the answer where OK is not.
ALSO_FINAL = CALL_RESULTS | {"CONNECT"}


class LateResult(StrEnum):
    """What a result that did not come at once says of the call."""

    NOTHING = "nothing"
    """Or what its own line has told already."""
    ANSWERED = "answered"
    REFUSED_BY_CALLEE = "refused_by_callee"
    FAILED = "failed"
    SILENT = "silent"
    """It never came."""


class Dialling:
    """One ATD on its way."""

    def __init__(self, channel: AtChannel, dialect: Dialect) -> None:
        self._channel = channel
        self._plan = dialect.dial
        self._timing = dialect.timing
        self._pending: asyncio.Task[Reply] | asyncio.Future[Final] | None = None

    @property
    def holds_port(self) -> bool:
        """Say whether any command sent now would give the call up."""
        return isinstance(self._pending, asyncio.Task) and not self._pending.done()

    async def start(self, command: str) -> None:
        """Send ATD; return once the modem has accepted it or, where it does not say so, not refused it.

        Raises CommandError, CommandTimeoutError, RemoteProtocolError, PortClosedError.
        """
        channel, plan = self._channel, self._plan
        match plan.ok_means:
            case DialOk.ACCEPTED:
                await channel.execute(command, timeout_s=self._timing.dial_s, also_final=ALSO_FINAL)
            case DialOk.REJECTED:
                sent = await channel.send_off(
                    command, refused_within_s=plan.refused_within_s, also_final=ALSO_FINAL
                )
                if not sent.done():  # else nobody had the time to refuse: accepted, or over
                    self._pending = sent
            case DialOk.ANSWERED:
                self._pending = asyncio.create_task(
                    channel.execute(command, timeout_s=self._timing.dial_s, also_final=ALSO_FINAL),
                    name=f"dial:{channel.name}",
                )
                try:
                    await asyncio.wait([self._pending], timeout=plan.refused_within_s)
                except asyncio.CancelledError:
                    self.give_up()
                    raise
                if self._pending.done():
                    self._pending.result()
            case _:
                assert_never(plan.ok_means)

    async def leave_port_alone(self, wake: asyncio.Event, must_stop: Callable[[], bool]) -> None:
        """Return once ATD holds the port no longer, or must not. `wake` is set whenever `must_stop` may change."""
        if not self.holds_port or self._pending is None:
            return
        while not self._pending.done() and not must_stop():
            waking = asyncio.create_task(wake.wait())
            try:
                await asyncio.wait([self._pending, waking], return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
            wake.clear()
        if not self._pending.done():  # its result may follow the sign of the end
            await asyncio.wait([self._pending], timeout=self._timing.settle_s)
        if not self._pending.done():
            self.give_up()
            await asyncio.wait([self._pending])

    def late_result(self) -> tuple[LateResult, str]:
        """Return what became of ATD since the last time, and the modem's words. Raises PortClosedError."""
        pending = self._pending
        if pending is None or not pending.done():
            return LateResult.NOTHING, ""
        self._pending = None
        if pending.cancelled():
            return LateResult.NOTHING, ""
        try:
            result = pending.result()
        except (CommandError, RemoteProtocolError) as error:
            return LateResult.FAILED, str(error)
        except CommandTimeoutError as error:
            return LateResult.SILENT, str(error)
        text = result.text if isinstance(result, Final) else result.final
        if text in ALSO_FINAL:
            return LateResult.NOTHING, ""  # came as a line of its own as well
        if text != "OK":
            return LateResult.FAILED, text
        is_answer = self._plan.ok_means is DialOk.ANSWERED
        return (LateResult.ANSWERED if is_answer else LateResult.REFUSED_BY_CALLEE), ""

    def give_up(self) -> None:
        """Wait for the result no longer."""
        if self._pending is not None:
            self._pending.cancel()
