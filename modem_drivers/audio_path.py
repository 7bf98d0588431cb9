"""The audio path of one call: asked for when the family allows it, again and again where it is refused at first."""

import asyncio
from collections.abc import Callable

import structlog

from modem_drivers.at.channel import AtChannel
from modem_drivers.dialect import AudioOpens, Dialect
from modem_drivers.errors import AudioPathError, CommandError, CommandTimeoutError, RemoteProtocolError

_NOT_ANSWERED = (CommandError, CommandTimeoutError, RemoteProtocolError)

log = structlog.get_logger(__name__)


class AudioPath:
    """Opens and closes the PCM path by the dialect's plan."""

    def __init__(
        self, channel: AtChannel, dialect: Dialect, now_s: Callable[[], float], is_over: Callable[[], bool]
    ) -> None:
        self.tries = 0
        self.is_paused = False
        """The modem asks for a pause in what is written to its PCM port."""
        self._channel = channel
        self._dialect = dialect
        self._plan = dialect.audio
        self._reply_s = dialect.timing.reply_s
        self._now_s = now_s
        self._is_over = is_over
        self._is_open = False
        self._early_was_tried = False

    async def arm(self) -> None:
        """Open it before the call where the family wants that. Raises AudioPathError, PortClosedError."""
        if self._plan.opens is AudioOpens.BEFORE_DIAL:
            for command in self._plan.prepare:
                try:
                    await self._channel.command(command, timeout_s=self._reply_s)
                except CommandError as error:
                    log.debug("audio_prepare_refused", port=self._channel.name, error=str(error))
            await self._open()

    async def hear_early(self) -> None:
        """Ask once for the sound before the answer; a refusal is no fault. Raises PortClosedError."""
        if not self._plan.opens_while_alerting or self._is_open or self._early_was_tried:
            return
        self._early_was_tried = True
        try:
            await self._channel.command(self._plan.open, timeout_s=self._reply_s)
        except _NOT_ANSWERED as error:
            log.debug("no_early_media", port=self._channel.name, error=str(error))

    async def open(self) -> None:
        """Open it in the answered call. Raises AudioPathError, PortClosedError."""
        if self._plan.opens is AudioOpens.NONE:
            raise AudioPathError(
                f"{self._channel.name}: no audio path known for a {self._dialect.name} modem"
            )
        if self._plan.opens is AudioOpens.AFTER_ANSWER and not self._is_open:
            await asyncio.sleep(self._plan.first_try_after_s)
            await self._open()

    async def close(self) -> None:
        """Close it if it is open; a refusal is no fault. Raises PortClosedError. Idempotent."""
        if not self._is_open:
            return
        self._is_open = False
        if not self._plan.close:
            return
        try:
            await self._channel.command(self._plan.close, timeout_s=self._reply_s)
        except _NOT_ANSWERED as error:  # many modems close it themselves with the call
            log.debug("audio_close_refused", port=self._channel.name, error=str(error))

    async def _open(self) -> None:
        give_up_at_s = self._now_s() + self._plan.cap_s
        while not self._is_over():
            self.tries += 1
            try:
                await self._channel.command(self._plan.open, timeout_s=self._reply_s)
            except _NOT_ANSWERED as error:
                if self._now_s() >= give_up_at_s:
                    raise AudioPathError(f"{self._channel.name}: {error}, {self.tries} times") from error
                await asyncio.sleep(self._plan.retry_s)
            else:
                self._is_open = True
                return
        raise AudioPathError(f"{self._channel.name}: the call ended before its audio path opened")
