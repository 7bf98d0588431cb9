"""What a GSM line asks of whoever knows where its modem is."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from audio.ports.port import AudioPort
from modem_drivers.at.allow_list import check_command
from modem_drivers.at.byte_port import BytePort
from modem_drivers.dialect import AudioPlan
from modem_drivers.modem import Modem
from modem_drivers.usb_power import UsbPower

WorldT_co = TypeVar("WorldT_co", covariant=True)


class GsmPorts(Protocol[WorldT_co]):
    """A modem's two ports, wherever they are at the moment; tagged with the world its calls reach."""

    @property
    def world(self) -> type[WorldT_co]:
        """Return the world behind the ports."""
        ...

    @property
    def power(self) -> UsbPower | None:
        """Return the switch of the modem's USB port, None where there is none or its place is not known."""
        ...

    async def open_modem(self, now_s: Callable[[], float]) -> Modem:
        """Find the AT port and open the modem behind it. Raises ModemError."""
        ...

    async def shout(self, commands: Sequence[str]) -> None:
        """Type commands into the AT port though nobody answers. Raises ModemError when there is no such port."""
        ...

    def make_audio(self, plan: AudioPlan) -> AudioPort:
        """Return the call-audio port of the modem as last opened, not yet started."""
        ...

    async def audio_trouble(self, *, is_proved: bool) -> str:
        """Say why no call could have sound now, "" where it could.

        Asked between calls alone. Without `is_proved` the device is opened to see; it must not be wanted meanwhile.
        """
        ...


class FixedPorts:
    """The part of `GsmPorts` that is plain where the AT port stays in its place and has no power switch."""

    def open_at(self) -> BytePort:
        """Open the AT port. Raises PortOpenError."""
        raise NotImplementedError

    @property
    def power(self) -> UsbPower | None:
        """Return None: there is no USB port to switch."""
        return None

    async def audio_trouble(self, *, is_proved: bool) -> str:
        """Return "": there is no device beside the modem."""
        del is_proved
        return ""

    async def open_modem(self, now_s: Callable[[], float]) -> Modem:
        """Open the modem. Raises ModemError."""
        return await Modem.open(self.open_at(), now_s=now_s)

    async def shout(self, commands: Sequence[str]) -> None:
        """Type commands into the port and wait for no answer. Raises ModemError."""
        port = self.open_at()
        try:
            for command in commands:
                check_command(command)
                port.write(command.encode("ascii") + b"\r")
        finally:
            port.close()
