"""The status page's HTTP door: GET and HEAD of three paths, for private networks, with bounds on everything (h11 reads)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import h11
import structlog

from firmware.local.facts import BoxFacts
from firmware.local.metrics import CONTENT_TYPE, metrics_of
from firmware.local.page import StatusPage
from firmware.local.style import STYLE_DIGEST
from firmware.local.words import Language
from firmware.store.errors import StoreError

log = structlog.get_logger()
MAX_HEAD_BYTES = 8192
MAX_CONNECTIONS = 16
HEAD_S = 10.0
"""A request's head must be here by then, and a kept connection speak again."""
ANSWER_S = 15.0
MAX_REQUESTS_A_CONNECTION = 50
Request = h11.Request
"""What a door is asked."""
_HEADERS = [
    ("Content-Security-Policy", f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]  # fmt: skip


class Answer:
    """A status, a type and a body."""

    def __init__(
        self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8", *, more: Any = ()
    ) -> None:
        self.status = status
        self.body = body
        self.headers = [("Content-Type", kind), *more]


class Door(Protocol):
    """Who answers requests for a page."""

    async def answer(self, request: Request) -> Answer:
        """Return what to say."""


class StatusDoor:
    """Answers requests about one box; nothing that is asked changes anything."""

    def __init__(self, look: Callable[[], Awaitable[BoxFacts]], *, box: str, language: str) -> None:
        self._look = look
        self._box = box
        self._language: Language = "zh" if language.lower().startswith("zh") else "en"

    async def answer(self, request: Request) -> Answer:
        """Return what to say."""
        headers = headers_of(request)
        if (refused := refusal(request.method, headers)) is not None:
            return refused
        target = urlsplit(request.target.decode("latin-1"))
        match target.path:
            case "/":
                return await self._page(parse_qs(target.query, max_num_fields=8), headers)
            case "/metrics":
                return await self._metrics()
            case "/healthz":
                return Answer(HTTPStatus.OK, b"ok\n")
        return Answer(HTTPStatus.NOT_FOUND, b"there is /, /metrics and /healthz\n")

    async def _page(self, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        language = wanted_language(
            query.get("lang", [""])[0], headers.get("accept-language", ""), self._language
        )
        every_s = 60 if query.get("every") == ["60"] else 0
        page = StatusPage(language, every_s=every_s)
        more = [("Content-Language", "zh-CN" if language == "zh" else "en"), ("Vary", "Accept-Language")]
        if every_s:
            more.append(("Refresh", str(every_s)))
        try:
            text, status = page.of(await self._look()), HTTPStatus.OK
        except StoreError:
            text, status = page.of_silence(self._box), HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, text.encode(), "text/html; charset=utf-8", more=more)

    async def _metrics(self) -> Answer:
        try:
            return Answer(HTTPStatus.OK, metrics_of(await self._look()), CONTENT_TYPE)
        except StoreError:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the database cannot be used\n")


def headers_of(request: Request) -> dict[str, str]:
    """Return the headers by their names in small letters."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}


def refusal(method: bytes, headers: Mapping[str, str]) -> Answer | None:
    """Return the answer to what no page of ours takes: a request to change something, or one under a stranger's name."""
    if method not in {b"GET", b"HEAD"}:
        return Answer(
            HTTPStatus.METHOD_NOT_ALLOWED, b"this page is only read\n", more=[("Allow", "GET, HEAD")]
        )
    if not is_own_name(headers.get("host", "")):
        return Answer(HTTPStatus.MISDIRECTED_REQUEST, b"ask for the box by its address\n")
    return None


def is_own_name(host: str) -> bool:
    """Say whether a Host may be this box's: an address or a name of the office's own network.

    A name out of the public DNS that points here is somebody else's page asking through the visitor's browser.
    """
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").rstrip(".").lower()
    with contextlib.suppress(ValueError):
        ip_address(name)
        return True
    return bool(name) and ("." not in name or name.endswith((".local", ".lan", ".home.arpa", ".internal")))


def is_neighbour(address: str) -> bool:
    """Say whether a peer is in a private network, or this machine."""
    try:
        peer = ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return bool((mapped or peer).is_private or (mapped or peer).is_link_local)


def wanted_language(chosen: str, accepted: str, otherwise: Language) -> Language:
    """Return the language of the switch, else the browser's first of ours (RFC 9110 §12.5.4), else the box's own."""
    if chosen == "zh":
        return "zh"
    if chosen == "en":
        return "en"
    ranked: list[tuple[float, int, Language]] = []
    for place, part in enumerate(accepted.split(",")[:16]):
        tag, _, weight = part.strip().partition(";q=")
        base = tag.strip().lower().split("-")[0]
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        if quality > 0 and base == "zh":
            ranked.append((-quality, place, "zh"))
        elif quality > 0 and base == "en":
            ranked.append((-quality, place, "en"))
    return min(ranked)[2] if ranked else otherwise


class _Conversation:
    """One connection: requests one after the other, each under its deadline."""

    def __init__(self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._door = door
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def run(self) -> None:
        for _ in range(MAX_REQUESTS_A_CONNECTION):
            request = await self._next_request()
            if request is None:
                return
            async with asyncio.timeout(ANSWER_S):
                await self._send(request, await self._door.answer(request))
            # Whoever sends a body has something else in mind: what follows is not read.
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _next_request(self) -> h11.Request | None:
        async with asyncio.timeout(HEAD_S):
            while True:
                try:
                    event = self._http.next_event()
                except h11.RemoteProtocolError as error:
                    await self._refuse(HTTPStatus(error.error_status_hint))
                    return None
                if event is h11.NEED_DATA:
                    self._http.receive_data(await self._reader.read(4096))
                elif isinstance(event, h11.Request):
                    with contextlib.suppress(h11.RemoteProtocolError):
                        self._http.next_event()  # a request without a body ends here
                    return event
                else:
                    return None

    async def _refuse(self, status: HTTPStatus) -> None:
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            request = h11.Request(method="GET", target="/", headers=[("Host", "-")])
            await self._send(request, Answer(status, f"{status.phrase}\n".encode()), close=True)

    async def _send(self, request: h11.Request, answer: Answer, *, close: bool = False) -> None:
        headers = [*answer.headers, *_HEADERS, ("Content-Length", str(len(answer.body)))]
        if close or self._http.their_state is not h11.DONE:
            headers.append(("Connection", "close"))
        parts = [
            h11.Response(status_code=answer.status, headers=headers, reason=answer.status.phrase.encode())
        ]
        sent = b"".join(self._http.send(part) or b"" for part in parts)
        if request.method != b"HEAD":
            sent += self._http.send(h11.Data(data=answer.body)) or b""
        sent += self._http.send(h11.EndOfMessage()) or b""
        self._writer.write(sent)
        await self._writer.drain()


@contextlib.asynccontextmanager
async def open_page(door: Door, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve the page while the block runs, whose value is the port. Raises OSError."""
    peers: set[asyncio.Task[Any]] = set()

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        address = (writer.get_extra_info("peername") or ("",))[0]
        if task is None or len(peers) >= MAX_CONNECTIONS or not is_neighbour(address):
            writer.close()
            return
        peers.add(task)
        try:
            await _Conversation(door, reader, writer).run()
        except (TimeoutError, OSError, h11.LocalProtocolError, asyncio.CancelledError):
            return  # cancelled by us, below: Python 3.11's streams would print a traceback for it
        except Exception:
            log.exception("status_page_fault")
        finally:
            peers.discard(task)
            writer.close()

    server = await asyncio.start_server(welcome, host, port, limit=MAX_HEAD_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(peers):
            task.cancel()
        if peers:
            await asyncio.wait(list(peers))
