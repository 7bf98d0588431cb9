"""A trunk: one account at a SIP server, its engine processes, and the slots that its lines call on."""

import asyncio
import importlib.util
import platform
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Literal, Protocol

import msgspec

from firmware.sip.engine_process import EngineCall, EngineProcess, EngineState, SipEngineError
from firmware.sip.wire import Account, Codec, EngineKind, Incoming
from firmware.values import EMERGENCY, EXTENSION, SIP_ADDRESS, is_emergency_address

MAX_CALLS: dict[EngineKind, int] = {"baresip": 32, "pjsua2": 4}
"""Of one process; pjsua2's wheel is built for four."""
ENGINE_MODULES: dict[EngineKind, str] = {"baresip": "baresip", "pjsua2": "pjsua2"}
ENGINE_CODECS: dict[EngineKind, frozenset[Codec]] = {
    "baresip": frozenset({"pcma", "pcmu", "g722", "opus"}),
    "pjsua2": frozenset({"pcma", "pcmu", "g722"}),
}
"""As the wheels are built; `branchline check` says what the engine itself tells."""
NumberFormat = Literal["plus", "00", "digits"]
NOTHING_INSTALLED = "no SIP engine is installed: pip install 'branchline[sip]'"
CHECKS_NO_ADDRESS = (
    "baresip holds a certificate against a name and never against an address: "
    "name the server (or the proxy) as its certificate does"
)


MOST_OFFERED_AT_ONCE, OFFERED_PER_S = 8.0, 1.0
"""Calls that the trunk's server may bring to our lines; each keeps one from calls of ours for a moment."""


class NoEngineError(Exception):
    """No SIP engine is installed that this box could use; the text says what to do."""


def installed_engines() -> list[EngineKind]:
    """Return the engines that can be loaded here, the preferred first: pjsua2's TLS is older and it has no aarch64."""
    kinds: list[EngineKind] = ["baresip"]
    if platform.machine() == "x86_64":
        kinds.append("pjsua2")
    return [kind for kind in kinds if importlib.util.find_spec(ENGINE_MODULES[kind]) is not None]


def choose_engine(wanted: EngineKind | Literal["auto"], account: Account | None = None) -> EngineKind:
    """Return the engine to use, for an account that wants no more than it can. Raises NoEngineError."""
    installed = installed_engines()
    if account is not None and _is_certified_address(account):
        if wanted == "baresip":
            raise NoEngineError(CHECKS_NO_ADDRESS)
        if wanted == "auto" and "pjsua2" not in installed:
            raise NoEngineError(CHECKS_NO_ADDRESS if installed else NOTHING_INSTALLED)
        wanted = "pjsua2"
    if account is not None and (lacked := _lacked(wanted, installed, account)):
        raise NoEngineError(lacked)
    if wanted == "auto":
        if not installed:
            raise NoEngineError(NOTHING_INSTALLED)
        return installed[0]
    if wanted not in installed:
        package = {"baresip": "baresip-python", "pjsua2": "pjsua2-python (x86-64 only)"}[wanted]
        raise NoEngineError(
            f"{package} is not installed: pip install 'branchline[sip]', or take engine = \"auto\""
        )
    return wanted


def _lacked(wanted: EngineKind | Literal["auto"], installed: list[EngineKind], account: Account) -> str:
    """Say which codec of the account the engine that it would get does not speak, "" for none."""
    engine = installed[0] if wanted == "auto" and installed else wanted
    lacks = [] if engine == "auto" else [name for name in account.codecs if name not in ENGINE_CODECS[engine]]
    return f"{engine} does not speak {lacks[0]}: leave it out of codecs" if lacks else ""


def _is_certified_address(account: Account) -> bool:
    """Say whether the peer of a TLS connection is written as an address."""
    peer = account.proxy or account.domain
    host = peer[1:].partition("]")[0] if peer.startswith("[") else peer.partition(":")[0]
    try:
        ip_address(host)
    except ValueError:
        return False
    return account.transport == "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkPlan:
    """What the settings say of a trunk, without its password."""

    name: str
    engine: EngineKind
    account: Account
    n_lines: int
    numbers: tuple[str, ...] = ()
    """E.164, each one the trunk's own: the only ones that a callee ever sees. Line k shows the k-th."""
    number_format: NumberFormat = "plus"


class Answering(Protocol):
    """A line of the trunk's on which somebody may call in."""

    @property
    def can_be_rung(self) -> bool:
        """Say whether somebody who calls in now would be heeded."""
        ...

    def ring(self, call: EngineCall, caller: str) -> None:
        """Take a call that came in, to answer it or refuse it."""
        ...


