"""The engine process: `python -m firmware.sip.engine_worker --engine NAME --control FD --sound FD,FD,…`.

Orders come and happenings go as lines over the control socket, whose end is the end of the process; 100 times a second
the sound of every call is moved between its slot's socket and the engine, whose own native thread keeps the time.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Coroutine
from importlib import import_module
from typing import Any

from firmware.sip.doorkeeper import Doorkeeper
from firmware.sip.engine import Engine, EngineError
from firmware.sip.wire import (
    FLUSH,
    FRAME,
    FRAME_BYTES,
    MAX_LINE_BYTES,
    SOUND_HEAD,
    Answer,
    Dial,
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
    line_of,
    order_of,
)

ENGINES = {
    "baresip": "firmware.sip.baresip_engine:BaresipEngine",
    "pjsua2": "firmware.sip.pjsua2_engine:Pjsua2Engine",
}
TICK_S = 0.01
CUSHION_FRAMES = 3
"""60 ms between us and the callee, so that a busy daemon makes no gap; set up again whenever it ran out."""
MAX_QUEUED_BYTES = 10 * FRAME_BYTES
"""200 ms: a frame that would wait longer is not said."""
MAX_UNSENT_BYTES = 1 << 20
MAX_DATAGRAMS = 50
"""Taken at one tick from one slot."""


class Worker:
    """One engine, its control line and its slots."""

    def __init__(self, kind: str, control: socket.socket, slots: list[socket.socket]) -> None:
        self._kind = kind
        self._control = control
        self._slots = slots
        self._calls: dict[int, int] = {}
        """Slot by call."""
        self._left = dict.fromkeys(range(len(slots)), b"")
        self._engine: Engine | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._doing: set[asyncio.Task[None]] = set()
        self._door: Doorkeeper | None = None

    async def run(self) -> None:
        """Serve until the daemon closes the control line."""
        reader, self._writer = await asyncio.open_connection(sock=self._control, limit=MAX_LINE_BYTES)
        sound = asyncio.create_task(self._move_sound(), name="sound")
        try:
            while line := await reader.readline():
                await self._take(order_of(line))
        except (ValueError, OSError, EngineError) as error:
            self.tell(Failed(reason=str(error)[:300]))
            with contextlib.suppress(OSError):
                await self._writer.drain()
        finally:
            sound.cancel()
            for task in self._doing:
                task.cancel()
            if self._engine is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(3.0):
                        await self._engine.close()

    def tell(self, happening: Happening) -> None:
        """Send one happening to the daemon."""
        assert self._writer is not None
        match happening:
            case Over():
                self._calls.pop(happening.call, None)
            case Registration(is_registered=True, server=server) if server:
                self._served_by(server)
            case Incoming():
                happening = Incoming(
                    call=happening.call,
                    caller=happening.caller,
                    is_trunks=self._door is not None and self._door.is_trunks(happening.source),
                )
            case _:
                pass
        if self._writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            os._exit(3)  # the daemon takes nothing any more: it would end us soon
        self._writer.write(line_of(happening))

    async def _take(self, order: Order) -> None:
        if isinstance(order, Open):
            if order.account.takes_calls:
                self._door = Doorkeeper(order.account)
                self._do(self._door.keep_looking())
            self._engine = _make(self._kind, self)
            self.tell(await self._engine.open(order.account))
            return
        if self._engine is None:
            raise EngineError("an order came before the account")
        match order:
            case Dial(call=call, slot=slot) | Answer(call=call, slot=slot):
                self._calls[call] = slot
                self._left[slot] = b""
                self._do(self._begin(self._engine, order))
            case Ping():
                self._do(self._pong(self._engine))
            case HangUp(call=call):
                self._do(self._engine.hang_up(call))
            case SendKeys(call=call, keys=keys):
                self._do(self._engine.send_keys(call, keys))
            case Refer(call=call, uri=uri):
                self._do(self._engine.refer(call, uri))

    async def _begin(self, engine: Engine, order: Dial | Answer) -> None:
        try:
            if isinstance(order, Dial):
                await engine.dial(order.call, order.uri, dict(order.headers))
            else:
                await engine.answer(order.call)
        except EngineError as error:
            self.tell(Over(call=order.call, reason=f"engine: {error}"))
            await engine.hang_up(order.call)  # one that came in would ring on

    def _served_by(self, server: str) -> None:
        if self._door is not None:
            self._door.served_by(server)

    async def _pong(self, engine: Engine) -> None:
        await engine.ping()
        self.tell(Pong())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what may take its time beside the control line; what fails there fails for one call."""
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    # ---- sound

    async def _move_sound(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            if self._engine is not None:
                for call, slot in list(self._calls.items()):
                    self._hear(self._engine, call, slot)
                    self._say(self._engine, call, slot)
            due_s = max(due_s + TICK_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def _hear(self, engine: Engine, call: int, slot: int) -> None:
        data = self._left[slot] + engine.read(call)
        n_whole = len(data) // FRAME_BYTES * FRAME_BYTES
        for at in range(0, n_whole, FRAME_BYTES):
            with contextlib.suppress(
                BlockingIOError, ConnectionError
            ):  # nobody listens: the frame is old by then
                self._slots[slot].send(SOUND_HEAD.pack(call, FRAME) + data[at : at + FRAME_BYTES])
        self._left[slot] = data[n_whole:]

    def _say(self, engine: Engine, call: int, slot: int) -> None:
        for _ in range(MAX_DATAGRAMS):
            try:
                data = self._slots[slot].recv(SOUND_HEAD.size + FRAME_BYTES)
            except OSError:
                return
            if len(data) < SOUND_HEAD.size:
                return
            owner, what = SOUND_HEAD.unpack_from(data)
            if owner != call:
                continue  # said for a call that is over
            if what == FLUSH:
                engine.flush(call)
            elif len(data) == SOUND_HEAD.size + FRAME_BYTES:
                self._queue(engine, call, data[SOUND_HEAD.size :])

    def _queue(self, engine: Engine, call: int, frame: bytes) -> None:
        n_queued = engine.queued(call)
        if n_queued < 0 or n_queued > MAX_QUEUED_BYTES:
            return
        if n_queued == 0:
            engine.write(call, bytes((CUSHION_FRAMES - 1) * FRAME_BYTES))
        engine.write(call, frame)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(EngineError):
        await work


def _make(kind: str, worker: Worker) -> Engine:
    module, _, name = ENGINES[kind].partition(":")
    try:
        engine: Engine = getattr(import_module(module), name)(worker.tell)
    except ImportError:
        package = {"baresip": "baresip-python", "pjsua2": "pjsua2-python"}[kind]
        raise EngineError(f"{package} is not installed: pip install 'branchline[sip]'") from None
    return engine


def main(arguments: list[str]) -> None:
    """Serve the sockets whose descriptors the arguments name."""
    parser = argparse.ArgumentParser(description="A SIP engine; started by the daemon.")
    parser.add_argument("--engine", choices=sorted(ENGINES), required=True)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--sound", type=lambda text: [int(fd) for fd in text.split(",")], required=True)
    found = parser.parse_args(arguments)
    control = socket.socket(fileno=found.control)
    slots = [socket.socket(fileno=fd) for fd in found.sound]
    for each in (control, *slots):
        each.setblocking(False)
    asyncio.run(Worker(found.engine, control, slots).run())


if __name__ == "__main__":
    main(sys.argv[1:])
