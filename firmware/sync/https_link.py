"""A kept HTTPS connection to one address, with a deadline on everything (h11 reads and writes; no redirects, no proxy)."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import h11

from firmware.sync.broker_faults import tls_context
from firmware.sync.errors import HttpsFailedError
from firmware.sync.mqtt_settings import TlsFiles

CONNECT_S = 15.0
ANSWER_S = 60.0
MAX_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer without its body, which says nothing to a program."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""


class HttpsLink:
    """One connection, made when entered."""

    def __init__(self, url: str, tls: TlsFiles) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._authority = parts.netloc
        self._tls = tls
        self._http = h11.Connection(h11.CLIENT)

    async def __aenter__(self) -> Self:
        """Connect. Raises HttpsFailedError."""
        try:
            context = await asyncio.to_thread(tls_context, self._tls)
            async with asyncio.timeout(CONNECT_S):
                self._reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, ssl=context, limit=MAX_ANSWER_BYTES
                )
        except ssl.SSLCertVerificationError as error:
            raise HttpsFailedError(
                f"{self._authority}: its certificate is refused: {error.verify_message}"
            ) from None
        except TimeoutError:
            raise HttpsFailedError(f"{self._authority}: no answer within {CONNECT_S:g} s") from None
        except (OSError, ValueError) as error:
            raise HttpsFailedError(
                f"{self._authority}: {getattr(error, 'strerror', None) or error}"
            ) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    async def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Return the answer to one request. Raises HttpsFailedError; the connection is then of no more use."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._exchange(method, target, headers, body)
        except TimeoutError:
            raise HttpsFailedError(f"{self._authority}: no answer within {ANSWER_S:g} s") from None
        except (h11.ProtocolError, OSError) as error:
            raise HttpsFailedError(
                f"{self._authority}: {getattr(error, 'strerror', None) or error}"
            ) from None

    async def _exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        fields = [("Host", self._authority), ("Content-Length", str(len(body))), *headers.items()]
        for event in (
            h11.Request(method=method, target=target, headers=fields),
            *([h11.Data(data=body)] if body else []),
            h11.EndOfMessage(),
        ):
            self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()
        reply: Reply | None = None
        n_read = 0
        while True:
            came = self._http.next_event()
            if came is h11.NEED_DATA:
                data = await self._reader.read(16_384)
                n_read += len(data)
                if n_read > MAX_ANSWER_BYTES:
                    raise HttpsFailedError(f"{self._authority}: its answer is too long")
                self._http.receive_data(data)
            elif isinstance(came, h11.Response):
                named = {key.decode("ascii"): value.decode("latin-1") for key, value in came.headers}
                reply = Reply(status=came.status_code, headers=named)
            elif isinstance(came, h11.EndOfMessage) and reply is not None:
                return reply
            elif isinstance(came, h11.ConnectionClosed):
                raise HttpsFailedError(f"{self._authority}: it ended the connection")
