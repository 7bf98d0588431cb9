"""A box's own way to power a modem off and on: a program that a person names, such as one that pulses a GPIO pin."""

import asyncio
from collections.abc import Sequence

from modem_drivers.errors import PowerError

LIMIT_S = 30.0


class PowerHook:
    """Runs the program, without a shell, under a deadline."""

    def __init__(self, command: Sequence[str], *, limit_s: float = LIMIT_S) -> None:
        if not command:
            raise ValueError("name the program that powers the modem off and on")
        self._command = tuple(command)
        self._limit_s = limit_s

    async def __call__(self) -> None:
        """Power the modem off and on. Raises PowerError."""
        program = self._command[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise PowerError(f"{program} cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._limit_s):
                await process.wait()
        except TimeoutError:
            raise PowerError(f"{program} did not finish within {self._limit_s:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise PowerError(f"{program} ended with exit status {process.returncode}")
