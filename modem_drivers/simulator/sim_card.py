"""The SIM card in a simulated modem, and its PIN."""

from dataclasses import dataclass

from modem_drivers.simulator.replies import (
    INCORRECT_PASSWORD,
    NO_SIM,
    NOT_ALLOWED,
    SIM_PIN,
    SIM_PUK,
    RefusedError,
)

PIN_TRIES = 3


@dataclass(slots=True, kw_only=True)
class SimCard:
    """One SIM card; without a PIN it is ready at once."""

    imsi: str
    iccid: str
    pin: str | None = None
    is_inserted: bool = True
    is_unlocked: bool = False
    tries_left: int = PIN_TRIES

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

    def enter_pin(self, pin: str) -> None:
        """Take a PIN; three wrong ones block the card. Raises RefusedError unless asked for and right."""
        if self.status == "READY":
            raise RefusedError(NOT_ALLOWED)
        if self.status == "SIM PUK":
            raise RefusedError(SIM_PUK)
        if pin == self.pin:
            self.is_unlocked, self.tries_left = True, PIN_TRIES
            return
        self.tries_left -= 1
        raise RefusedError(INCORRECT_PASSWORD if self.tries_left else SIM_PUK)
