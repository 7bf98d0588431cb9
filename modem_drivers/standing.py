"""How one modem stands with its SIM card and its network, as of the last answer or URC."""

from collections.abc import Callable
from contextlib import suppress

from modem_drivers.at.channel import AtChannel
from modem_drivers.at.responses import read_operator, read_own_number, read_rssi_dbm
from modem_drivers.at.urcs import RegistrationChanged, SimChanged, SimSwapped
from modem_drivers.dialect import Dialect
from modem_drivers.errors import CommandTimeoutError
from modem_drivers.opening import ask
from modem_drivers.registration import RegistrationState, from_status, read_registration
from modem_drivers.sim import SimState, from_code
from modem_drivers.sim_card import SimCard

_CREG = "+CREG"


class Standing:
    """What is known; asked anew by `refresh`, told by URCs to `take`."""

    def __init__(self, channel: AtChannel, dialect: Dialect) -> None:
        self.sim = SimState.BUSY
        self.registration = RegistrationState.UNKNOWN
        self.operator = ""
        self.rssi_dbm: int | None = None
        self.own_number: str | None = None
        self.card = SimCard(channel, dialect)
        self._channel = channel
        self._dialect = dialect
        self._registered_by = _CREG

    async def refresh(self, *, has_call: Callable[[], bool]) -> None:
        """Ask for signal, SIM, registration, operator and own number; from the start of a call on, nothing more.

        Raises PortClosedError, CommandTimeoutError.
        """
        self.rssi_dbm = read_rssi_dbm(await ask(self._channel, "AT+CSQ", "+CSQ"))
        for refresh in (self._refresh_sim, self._refresh_registration, self._refresh_operator):
            if has_call():
                return  # nothing slow may stand between a call and its hang-up
            await refresh()

    def take(self, urc: RegistrationChanged | SimChanged | SimSwapped) -> None:
        """Go by what the modem told unasked."""
        match urc:
            case RegistrationChanged(status=status):
                # Where only the packet side is registered (VoLTE), +CREG's "not registered" is no news.
                if self._registered_by == _CREG or from_status(status).is_registered:
                    self.registration = from_status(status)
            case SimChanged(code=code):
                self.sim = from_code(code)
                if self.sim in {SimState.ABSENT, SimState.BUSY}:  # what wakes next may be another card
                    self._forget_card()
            case SimSwapped(is_inserted=is_inserted):
                self._forget_card()
                if is_inserted is False:
                    self.sim = SimState.ABSENT
                elif self.sim is SimState.ABSENT:
                    self.sim = SimState.BUSY  # the next refresh will tell

    async def _refresh_sim(self) -> None:
        self.sim = await self.card.state()
        if self.sim is SimState.READY:
            await self.card.identify()
        elif self.sim is SimState.ABSENT:
            self._forget_card()

    async def _refresh_registration(self) -> None:
        for command in self._dialect.registration:
            name = command.removeprefix("AT").removesuffix("?")
            state = read_registration(await ask(self._channel, command, name))
            if command == self._dialect.registration[0] or state.is_registered:
                self.registration = state
                self._registered_by = name
            if state.is_registered:
                return

    async def _refresh_operator(self) -> None:
        with suppress(CommandTimeoutError):  # held up for minutes while a modem searches: no sign of deafness
            await ask(self._channel, "AT+COPS=3,0")
            self.operator = read_operator(await ask(self._channel, "AT+COPS?", "+COPS"))
            if self.own_number is None and self.sim is SimState.READY:
                self.own_number = read_own_number(await ask(self._channel, "AT+CNUM", "+CNUM"))

    def _forget_card(self) -> None:
        self.card.forget()
        self.own_number = None
