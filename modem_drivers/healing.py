"""What to do about a sick modem: a ladder climbed one rung at a time, only while the modem is idle (pure)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from modem_drivers.registration import RegistrationState
from modem_drivers.sim import SimState


class Ailment(StrEnum):
    """What is wrong with a modem."""

    DEAF = "deaf"
    """The AT port is there and answers nothing."""
    GONE = "gone"
    """The modem's ports are not there."""
    PORT_REFUSED = "port_refused"
    """The ports are there and may not be opened: another program has them, or rights are missing."""
    STUCK_CALL = "stuck_call"
    """A call is listed that no hang-up ends."""
    AUDIO_REFUSED = "audio_refused"
    AUDIO_SILENT = "audio_silent"
    """The audio path opens, but nothing comes through it (SIM7600 after a call)."""
    SIM_BUSY = "sim_busy"
    NOT_REGISTERED = "not_registered"


class Rung(StrEnum):
    """What can be done about it, gentlest first."""

    PROBE = "probe"
    REOPEN = "reopen"
    RADIO_CYCLE = "radio_cycle"
    VENDOR_RESET = "vendor_reset"
    USB_REBIND = "usb_rebind"
    HUB_POWER = "hub_power"
    GPIO = "gpio"
    DEAD = "dead"
    """Nothing is left to try: call a technician."""


