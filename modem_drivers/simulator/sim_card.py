"""The SIM card in a simulated modem, its PIN and its PUK."""

from dataclasses import dataclass

from modem_drivers.simulator.replies import (
    INCORRECT_PASSWORD,
    NO_SIM,
    NOT_ALLOWED,
    SIM_PIN,
    SIM_PUK,
    RefusedError,
)

PIN_TRIES, PUK_TRIES = 3, 10


@dataclass(slots=True, kw_only=True)
class SimCard:
    """One SIM card; without a PIN it is ready at once."""

    imsi: str
    iccid: str
    pin: str | None = None
    is_inserted: bool = True
    is_unlocked: bool = False
    tries_left: int = PIN_TRIES
    puk: str = "12345678"
    puk_tries_left: int = PUK_TRIES

    @classmethod
    def for_modem(cls, operator: str, number: str, imei: str, *, pin: str | None = None) -> "SimCard":
        """Return a card whose identities follow from its modem's, so that no two modems share one."""
        imsi = operator + number.strip("+")[-10:].rjust(10, "0")
        return cls(imsi=imsi, iccid=f"8986{imei[:15]:0<15}7", pin=pin)

    @property
    def status(self) -> str:
        """What +CPIN? reports. Raises RefusedError when there is no card."""
        if not self.is_inserted:
            raise RefusedError(NO_SIM)
        if self.tries_left == 0:
            return "SIM PUK"
        return "READY" if self.pin is None or self.is_unlocked else "SIM PIN"

    @property
    def is_ready(self) -> bool:
        """Whether the card lets the modem register."""
        return self.is_inserted and self.status == "READY"

    def need_ready(self) -> None:
        """Return if the card can be used. Raises RefusedError with the reason why not."""
        match self.status:
            case "SIM PIN":
                raise RefusedError(SIM_PIN)
            case "SIM PUK":
                raise RefusedError(SIM_PUK)

    def enter(self, code: str, new_pin: str | None = None) -> None:
        """Take a PIN, or a PUK with a new PIN. Raises RefusedError unless it is asked for and right."""
        match self.status:
            case "READY":
                raise RefusedError(NOT_ALLOWED)
            case "SIM PUK" if new_pin is None:
                raise RefusedError(SIM_PUK)
            case "SIM PUK":
                self._enter_puk(code, new_pin)
            case _:
                self._check(code)
                self.is_unlocked = True

    def enter_pin(self, pin: str) -> None:
        """Take a PIN; three wrong ones block the card. Raises RefusedError unless asked for and right."""
        self.enter(pin)

    def lock(self, pin: str, *, locks: bool) -> None:
        """Ask for the PIN at every power-on from now on, or no more. Raises RefusedError when it is wrong."""
        self.need_ready()
        if self.pin is None:
            self.pin, self.is_unlocked = (pin, True) if locks else (None, False)
            return
        self._check(pin)
        if not locks:
            self.pin, self.is_unlocked = None, False

    def change(self, old: str, new: str) -> None:
        """Replace the PIN. Raises RefusedError when there is none, or the old one is wrong."""
        self.need_ready()
        if self.pin is None:
            raise RefusedError(NOT_ALLOWED)
        self._check(old)
        self.pin = new

    def _check(self, pin: str) -> None:
        if pin == self.pin:
            self.tries_left = PIN_TRIES
            return
        self.tries_left -= 1
        raise RefusedError(INCORRECT_PASSWORD if self.tries_left else SIM_PUK)

    def _enter_puk(self, puk: str, new_pin: str | None) -> None:
        if self.puk_tries_left and puk == self.puk:
            self.pin, self.is_unlocked = new_pin, True
            self.tries_left, self.puk_tries_left = PIN_TRIES, PUK_TRIES
            return
        self.puk_tries_left = max(0, self.puk_tries_left - 1)
        raise RefusedError(INCORRECT_PASSWORD if self.puk_tries_left else SIM_PUK)
