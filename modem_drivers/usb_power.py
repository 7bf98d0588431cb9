"""The hard ways to restart a USB modem: take it off its driver, or off its power. Needs root."""

import asyncio
import re
import shutil
from contextlib import suppress
from pathlib import Path

from modem_drivers.errors import PowerError

OFF_S = 2.0
UHUBCTL_LIMIT_S = 30.0
_USB_PATH = re.compile(r"[0-9]+-[0-9]+(?:\.[0-9]+)*")
_LAST_PORT = re.compile(r"(.+)[-.]([0-9]+)")


class UsbPower:
    """One USB device, by where it is plugged in (`1-1.3`): that stays the same over every reset."""

    def __init__(
        self, usb_path: str, *, sysfs: Path = Path("/sys"), uhubctl: str = "uhubctl", off_s: float = OFF_S
    ) -> None:
        match = _LAST_PORT.fullmatch(usb_path)
        if match is None or not _USB_PATH.fullmatch(usb_path):
            raise ValueError(f"{usb_path!r} is no USB path such as 1-1.3")
        self.usb_path = usb_path
        self.hub, self.hub_port = match.groups()
        self._device = sysfs / "bus" / "usb" / "devices" / usb_path
        self._driver = sysfs / "bus" / "usb" / "drivers" / "usb"
        self._uhubctl = uhubctl
        self._off_s = off_s

    @property
    def can_cut_power(self) -> bool:
        """Say whether uhubctl is there; whether this hub can switch its ports, only trying tells."""
        return shutil.which(self._uhubctl) is not None

    async def rebind(self) -> None:
        """Take the device away from the kernel and give it back. Raises PowerError."""
        try:
            try:
                await asyncio.to_thread((self._device / "authorized").write_text, "0")
                await asyncio.sleep(self._off_s)
                await asyncio.to_thread((self._device / "authorized").write_text, "1")
            except FileNotFoundError:  # not the whole device, or gone from the tree: by its driver, then
                with suppress(OSError):
                    await asyncio.to_thread((self._driver / "unbind").write_text, self.usb_path)
                await asyncio.sleep(self._off_s)
                await asyncio.to_thread((self._driver / "bind").write_text, self.usb_path)
        except OSError as error:
            raise PowerError(f"USB device {self.usb_path} cannot be restarted: {error.strerror}") from error

    async def cut_power(self) -> None:
        """Switch the hub port off and on again. Raises PowerError."""
        command = (
            *(self._uhubctl, "-l", self.hub, "-p", self.hub_port),
            *("-a", "cycle", "-d", f"{max(1, round(self._off_s))}"),
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise PowerError(f"{self._uhubctl} cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(UHUBCTL_LIMIT_S):
                _, said = await process.communicate()
        except TimeoutError:
            raise PowerError(f"{self._uhubctl} did not finish within {UHUBCTL_LIMIT_S:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            words = said.decode("utf-8", "replace").strip().splitlines()
            reason = words[-1] if words else f"exit status {process.returncode}"
            raise PowerError(f"port {self.hub_port} of hub {self.hub} cannot be switched: {reason}")
