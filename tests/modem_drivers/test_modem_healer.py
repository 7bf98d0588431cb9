"""The rungs' hands: AT commands, a made sysfs tree, a made uhubctl, a hook."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modem_drivers.errors import CommandTimeoutError, PowerError
from modem_drivers.healer import Healer
from modem_drivers.healing import Ailment, HealingPlan, Rung
from modem_drivers.usb_power import UsbPower

Run = Callable[..., Any]


class MadePatient:
    name = "line1"

    def __init__(self) -> None:
        self.done: list[object] = []

    async def send(self, commands: Sequence[str]) -> None:
        self.done.append(tuple(commands))
        raise CommandTimeoutError(commands[0], 3.0)

    async def reopen(self) -> None:
        self.done.append("reopen")


def made_uhubctl(folder: Path, *, says: str = "", status: int = 0) -> str:
    script = folder / "uhubctl"
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\necho "{says}" >&2\nexit {status}\n')
    script.chmod(0o755)
    return str(script)


def test_every_rung_is_climbed_in_turn_though_each_fails(run_virtual: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        patient = MadePatient()
        pulses = []

        async def gpio() -> None:
            pulses.append(asyncio.get_running_loop().time())

        healer = Healer(patient, HealingPlan(), now_s=asyncio.get_running_loop().time, gpio=gpio)
        climbed = []
        for _ in range(400):
            if step := await healer.attend({Ailment.DEAF}, is_idle=True):
                climbed.append(step.rung)
            await asyncio.sleep(1)
        assert climbed == [*list(Rung)[:4], Rung.GPIO, Rung.DEAD], (
            "no USB device is known: its rungs are left out"
        )
        assert patient.done == [
            ("AT", "AT", "AT"),
            "reopen",
            ("AT+CFUN=4", "AT+CFUN=1"),
            ("AT+CFUN=1,1",),
        ]
        assert len(pulses) == 1
        await healer.attend((), is_idle=True)
        assert not healer.ladder.helped

    run_virtual(scenario())


def test_taking_a_device_from_the_kernel_and_giving_it_back(tmp_path: Path) -> None:
    device = tmp_path / "bus/usb/devices/1-1.3"
    device.mkdir(parents=True)
    (device / "authorized").write_text("1")
    usb = UsbPower("1-1.3", sysfs=tmp_path, off_s=0.05)

    async def scenario() -> None:
        rebinding = asyncio.create_task(usb.rebind())
        await asyncio.sleep(0.03)
        assert (device / "authorized").read_text() == "0"
        await rebinding

    asyncio.run(scenario())
    assert (device / "authorized").read_text() == "1"


def test_by_its_driver_where_it_has_no_authorisation(tmp_path: Path) -> None:
    driver = tmp_path / "bus/usb/drivers/usb"
    driver.mkdir(parents=True)
    asyncio.run(UsbPower("1-1.3", sysfs=tmp_path, off_s=0).rebind())
    assert (driver / "unbind").read_text() == (driver / "bind").read_text() == "1-1.3"
    with pytest.raises(PowerError, match=r"1-1\.3"):
        asyncio.run(UsbPower("1-1.3", sysfs=tmp_path / "nowhere", off_s=0).rebind())


@pytest.mark.parametrize(
    ("path", "hub", "port"), [("1-1.3", "1-1", "3"), ("1-2", "1", "2"), ("3-1.4.2", "3-1.4", "2")]
)
def test_the_hub_port_follows_from_the_path(tmp_path: Path, path: str, hub: str, port: str) -> None:
    usb = UsbPower(path, uhubctl=made_uhubctl(tmp_path))
    assert usb.can_cut_power
    asyncio.run(usb.cut_power())
    assert (tmp_path / "calls").read_text().split() == ["-l", hub, "-p", port, "-a", "cycle", "-d", "2"]


@pytest.mark.parametrize("path", ["", "1", "1.3", "1-1.3; reboot", "../1-1", "1-1:1.0"])
def test_what_is_no_usb_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no USB path"):
        UsbPower(path)


def test_a_hub_that_cannot_switch_says_why(tmp_path: Path) -> None:
    usb = UsbPower("1-1.3", uhubctl=made_uhubctl(tmp_path, says="No compatible devices detected!", status=1))
    with pytest.raises(PowerError, match="No compatible devices"):
        asyncio.run(usb.cut_power())
    assert not UsbPower("1-1.3", uhubctl=str(tmp_path / "absent")).can_cut_power
    with pytest.raises(PowerError, match="cannot be run"):
        asyncio.run(UsbPower("1-1.3", uhubctl=str(tmp_path / "absent")).cut_power())


def test_the_hub_rung_is_there_only_with_uhubctl(run_virtual: Run, tmp_path: Path) -> None:
    async def climbed(usb: UsbPower) -> set[Rung]:
        healer = Healer(MadePatient(), HealingPlan(), now_s=asyncio.get_running_loop().time, usb=usb)
        rungs = set()
        for n in range(400):
            healer.ladder.report({Ailment.DEAF}, float(n))
            if step := healer.ladder.next_step(float(n), is_idle=True):
                rungs.add(step.rung)
        return rungs

    without = run_virtual(climbed(UsbPower("1-1.3", uhubctl=str(tmp_path / "absent"))))
    assert Rung.USB_REBIND in without
    assert Rung.HUB_POWER not in without
    assert Rung.HUB_POWER in run_virtual(climbed(UsbPower("1-1.3", uhubctl=made_uhubctl(tmp_path))))