class Trunk:
    """Runs a trunk's engines while at least one of its lines is served."""

    def __init__(
        self,
        plan: TrunkPlan,
        password: Callable[[], str] = lambda: "",
        *,
        make_process: Callable[..., EngineProcess] = EngineProcess,
    ) -> None:
        """`password` is asked at every start of an engine; what it raises as SipEngineError shows at the lines."""
        self.plan = plan
        self.takes_calls = False
        """Whether calls from outside are wanted; read when an engine starts."""
        self._answering: dict[int, Answering] = {}
        self._offers_left, self._offered_s = MOST_OFFERED_AT_ONCE, 0.0
        self._listeners: list[Callable[[], None]] = []
        self._served = 0
        self._tasks: list[asyncio.Task[None]] = []
        most = MAX_CALLS[plan.engine]
        n_processes = -(-plan.n_lines // most)
        self.processes = [
            make_process(
                f"{plan.name}/{number}",
                plan.engine,
                partial(self._account, password, registers=number == 0),
                n_slots=min(most, plan.n_lines - number * most),
                on_change=self._changed,
                on_incoming=partial(self._offer, number),
            )
            for number in range(n_processes)
        ]
        self._most = most

    @asynccontextmanager
    async def served(self, on_change: Callable[[], None]) -> AsyncIterator[None]:
        """Have the engines run until the last line leaves; `on_change` is told whenever one stands otherwise."""
        self._listeners.append(on_change)
        self._served += 1
        if self._served == 1:
            self._tasks = [
                asyncio.create_task(process.serve(), name=f"sip-engine:{self.plan.name}")
                for process in self.processes
            ]
        try:
            yield
        finally:
            self._listeners.remove(on_change)
            self._served -= 1
            if not self._served:
                for task in self._tasks:
                    task.cancel()
                await asyncio.wait(self._tasks)

    def state_of(self, line: int) -> EngineState:
        """Return how the engine of a line stands; registration is the first process's affair alone."""
        state, first = self._process(line).state, self.processes[0].state
        if state is first or not state.is_up:
            return state
        return EngineState(
            is_up=True, engine=state.engine, tls=state.tls, codecs=state.codecs,
            is_registered=first.is_registered, code=first.code, detail=first.detail,
        )  # fmt: skip

    def is_free(self, line: int) -> bool:
        """Say whether the slot of a line has no call."""
        return line % self._most not in self._process(line).busy_slots

    def number_of(self, line: int) -> str:
        """Return the number that the callee of a line sees, "" where the server decides."""
        return self.plan.numbers[line % len(self.plan.numbers)] if self.plan.numbers else ""

    def attend(self, line: int, answering: Answering) -> None:
        """Have a line told of calls that come in."""
        self._answering[line] = answering

    def _offer(self, process: int, incoming: Incoming) -> bool:
        """Give a call that came in to the first line that may take it; False: to none."""
        now_s = asyncio.get_running_loop().time()
        gained = (now_s - self._offered_s) * OFFERED_PER_S
        self._offers_left, self._offered_s = min(MOST_OFFERED_AT_ONCE, self._offers_left + gained), now_s
        if self._offers_left < 1:
            return False
        for line, answering in sorted(self._answering.items()):
            if line // self._most == process and self.is_free(line) and answering.can_be_rung:
                self._offers_left -= 1
                call = self.processes[process].take(incoming.call, line % self._most)
                answering.ring(call, self._shown(incoming.caller))
                return True
        return False

    def _shown(self, caller: str) -> str:
        """Return a caller's number with a plus where this server writes 00."""
        has_prefix = self.plan.number_format == "00" and caller.startswith("00")
        return f"+{caller[2:]}" if has_prefix else caller

    def dial(self, line: int, number: str) -> EngineCall:
        """Call an E.164 number; whom the callee sees is no caller's choice. Raises SipEngineError."""
        return self._call(line, self._uri_of_number(number))

    def dial_address(self, line: int, address: str) -> EngineCall:
        """Call one of the office's own people at an extension or a SIP address. Raises SipEngineError."""
        return self._call(line, self.uri_of(address))

    def uri_of(self, address: str) -> str:
        """Return where an E.164 number, an extension or a SIP address is to be found. Raises SipEngineError."""
        if address.startswith("+"):
            return self._uri_of_number(address)
        if is_emergency_address(address):
            raise SipEngineError("an emergency number is no extension: nobody is put through there")
        transport = self.plan.account.transport
        if re.fullmatch(SIP_ADDRESS, address):
            return f"{address};transport={transport}"
        if re.fullmatch(EXTENSION, address):
            return f"sip:{address}@{self.plan.account.domain};transport={transport}"
        raise SipEngineError("neither a number, an extension nor a SIP address")

    def _uri_of_number(self, number: str) -> str:
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
            raise SipEngineError("a trunk dials E.164 numbers alone: no emergency and no service number")
        digits = number[1:]
        if self.plan.number_format == "digits" and digits.startswith(EMERGENCY):
            raise SipEngineError(
                'without its plus this number begins as an emergency number: set number_format = "plus" or "00"'
            )
        user = {"plus": number, "00": f"00{digits}", "digits": digits}[self.plan.number_format]
        return f"sip:{user}@{self.plan.account.domain};transport={self.plan.account.transport}"

    def _call(self, line: int, uri: str) -> EngineCall:
        headers = {}
        if own := self.number_of(line):
            headers["P-Preferred-Identity"] = f"<sip:{own}@{self.plan.account.domain}>"  # RFC 3325 §9.2
        return self._process(line).dial(line % self._most, uri, headers)

    def _process(self, line: int) -> EngineProcess:
        return self.processes[line // self._most]

    def _account(self, password: Callable[[], str], *, registers: bool) -> Account:
        account = self.plan.account
        return msgspec.structs.replace(
            account,
            password=password(),
            registers=account.registers and registers,
            takes_calls=self.takes_calls,
        )

    def _changed(self) -> None:
        for listener in list(self._listeners):
            listener()