LADDER = tuple(Rung)
_SETTLE_S: Mapping[Rung, float] = {
    Rung.PROBE: 1.0,
    Rung.REOPEN: 5.0,
    Rung.RADIO_CYCLE: 45.0,
    Rung.VENDOR_RESET: 60.0,
    Rung.USB_REBIND: 45.0,
    Rung.HUB_POWER: 60.0,
    Rung.GPIO: 60.0,
    Rung.DEAD: 0.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingPlan:
    """What a family's rungs send, and how long each needs to show its effect."""

    probes: tuple[str, ...] = ("AT", "AT", "AT")
    radio_cycle: tuple[str, ...] = ("AT+CFUN=4", "AT+CFUN=1")
    vendor_reset: tuple[str, ...] = ("AT+CFUN=1,1",)
    settle_s: Mapping[Rung, float] = field(default_factory=lambda: _SETTLE_S)

    def commands(self, rung: Rung) -> tuple[str, ...]:
        """Return what is sent to the modem on this rung."""
        match rung:
            case Rung.PROBE:
                return self.probes
            case Rung.RADIO_CYCLE:
                return self.radio_cycle
            case Rung.VENDOR_RESET:
                return self.vendor_reset
            case _:
                return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one ailment is treated."""

    patience_s: float
    """How long it may last before anything is done."""
    first: Rung
    last: Rung
    """DEAD: a technician is called; any other: the course rests and begins anew, for the fault may not be ours."""
    rest_s: float = 3600.0


# Worst first: of several ailments the first here is treated. A missing network is not mended by cutting power.
COURSES: Mapping[Ailment, Course] = {
    Ailment.DEAF: Course(patience_s=0.0, first=Rung.PROBE, last=Rung.DEAD),
    # A modem that restarts is away for 15 to 30 s and comes back by itself; nothing said over AT reaches it.
    Ailment.GONE: Course(patience_s=45.0, first=Rung.USB_REBIND, last=Rung.DEAD),
    # No reset takes a port away from another program, nor grants a right.
    Ailment.PORT_REFUSED: Course(patience_s=0.0, first=Rung.REOPEN, last=Rung.REOPEN, rest_s=60.0),
    Ailment.STUCK_CALL: Course(patience_s=0.0, first=Rung.RADIO_CYCLE, last=Rung.DEAD),
    Ailment.AUDIO_SILENT: Course(patience_s=0.0, first=Rung.VENDOR_RESET, last=Rung.DEAD),
    Ailment.AUDIO_REFUSED: Course(patience_s=0.0, first=Rung.VENDOR_RESET, last=Rung.DEAD),
    Ailment.SIM_BUSY: Course(patience_s=60.0, first=Rung.RADIO_CYCLE, last=Rung.DEAD),
    Ailment.NOT_REGISTERED: Course(patience_s=300.0, first=Rung.RADIO_CYCLE, last=Rung.VENDOR_RESET),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rung to climb now."""

    rung: Rung
    ailment: Ailment
    commands: tuple[str, ...]
    settle_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """The modem is well again after at least one rung."""

    ailment: Ailment
    rung: Rung
    """The last one climbed, counted as the one that helped."""
    lasted_s: float


class HealingLadder:
    """One modem's state of health; tell it what is wrong, do what it says."""

    def __init__(
        self,
        plan: HealingPlan,
        *,
        rungs: Iterable[Rung] = LADDER,
        relapse_s: float = 600.0,
    ) -> None:
        self.helped: Counter[Rung] = Counter()
        self.climbed: Counter[Rung] = Counter()
        self._plan = plan
        self._rungs = frozenset(rungs) | {Rung.DEAD}
        """Those that this box can climb; the others are passed over."""
        self._relapse_s = relapse_s
        self._ailment: Ailment | None = None
        self._since_s = 0.0
        self._at: Rung | None = None
        self._wait_until_s = float("-inf")
        self._last_healed: tuple[Healed, float] | None = None

    def learn(self, plan: HealingPlan, rungs: Iterable[Rung]) -> None:
        """Take what has become known of the modem: its family's plan, and what can be done to it here."""
        self._plan = plan
        self._rungs = frozenset(rungs) | {Rung.DEAD}

    @property
    def ailment(self) -> Ailment | None:
        """What is being treated, None while the modem is well."""
        return self._ailment

    @property
    def rung(self) -> Rung | None:
        """The last rung climbed for it, None before the first."""
        return self._at if self._ailment is not None else None

    @property
    def is_dead(self) -> bool:
        """Say whether all has been tried in vain; over as soon as the modem is reported well."""
        return self._at is Rung.DEAD

    def report(self, ailments: Iterable[Ailment], now_s: float) -> Healed | None:
        """Take what is wrong now, nothing if the modem is well; return what has just been healed."""
        present = frozenset(ailments)
        if self._ailment is None or self._ailment not in present:
            healed = self._recover(now_s) if not present else None
            worst = next((ailment for ailment in COURSES if ailment in present), None)
            if worst is not self._ailment:
                self._fall_ill(worst, now_s)
            return healed
        return None

    def next_step(self, now_s: float, *, is_idle: bool) -> Step | None:
        """Return the rung to climb now; None while there is nothing to do, to wait for or a call to spare."""
        ailment = self._ailment
        if ailment is None or self.is_dead or not is_idle or now_s < self._wait_until_s:
            return None
        course = COURSES[ailment]
        if now_s - self._since_s < course.patience_s:
            return None
        rung = self._next_rung(course)
        if rung is None:  # the end of a course that is not deadly: rest, then from its beginning
            self._at = None
            self._wait_until_s = now_s + course.rest_s
            return None
        self._at = rung
        self.climbed[rung] += 1
        settle_s = self._plan.settle_s[rung]
        self._wait_until_s = now_s + settle_s
        return Step(rung=rung, ailment=ailment, commands=self._plan.commands(rung), settle_s=settle_s)

    def did_nothing(self, now_s: float) -> None:
        """Take back the pause after a rung that reached nobody: there is no effect to wait for."""
        self._wait_until_s = now_s

    def _next_rung(self, course: Course) -> Rung | None:
        start = LADDER.index(course.first) if self._at is None else LADDER.index(self._at) + 1
        start = max(start, LADDER.index(course.first))
        stop = LADDER.index(course.last)
        return next((rung for rung in LADDER[start : stop + 1] if rung in self._rungs), None)

    def _recover(self, now_s: float) -> Healed | None:
        if self._ailment is None or self._at is None:
            return None
        healed = Healed(ailment=self._ailment, rung=self._at, lasted_s=now_s - self._since_s)
        if healed.rung is not Rung.DEAD:  # else it came back by a person's hand, or by itself
            self.helped[healed.rung] += 1
            self._last_healed = (healed, now_s)
        return healed

    def _fall_ill(self, ailment: Ailment | None, now_s: float) -> None:
        changed_while_ill = self._ailment is not None and ailment is not None
        self._ailment = ailment
        self._since_s = now_s
        if changed_while_ill:
            return  # deaf while it reboots, then without a network: the same illness, the same ladder
        self._at = None
        self._wait_until_s = float("-inf")
        if ailment is not None and self._last_healed is not None:
            healed, at_s = self._last_healed
            if healed.ailment is ailment and now_s - at_s < self._relapse_s:
                self._at = healed.rung  # that did not help for long: go on above it


def diagnose(
    *,
    answers: bool,
    sim: SimState,
    registration: RegistrationState,
    has_stuck_call: bool = False,
    audio_was_refused: bool = False,
    audio_was_silent: bool = False,
) -> frozenset[Ailment]:
    """Return what is wrong with a modem. A card that is missing, locked or broken is a person's task, not ours."""
    if not answers:
        return frozenset({Ailment.DEAF})
    found = {
        Ailment.STUCK_CALL: has_stuck_call,
        Ailment.AUDIO_REFUSED: audio_was_refused,
        Ailment.AUDIO_SILENT: audio_was_silent,
        Ailment.SIM_BUSY: sim is SimState.BUSY,
        Ailment.NOT_REGISTERED: sim is SimState.READY and not registration.is_registered,
    }
    return frozenset(ailment for ailment, is_present in found.items() if is_present)
