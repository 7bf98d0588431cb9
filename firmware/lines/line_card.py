"""The sound card that a line's calls go through: looked for between calls, opened once to be sure, never waited for long.

PortAudio may take a second to look at a machine's cards, and hang with a broken one: each look has a thread of its own
that nobody joins, and a deadline; the next look waits for one that hangs rather than starting another.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from audio.errors import PortOpenError
from audio.ports.port import AudioPort

LOOK_LIMIT_S = 10.0


class LineCard:
    """One line's card by its name, or by a part of it that no other card has."""

    def __init__(self, name: str, rate_hz: int | None = None) -> None:
        self.name = name
        self._rate_hz = rate_hz
        self._looking: asyncio.Future[str] | None = None

    def make_port(self) -> AudioPort:
        """Return the port of one call, not yet started."""
        from audio.ports.sound_card import SoundCardPort  # noqa: PLC0415 - PortAudio is loaded only where it is used

        return SoundCardPort(self.name, rate_hz=self._rate_hz)

    async def find(self) -> str:
        """Return the full name of the card that there is. Raises PortOpenError."""
        return await self._look(self._find)

    async def try_it(self) -> str:
        """Open the card both ways, let it go and return how it ran. Raises PortOpenError."""
        return await self._look(self._try)

    async def _look(self, look: Callable[[], str]) -> str:
        if self._looking is None or self._looking.done():
            self._looking = _in_a_thread(look)
        looking = self._looking
        await asyncio.wait([looking], timeout=LOOK_LIMIT_S)
        if not looking.done():
            raise PortOpenError(self.name, f"no answer within {LOOK_LIMIT_S:.0f} s; plug it in anew")
        return looking.result()

    # What follows runs on a thread of its own.

    def _find(self) -> str:
        from audio.ports.sound_card import find_card  # noqa: PLC0415 - as above

        return find_card(self.name).name

    def _try(self) -> str:
        from audio.ports.sound_card import try_card  # noqa: PLC0415 - as above

        return f"{self.name}: both ways at {try_card(self.name, rate_hz=self._rate_hz) / 1000:g} kHz"


def _in_a_thread(look: Callable[[], str]) -> asyncio.Future[str]:
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def tell(found: str, error: PortOpenError | None) -> None:
        if told.done():
            return
        if error is None:
            told.set_result(found)
        else:
            told.set_exception(error)

    def run() -> None:
        found, failed = "", None
        try:
            found = look()
        except PortOpenError as error:
            failed = error
        except (ImportError, OSError) as error:  # no libportaudio2, or it cannot start
            failed = PortOpenError("PortAudio", f"cannot be used: {error}; install libportaudio2")
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(tell, found, failed)

    threading.Thread(target=run, name="card-look", daemon=True).start()
    return told
