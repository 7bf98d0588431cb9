"""One engine process as the daemon has it: started, watched, started again, its calls ended when it is lost.

Whatever the process does (abort, hang, flood, nonsense) costs its calls and nothing else: each is told an `Over` that
begins with ``engine:``. The password goes over the control socket alone.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import msgspec
import structlog

from firmware.sip.wire import (
    FIRST_INCOMING,
    MAX_LINE_BYTES,
    SOUND_HEAD,
    Account,
    Answer,
    CallHappening,
    Dial,
    EngineKind,
    Failed,
    HangUp,
    Happening,
    Incoming,
    Open,
    Order,
    Over,
    Ping,
    Pong,
    Refer,
    Registration,
    SendKeys,
    Up,
    happening_of,
    line_of,
)

START_LIMIT_S = 15.0
PING_EVERY_S, PING_LIMIT_S = 2.0, 6.0
CLOSE_LIMIT_S = 4.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEADY_S = 60.0
"""A process that ran so long did not fail at its start: the next pause is short again."""
MAX_WAITING = 256
REFUSED_SAID_EVERY_S = 60.0
SOUND_BUFFER_BYTES = 64 * 1024
"""Some 50 frames: older sound is not wanted."""
_CALL_HAPPENINGS = get_args(CallHappening)

log = structlog.get_logger()


class SipEngineError(Exception):
    """The engine takes no order now; the text says why."""


@dataclass(slots=True, kw_only=True)
class EngineState:
    """How one engine process stands."""

    is_up: bool = False
    engine: str = ""
    """Name and version."""
    tls: str = ""
    codecs: tuple[str, ...] = ()
    """What it can speak."""
    is_registered: bool = False
    code: int = 0
    """What the registrar answered last."""
    detail: str = "the engine starts"
    n_restarts: int = 0


class EngineCall:
    """One call that the daemon placed, or took, on an engine."""

    def __init__(self, process: "EngineProcess", number: int, slot: int, sound: socket.socket) -> None:
        self.number = number
        self.slot = slot
        self.sound = sound
        """The daemon's end of the slot's sound; frames carry `number`. Who reads it makes a copy of its own."""
        self.happenings: asyncio.Queue[CallHappening] = asyncio.Queue()
        self._process = process
        self._n_told = 0
        self.is_over = False

    def answer(self) -> None:
        """Take a call that came in; `Answered` follows once the caller knows it."""
        self._process.send(Answer(call=self.number, slot=self.slot))

    def hang_up(self) -> None:
        """End the call, or refuse it; `Over` follows, be it that the engine is lost."""
        self._process.send(HangUp(call=self.number))

    def send_keys(self, keys: str) -> None:
        """Press keys as RFC 4733 events."""
        self._process.send(SendKeys(call=self.number, keys=keys))

    def refer(self, uri: str) -> None:
        """Ask the far end to call `uri`; `Referred` follows."""
        self._process.send(Refer(call=self.number, uri=uri))

    def take(self, happening: CallHappening) -> None:
        """Have one thing told to whoever waits for it; a flood ends the call."""
        if self.is_over:
            return
        self._n_told += 1
        if isinstance(happening, Over):
            self.is_over = True
        elif self._n_told > MAX_WAITING and self.happenings.qsize() > MAX_WAITING:
            self.hang_up()
            return
        self.happenings.put_nowait(happening)


class EngineProcess:
    """Keeps one process of an engine at work for one account; `serve` returns never."""

    def __init__(
        self,
        name: str,
        kind: EngineKind,
        account: Callable[[], Account],
        *,
        n_slots: int,
        on_change: Callable[[], None] = lambda: None,
        on_incoming: Callable[[Incoming], bool] = lambda _incoming: False,
        command: tuple[str, ...] | None = None,
        ping_every_s: float = PING_EVERY_S,
        ping_limit_s: float = PING_LIMIT_S,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """Prepare it. `account` reads the password anew at every start and may raise SipEngineError.

        `on_incoming` says whether somebody took a call that the trunk's server sent; the others are refused.
        """
        self.state = EngineState()
        self.pid: int | None = None
        """Of the process that runs, None while none does."""
        self._name = name
        self._kind = kind
        self._account = account
        self._n_slots = n_slots
        self._on_change = on_change
        self._on_incoming = on_incoming
        self._command = command or (sys.executable, "-m", "firmware.sip.engine_worker", "--engine", kind)
        self._ping_every_s, self._ping_limit_s = ping_every_s, ping_limit_s
        self._first_pause_s = first_pause_s
        self._writer: asyncio.StreamWriter | None = None
        self._sounds: list[socket.socket] = []
        self._calls: dict[int, EngineCall] = {}
        self._next_call = 1
        self._heard_s = 0.0
        self._said = ""
        self._n_refused, self._refused_said_s = 0, float("-inf")

    @property
    def busy_slots(self) -> set[int]:
        """Return the slots that a call has."""
        return {call.slot for call in self._calls.values()}

    async def serve(self) -> None:
        """Have a process at work until cancelled, started again after longer and longer pauses while it fails."""
        loop = asyncio.get_running_loop()
        pause_s = self._first_pause_s
        while True:
            began_s = loop.time()
            try:
                await self._serve_once()
                reason = "the engine ended"
            except (SipEngineError, OSError) as error:
                reason = str(error)
            if reason != self._said:
                self._said = reason
                log.warning("sip_engine_lost", engine=self._name, reason=reason)
            self.state = EngineState(detail=reason, n_restarts=self.state.n_restarts + 1)
            self._on_change()
            if loop.time() - began_s > STEADY_S:
                pause_s = self._first_pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def dial(self, slot: int, uri: str, headers: dict[str, str]) -> EngineCall:
        """Place a call on a free slot. Raises SipEngineError."""
        if not self.state.is_up or self._writer is None:
            raise SipEngineError(self.state.detail)
        if slot in self.busy_slots:
            raise SipEngineError(f"slot {slot} has a call")
        number, self._next_call = self._next_call, self._next_call % (FIRST_INCOMING - 1) + 1
        call = self.take(number, slot)
        self.send(Dial(call=number, slot=slot, uri=uri, headers=headers))
        return call

    def take(self, number: int, slot: int) -> EngineCall:
        """Have a call on a free slot: one that is about to be placed, or one that came in and is not answered yet."""
        _drain(self._sounds[slot])
        call = self._calls[number] = EngineCall(self, number, slot, self._sounds[slot])
        return call

    def send(self, order: Order) -> None:
        """Send an order; without effect when the process is lost, whose calls are told so."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(line_of(order))

    # ---- one process

    async def _serve_once(self) -> None:
        """Start a process and listen to it until it is lost. Raises SipEngineError, OSError."""
        account = self._account()
        ours, theirs = socket.socketpair()
        sounds = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(self._n_slots)]
        for pair in sounds:
            for end in pair:
                end.setblocking(False)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOUND_BUFFER_BYTES)
        fds = [theirs.fileno(), *(child.fileno() for _, child in sounds)]
        process: asyncio.subprocess.Process | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *("--control", str(fds[0]), "--sound", ",".join(map(str, fds[1:]))),
                pass_fds=fds,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,  # what a stack prints holds numbers
                start_new_session=True,
            )
            self.pid = process.pid
            theirs.close()
            for _, child in sounds:
                child.close()
            self._sounds = [daemon for daemon, _ in sounds]
            reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE_BYTES)
            self.send(Open(account=account))
            await self._listen(reader)
        finally:
            self.state = replace(self.state, is_up=False, is_registered=False, detail="the engine was lost")
            self.pid = None
            self._lose_calls()
            self._on_change()  # at once: the old process may take seconds to end
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if process is not None:
                await _end(process)
            for pair in sounds:
                for end in pair:
                    end.close()
            ours.close()
            theirs.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(START_LIMIT_S):
                up = await _receive(reader)
        except TimeoutError:
            raise SipEngineError("the engine did not start in time") from None
        if isinstance(up, Failed):
            raise SipEngineError(up.reason)
        if not isinstance(up, Up):
            raise SipEngineError("the engine began with nonsense")
        self.state = EngineState(
            is_up=True,
            engine=f"{up.engine} {up.version}",
            tls=up.tls,
            codecs=up.codecs,
            detail="registering",
            n_restarts=self.state.n_restarts,
        )
        self._said = ""
        self._on_change()
        self._heard_s = loop.time()
        pinging = asyncio.create_task(self._ping(), name=f"sip-ping:{self._name}")
        try:
            while True:
                listening = asyncio.create_task(_receive(reader), name=f"sip-hear:{self._name}")
                try:
                    await asyncio.wait({pinging, listening}, return_when=asyncio.FIRST_COMPLETED)
                    if not listening.done():
                        raise SipEngineError("the engine hangs")
                    self._heed(listening.result())
                finally:
                    listening.cancel()
        finally:
            pinging.cancel()

    async def _ping(self) -> None:
        """Return when the process has not answered for too long."""
        loop = asyncio.get_running_loop()
        while loop.time() - self._heard_s <= self._ping_limit_s:
            self.send(Ping())
            await asyncio.sleep(self._ping_every_s)

    def _heed(self, happening: Happening) -> None:
        match happening:
            case Pong():
                self._heard_s = asyncio.get_running_loop().time()
            case Registration():
                was = (self.state.is_registered, self.state.code, self.state.detail)
                self.state.is_registered = happening.is_registered
                self.state.code = happening.code
                self.state.detail = (
                    "" if happening.is_registered else happening.detail or "registration failed"
                )
                if was != (self.state.is_registered, self.state.code, self.state.detail):
                    self._on_change()
            case Incoming():
                if not (happening.is_trunks and self._on_incoming(happening)):
                    self._refuse(happening.call)
            case Failed():
                raise SipEngineError(happening.reason)
            case Up():
                raise SipEngineError("the engine says nonsense")
            case _:
                self._heed_call(happening)

    def _refuse(self, call: int) -> None:
        """Turn a call from outside away; a flood of them is one line a minute."""
        self.send(HangUp(call=call))
        self._n_refused += 1
        now_s = asyncio.get_running_loop().time()
        if now_s - self._refused_said_s >= REFUSED_SAID_EVERY_S:
            log.info("sip_calls_refused", engine=self._name, n_calls=self._n_refused)
            self._n_refused, self._refused_said_s = 0, now_s

    def _heed_call(self, happening: CallHappening) -> None:
        call = self._calls.get(happening.call)
        if call is None:
            return
        if isinstance(happening, Over):
            del self._calls[happening.call]
        call.take(happening)
        if isinstance(happening, Over):
            self._on_change()

    def _lose_calls(self) -> None:
        for number, call in list(self._calls.items()):
            del self._calls[number]
            call.take(Over(call=number, reason="engine: the SIP engine was lost in the call"))


async def _receive(reader: asyncio.StreamReader) -> Happening:
    try:
        line = await reader.readline()
        if not line:
            raise SipEngineError("the engine ended")
        return happening_of(line)
    except (ValueError, msgspec.MsgspecError, ConnectionError):
        raise SipEngineError("the engine says nonsense") from None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let the process take leave of its registrar, and end it for certain; a cancelled caller ends it at once."""
    try:
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # What it wrote last may never be read, and asyncio would wait for that.
        process._transport.close()  # type: ignore[attr-defined]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await process.wait()


def _drain(sound: socket.socket) -> None:
    """Throw away what the last call left behind."""
    with contextlib.suppress(OSError):
        while sound.recv(SOUND_HEAD.size + 4096):
            pass
