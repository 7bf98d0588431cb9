"""The box's Unix socket: JSON lines, for root, the service's own user and the socket's group; every wait bounded."""

import asyncio
import contextlib
import grp
import os
import pwd
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from firmware.commands.errors import CommandError
from firmware.local.socket_path import MAX_PATH_BYTES
from firmware.local.wire import MAX_REPLY_BYTES, MAX_REQUEST_BYTES, Reply, Request
from firmware.store.errors import StoreError

log = structlog.get_logger()
MODE = 0o660
MAX_PEERS = 8
IDLE_S = 300.0
"""A technician reads a screen that long; then the console connects again."""
WRITE_S = 10.0
_UCRED = struct.Struct("3i")


class LocalDoorError(Exception):
    """The socket cannot be made; the text says why."""


Deed = Callable[[msgspec.Raw], Awaitable[Any]]
"""A request's arguments to its result; raises CommandError with what to do."""


def may_talk(uid: int, gid: int, *, own_uid: int, group: int) -> bool:
    """Say whether a peer may use the socket: root, our own user, and members of the socket's group."""
    if uid in {0, own_uid} or gid == group:
        return True
    try:
        name = pwd.getpwuid(uid).pw_name
        return group in os.getgrouplist(name, gid)
    except KeyError:
        return False


class LocalServer:
    """Answers one request after the other of each peer."""

    def __init__(
        self, deeds: Mapping[str, Deed], *, limits_s: Mapping[str, float], limit_s: float = 30.0
    ) -> None:
        """`limits_s` are the deadlines of deeds that take longer than `limit_s`."""
        self._deeds = deeds
        self._limits_s = limits_s
        self._limit_s = limit_s
        self._n_peers = 0

    async def answer(self, line: bytes) -> Reply:
        """Return what to say to one request; a fault of ours is an answer too."""
        try:
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Reply(ok=False, reason="bad_request", detail=str(error))
        deed = self._deeds.get(request.do)
        if deed is None:
            return Reply(
                ok=False, reason="unknown_request", detail=f"this box does {', '.join(sorted(self._deeds))}"
            )
        limit_s = self._limits_s.get(request.do, self._limit_s)
        try:
            async with asyncio.timeout(limit_s):
                return Reply(ok=True, result=await deed(request.arguments))
        except CommandError as error:
            return Reply(ok=False, reason=error.reason, detail=error.detail)
        except TimeoutError:
            return Reply(ok=False, reason="timeout", detail=f"not done within {limit_s:g} s: given up")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Reply(ok=False, reason="bad_arguments", detail=str(error))
        except StoreError as error:
            return Reply(ok=False, reason="database", detail=str(error))
        except Exception as error:
            log.exception("local_request_fault", request=request.do)
            return Reply(
                ok=False, reason="internal_error", detail=f"{type(error).__name__}: see the box's log"
            )

    async def serve_peer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one peer until it goes, sends nonsense or is silent for too long."""
        if self._n_peers >= MAX_PEERS:
            writer.close()
            return
        self._n_peers += 1
        try:
            while True:
                try:
                    async with asyncio.timeout(IDLE_S):
                        line = await reader.readuntil(b"\n")
                except asyncio.LimitOverrunError:
                    too_long = Reply(
                        ok=False, reason="too_long", detail=f"a request has {MAX_REQUEST_BYTES} bytes at most"
                    )
                    await _write(writer, too_long)
                    return
                await _write(writer, await self.answer(line))
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._n_peers -= 1
            writer.close()


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    body = msgspec.json.encode(reply)
    if len(body) > MAX_REPLY_BYTES:
        body = msgspec.json.encode(
            Reply(ok=False, reason="too_much", detail="the answer is too long: ask for less")
        )
    writer.write(body + b"\n")
    async with asyncio.timeout(WRITE_S):
        await writer.drain()


@contextlib.asynccontextmanager
async def open_socket(path: Path, server: LocalServer, *, group: str = "") -> AsyncIterator[None]:
    """Serve at `path` while the block runs. Raises LocalDoorError."""
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise LocalDoorError(f"{path} is longer than a socket's path may be: name a shorter [local] socket")
    try:
        listening = _bind(path, group)
    except (OSError, KeyError) as error:
        raise LocalDoorError(f"{path}: {error}: name another [local] socket") from None
    gid = path.stat().st_gid

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket")
        _pid, uid, gid_of_peer = _UCRED.unpack(
            peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        )
        if not may_talk(uid, gid_of_peer, own_uid=os.getuid(), group=gid):
            log.warning("local_peer_refused", uid=uid)
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        peers.add(task)
        try:
            await server.serve_peer(reader, writer)
        except asyncio.CancelledError:
            return  # by us, below: Python 3.11's streams would print a traceback for it
        finally:
            peers.discard(task)

    peers: set[asyncio.Task[Any]] = set()
    running = await asyncio.start_unix_server(welcome, sock=listening, limit=MAX_REQUEST_BYTES)
    try:
        yield
    finally:
        running.close()
        for task in list(peers):
            task.cancel()
        if peers:
            await asyncio.wait(list(peers))
        path.unlink(missing_ok=True)


def _bind(path: Path, group: str) -> socket.socket:
    """Return a listening socket with the right mode from its first instant on; a dead daemon's socket is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # bind(2) takes the mode from umask: chmod afterwards would leave a moment in which anybody might connect.
        before = os.umask(0o777 & ~MODE)
        try:
            listening.bind(os.fspath(path))
        finally:
            os.umask(before)
        if group:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        listening.listen(MAX_PEERS)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
