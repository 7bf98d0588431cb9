"""Where boxes put sealed recordings over HTTPS: ranges in order, resumable, believed when the digest of the whole fits.

A box shows its certificate and may put under its own name alone: ``PUT /…/{box}/{recording}``. What has come lies in the
folder as ``{box}/{recording}.blrec.part``, an unbroken beginning; whole, it loses the last ending.
"""

import base64
import binascii
import hashlib
import os
import re
import ssl
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from console.membership import is_revoked
from console.office import Office
from firmware.sync.topics import InvalidNameError, topic_level

log = structlog.get_logger(__name__)

MAX_RECORDING_BYTES = 512 * 1024 * 1024
MAX_RANGE_BYTES = 4 * 1024 * 1024
REQUEST_S = 60.0
MAX_CONNECTIONS = 64
_RANGE = re.compile(r"bytes (\d{1,12})-(\d{1,12})/(\d{1,12})")
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")

Complete = Callable[[str, str, str], None]
"""Hears of a box, a recording and its SHA-256 that the whole is on the disk; may be told more than once."""


class _Refusal(Exception):
    def __init__(self, status: HTTPStatus, why: str, *, offset: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.offset = offset


class RecordingReceiver:
    """Listens in threads of its own while entered."""

    def __init__(
        self,
        office: Office,
        folder: Path,
        *,
        host: str,
        port: int,
        known_sha256: Callable[[str, str], str | None],
        on_complete: Complete,
    ) -> None:
        """`known_sha256` says what the outcome of the call said of (box, recording), None while that is not known."""
        self._office = office
        self._folder = folder
        self._known_sha256 = known_sha256
        self._on_complete = on_complete
        self._locks: dict[Path, threading.Lock] = {}
        self._locks_lock = threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(office.broker_folder / "server.crt", office.broker_folder / "server.key")
        context.load_verify_locations(office.ca_certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        if office.revocation_list.is_file():
            context.load_verify_locations(office.revocation_list)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
        self._server = _Server((host, port), _handler_of(self), context)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, name="recordings", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def offset(self, client: str, path: str) -> int | None:
        """Return how much of a recording is here, None if nothing. Raises _Refusal."""
        box, recording = self._address(client, path)
        whole = self._folder / box / f"{recording}.blrec"
        if whole.is_file():
            # Perhaps our receipt was lost: the box asks because it waits for one.
            self._on_complete(box, recording, _sha256(whole))
            return whole.stat().st_size
        part = whole.with_name(whole.name + ".part")
        return part.stat().st_size if part.is_file() else None

    def put(self, client: str, path: str, *, content_range: str, digest: str, data: bytes) -> bool:
        """Keep one range; say whether the recording is whole now. Raises _Refusal."""
        box, recording = self._address(client, path)
        span = _RANGE.fullmatch(content_range)
        told = _DIGEST.fullmatch(digest.strip())
        if span is None or told is None:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "Content-Range and Repr-Digest (sha-256) are needed")
        first, last, total = (int(each) for each in span.groups())
        sha256 = _raw_digest(told[1])
        if not (first <= last < total <= MAX_RECORDING_BYTES) or len(data) != last - first + 1:
            raise _Refusal(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "the range is not the body's, or too long"
            )
        known = self._known_sha256(box, recording)
        if known is not None and known != sha256:
            raise _Refusal(HTTPStatus.FORBIDDEN, "another recording than the call's outcome says")
        whole = self._folder / box / f"{recording}.blrec"
        with self._lock_of(whole):
            return self._append(whole, first=first, total=total, sha256=sha256, data=data)

    def _append(self, whole: Path, *, first: int, total: int, sha256: str, data: bytes) -> bool:
        box, recording = whole.parent.name, whole.name.removesuffix(".blrec")
        if whole.is_file():
            if _sha256(whole) != sha256:
                raise _Refusal(HTTPStatus.FORBIDDEN, "another content of this recording is here")
            self._on_complete(box, recording, sha256)
            return True
        whole.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = whole.with_name(whole.name + ".part")
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            if first != size:
                raise _Refusal(
                    HTTPStatus.CONFLICT, "the range does not begin where the file ends", offset=size
                )
            file.seek(first)
            file.write(data)
            file.flush()
            if first + len(data) < total:
                return False
            os.fsync(file.fileno())
        if _sha256(part) != sha256:
            part.unlink()
            raise _Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY, "the whole has another digest: from the beginning", offset=0
            )
        os.replace(part, whole)
        _sync_folder(whole.parent)
        self._on_complete(box, recording, sha256)
        return True

    def _address(self, client: str, path: str) -> tuple[str, str]:
        names = path.partition("?")[0].strip("/").split("/")
        try:
            box, recording = topic_level(names[-2]), topic_level(names[-1])
        except (IndexError, InvalidNameError):
            raise _Refusal(HTTPStatus.NOT_FOUND, "the path ends with a box and a recording") from None
        if client != box or box not in self._office.boxes() or is_revoked(self._office, box):
            raise _Refusal(HTTPStatus.FORBIDDEN, "a box puts under its own name alone")
        return box, recording

    def _lock_of(self, path: Path) -> threading.Lock:
        with self._locks_lock:
            return self._locks.setdefault(path, threading.Lock())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], handler: Any, context: ssl.SSLContext) -> None:
        super().__init__(address, handler)
        self._context = context
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            request.settimeout(REQUEST_S)
            try:
                # Here and not where connections are accepted: one that says nothing keeps nobody else waiting.
                secured = self._context.wrap_socket(request, server_side=True)
            except OSError:
                self.shutdown_request(request)
                return
            super().process_request_thread(secured, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.info("recording_connection_broke", client=str(client_address[0]))


def _handler_of(receiver: RecordingReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "branchline"
        sys_version = ""
        timeout = REQUEST_S

        def do_HEAD(self) -> None:
            try:
                offset = receiver.offset(self._client(), self.path)
            except _Refusal as refusal:
                self._say(refusal.status, offset=refusal.offset)
                return
            self._say(HTTPStatus.NOT_FOUND if offset is None else HTTPStatus.OK, offset=offset)

        def do_PUT(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MAX_RANGE_BYTES:
                self.close_connection = True
                self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            data = self.rfile.read(int(length))
            try:
                is_whole = receiver.put(
                    self._client(),
                    self.path,
                    content_range=self.headers.get("Content-Range", ""),
                    digest=self.headers.get("Repr-Digest", ""),
                    data=data,
                )
            except _Refusal as refusal:
                log.warning("recording_range_refused", path=self.path[:200], reason=str(refusal))
                self._say(refusal.status, offset=refusal.offset)
            except OSError as error:
                log.error("recording_not_kept", path=self.path[:200], reason=str(error.strerror or error))
                self._say(HTTPStatus.INSUFFICIENT_STORAGE)
            else:
                self._say(HTTPStatus.CREATED if is_whole else HTTPStatus.NO_CONTENT)

        def log_message(self, format: str, *args: object) -> None:
            del format, args  # what matters is said above

        def _client(self) -> str:
            subject = self.connection.getpeercert().get("subject", ())
            names = [value for entry in subject for name, value in entry if name == "commonName"]
            return names[0] if len(names) == 1 else ""

        def _say(self, status: HTTPStatus, *, offset: int | None = None) -> None:
            self.send_response(status)
            if offset is not None:
                self.send_header("Upload-Offset", str(offset))
            if status is not HTTPStatus.NO_CONTENT:
                self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


def _raw_digest(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).hex()
    except binascii.Error:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "Repr-Digest cannot be read") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
