"""Who calls in on a line, from the first RING until answered, turned away or given up."""

import asyncio
from collections.abc import Callable

from firmware.values import LineId
from modem_drivers.modem import Modem

LOOK_S = 0.5
"""Between two looks whether it rings yet: nothing says when a caller gives up."""


class Bell:
    """One line's bell. While it `is_rung` no call may begin on the line."""

    def __init__(
        self,
        line_id: LineId,
        *,
        modem: Callable[[], Modem | None],
        on_quiet: Callable[[], None],
    ) -> None:
        """`on_quiet` is told when the caller has given up, or the modem was lost."""
        self.is_rung = False
        """Somebody calls in whose call was neither answered nor turned away."""
        self._line_id = line_id
        self._modem = modem
        self._on_quiet = on_quiet
        self._listening: asyncio.Task[None] | None = None

    @property
    def caller(self) -> str:
        """Return the number that calls in, empty if it is withheld or not told yet."""
        modem = self._modem()
        return modem.caller if modem is not None else ""

    @property
    def is_sounding(self) -> bool:
        """Say whether the modem rings, whatever the line does."""
        modem = self._modem()
        return modem is not None and modem.is_ringing

    def rings(self) -> None:
        """Take the first RING."""
        self.is_rung = True
        self._listening = asyncio.create_task(self._until_quiet(), name=f"bell:{self._line_id}")

    def take(self) -> bool:
        """Take the call out of the bell's hands, to answer or refuse it; False when nobody rings any more."""
        was_rung, self.is_rung = self.is_rung, False
        return was_rung

    def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()

    async def _until_quiet(self) -> None:
        while self.is_rung and self.is_sounding:  # noqa: ASYNC110 - no event tells when it stops
            await asyncio.sleep(LOOK_S)
        if self.take():
            self._on_quiet()
