"""Does what the healing ladder says: the rungs' hands, each logged, the one that helped counted."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, assert_never

import structlog

from modem_drivers.errors import ModemError, PortError, PowerError
from modem_drivers.healing import Ailment, HealingLadder, HealingPlan, Rung, Step
from modem_drivers.usb_power import UsbPower

STEP_LIMIT_S = 120.0

log = structlog.get_logger(__name__)


class Patient(Protocol):
    """The modem as its owner holds it: `Modem` dies with its port, this does not."""

    @property
    def name(self) -> str:
        """Return what a person calls this line."""
        ...

    async def send(self, commands: Sequence[str]) -> None:
        """Send AT commands, refusals being no fault. Raises ModemError."""
        ...

    async def reopen(self) -> None:
        """Let go of the ports and open them anew, wherever they are now. Raises ModemError."""
        ...


class Healer:
    """One modem's doctor. Call `attend` every few seconds with what is wrong, nothing included."""

    def __init__(
        self,
        patient: Patient,
        plan: HealingPlan,
        *,
        now_s: Callable[[], float],
        usb: UsbPower | None = None,
        gpio: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._patient = patient
        self._now_s = now_s
        self._usb = usb
        self._gpio = gpio
        self.ladder = HealingLadder(plan, rungs=self._rungs())

    def learn(self, plan: HealingPlan, usb: UsbPower | None) -> None:
        """Take the family's plan and the place at the USB, once the modem has been found and has answered."""
        self._usb = usb
        self.ladder.learn(plan, self._rungs())

    def _rungs(self) -> set[Rung]:
        rungs = {Rung.PROBE, Rung.REOPEN, Rung.RADIO_CYCLE, Rung.VENDOR_RESET}
        if self._usb is not None:
            rungs |= {Rung.USB_REBIND} | ({Rung.HUB_POWER} if self._usb.can_cut_power else set())
        if self._gpio is not None:
            rungs.add(Rung.GPIO)
        return rungs

    async def attend(self, ailments: Iterable[Ailment], *, is_idle: bool) -> Step | None:
        """Take what is wrong now and climb one rung if it is time; return the rung climbed."""
        self.hear(ailments)
        return await self.treat(is_idle=is_idle)

    def hear(self, ailments: Iterable[Ailment]) -> None:
        """Take what is wrong now, and say so where something has helped."""
        if healed := self.ladder.report(ailments, self._now_s()):
            log.info(
                "modem_healed",
                modem=self._patient.name,
                ailment=healed.ailment,
                rung=healed.rung,
                lasted_s=round(healed.lasted_s),
                helped=self.ladder.helped[healed.rung],
            )

    async def treat(self, *, is_idle: bool) -> Step | None:
        """Climb one rung if it is time; return the rung climbed."""
        name = self._patient.name
        step = self.ladder.next_step(self._now_s(), is_idle=is_idle)
        if step is None:
            return None
        if step.rung is Rung.DEAD:
            log.error("modem_dead", modem=name, ailment=step.ailment, advice="call a technician")
            return step
        log.warning("modem_treated", modem=name, ailment=step.ailment, rung=step.rung)
        try:
            async with asyncio.timeout(STEP_LIMIT_S):
                await self._climb(step)
        except (ModemError, TimeoutError) as error:  # no loss: whether it helped shows in the next report
            log.info("rung_failed", modem=name, rung=step.rung, error=str(error) or "took too long")
            if isinstance(error, (PortError, PowerError)):
                self.ladder.did_nothing(self._now_s())
        return step

    async def _climb(self, step: Step) -> None:
        match step.rung:
            case Rung.PROBE | Rung.RADIO_CYCLE | Rung.VENDOR_RESET:
                await self._patient.send(step.commands)
            case Rung.REOPEN:
                await self._patient.reopen()
            case Rung.USB_REBIND if self._usb is not None:
                await self._usb.rebind()
            case Rung.HUB_POWER if self._usb is not None:
                await self._usb.cut_power()
            case Rung.GPIO if self._gpio is not None:
                await self._gpio()
            case Rung.USB_REBIND | Rung.HUB_POWER | Rung.GPIO | Rung.DEAD:
                raise AssertionError(f"{step.rung} is not this box's to climb")
            case _:
                assert_never(step.rung)
