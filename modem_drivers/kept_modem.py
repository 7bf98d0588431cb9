"""The modem of one slot, opened anew whenever its port dies: what outlives resets and re-enumeration."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from modem_drivers.errors import ModemError, NotAModemError, PortMissingError, PortOpenError
from modem_drivers.healing import Ailment, diagnose
from modem_drivers.modem import Modem

log = structlog.get_logger(__name__)


class KeptModem:
    """One line's modem. `open_now` finds its ports wherever they are at that moment, and opens them.

    `shout` types commands into a port behind which nobody answers; they may be heard all the same.
    """

    def __init__(
        self,
        name: str,
        open_now: Callable[[], Awaitable[Modem]],
        *,
        shout: Callable[[Sequence[str]], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        """Where it is plugged in."""
        self.modem: Modem | None = None
        self.audio_was_silent = False
        """Set by whoever listens, when a call's sound is dead; forgotten once the modem has restarted."""
        self.audio_was_refused = False
        self.trouble = ""
        """Why it could not be asked how it stands, in words for a person; empty where it could."""
        self._open_now = open_now
        self._shout = shout

    async def examine(self) -> frozenset[Ailment]:
        """Open the modem if it is not open, ask how it stands, and return what is wrong with it."""
        try:
            if self.modem is None or not self.modem.is_open:
                self.audio_was_silent = self.audio_was_refused = False  # whatever it was, it has restarted
                await self.reopen()
            modem = self._need_modem()
            await modem.refresh()
        except ModemError as error:
            log.debug("modem_not_examined", modem=self.name, reason=str(error))
            self.trouble = str(error)
            match error:
                case PortMissingError():
                    return frozenset({Ailment.GONE})
                case PortOpenError():
                    return frozenset({Ailment.PORT_REFUSED})
                case _:
                    return frozenset({Ailment.DEAF})
        self.trouble = ""
        return diagnose(
            answers=True,
            sim=modem.sim,
            registration=modem.registration,
            has_stuck_call=modem.has_stuck_call,
            audio_was_silent=self.audio_was_silent,
            audio_was_refused=self.audio_was_refused,
        )

    @property
    def is_idle(self) -> bool:
        """Say whether treating it disturbs nobody."""
        return self.modem is None or not self.modem.is_open or self.modem.is_idle

    async def send(self, commands: Sequence[str]) -> None:
        """Send a rung's commands; see `Modem.send_service_commands`. Raises ModemError."""
        if self.modem is None and self._shout is not None:
            await self._shout(commands)
            return
        modem = self._need_modem()
        identity = modem.identity
        await modem.send_service_commands(commands)
        if set(commands) & set(modem.dialect.healing.vendor_reset):
            # It may take a while to go down: what it says until then is of the old life.
            log.info("modem_restarting", modem=self.name, model=identity.model)
            self.audio_was_silent = self.audio_was_refused = False
            await self.close()

    async def reopen(self) -> None:
        """Let go of the port and open the modem anew, wherever it is now. Raises ModemError."""
        await self.close()
        self.modem = await self._open_now()

    async def close(self) -> None:
        """Let go of the modem. Idempotent."""
        modem, self.modem = self.modem, None
        if modem is not None:
            with suppress(ModemError):
                await modem.close()

    def _need_modem(self) -> Modem:
        if self.modem is None:
            raise NotAModemError(self.name, "no modem is open in this slot")
        return self.modem
